-- name: own_submissions
-- Of the numbers that the ledger says, and of those that the messages say now, whatever the ledger knows.
SELECT s.chat, s.message_id, s.drop_number, s.live
FROM (
    SELECT l.chat, l.message_id, unnest(l.numbers) AS drop_number
    FROM unnest(%(chats)s::int[], %(message_ids)s::text[]) AS k(chat, message_id)
    JOIN wamon.ledger_rows AS l USING (chat, message_id)
    UNION
    SELECT * FROM unnest(%(said_chats)s::int[], %(said_message_ids)s::text[], %(said_drops)s::text[])
) AS k
JOIN wamon.submission_rows AS s USING (drop_number, chat, message_id)

-- name: standing
SELECT k.n, max(s.sent_at), bool_or(s.live)
FROM unnest(%(projects)b::text[], %(drops)b::text[]) WITH ORDINALITY AS k(project, drop_number, n)
JOIN wamon.submission_rows AS s USING (project, drop_number)
WHERE NOT s.rejected
GROUP BY k.n

-- name: twins
SELECT s.project, s.drop_number, g.jid, s.message_id
FROM unnest(%(projects)s::text[], %(drops)s::text[], %(jids)s::text[], %(message_ids)s::text[])
     AS k(project, drop_number, jid, message_id)
JOIN wamon.submission_rows AS s USING (project, drop_number, message_id)
JOIN wamon.groups AS g USING (chat)
WHERE NOT s.rejected AND g.source <> %(source)s AND g.jid = k.jid

-- name: copy_submissions
COPY wamon.submission_rows (chat, message_id, drop_number, project, sent_at, sender, from_me, rejected, unchecked)
FROM STDIN (FORMAT BINARY)

-- name: set_live
-- Returns the drops for which that is news: while the same message lives in another source, it isn't.
WITH changed AS (
    UPDATE wamon.submission_rows AS s SET live = %(live)s
    FROM unnest(%(chats)s::int[], %(message_ids)s::text[], %(drops)s::text[]) AS k(chat, message_id, drop_number)
    WHERE s.chat = k.chat AND s.message_id = k.message_id AND s.drop_number = k.drop_number
    RETURNING s.chat, s.message_id, s.project, s.drop_number, s.rejected
)
SELECT c.project, c.drop_number
FROM changed AS c
JOIN wamon.groups AS g USING (chat)
WHERE NOT c.rejected AND NOT EXISTS (
    SELECT
    FROM wamon.submission_rows AS t
    JOIN wamon.groups AS tg USING (chat)
    WHERE t.project = c.project AND t.drop_number = c.drop_number AND t.message_id = c.message_id AND t.live
      AND t.chat <> c.chat AND tg.jid = g.jid
)

-- name: lock_projects
SELECT pg_advisory_xact_lock(hashtextextended('wamon project ' || project, 0))
FROM (SELECT DISTINCT unnest(%(projects)s::text[]) AS project ORDER BY 1) AS projects
