-- The users by the week of their first event (from Monday, UTC), and how many had an event a number of weeks later.
WITH weeks AS (
    SELECT DISTINCT user_key, date_trunc('week', CAST(day AS date)) AS week
    FROM events
    WHERE project = ?
),
firsts AS (SELECT user_key, min(week) AS first_week FROM weeks GROUP BY user_key)
SELECT first_week, date_diff('week', first_week, week) AS weeks_later, count(*) AS users
FROM weeks JOIN firsts ON weeks.user_key = firsts.user_key
GROUP BY 1, 2
ORDER BY 1, 2
