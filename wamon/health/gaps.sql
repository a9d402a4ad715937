-- name: quiet
-- The silences between two messages of a chat that lasted so long, half an hour at least, and the one that lasts still.
SELECT chat, began_at, ended_at
FROM (
    SELECT h.chat, least(h.last_sent_at, %(now)s) AS began_at,
           lead(h.first_sent_at) OVER (PARTITION BY h.chat ORDER BY h.half_hour) AS ended_at
    FROM wamon.heard AS h
    WHERE h.chat = ANY(%(chats)s) AND h.half_hour >= %(since)s - interval '7 days' AND h.first_sent_at <= %(now)s
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
