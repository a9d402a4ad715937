-- name: signs
-- Each source's last sign of life, and what was told of it last.
SELECT s.source, st.by, st.state, extract(epoch FROM now() - st.published_at)::float8, st.every_seconds,
       coalesce(l.expires_at > now(), false),
       st.state = 'stopped' AND coalesce(st.last_restart ->> 'reason' = 'planned', false), st.published_at, e.sign,
       e.signed_at
FROM wamon.sources AS s
JOIN wamon.source_status AS st USING (source)
LEFT JOIN wamon.leases AS l USING (source)
LEFT JOIN wamon.event_sources AS e USING (source)
ORDER BY s.source

-- name: note_sign
-- Only who finds it as it was told notes it: of several that look at once one does.
INSERT INTO wamon.event_sources AS e (source, sign, signed_at) VALUES (%(source)s, %(sign)s, %(signed_at)s)
ON CONFLICT (source) DO UPDATE SET sign = EXCLUDED.sign, signed_at = EXCLUDED.signed_at WHERE e.sign = %(was)s
RETURNING true

-- name: tell
INSERT INTO wamon.events_out (elements, others) VALUES (1, jsonb_build_array(%(told)s::jsonb))

-- name: zones
SELECT s.source, st.zone FROM wamon.sources AS s LEFT JOIN wamon.source_status AS st USING (source) ORDER BY s.source

-- name: opened_at
SELECT opened_at, now() FROM wamon.event_stream

-- name: gaps
SELECT kind, jid, began_at, is_open FROM wamon.event_gaps WHERE source = %(source)s

-- name: note_gap
INSERT INTO wamon.event_gaps AS g (source, kind, jid, began_at, is_open)
VALUES (%(source)s, %(kind)s, %(jid)s, %(began_at)s, %(is_open)s)
ON CONFLICT (source, kind, jid, began_at) DO UPDATE SET is_open = EXCLUDED.is_open, noted_at = now()
WHERE g.is_open <> EXCLUDED.is_open
RETURNING true

