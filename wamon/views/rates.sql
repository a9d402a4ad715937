-- name: days
-- Posts that count, by project and day of the zone's wall clock.
SELECT s.project, (s.sent_at AT TIME ZONE %(zone)s)::date AS day, count(*)
FROM wamon.submission_rows AS s
WHERE s.live AND NOT s.rejected AND s.sent_at <= now()
  AND s.sent_at >= ((now() AT TIME ZONE %(zone)s)::date - %(days)s + 1) AT TIME ZONE %(zone)s
GROUP BY 1, 2
ORDER BY 1, 2

-- name: days_until_today
SELECT d::date FROM generate_series((now() AT TIME ZONE %(zone)s)::date - %(days)s + 1,
                                    (now() AT TIME ZONE %(zone)s)::date, '1 day') AS d

-- name: latency
-- How long after they were sent posts were recorded; of those sent since their group joined, or history would count.
SELECT count(*), percentile_cont(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY t.seconds)
FROM (
    SELECT extract(epoch FROM l.seen_at - s.sent_at)::float8 AS seconds
    FROM wamon.submission_rows AS s
    JOIN wamon.ledger_rows AS l USING (chat, message_id)
    JOIN wamon.groups AS g USING (chat)
    WHERE s.sent_at >= now() - %(since)s::interval AND s.sent_at <= now() AND s.sent_at >= g.joined_at
) AS t
