-- name: by_project
-- Bursts that were closed then: by project of the whole time, and (day isn't NULL) of each day of the zone's wall clock.
SELECT project, day, count(*), count(answered_at),
       percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY seconds),
       count(*) FILTER (WHERE follow_up), coalesce(sum(missed), 0)
FROM (
    SELECT project, (ended_at AT TIME ZONE %(zone)s)::date AS day, answered_at, follow_up, missed,
           extract(epoch FROM answered_at - first_at)::float8 AS seconds
    FROM wamon.bursts
    WHERE ended_at >= %(since)s AND ended_at < %(until)s AND (%(project)s::text IS NULL OR project = %(project)s)
) AS b
GROUP BY GROUPING SETS ((project), (project, day))
ORDER BY day NULLS FIRST, project NULLS LAST
