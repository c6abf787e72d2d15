-- The users with at least one event on a day, and the day's events.
SELECT day, count(DISTINCT user_key) AS users, count(*) AS events
FROM events
WHERE project = ? AND day BETWEEN ? AND ?
GROUP BY day
ORDER BY day
