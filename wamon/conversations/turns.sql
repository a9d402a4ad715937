-- name: note_transitions
INSERT INTO wamon.conversation_state_transitions
    (conversation_id, from_state, to_state, transition_reason, correlation_id)
SELECT k.uid, k.was, k.is_now, k.reason, k.correlation_id
FROM unnest(%(uids)s::uuid[], %(was)s::text[], %(is_now)s::text[], %(reasons)s::text[], %(correlation_ids)s::uuid[])
     WITH ORDINALITY AS k(uid, was, is_now, reason, correlation_id, place)
ORDER BY k.place

-- name: next_due
-- In how many seconds a conversation of these sources is due, for whoever holds their leases; NULL: none is.
SELECT extract(epoch FROM min(c.due_at) - now())::float8
FROM unnest(%(sources)s::text[], %(holders)s::text[]) AS k(source, holder)
JOIN wamon.leases AS l ON l.source = k.source AND l.holder::text = k.holder AND l.expires_at > now()
CROSS JOIN LATERAL (
    SELECT due_at FROM wamon.conversations
    WHERE source = k.source AND due_at IS NOT NULL AND kind = ANY(%(kinds)s)
    ORDER BY due_at LIMIT 1
) AS c

-- name: columns_of_claim
-- Late is what was to be claimed long ago, as the quiet after its last message or its longest wait says: whoever hurried it
-- since, as a sweep, doesn't make it fresh.
SELECT c.conversation, c.uid, c.chat, c.kind, c.state, c.last_seq > c.answered_seq, w.due_at < now() - %(late)s::interval,
       coalesce((SELECT replies_off FROM wamon.sources WHERE source = %(source)s), false), now()
FROM wamon.conversations AS c
CROSS JOIN LATERAL (
    SELECT CASE WHEN c.state <> 'settling' THEN c.due_at ELSE least(
        c.due_at,
        c.last_at + CASE c.kind WHEN 'direct' THEN %(direct_settle)s ELSE %(group_settle)s END::interval,
        c.burst_at + CASE c.kind WHEN 'direct' THEN %(direct_max_wait)s ELSE %(group_max_wait)s END::interval) END AS due_at
) AS w

-- name: claim_due after columns_of_claim
WHERE c.source = %(source)s AND c.due_at <= now() AND c.kind = ANY(%(kinds)s)
ORDER BY c.due_at
LIMIT %(most)s
FOR UPDATE OF c SKIP LOCKED

-- name: claim_late after columns_of_claim
-- What else is late in these groups: it is told together.
WHERE c.source = %(source)s AND c.chat = ANY(%(chats)s) AND c.due_at <= now() AND w.due_at < now() - %(late)s::interval
  AND NOT c.conversation = ANY(%(but)s)
ORDER BY c.due_at
LIMIT 1000
FOR UPDATE OF c SKIP LOCKED

-- name: rest
-- Nothing is pending, as when an operator has talked and nobody answered.
UPDATE wamon.conversations SET state = 'idle', due_at = NULL, human_until = NULL, held_by = NULL
WHERE conversation = ANY(%(conversations)s)

-- name: lose
UPDATE wamon.turns SET outcome = 'lost', ended_at = now()
WHERE conversation = ANY(%(conversations)s) AND outcome IS NULL

-- name: begin_turns
-- In a statement of its own, which sees what was committed while the rows were waited for.
WITH burst AS (
    SELECT c.conversation, c.uid, c.chat, c.person, c.kind, c.state, c.fence + 1 AS fence, c.answered_seq + 1 AS from_seq,
           c.last_seq, CASE c.state WHEN 'retry' THEN 'retry' WHEN 'processing' THEN 'takeover' ELSE 'due' END AS reason,
           c.follow_up, c.conversation = ANY(%(late)s::bigint[]) AS late, c.due_at, c.burst_at, c.prev_in_at, c.prev_out_at,
           c.attempts + (c.state = 'processing')::int AS tries, m.*
    FROM wamon.conversations AS c
    CROSS JOIN LATERAL (
        SELECT max(coalesce(m.reopened_at, least(m.sent_at, m.seen_at))) AS newest_at,
               extract(epoch FROM min(m.sent_at) FILTER (WHERE m.sent_at > c.prev_in_at) - c.prev_in_at)::float8 AS gap,
               (array_agg(m.message_id ORDER BY m.sent_at DESC, m.seq DESC))[1] AS last_message_id,
               (array_agg(m.correlation_id ORDER BY m.seq))[1] AS caused_by,
               coalesce(sum(length(m.body)), 0)::int AS characters
        FROM wamon.conversation_messages AS m
        WHERE m.conversation = c.conversation AND m.seq > c.answered_seq
    ) AS m
    WHERE c.conversation = ANY(%(conversations)s::bigint[])
), claimed AS (
    UPDATE wamon.conversations AS c
    SET state = 'processing', fence = b.fence, claimed_seq = c.last_seq, beyond_at = NULL, held_by = %(me)s,
        due_at = now() + %(lease)s::interval, attempts = b.tries, human_until = NULL,
        correlation_id = coalesce(b.caused_by, c.correlation_id)
    FROM burst AS b
    WHERE c.conversation = b.conversation
), begun AS (
    INSERT INTO wamon.turns (conversation, fence, from_seq, through_seq, reason, follow_up, late, prev_in_at, prev_out_at,
                             gap_seconds, due_at, correlation_id)
    SELECT conversation, fence, from_seq, last_seq, reason, follow_up, late, prev_in_at, prev_out_at, gap, due_at, caused_by
    FROM burst
), noted AS (
    INSERT INTO wamon.conversation_state_transitions
        (conversation_id, from_state, to_state, transition_reason, correlation_id)
    SELECT uid, state, 'processing', CASE state WHEN 'human' THEN 'human-over' ELSE reason END, caused_by FROM burst
)
SELECT b.conversation, b.uid, b.chat, g.jid, g.project, b.person, p.uid::text, p.hash,
       ARRAY(SELECT a.value FROM wamon.aliases AS a WHERE a.person = b.person),
       b.kind, b.fence, b.from_seq, b.last_seq, b.reason, b.follow_up, b.late, b.due_at, b.burst_at, now(),
       b.newest_at, b.last_message_id, b.characters, b.prev_in_at, b.prev_out_at, b.gap, b.tries, b.caused_by
FROM burst AS b
LEFT JOIN wamon.groups AS g USING (chat)
LEFT JOIN wamon.people AS p USING (person)
ORDER BY b.due_at, b.conversation

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
-- What is said of a burst hangs on its last message; what several late bursts are told together, on the newest.
WITH finished AS (
    UPDATE wamon.conversations AS c
    SET answered_seq = c.claimed_seq, attempts = 0, held_by = NULL, prev_in_at = NULL, prev_out_at = NULL,
        errors = c.errors + (e.error IS NOT NULL)::int,
        state = CASE WHEN c.last_seq > c.claimed_seq THEN 'settling' ELSE 'idle' END,
        follow_up = c.last_seq > c.claimed_seq,
        burst_at = c.beyond_at, beyond_at = NULL,
        due_at = CASE WHEN c.last_seq > c.claimed_seq THEN greatest(now(), least(
            c.last_at + CASE c.kind WHEN 'direct' THEN %(direct_settle)s ELSE %(group_settle)s END::interval,
            c.beyond_at + CASE c.kind WHEN 'direct' THEN %(direct_max_wait)s ELSE %(group_max_wait)s END::interval)) END
    FROM jsonb_to_recordset(%(ended)s::jsonb) AS e (
        place int, conversation bigint, fence int, outcome text, error text, missed int, missed_left_out int, history text,
        work_ms float8, claim_ms float8, late boolean, newest_at timestamptz, last_message_id text, correlation_id uuid,
        body text
    )
    WHERE c.conversation = ANY(%(conversations)s) AND c.conversation = e.conversation AND c.fence = e.fence
      AND c.state = 'processing'
    RETURNING e.*, c.uid, c.chat, c.kind, c.answered_seq, c.state, c.due_at
), said AS (
    INSERT INTO wamon.replies (chat, message_id, about, kind, project, sent_at, queued_at, changed_at, next_try_at,
                               conversation, through_seq, fence, body, deadline, late)
    SELECT f.chat, f.last_message_id, 'burst', CASE f.outcome WHEN 'digest' THEN 'digest' ELSE 'burst' END,
           coalesce((SELECT project FROM wamon.groups WHERE chat = f.chat), ''), f.newest_at, now(), now(), now(),
           f.conversation, f.answered_seq, f.fence, f.body,
           f.newest_at
           + CASE f.kind WHEN 'direct' THEN %(direct_answer_within)s ELSE %(group_answer_within)s END::interval,
           f.late
    FROM finished AS f
    WHERE f.body <> ''
    ORDER BY f.place
    ON CONFLICT DO NOTHING
), closed AS (
    UPDATE wamon.turns AS t
    SET outcome = f.outcome, ended_at = now(), error = f.error, missed = f.missed, missed_left_out = f.missed_left_out,
        history = f.history, work_ms = f.work_ms,
        guard_ms = f.claim_ms + extract(epoch FROM clock_timestamp() - statement_timestamp()) * 1000
                   / cardinality(%(conversations)s::bigint[])
    FROM finished AS f
    WHERE t.conversation = f.conversation AND t.fence = f.fence
), noted AS (
    INSERT INTO wamon.conversation_state_transitions
        (conversation_id, from_state, to_state, transition_reason, correlation_id)
    SELECT uid, 'processing', state, CASE state WHEN 'settling' THEN 'arrived-while-processing' ELSE outcome END,
           correlation_id
    FROM finished
    ORDER BY place
)
SELECT place, state, due_at FROM finished

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
