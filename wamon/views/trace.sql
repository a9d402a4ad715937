-- name: messages_of_id
SELECT l.chat, l.message_id FROM wamon.ledger_rows AS l WHERE l.message_id = %(id)s
UNION
SELECT d.chat, d.message_id FROM wamon.dead_letters AS d
WHERE d.correlation_id::text = lower(%(id)s) AND d.kind = 'message'
ORDER BY 1, 2

-- name: messages_of_events
-- No index leads to them: it would cost each recording more than the look-up of one delivery now and then.
SELECT l.chat, l.message_id
FROM wamon.deliveries AS e
JOIN wamon.groups AS g USING (source)
JOIN wamon.ledger_rows AS l ON l.chat = g.chat AND l.correlation_id = e.uid
WHERE e.event = ANY(%(events)s)
ORDER BY 1, 2

-- name: event_of_id
SELECT event FROM wamon.deliveries WHERE uid = %(uid)s OR event = %(event)s

-- name: events_of
SELECT DISTINCT e.event
FROM unnest(%(chats)s::int[], %(message_ids)s::text[]) AS k(chat, message_id)
JOIN wamon.ledger_rows AS l USING (chat, message_id)
JOIN wamon.deliveries AS e ON e.uid = l.correlation_id

-- name: steps_of_events
SELECT t.at, t.what, t.hook, t.detail
FROM wamon.webhook_events AS e
CROSS JOIN LATERAL (
    VALUES (e.received_at, 'delivered', e.hook, 'event ' || e.event),
           (CASE WHEN e.state = 'new' THEN e.next_try_at ELSE e.ended_at END,
            CASE e.state WHEN 'new' THEN 'event-waits' WHEN 'done' THEN 'taken-in' ELSE 'event-dead' END, e.hook,
            CASE e.state WHEN 'done' THEN 'messages: ' || coalesce(e.messages, 0) ELSE coalesce(e.reason, '') END
            || coalesce(', the same as event ' || e.same_as, ''))
) AS t(at, what, hook, detail)
WHERE e.event = ANY(%(events)s)

-- name: messages_of_drop
-- The first of them, where there are very many.
SELECT s.chat, s.message_id
FROM wamon.submission_rows AS s
WHERE s.drop_number = %(number)s
ORDER BY s.sent_at, s.chat, s.message_id
LIMIT %(most)s

-- name: steps
-- All that is known of these messages, in the order in which it happened. `place` orders what happened at one moment.
WITH own AS (
    SELECT l.chat, l.message_id, l.sent_at, l.seen_at, l.gone_at, l.status, l.reason, l.sender, g.project, g.jid, g.source,
           CASE l.via WHEN 'store' THEN '' WHEN 'both' THEN ', by store and hook' ELSE ', by a hook' END AS via
    FROM unnest(%(chats)s::int[], %(message_ids)s::text[]) AS k(chat, message_id)
    JOIN wamon.ledger_rows AS l USING (chat, message_id)
    JOIN wamon.groups AS g USING (chat)
)
SELECT t.at, t.what, t.place_name, t.detail, t.sender
FROM (
    SELECT sent_at AS at, 1 AS place, 'posted' AS what, project AS place_name, '' AS detail, sender, chat, message_id
    FROM own WHERE sent_at IS NOT NULL
    UNION ALL
    SELECT seen_at, 2, 'recorded', source, CASE WHEN reason IS NULL THEN status ELSE status || ': ' || reason END || via, NULL,
           chat, message_id
    FROM own
    UNION ALL
    SELECT o.seen_at, 3, CASE WHEN NOT s.live THEN 'retracted' ELSE s.kind END, s.project, s.drop_number, NULL, o.chat,
           o.message_id
    FROM own AS o JOIN wamon.submissions AS s USING (chat, message_id)
    WHERE s.drop_number = ANY(ARRAY(SELECT unnest(l.numbers) FROM wamon.ledger_rows AS l
                                    WHERE l.chat = o.chat AND l.message_id = o.message_id))
    UNION ALL
    SELECT o.seen_at, 4, 'near-miss', n.project,
           CASE WHEN n.likely IS NULL THEN n.written ELSE n.written || ', likely ' || n.likely END, NULL, o.chat,
           o.message_id
    FROM own AS o JOIN wamon.near_miss_rows AS n USING (chat, message_id) WHERE n.live
    UNION ALL
    SELECT r.replaced_at, 5, 'edited', o.project, 'revision ' || r.revision + 1, NULL, o.chat, o.message_id
    FROM own AS o JOIN wamon.revisions AS r USING (chat, message_id)
    UNION ALL
    SELECT d.failed_at, 6, CASE WHEN d.next_try_at IS NULL THEN 'dead' ELSE 'retry' END, o.source,
           d.reason || ' (tried ' || d.attempts || ' times)', NULL, o.chat, o.message_id
    FROM own AS o JOIN wamon.dead_letters AS d USING (chat, message_id)
    UNION ALL
    SELECT q.queued_at, 7, 'reply-due', o.project,
           CASE WHEN q.kind = 'near-miss' THEN 'about a near miss' ELSE q.about END, NULL, o.chat, o.message_id
    FROM own AS o JOIN wamon.replies AS q USING (chat, message_id) WHERE q.conversation IS NULL
    UNION ALL
    SELECT q.changed_at, 8, 'reply-' || q.state, o.project,
           concat_ws(': ', CASE WHEN q.kind = 'near-miss' THEN 'about a near miss' ELSE q.about END, q.reason), NULL, o.chat,
           o.message_id
    FROM own AS o JOIN wamon.replies AS q USING (chat, message_id)
    WHERE q.state <> 'due' AND q.conversation IS NULL
    UNION ALL
    SELECT gone_at, 9, 'gone', source, 'not in the bridge''s store any more', NULL, chat, message_id
    FROM own WHERE gone_at IS NOT NULL
) AS t
JOIN own AS o USING (chat, message_id)
ORDER BY t.at, t.place, o.sent_at, t.chat, t.message_id, t.detail

-- name: numbers
SELECT DISTINCT n.number
FROM unnest(%(chats)s::int[], %(message_ids)s::text[]) AS k(chat, message_id)
JOIN wamon.ledger_rows AS l USING (chat, message_id)
CROSS JOIN LATERAL unnest(l.numbers) AS n(number)
ORDER BY 1

-- name: messages_of_burst
-- The messages whose conversation changed its state by this correlation id, and that have it.
SELECT DISTINCT m.chat, m.message_id
FROM wamon.conversation_state_transitions AS t
JOIN wamon.conversations AS c ON c.uid = t.conversation_id
JOIN wamon.conversation_messages AS m ON m.conversation = c.conversation AND m.correlation_id = t.correlation_id
WHERE t.correlation_id = %(uid)s
ORDER BY 1, 2

-- name: steps_of_turns
-- What conversations did about these messages: the bursts that they are in, and what was answered.
WITH own AS (
    SELECT m.conversation, m.seq, m.seen_at, m.role, c.uid::text AS uid
    FROM unnest(%(chats)s::int[], %(message_ids)s::text[]) AS k(chat, message_id)
    JOIN wamon.conversation_messages AS m USING (chat, message_id)
    JOIN wamon.conversations AS c USING (conversation)
), worked AS (
    SELECT DISTINCT t.conversation, t.fence, o.uid
    FROM own AS o
    JOIN wamon.turns AS t ON t.conversation = o.conversation AND o.seq BETWEEN t.from_seq AND t.through_seq
)
SELECT s.at, s.what, s.uid, s.detail
FROM (
    SELECT seen_at AS at, 1 AS place, CASE WHEN seq IS NULL THEN 'heard' ELSE 'waits' END AS what, uid,
           CASE WHEN seq IS NULL THEN role ELSE 'message ' || seq END AS detail
    FROM own
    UNION ALL
    SELECT t.started_at, 2, 'turn', w.uid, t.reason || ': messages ' || t.from_seq || ' to ' || t.through_seq
    FROM worked AS w JOIN wamon.turns AS t USING (conversation, fence)
    UNION ALL
    SELECT t.ended_at, 3, 'turn-' || t.outcome, w.uid, coalesce(t.error, '')
    FROM worked AS w JOIN wamon.turns AS t USING (conversation, fence) WHERE t.ended_at IS NOT NULL
    UNION ALL
    SELECT q.queued_at, 4, 'reply-due', w.uid, q.kind
    FROM worked AS w JOIN wamon.replies AS q ON q.conversation = w.conversation AND q.fence = w.fence
    UNION ALL
    SELECT q.changed_at, 5, 'reply-' || q.state, w.uid, concat_ws(': ', q.kind, q.reason)
    FROM worked AS w JOIN wamon.replies AS q ON q.conversation = w.conversation AND q.fence = w.fence
    WHERE q.state <> 'due'
) AS s
ORDER BY s.at, s.place
