-- name: hooks
SELECT c.hook,
       CASE WHEN s.day = t.today THEN s.stored ELSE 0 END, CASE WHEN s.day = t.today THEN s.refused ELSE 0 END,
       CASE WHEN s.day = t.today THEN s.tests ELSE 0 END, CASE WHEN s.day = t.today THEN s.twins ELSE 0 END,
       CASE WHEN s.day = t.today THEN s.duplicates ELSE 0 END, s.last_at, coalesce(w.waiting, 0), coalesce(d.dead, 0),
       s.refused_at[cardinality(s.refused_at)], coalesce(m.missed, 0)
FROM unnest(%(hooks)s::text[]) WITH ORDINALITY AS c (hook, n)
CROSS JOIN (SELECT (now() AT TIME ZONE %(zone)s)::date AS today) AS t
LEFT JOIN wamon.hook_status AS s USING (hook)
LEFT JOIN (SELECT hook, count(*)::integer AS waiting FROM wamon.delivery_queue GROUP BY hook) AS w
          USING (hook)
LEFT JOIN (SELECT d.hook, count(*)::integer AS dead
           FROM wamon.delivery_ends AS e
           JOIN wamon.deliveries AS d USING (event)
           WHERE e.state = 'dead' AND e.keeps_body
           GROUP BY d.hook) AS d USING (hook)
LEFT JOIN (SELECT e.hook, count(*)::integer AS missed
           FROM wamon.store_missed
           JOIN wamon.ledger_rows AS l USING (chat, message_id)
           JOIN wamon.deliveries AS e ON e.uid = l.correlation_id
           GROUP BY e.hook) AS m USING (hook)
ORDER BY c.n
