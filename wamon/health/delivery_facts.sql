-- name: hooks
-- Of each hook that was ever configured here.
SELECT s.hook, CASE WHEN s.day = (now() AT TIME ZONE %(zone)s)::date THEN s.refused ELSE 0 END,
       (SELECT count(*) FROM unnest(s.refused_at) AS one (at) WHERE one.at > now() - %(lately)s::interval),
       s.refused_at[cardinality(s.refused_at)], s.last_at, coalesce(p.letters, 0)
FROM wamon.hook_status AS s
LEFT JOIN (
    SELECT e.hook, count(*) AS letters
    FROM wamon.dead_letters AS d
    JOIN wamon.deliveries AS e ON e.uid = d.correlation_id
    WHERE d.kind = 'event'
    GROUP BY e.hook
) AS p USING (hook)
ORDER BY s.hook

-- name: empty
SELECT hook, count(*)
FROM (SELECT event, hook FROM wamon.deliveries ORDER BY event DESC LIMIT %(newest)s) AS d
JOIN wamon.delivery_ends AS e USING (event)
WHERE state = 'done'
GROUP BY hook
HAVING sum(messages) = 0

-- name: silences
-- As ledger_facts.sql has it of chats: the whole silence in which each moment lay.
SELECT k.hook, m.week, max(extract(epoch FROM a.at - b.at))::float
FROM unnest(%(hooks)s::text[]) AS k(hook)
CROSS JOIN unnest(%(weeks)s::int[], %(moments)s::timestamptz[]) AS m(week, moment)
CROSS JOIN LATERAL (
    SELECT least(h.last_at, m.moment) AS at
    FROM wamon.hook_heard AS h
    WHERE h.hook = k.hook AND h.half_hour <= m.moment AND h.first_at <= m.moment
    ORDER BY h.half_hour DESC LIMIT 1
) AS b
CROSS JOIN LATERAL (
    SELECT greatest(h.first_at, m.moment) AS at
    FROM wamon.hook_heard AS h
    WHERE h.hook = k.hook AND h.half_hour > m.moment - interval '30 minutes' AND h.last_at > m.moment
    ORDER BY h.half_hour LIMIT 1
) AS a
GROUP BY k.hook, m.week

-- name: waiting
SELECT hook, count(*), min(received_at) FROM wamon.delivery_queue
WHERE received_at < now() - interval '5 minutes'
GROUP BY hook ORDER BY hook
