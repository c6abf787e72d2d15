-- The pages with most views; a page is the property "page", or "path" where there is none.
SELECT coalesce(json_extract_scalar(properties, '$.page'), json_extract_scalar(properties, '$.path')) AS page,
       count(*) AS views, count(DISTINCT user_key) AS users
FROM events
WHERE project = ? AND event_type = 'page_view' AND day BETWEEN ? AND ?
GROUP BY 1
ORDER BY views DESC, page
LIMIT 20
