-- name: missed
-- All that was said in between, but this burst, and but what we said, which stands nowhere here.
SELECT m.role, m.part, coalesce(m.name, ''), m.sent_at, coalesce(m.body, '')
FROM wamon.conversation_messages AS m
JOIN wamon.conversations AS c USING (conversation)
WHERE (c.conversation = %(conversation)s OR c.merged_into = %(conversation)s) AND m.sent_at > %(cutoff)s
  AND NOT (c.conversation = %(conversation)s AND coalesce(m.seq >= %(from_seq)s, false))
ORDER BY m.sent_at, m.seen_at

-- name: burst
SELECT m.role, m.part, coalesce(m.name, ''), m.sent_at, coalesce(m.body, '')
FROM wamon.conversation_messages AS m
WHERE m.conversation = %(conversation)s AND m.seq BETWEEN %(from_seq)s AND %(through_seq)s
ORDER BY m.sent_at, m.seq

-- name: known
-- Of these ids, those that are known, and whether they are a person's.
SELECT m.message_id, m.role <> 'operator' FROM wamon.conversation_messages AS m
WHERE m.chat = %(chat)s AND m.message_id = ANY(%(message_ids)s)
UNION ALL
SELECT l.message_id, coalesce(l.sender, '') <> '' FROM wamon.ledger_rows AS l
WHERE l.chat = %(chat)s AND l.message_id = ANY(%(message_ids)s)

-- name: our_ids
SELECT r.reply_id FROM wamon.replies AS r WHERE r.reply_id = ANY(%(message_ids)s)

-- name: our_texts
SELECT r.body, r.tried_at
FROM wamon.replies AS r
JOIN wamon.conversations AS c USING (conversation)
WHERE (c.conversation = %(conversation)s OR c.merged_into = %(conversation)s) AND r.body IS NOT NULL AND r.tried_at IS NOT NULL

-- name: phones
SELECT a.value FROM wamon.aliases AS a WHERE a.person = %(person)s AND a.kind = 'phone' ORDER BY a.seen_at DESC
