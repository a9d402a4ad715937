-- name: raise_fence
-- Another instance, such as a new database after a failover, may have come to the same number, and so may this one after
-- it was restored to an older backup: the token is met by nobody who didn't read it.
UPDATE wamon.cursors SET seq = seq + 1, token = gen_random_uuid()
WHERE source = %(source)s AND tail = 'main' AND seq = %(seq)s AND token = %(token)s
  AND EXISTS (SELECT FROM wamon.instance WHERE instance_id = %(instance)s)
RETURNING token

-- name: add_source
-- The key is named, so that this fails while a dump is played that hasn't made it yet.
INSERT INTO wamon.sources (source) VALUES (%(source)s) ON CONFLICT (source) DO NOTHING

-- name: add_missing_cursors
INSERT INTO wamon.cursors (source, tail)
SELECT source, tail
FROM (SELECT %(source)s AS source, 'main' AS tail UNION SELECT source, tail FROM wamon.groups WHERE source = %(source)s)
     AS served
WHERE NOT EXISTS (SELECT FROM wamon.cursors AS c WHERE c.source = served.source AND c.tail = served.tail)
ON CONFLICT (source, tail) DO NOTHING

-- name: cursors
SELECT tail, seq, token, anchors FROM wamon.cursors WHERE source = %(source)s

-- name: groups
SELECT chat, jid, project, tail, enabled, start, start_before, start_anchors, start_passed, messages,
       last_message_id, last_sent_at
FROM wamon.groups WHERE source = %(source)s AND kind = ANY(%(kinds)s) ORDER BY chat

-- name: add_chats
-- No tail reads these: hooks bring their messages. One that an older wamon disabled, since no store has it, is enabled.
INSERT INTO wamon.groups AS g (source, jid, project, kind, tail, start, start_passed)
SELECT %(source)s, k.jid, k.project, %(kind)s, 'main', 'beginning', true
FROM unnest(%(jids)s::text[], %(projects)s::text[]) AS k(jid, project)
ON CONFLICT (source, jid) DO UPDATE SET enabled = true, project = EXCLUDED.project, tail = 'main'
WHERE NOT g.enabled OR g.project <> EXCLUDED.project

-- name: none_is_gone
UPDATE wamon.ledger_rows SET gone_at = NULL WHERE chat = ANY(%(chats)s) AND gone_at IS NOT NULL

-- name: join_groups
INSERT INTO wamon.groups (source, jid, project, tail, start, start_before, start_anchors, start_passed)
SELECT %(source)s, k.jid, k.project, %(tail)s, k.start, k.start_before, k.start_anchors::jsonb,
       k.start_anchors::jsonb = '[]'
FROM unnest(%(jids)s::text[], %(projects)s::text[], %(starts)s::text[], %(befores)s::timestamptz[], %(anchors)s::text[])
     AS k(jid, project, start, start_before, start_anchors)

-- name: put_tail
INSERT INTO wamon.cursors (source, tail, rowid, anchors) VALUES (%(source)s, %(tail)s, %(rowid)s, %(anchors)s::jsonb)
ON CONFLICT (source, tail) DO UPDATE SET rowid = EXCLUDED.rowid, anchors = EXCLUDED.anchors, advanced_at = now()

-- name: move_groups
UPDATE wamon.groups SET tail = %(tail)s, enabled = %(enabled)s WHERE source = %(source)s AND jid = ANY(%(jids)s)

-- name: drop_tails_that_serve_nobody
DELETE FROM wamon.cursors AS c
WHERE source = %(source)s AND tail <> 'main'
  AND NOT EXISTS (SELECT FROM wamon.groups AS g WHERE g.source = c.source AND g.tail = c.tail)

-- name: pass_starts
UPDATE wamon.groups SET start_passed = true WHERE source = %(source)s AND jid = ANY(%(jids)s)

-- name: note_rewind
INSERT INTO wamon.rewinds (source, tail, reason, from_rowid, to_rowid)
VALUES (%(source)s, %(tail)s, %(reason)s, %(from_rowid)s, %(to_rowid)s)

-- name: queue_sweep
UPDATE wamon.sources SET sweep_due = %(reason)s WHERE source = %(source)s

-- name: sweep_due
SELECT sweep_due IS NOT NULL OR last_sweep_at IS NULL OR last_sweep_at < now() - interval '6 hours'
FROM wamon.sources WHERE source = %(source)s

-- name: verify_due
SELECT NOT EXISTS (
    SELECT FROM wamon.sources WHERE source = %(source)s AND last_verify_at >= now() - interval '1 day'
)

-- name: note_sweep
UPDATE wamon.sources SET sweep_due = NULL, last_sweep_at = now() WHERE source = %(source)s

-- name: note_verify
UPDATE wamon.sources SET last_verify_at = now(), last_verify_clean = %(clean)s WHERE source = %(source)s

-- name: rules
INSERT INTO wamon.rules (fingerprint) VALUES (%(fingerprint)s) ON CONFLICT DO NOTHING

-- name: rules_number
SELECT rules FROM wamon.rules WHERE fingerprint = %(fingerprint)s

-- name: instance
SELECT instance_id::text FROM wamon.instance

-- name: count_messages
UPDATE wamon.groups AS g
SET messages = g.messages + k.messages,
    last_message_id = coalesce(k.last_message_id, g.last_message_id),
    last_sent_at = CASE WHEN k.last_message_id IS NULL THEN g.last_sent_at ELSE k.last_sent_at END
FROM unnest(%(chats)s::int[], %(messages)s::int[], %(last_message_ids)s::text[], %(last_sent_ats)s::timestamptz[])
     AS k(chat, messages, last_message_id, last_sent_at)
WHERE g.chat = k.chat
RETURNING g.jid, g.messages, g.last_message_id, g.last_sent_at

-- name: answer_from_now
UPDATE wamon.sources SET replies_from = %(now)s WHERE source = %(source)s

-- name: store
SELECT store_path, store_host FROM wamon.sources WHERE source = %(source)s AND store_path IS NOT NULL

-- name: keep_store
UPDATE wamon.sources SET store_path = %(path)s, store_host = %(host)s WHERE source = %(source)s

-- name: some_messages
-- Ids are random, and so is what comes first by them.
SELECT g.jid, l.message_id
FROM wamon.ledger_rows AS l
JOIN wamon.groups AS g USING (chat)
WHERE g.source = %(source)s AND l.gone_at IS NULL AND l.via <> 'webhook'
ORDER BY l.message_id
LIMIT %(most)s

-- name: works_elsewhere
SELECT EXISTS (
    SELECT FROM wamon.leases WHERE source = %(source)s AND expires_at > now() AND host = %(other)s AND host <> %(here)s
)
