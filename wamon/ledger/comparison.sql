-- name: held
-- Key by key, by OFFSET: of tables that have just grown the planner believes that reading all of them for each is as good.
SELECT k.chat, k.message_id, l.content_hash, l.status, l.reason, l.rules, l.gone_at IS NOT NULL,
       coalesce(own.numbers, '{}'), coalesce(own.of_another_project, false),
       l.status = 'done' AND l.text IS NULL
       AND coalesce(coalesce(l.sent_at, l.seen_at) > now() + interval '1 day' - k.keep AND k.keep > interval '1 day', true)
FROM (
    SELECT chat, message_id, %(keep_text)s::interval AS keep
    FROM unnest(%(chats)s::int[], %(message_ids)s::text[]) AS m(chat, message_id)
) AS k
CROSS JOIN LATERAL (
    SELECT r.* FROM wamon.ledger_rows AS r WHERE r.chat = k.chat AND r.message_id = k.message_id OFFSET 0
) AS l
JOIN wamon.groups AS g ON g.chat = k.chat
LEFT JOIN LATERAL (
    SELECT array_agg(s.drop_number) AS numbers, bool_or(s.project <> g.project) AS of_another_project
    FROM unnest(l.numbers) AS n(drop_number)
    CROSS JOIN LATERAL (
        SELECT r.drop_number, r.project FROM wamon.submission_rows AS r
        WHERE r.drop_number = n.drop_number AND r.chat = k.chat AND r.message_id = k.message_id AND r.live OFFSET 0
    ) AS s
) AS own ON true

-- name: unexpected
-- The places of messages of which not exactly this is held, under these rules, and with their texts where `held` wants
-- them. Key by key, as above.
SELECT k.n - 1
FROM (
    SELECT m.n, m.chat, m.message_id, m.content_hash, m.numbers, %(keep_text)s::interval AS keep
    FROM unnest(%(chats)s::int[], %(message_ids)s::text[], %(hashes)s::bigint[], %(numbers)s::text[])
         WITH ORDINALITY AS m(chat, message_id, content_hash, numbers, n)
) AS k
WHERE NOT EXISTS (
    SELECT FROM wamon.ledger_rows AS l
    WHERE l.chat = k.chat AND l.message_id = k.message_id
      AND l.content_hash = k.content_hash AND l.rules = %(rules)s AND l.gone_at IS NULL
      AND CASE
          WHEN k.numbers IS NULL THEN l.status = 'ignored' AND l.numbers IS NULL
          ELSE l.status = 'done' AND l.numbers = string_to_array(k.numbers, ' ')
               AND (l.text IS NOT NULL
                    OR NOT coalesce(coalesce(l.sent_at, l.seen_at) > now() + interval '1 day' - k.keep
                                    AND k.keep > interval '1 day', true))
          END
    OFFSET 0
)

-- name: lacking_posts
-- All are gone through: by OFFSET the planner doesn't take the limit for a reason to look them up one by one.
SELECT DISTINCT u.chat, u.message_id
FROM (
    SELECT l.chat, l.message_id
    FROM wamon.ledger_rows AS l
    JOIN wamon.groups AS g USING (chat)
    CROSS JOIN LATERAL unnest(l.numbers) AS n(drop_number)
    LEFT JOIN wamon.submission_rows AS s
        ON s.drop_number = n.drop_number AND s.chat = l.chat AND s.message_id = l.message_id
        AND s.project = g.project AND s.live
    WHERE l.chat = ANY(%(chats)s) AND l.rules = %(rules)s AND (l.message_id, l.chat) > (%(message_id)s, %(chat)s)
        AND s.chat IS NULL
    OFFSET 0
) AS u
ORDER BY u.message_id, u.chat
LIMIT %(most)s

-- name: unlisted_submissions
-- All are gone through, as above.
SELECT u.chat, u.message_id, u.drop_number, u.in_ledger
FROM (
    SELECT s.chat, s.message_id, s.drop_number, l.status IS NOT NULL AS in_ledger
    FROM wamon.submission_rows AS s
    LEFT JOIN wamon.ledger_rows AS l USING (chat, message_id)
    WHERE s.chat = ANY(%(chats)s) AND s.live AND (l.status = 'ignored' OR (s.drop_number = ANY(l.numbers)) IS NOT TRUE)
    OFFSET 0
) AS u
ORDER BY u.chat, u.message_id, u.drop_number
LIMIT 10000

-- name: list_in_ledger
UPDATE wamon.ledger_rows
SET numbers = array_append(array_remove(numbers, %(drop_number)s::text), %(drop_number)s::text)
WHERE chat = %(chat)s AND message_id = %(message_id)s

-- name: still_there
SELECT chat, message_id
FROM wamon.ledger_rows
WHERE (message_id, chat) > (%(message_id)s, %(chat)s) AND chat = ANY(%(chats)s) AND gone_at IS NULL AND via <> 'webhook'
ORDER BY message_id, chat
LIMIT 2000

-- name: mark_gone
UPDATE wamon.ledger_rows AS l SET gone_at = now()
FROM unnest(%(chats)s::int[], %(message_ids)s::text[]) AS k(chat, message_id)
WHERE l.chat = k.chat AND l.message_id = k.message_id

-- name: cursors
SELECT tail, rowid, coalesce((anchors -> 0 ->> 0)::bigint, 0) FROM wamon.cursors WHERE source = %(source)s ORDER BY tail

-- name: mend_cursor
UPDATE wamon.cursors SET rowid = %(rowid)s WHERE source = %(source)s AND tail = %(tail)s

-- name: drops_after
SELECT DISTINCT s.project, s.drop_number
FROM wamon.submission_rows AS s
JOIN wamon.ledger_rows AS l USING (chat, message_id)
WHERE l.status <> 'ignored' AND s.live AND NOT s.rejected
  AND (s.drop_number, s.project) > (%(drop)s, %(project)s) AND s.project = ANY (%(projects)s)
ORDER BY s.drop_number, s.project
LIMIT 2000

-- name: first_submission
SELECT DISTINCT ON (s.project, s.drop_number)
       s.project, s.drop_number, s.sent_at, s.sender, s.from_me, s.message_id, g.jid
FROM unnest(%(projects)s::text[], %(drops)s::text[]) AS k(project, drop_number)
JOIN wamon.submission_rows AS s USING (project, drop_number)
JOIN wamon.groups AS g USING (chat)
WHERE s.live AND NOT s.rejected
ORDER BY s.project, s.drop_number, s.sent_at, g.jid, s.message_id

-- name: missed
-- What hooks brought and the store lacked when it was last looked at.
SELECT chat, message_id FROM wamon.store_missed WHERE chat = ANY(%(chats)s) ORDER BY chat, message_id

-- name: dead
SELECT count(*) FROM wamon.ledger_rows WHERE chat = ANY(%(chats)s) AND status = 'dead'
