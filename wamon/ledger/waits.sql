-- name: of
SELECT DISTINCT w.project, w.drop_number
FROM unnest(%(projects)s::text[], %(drops)s::text[]) AS k(project, drop_number)
JOIN wamon.review_waits AS w USING (project, drop_number)
WHERE w.review_table = %(table)s

-- name: keep
INSERT INTO wamon.review_waits (review_table, source, what, project, drop_number, jid, message_id, sender, from_me,
                                message_sent_at, sent_at, latest, seen_at, reason)
SELECT %(table)s, %(source)s, k.*
FROM unnest(%(whats)s::text[], %(projects)s::text[], %(drops)s::text[], %(jids)s::text[], %(message_ids)s::text[],
            %(senders)s::text[], %(from_mes)s::boolean[], %(message_sent_ats)s::timestamptz[],
            %(sent_ats)s::timestamptz[], %(latests)s::timestamptz[], %(seen_ats)s::timestamptz[], %(reasons)s::text[])
     AS k

-- name: has_due
SELECT EXISTS (
    SELECT FROM wamon.review_waits
    WHERE review_table = %(table)s
    GROUP BY project, drop_number
    HAVING (array_agg(next_try_at ORDER BY wait))[1] <= now()
)

-- name: has_any
SELECT EXISTS (SELECT FROM wamon.review_waits WHERE review_table = %(table)s)

-- name: due
-- Of a drop the first effect says when, for the others wait behind it.
SELECT project, drop_number
FROM wamon.review_waits
WHERE review_table = %(table)s
GROUP BY project, drop_number
HAVING (array_agg(next_try_at ORDER BY wait))[1] <= now()
ORDER BY min(wait)
LIMIT %(most)s

-- name: count
SELECT count(DISTINCT (project, drop_number)) FROM wamon.review_waits WHERE review_table = %(table)s

-- name: effects
-- Whoever holds a drop's first effect has all of them.
WITH firsts AS (
    SELECT w.project, w.drop_number
    FROM wamon.review_waits AS w
    WHERE w.wait = ANY(ARRAY(
        SELECT min(o.wait)
        FROM unnest(%(projects)s::text[], %(drops)s::text[]) AS k(project, drop_number)
        JOIN wamon.review_waits AS o USING (project, drop_number)
        WHERE o.review_table = %(table)s
        GROUP BY o.project, o.drop_number
    ))
    FOR UPDATE SKIP LOCKED
)
SELECT w.what, w.project, w.drop_number, w.jid, w.message_id, w.sender, w.from_me, w.message_sent_at, w.sent_at,
       w.latest, w.seen_at, w.wait
FROM firsts AS f
JOIN wamon.review_waits AS w USING (project, drop_number)
WHERE w.review_table = %(table)s
ORDER BY w.wait

-- name: forget
DELETE FROM wamon.review_waits WHERE wait = ANY(%(waits)s::bigint[])

-- name: end_others
WITH ended AS (
    DELETE FROM wamon.review_waits
    WHERE source = %(source)s AND NOT review_table = ANY(%(tables)s)
    RETURNING review_table, project, drop_number
)
SELECT review_table, count(DISTINCT (project, drop_number)) FROM ended GROUP BY review_table ORDER BY review_table

-- name: put_off
UPDATE wamon.review_waits
SET attempts = attempts + 1, reason = %(reason)s,
    next_try_at = now() + make_interval(secs => (%(pauses_seconds)s::float8[])[least(attempts + 1, 7)])
WHERE review_table = %(table)s AND project = %(project)s AND drop_number = %(drop)s

-- name: rename
UPDATE wamon.review_waits SET project = %(now)s
WHERE review_table = %(table)s AND source = %(source)s AND jid = %(jid)s AND project = %(was)s
