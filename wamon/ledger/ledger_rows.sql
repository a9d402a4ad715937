-- name: known
-- Key by key, by OFFSET: of a table that has just grown the planner believes that reading all of it for each is as good.
SELECT k.chat, k.message_id, l.content_hash, l.status, l.reason, l.gone_at IS NOT NULL, l.via, l.sender
FROM unnest(%(chats)s::int[], %(message_ids)s::text[]) AS k(chat, message_id)
CROSS JOIN LATERAL (
    SELECT r.* FROM wamon.ledger_rows AS r WHERE r.chat = k.chat AND r.message_id = k.message_id OFFSET 0
) AS l

-- name: copy
COPY wamon.ledger_rows (chat, message_id, status, reason, rules, content_hash, sent_at, sender, text, numbers)
FROM STDIN (FORMAT BINARY)

-- name: copy_brought
COPY wamon.ledger_rows (chat, message_id, status, reason, rules, content_hash, sent_at, sender, text, numbers, via,
                        correlation_id, stanza_id)
FROM STDIN (FORMAT BINARY)

-- name: witnessed
UPDATE wamon.ledger_rows AS l SET via = 'both'
FROM unnest(%(chats)s::int[], %(message_ids)s::text[]) AS k(chat, message_id)
WHERE l.chat = k.chat AND l.message_id = k.message_id

-- name: store_has
DELETE FROM wamon.store_missed AS m
USING unnest(%(chats)s::int[], %(message_ids)s::text[]) AS k(chat, message_id)
WHERE m.chat = k.chat AND m.message_id = k.message_id

-- name: store_lacks
INSERT INTO wamon.store_missed (chat, message_id)
SELECT * FROM unnest(%(chats)s::int[], %(message_ids)s::text[]) ON CONFLICT (chat, message_id) DO NOTHING

-- name: keep_revisions
INSERT INTO wamon.revisions (chat, message_id, revision, content_hash, text)
SELECT l.chat, l.message_id, l.revision, l.content_hash, l.text
FROM unnest(%(chats)s::int[], %(message_ids)s::text[], %(hashes)s::bigint[]) AS k(chat, message_id, content_hash)
JOIN wamon.ledger_rows AS l USING (chat, message_id)
WHERE l.content_hash <> k.content_hash

-- name: change
UPDATE wamon.ledger_rows AS l
SET status = k.status, reason = k.reason, rules = %(rules)s, text = k.text, gone_at = NULL,
    numbers = string_to_array(k.numbers, ' '), content_hash = k.content_hash,
    revision = l.revision + (l.content_hash <> k.content_hash)::int
FROM unnest(%(chats)s::int[], %(message_ids)s::text[], %(hashes)s::bigint[], %(statuses)s::text[], %(reasons)s::text[],
            %(texts)s::text[], %(numbers)s::text[]) AS k(chat, message_id, content_hash, status, reason, text, numbers)
WHERE l.chat = k.chat AND l.message_id = k.message_id

-- name: note_numbers
UPDATE wamon.ledger_rows AS l SET numbers = string_to_array(k.numbers, ' ')
FROM unnest(%(chats)s::int[], %(message_ids)s::text[], %(numbers)s::text[]) AS k(chat, message_id, numbers)
WHERE l.chat = k.chat AND l.message_id = k.message_id

-- name: came_back
UPDATE wamon.ledger_rows AS l SET gone_at = NULL
FROM unnest(%(chats)s::int[], %(message_ids)s::text[]) AS k(chat, message_id)
WHERE l.chat = k.chat AND l.message_id = k.message_id AND l.gone_at IS NOT NULL

-- name: forget_letters
DELETE FROM wamon.dead_letters AS d
USING unnest(%(chats)s::int[], %(message_ids)s::text[]) AS k(chat, message_id)
WHERE d.chat = k.chat AND d.message_id = k.message_id
