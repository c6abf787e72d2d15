-- The pages with the most views in all dialects: page_view in Millrace's own form, page of Segment and RudderStack,
-- $pageview of PostHog. A page is the path that the client names, or else the path of its address.
WITH views AS (
    SELECT user_key,
           coalesce(
               nullif(json_extract_scalar(properties, '$.page'), ''),
               nullif(json_extract_scalar(properties, '$.path'), ''),
               nullif(json_extract_scalar(properties, '$["$pathname"]'), ''),
               nullif(json_extract_scalar(context, '$.page.path'), '')
           ) AS path,
           coalesce(
               nullif(json_extract_scalar(properties, '$.url'), ''),
               nullif(json_extract_scalar(properties, '$["$current_url"]'), ''),
               nullif(json_extract_scalar(context, '$.page.url'), '')
           ) AS address
    FROM events
    WHERE project = ? AND event_type IN ('page_view', 'page', '$pageview') AND day BETWEEN ? AND ?
),
pages AS (
    SELECT user_key, coalesce(path, regexp_extract(address, '^[^:/?#]+://[^/?#]*([^?#]*)', 1)) AS page
    FROM views
)
SELECT page, count(*) AS views, count(DISTINCT user_key) AS users
FROM pages
WHERE page <> ''
GROUP BY page
ORDER BY views DESC, page
LIMIT 20
