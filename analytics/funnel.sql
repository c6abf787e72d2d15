-- How many users reached each of three steps, in this order.
WITH asked AS (SELECT ? AS project, ? AS first_type, ? AS second_type, ? AS third_type),
first_step AS (
    SELECT user_key, min(moment) AS reached
    FROM events JOIN asked ON events.project = asked.project AND event_type = first_type
    GROUP BY user_key
),
second_step AS (
    SELECT first_step.user_key, min(moment) AS reached
    FROM first_step
    JOIN events ON events.user_key = first_step.user_key AND moment > first_step.reached
    JOIN asked ON events.project = asked.project AND event_type = second_type
    GROUP BY first_step.user_key
),
third_step AS (
    SELECT second_step.user_key, min(moment) AS reached
    FROM second_step
    JOIN events ON events.user_key = second_step.user_key AND moment > second_step.reached
    JOIN asked ON events.project = asked.project AND event_type = third_type
    GROUP BY second_step.user_key
)
SELECT 1 AS step, first_type AS event_type, (SELECT count(*) FROM first_step) AS users FROM asked
UNION ALL
SELECT 2, second_type, (SELECT count(*) FROM second_step) FROM asked
UNION ALL
SELECT 3, third_type, (SELECT count(*) FROM third_step) FROM asked
ORDER BY step
