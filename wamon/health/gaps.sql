-- name: quiet
-- The silences between two messages of a chat that lasted so long, half an hour at least, and the one that lasts still.
-- However long before `since` one began: each chat is looked at from the last half hour on in which it was heard by then.
SELECT chat, began_at, ended_at
FROM (
    SELECT h.chat, least(h.last_sent_at, %(now)s) AS began_at,
           lead(h.first_sent_at) OVER (PARTITION BY h.chat ORDER BY h.half_hour) AS ended_at
    FROM unnest(%(chats)s::int[]) AS k(chat)
    CROSS JOIN LATERAL (
        SELECT coalesce(max(b.half_hour), '-infinity') AS half_hour
        FROM wamon.heard AS b
        WHERE b.chat = k.chat AND b.last_sent_at < %(since)s AND b.half_hour < %(since)s
    ) AS before
    CROSS JOIN LATERAL (  -- chat by chat: as a join the planner would rather read all of history
        SELECT a.chat, a.half_hour, a.first_sent_at, a.last_sent_at
        FROM wamon.heard AS a
        WHERE a.chat = k.chat AND a.half_hour >= before.half_hour AND a.first_sent_at <= %(now)s
        OFFSET 0
    ) AS h
) AS silences
WHERE coalesce(ended_at, %(now)s) - began_at > %(at_least)s AND coalesce(ended_at, %(now)s) >= %(since)s
ORDER BY began_at, chat

-- name: gone
SELECT chat, min(sent_at), gone_at, count(*)
FROM wamon.ledger_rows
WHERE chat = ANY(%(chats)s) AND gone_at >= %(since)s
GROUP BY chat, gone_at
ORDER BY gone_at, chat

-- name: store_missed
SELECT m.chat, min(coalesce(l.sent_at, m.noted_at)), max(coalesce(l.sent_at, m.noted_at)), count(*)
FROM wamon.store_missed AS m
JOIN wamon.ledger_rows AS l USING (chat, message_id)
WHERE m.chat = ANY(%(chats)s) AND m.noted_at >= %(since)s
GROUP BY m.chat
ORDER BY m.chat

-- name: rewinds
SELECT at, reason FROM wamon.rewinds WHERE source = %(source)s AND at >= %(since)s AND tail = 'main' ORDER BY at

-- name: unanswered
-- Turns that came too late, and what they were about, as far as it is kept.
SELECT g.jid, CASE c.kind WHEN 'group' THEN g.project ELSE 'one-to-one, ' || c.source END,
       min(least(coalesce(m.first_at, t.due_at), t.ended_at)), max(t.ended_at), sum(t.through_seq - t.from_seq + 1),
       count(DISTINCT c.person)
FROM wamon.turns AS t
JOIN wamon.conversations AS c USING (conversation)
JOIN wamon.groups AS g USING (chat)
LEFT JOIN LATERAL (
    SELECT min(sent_at) AS first_at FROM wamon.conversation_messages
    WHERE conversation = t.conversation AND seq BETWEEN t.from_seq AND t.through_seq
) AS m ON true
WHERE t.outcome = 'stale' AND t.ended_at >= %(since)s AND c.source = ANY(%(sources)s)
GROUP BY g.jid, 2, date_trunc('hour', t.ended_at)
ORDER BY 3, 2
