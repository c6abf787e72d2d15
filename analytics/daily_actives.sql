-- Users with at least one event, a day.
SELECT day, count(DISTINCT user_key) AS users, count(*) AS events
FROM events
WHERE project = ? AND day BETWEEN ? AND ?
GROUP BY day
ORDER BY day
