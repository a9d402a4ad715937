-- name: known_messages
SELECT chat, message_id, seq IS NOT NULL OR role = 'operator'
FROM wamon.conversation_messages
JOIN unnest(%(chats)s::int[], %(message_ids)s::text[]) AS k(chat, message_id) USING (chat, message_id)

-- name: lock
-- Those of these persons, held until the transaction's end: what they say now stays true.
SELECT c.chat, c.person, c.conversation, c.uid, c.state, c.last_seq, c.answered_seq, c.claimed_seq
FROM wamon.conversations AS c
WHERE c.source = %(source)s AND (c.chat, c.person) IN (SELECT * FROM unnest(%(chats)s::int[], %(persons)s::bigint[]))
ORDER BY c.conversation
FOR UPDATE

-- name: append
-- All right-hand sides see the old row. A new row's settle is what lies between its times.
INSERT INTO wamon.conversations AS c
    (source, chat, person, kind, state, last_seq, burst_at, last_at, due_at, last_in_at, correlation_id)
SELECT %(source)s, k.chat, k.person, k.kind, 'settling', k.n, now(), now(),
       now() + CASE k.kind WHEN 'direct' THEN %(direct_settle)s ELSE %(group_settle)s END::interval,
       least(coalesce(k.sent_at, now()), now()), k.correlation_id
FROM unnest(%(chats)s::int[], %(persons)s::bigint[], %(kinds)s::text[], %(counts)s::int[], %(sent_ats)s::timestamptz[],
            %(correlation_ids)s::uuid[]) WITH ORDINALITY AS k(chat, person, kind, n, sent_at, correlation_id, place)
ORDER BY k.place
ON CONFLICT (source, chat, person) DO UPDATE SET
    prev_in_at = CASE WHEN c.last_seq = c.answered_seq THEN c.last_in_at ELSE c.prev_in_at END,
    prev_out_at = CASE WHEN c.last_seq = c.answered_seq THEN c.last_out_at ELSE c.prev_out_at END,
    follow_up = CASE WHEN c.last_seq = c.answered_seq THEN false ELSE c.follow_up END,
    burst_at = CASE WHEN c.last_seq = c.answered_seq THEN now() ELSE c.burst_at END,
    beyond_at = CASE WHEN c.state = 'processing' AND c.last_seq = c.claimed_seq THEN now() ELSE c.beyond_at END,
    correlation_id = CASE WHEN c.last_seq = c.answered_seq THEN excluded.correlation_id ELSE c.correlation_id END,
    last_seq = c.last_seq + excluded.last_seq,
    last_at = now(),
    last_in_at = greatest(c.last_in_at, excluded.last_in_at),
    state = CASE c.state WHEN 'idle' THEN 'settling' ELSE c.state END,
    due_at = CASE WHEN c.state IN ('processing', 'retry', 'human') THEN c.due_at
                  ELSE least(excluded.due_at, CASE WHEN c.last_seq = c.answered_seq THEN now() ELSE c.burst_at END
                       + CASE c.kind WHEN 'direct' THEN %(direct_max_wait)s ELSE %(group_max_wait)s END::interval) END
RETURNING conversation, uid, chat, person, last_seq, now()

-- name: add_idle
-- A conversation for what opens nothing.
INSERT INTO wamon.conversations (source, chat, person, kind)
SELECT %(source)s, k.chat, k.person, k.kind
FROM unnest(%(chats)s::int[], %(persons)s::bigint[], %(kinds)s::text[]) WITH ORDINALITY AS k(chat, person, kind, place)
ORDER BY k.place
ON CONFLICT (source, chat, person) DO UPDATE SET kind = excluded.kind
RETURNING conversation, chat, person

-- name: heard
-- A person wrote what opens nothing.
UPDATE wamon.conversations AS c SET last_in_at = greatest(c.last_in_at, least(coalesce(k.sent_at, now()), now()))
FROM unnest(%(conversations)s::bigint[], %(sent_ats)s::timestamptz[]) AS k(conversation, sent_at)
WHERE c.conversation = k.conversation

-- name: add_messages
-- One that history brought gets its place in the burst once it comes by itself.
INSERT INTO wamon.conversation_messages AS m
    (chat, message_id, conversation, seq, role, part, name, sent_at, body, correlation_id)
SELECT k.chat, k.message_id, k.conversation, k.seq, k.role, k.part, nullif(k.name, ''),
       least(coalesce(k.sent_at, now()), now()), k.body, k.correlation_id
FROM unnest(%(chats)s::int[], %(message_ids)s::text[], %(conversations)s::bigint[], %(seqs)s::int[], %(roles)s::text[],
            %(parts)s::text[], %(names)s::text[], %(sent_ats)s::timestamptz[], %(bodies)s::text[],
            %(correlation_ids)s::uuid[])
     AS k(chat, message_id, conversation, seq, role, part, name, sent_at, body, correlation_id)
ON CONFLICT (chat, message_id) DO UPDATE
SET conversation = excluded.conversation, seq = excluded.seq, role = excluded.role, seen_at = excluded.seen_at
WHERE m.seq IS NULL AND excluded.seq IS NOT NULL

-- name: change_bodies
-- Only while the message is pending.
UPDATE wamon.conversation_messages AS m SET body = k.body
FROM unnest(%(chats)s::int[], %(message_ids)s::text[], %(bodies)s::text[]) AS k(chat, message_id, body),
     wamon.conversations AS c
WHERE m.chat = k.chat AND m.message_id = k.message_id AND c.conversation = m.conversation AND c.kind = 'direct'
  AND m.seq > c.answered_seq

-- name: since
SELECT now() - %(answer_within)s::interval

-- name: take_back
UPDATE wamon.conversation_messages AS m SET body = NULL
FROM unnest(%(jids)s::text[], %(message_ids)s::text[]) AS k(jid, message_id), wamon.groups AS g, wamon.conversations AS c
WHERE g.source = %(source)s AND g.jid = k.jid AND m.chat = g.chat AND m.message_id = k.message_id
  AND c.conversation = m.conversation
  AND m.seq > c.answered_seq

-- name: person_key
SELECT person_key FROM wamon.instance
