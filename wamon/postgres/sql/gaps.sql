-- name: quiet
-- The silences between two messages of a chat that lasted so long, and the one that lasts still.
SELECT chat, began_at, ended_at
FROM (
    SELECT l.chat, l.sent_at AS began_at, lead(l.sent_at) OVER (PARTITION BY l.chat ORDER BY l.sent_at) AS ended_at
    FROM wamon.ledger_rows AS l
    WHERE l.chat = ANY(%(chats)s) AND l.sent_at >= %(since)s - interval '7 days' AND l.sent_at <= %(now)s
) AS silences
WHERE coalesce(ended_at, %(now)s) - began_at > %(at_least)s AND coalesce(ended_at, %(now)s) >= %(since)s
ORDER BY began_at, chat

-- name: gone
SELECT chat, min(sent_at), gone_at, count(*)
FROM wamon.ledger_rows
WHERE chat = ANY(%(chats)s) AND gone_at >= %(since)s
GROUP BY chat, gone_at
ORDER BY gone_at, chat

-- name: rewinds
SELECT at, reason FROM wamon.rewinds WHERE source = %(source)s AND at >= %(since)s AND tail = 'main' ORDER BY at
