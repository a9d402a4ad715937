-- name: hooks
SELECT c.hook,
       CASE WHEN s.day = t.today THEN s.stored ELSE 0 END, CASE WHEN s.day = t.today THEN s.refused ELSE 0 END,
       CASE WHEN s.day = t.today THEN s.tests ELSE 0 END, CASE WHEN s.day = t.today THEN s.twins ELSE 0 END,
       CASE WHEN s.day = t.today THEN s.duplicates ELSE 0 END, s.last_at, coalesce(w.waiting, 0), coalesce(d.dead, 0),
       s.refused_at[cardinality(s.refused_at)], coalesce(m.missed, 0)
FROM unnest(%(hooks)s::text[]) WITH ORDINALITY AS c (hook, n)
CROSS JOIN (SELECT (now() AT TIME ZONE %(zone)s)::date AS today) AS t
LEFT JOIN wamon.hook_status AS s USING (hook)
LEFT JOIN (SELECT hook, count(*)::integer AS waiting FROM wamon.webhook_events WHERE state = 'new' GROUP BY hook) AS w
          USING (hook)
LEFT JOIN (SELECT hook, count(*)::integer AS dead FROM wamon.webhook_events
           WHERE state = 'dead' AND body IS NOT NULL GROUP BY hook) AS d USING (hook)
LEFT JOIN (SELECT e.hook, count(*)::integer AS missed
           FROM wamon.store_missed
           JOIN wamon.ledger_rows AS l USING (chat, message_id)
           JOIN wamon.webhook_events AS e ON e.uid = l.correlation_id
           GROUP BY e.hook) AS m USING (hook)
ORDER BY c.n
