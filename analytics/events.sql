-- Every event once, whatever attempts left in the archive.
CREATE OR REPLACE VIEW events AS
SELECT project, event_type, user_key, event_id, "timestamp",
       -- The time to compare and sort by: as text, 10:00:00.250Z comes before 10:00:00Z.
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
