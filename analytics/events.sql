-- Every event once. Crashed attempts may have left further copies in the archive.
CREATE OR REPLACE VIEW events AS
SELECT project, event_type, user_key, event_id, "timestamp",
       -- A time to compare and sort by. The timestamp's own text does not sort: 10:00:00.250Z comes before 10:00:00Z.
       substr("timestamp", 1, 19) || '.' || rpad(replace(substr("timestamp", 21), 'Z', ''), 6, '0') AS moment,
       substr("timestamp", 1, 10) AS day,
       properties, context, received_at, chunk_id
FROM (
    SELECT *,
           coalesce(user_id, anonymous_id) AS user_key,
           row_number() OVER (
               PARTITION BY project, coalesce(user_id, anonymous_id), "timestamp", event_id ORDER BY chunk_id
           ) AS copy
    FROM archive
) AS copies
WHERE copy = 1
