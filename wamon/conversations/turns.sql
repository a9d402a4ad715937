-- name: note_transitions
INSERT INTO wamon.conversation_state_transitions
    (conversation_id, from_state, to_state, transition_reason, correlation_id, metadata)
SELECT k.uid, k.was, k.is_now, k.reason, k.correlation_id, k.metadata::jsonb
FROM unnest(%(uids)s::uuid[], %(was)s::text[], %(is_now)s::text[], %(reasons)s::text[], %(correlation_ids)s::uuid[],
            %(metadata)s::text[]) WITH ORDINALITY AS k(uid, was, is_now, reason, correlation_id, metadata, place)
ORDER BY k.place

-- name: next_due
-- In how many seconds a conversation of these sources is due, for whoever holds their leases; NULL: none is.
SELECT extract(epoch FROM min(c.due_at) - now())::float8
FROM unnest(%(sources)s::text[], %(holders)s::text[]) AS k(source, holder)
JOIN wamon.leases AS l ON l.source = k.source AND l.holder::text = k.holder AND l.expires_at > now()
CROSS JOIN LATERAL (
    SELECT due_at FROM wamon.conversations WHERE source = k.source AND due_at IS NOT NULL ORDER BY due_at LIMIT 1
) AS c

-- name: columns_of_claim
SELECT c.conversation, c.uid, c.chat, c.person, c.kind, c.state, c.last_seq, c.answered_seq, c.due_at, c.follow_up,
       c.fence, c.attempts, c.prev_in_at, c.prev_out_at, c.burst_at,
       (SELECT g.jid FROM wamon.groups AS g WHERE g.chat = c.chat),
       (SELECT g.project FROM wamon.groups AS g WHERE g.chat = c.chat),
       coalesce((SELECT s.replies_off FROM wamon.sources AS s WHERE s.source = c.source), false), now()
FROM wamon.conversations AS c

-- name: claim_due after columns_of_claim
WHERE c.source = %(source)s AND c.due_at <= now()
ORDER BY c.due_at
LIMIT %(most)s
FOR UPDATE SKIP LOCKED

-- name: claim_late after columns_of_claim
-- What else is late in these groups: it is told together.
WHERE c.source = %(source)s AND c.chat = ANY(%(chats)s) AND c.due_at < now() - %(late)s::interval
  AND NOT c.conversation = ANY(%(but)s)
ORDER BY c.due_at
LIMIT 1000
FOR UPDATE SKIP LOCKED

-- name: bursts
-- In a statement of its own, which sees what was committed while the rows above were waited for.
SELECT c.conversation,
       max(coalesce(m.reopened_at, least(m.sent_at, m.seen_at))),
       min(m.sent_at) FILTER (WHERE m.sent_at > c.prev_in_at),
       (array_agg(m.message_id ORDER BY m.sent_at DESC, m.seq DESC))[1],
       (array_agg(m.correlation_id ORDER BY m.seq))[1],
       coalesce(sum(length(m.body)), 0)::int,
       (SELECT p.uid::text FROM wamon.people AS p WHERE p.person = c.person),
       (SELECT p.hash FROM wamon.people AS p WHERE p.person = c.person),
       ARRAY(SELECT a.value FROM wamon.aliases AS a WHERE a.person = c.person)
FROM wamon.conversation_messages AS m
JOIN wamon.conversations AS c USING (conversation)
WHERE c.conversation = ANY(%(conversations)s) AND m.seq > c.answered_seq
GROUP BY c.conversation

-- name: rest
-- Nothing is pending, as when an operator has talked and nobody answered.
UPDATE wamon.conversations SET state = 'idle', due_at = NULL, human_until = NULL, held_by = NULL
WHERE conversation = ANY(%(conversations)s)

-- name: lose
UPDATE wamon.turns SET outcome = 'lost', ended_at = now()
WHERE conversation = ANY(%(conversations)s) AND outcome IS NULL

-- name: begin_turns
-- All of a claim in one way to the server and back.
WITH claimed AS (
    UPDATE wamon.conversations AS c
    SET state = 'processing', fence = c.fence + 1, claimed_seq = c.last_seq, beyond_at = NULL, held_by = %(me)s,
        due_at = now() + %(lease)s::interval, attempts = c.attempts + (c.state = 'processing')::int, human_until = NULL,
        correlation_id = coalesce(k.correlation_id, c.correlation_id)
    FROM unnest(%(conversations)s::bigint[], %(correlation_ids)s::uuid[]) AS k(conversation, correlation_id)
    WHERE c.conversation = k.conversation
), begun AS (
    INSERT INTO wamon.turns (conversation, fence, from_seq, through_seq, reason, follow_up, late, prev_in_at, prev_out_at,
                             gap_seconds, due_at, correlation_id)
    SELECT * FROM unnest(%(conversations)s::bigint[], %(fences)s::int[], %(from_seqs)s::int[], %(through_seqs)s::int[],
                         %(turn_reasons)s::text[], %(follow_ups)s::boolean[], %(lates)s::boolean[],
                         %(prev_in_ats)s::timestamptz[], %(prev_out_ats)s::timestamptz[], %(gaps)s::float8[],
                         %(due_ats)s::timestamptz[], %(correlation_ids)s::uuid[])
)
INSERT INTO wamon.conversation_state_transitions
    (conversation_id, from_state, to_state, transition_reason, correlation_id, metadata)
SELECT k.uid, k.was, k.is_now, k.reason, k.correlation_id, k.metadata::jsonb
FROM unnest(%(uids)s::uuid[], %(was)s::text[], %(is_now)s::text[], %(reasons)s::text[], %(correlation_ids)s::uuid[],
            %(metadata)s::text[]) WITH ORDINALITY AS k(uid, was, is_now, reason, correlation_id, metadata, place)
ORDER BY k.place

-- name: renew
UPDATE wamon.conversations SET due_at = now() + %(lease)s::interval
WHERE conversation = %(conversation)s AND fence = %(fence)s AND state = 'processing'

-- name: lock_claimed
-- Several at once, in the order in which all lock them.
SELECT count(*) FROM (
    SELECT FROM wamon.conversations WHERE conversation = ANY(%(conversations)s) ORDER BY conversation FOR UPDATE
) AS held

-- name: finish
-- The check for newer messages stands here, over columns of the row alone: a sub-select would see an older snapshot.
UPDATE wamon.conversations AS c
SET answered_seq = c.claimed_seq, attempts = 0, errors = c.errors + k.errors, held_by = NULL, prev_in_at = NULL,
    prev_out_at = NULL,
    state = CASE WHEN c.last_seq > c.claimed_seq THEN 'settling' ELSE 'idle' END,
    follow_up = c.last_seq > c.claimed_seq,
    burst_at = c.beyond_at, beyond_at = NULL,
    due_at = CASE WHEN c.last_seq > c.claimed_seq THEN greatest(now(), least(
        c.last_at + CASE c.kind WHEN 'direct' THEN %(direct_settle)s ELSE %(group_settle)s END::interval,
        c.beyond_at + CASE c.kind WHEN 'direct' THEN %(direct_max_wait)s ELSE %(group_max_wait)s END::interval)) END
FROM unnest(%(conversations)s::bigint[], %(fences)s::int[], %(errors)s::int[]) AS k(conversation, fence, errors)
WHERE c.conversation = k.conversation AND c.fence = k.fence AND c.state = 'processing'
RETURNING c.conversation, c.state, c.due_at

-- name: write_ends
-- All that a finish writes beside the conversations. What is said of a burst hangs on its last message; what several late
-- bursts are told together, on the newest.
WITH said AS (
    INSERT INTO wamon.replies (chat, message_id, about, kind, project, sent_at, queued_at, changed_at, next_try_at, conversation,
                               through_seq, fence, body, deadline, late)
    SELECT k.chat, k.message_id, 'burst', k.kind, coalesce(g.project, ''), k.sent_at, now(), now(), now(), k.conversation,
           k.through_seq, k.fence, k.body,
           k.sent_at + CASE c.kind WHEN 'direct' THEN %(direct_answer_within)s ELSE %(group_answer_within)s END::interval,
           k.late
    FROM unnest(%(said_chats)s::int[], %(said_message_ids)s::text[], %(said_kinds)s::text[], %(said_sent_ats)s::timestamptz[],
                %(said_conversations)s::bigint[], %(said_through_seqs)s::int[], %(said_fences)s::int[], %(said_bodies)s::text[], %(said_lates)s::boolean[])
         WITH ORDINALITY
         AS k(chat, message_id, kind, sent_at, conversation, through_seq, fence, body, late, place)
    JOIN wamon.conversations AS c USING (conversation)
    LEFT JOIN wamon.groups AS g ON g.chat = k.chat
    ORDER BY k.place
    ON CONFLICT DO NOTHING
), ended AS (
    UPDATE wamon.turns AS t
    SET outcome = k.outcome, ended_at = now(), error = k.error, missed = k.missed, missed_left_out = k.left_out,
        history = k.history, work_ms = k.work_ms, guard_ms = k.guard_ms
    FROM unnest(%(conversations)s::bigint[], %(fences)s::int[], %(outcomes)s::text[], %(errors)s::text[], %(missed)s::int[],
                %(left_out)s::int[], %(histories)s::text[], %(work_ms)s::float8[], %(guard_ms)s::float8[])
         AS k(conversation, fence, outcome, error, missed, left_out, history, work_ms, guard_ms)
    WHERE t.conversation = k.conversation AND t.fence = k.fence
)
INSERT INTO wamon.conversation_state_transitions
    (conversation_id, from_state, to_state, transition_reason, correlation_id, metadata)
SELECT k.uid, k.was, k.is_now, k.reason, k.correlation_id, k.metadata::jsonb
FROM unnest(%(uids)s::uuid[], %(was)s::text[], %(is_now)s::text[], %(reasons)s::text[], %(correlation_ids)s::uuid[],
            %(metadata)s::text[]) WITH ORDINALITY AS k(uid, was, is_now, reason, correlation_id, metadata, place)
ORDER BY k.place

-- name: fail
-- Tried again after 1, 2 and 4 minutes; newer messages join the burst meanwhile.
UPDATE wamon.conversations
SET attempts = attempts + 1, errors = errors + 1, state = 'retry', held_by = NULL, beyond_at = NULL,
    due_at = now() + interval '1 min' * 2 ^ attempts
WHERE conversation = %(conversation)s AND fence = %(fence)s AND state = 'processing'
RETURNING attempts

-- name: release
UPDATE wamon.conversations SET state = 'settling', due_at = coalesce(%(due_at)s, now()), held_by = NULL, beyond_at = NULL
WHERE conversation = %(conversation)s AND fence = %(fence)s AND state = 'processing'
RETURNING uid

-- name: end_turn
UPDATE wamon.turns SET outcome = %(outcome)s, ended_at = now(), error = %(error)s, work_ms = %(work_ms)s
WHERE conversation = %(conversation)s AND fence = %(fence)s AND outcome IS NULL

-- name: park
INSERT INTO wamon.dead_letters (chat, message_id, kind, reason, attempts, next_try_at, correlation_id)
SELECT k.chat, 'turn:' || k.conversation || ':' || k.fence, 'turn', k.reason, 4, NULL,
       coalesce(k.correlation_id, gen_random_uuid())
FROM unnest(%(chats)s::int[], %(conversations)s::bigint[], %(fences)s::int[], %(reasons)s::text[], %(correlation_ids)s::uuid[])
     AS k(chat, conversation, fence, reason, correlation_id)
ON CONFLICT (chat, message_id) DO NOTHING

-- name: add_found
INSERT INTO wamon.conversation_messages (chat, message_id, conversation, role, part, name, sent_at, body)
SELECT k.chat, k.message_id, k.conversation, k.role, k.part, nullif(k.name, ''), k.sent_at, k.body
FROM unnest(%(chats)s::int[], %(message_ids)s::text[], %(conversations)s::bigint[], %(roles)s::text[], %(parts)s::text[],
            %(names)s::text[], %(sent_ats)s::timestamptz[], %(bodies)s::text[])
     AS k(chat, message_id, conversation, role, part, name, sent_at, body)
ON CONFLICT (chat, message_id) DO NOTHING
