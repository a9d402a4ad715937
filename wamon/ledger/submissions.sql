-- name: own_submissions
-- Of the numbers that the ledger says, and of those that the messages say now, whatever the ledger knows. Key by key.
SELECT s.chat, s.message_id, s.drop_number, s.live
FROM (
    SELECT k.chat, k.message_id, unnest(l.numbers) AS drop_number
    FROM unnest(%(chats)s::int[], %(message_ids)s::text[]) AS k(chat, message_id)
    CROSS JOIN LATERAL (
        SELECT r.numbers FROM wamon.ledger_rows AS r WHERE r.chat = k.chat AND r.message_id = k.message_id OFFSET 0
    ) AS l
    UNION
    SELECT * FROM unnest(%(said_chats)s::int[], %(said_message_ids)s::text[], %(said_drops)s::text[])
        AS said(chat, message_id, drop_number)
) AS k
CROSS JOIN LATERAL (
    SELECT r.* FROM wamon.submission_rows AS r
    WHERE r.drop_number = k.drop_number AND r.chat = k.chat AND r.message_id = k.message_id OFFSET 0
) AS s

-- name: standing
SELECT k.n, max(s.sent_at), bool_or(s.live)
FROM unnest(%(projects)s::text[], %(drops)s::text[]) WITH ORDINALITY AS k(project, drop_number, n)
JOIN wamon.submission_rows AS s USING (project, drop_number)
WHERE NOT s.rejected
GROUP BY k.n

-- name: are_more_drops
SELECT EXISTS (SELECT FROM wamon.submission_rows OFFSET %(most)s)

-- name: drops_by_project
SELECT project, array_agg(drop_number) FROM wamon.submission_rows GROUP BY project

-- name: fed_by_others
SELECT EXISTS (SELECT FROM wamon.groups WHERE source <> %(source)s AND project = ANY(%(projects)s::text[]))

-- name: twins
-- The same message through another source: under the same id, or one that is made around it.
SELECT k.project, k.drop_number, k.jid, k.message_id
FROM unnest(%(projects)s::text[], %(drops)s::text[], %(jids)s::text[], %(message_ids)s::text[], %(stanza_ids)s::text[])
     AS k(project, drop_number, jid, message_id, stanza_id)
JOIN wamon.submission_rows AS s USING (project, drop_number)
JOIN wamon.groups AS g USING (chat)
WHERE NOT s.rejected AND g.source <> %(source)s AND g.jid = k.jid
  AND coalesce(s.stanza_id, s.message_id) = coalesce(k.stanza_id, k.message_id)

-- name: copy_submissions
COPY wamon.submission_rows (chat, message_id, drop_number, project, sent_at, sender, from_me, rejected, unchecked,
                            stanza_id)
FROM STDIN (FORMAT BINARY)

-- name: set_live
-- Returns the drops for which that is news: while the same message lives in another source, it isn't.
WITH changed AS (
    UPDATE wamon.submission_rows AS s SET live = %(live)s
    FROM unnest(%(chats)s::int[], %(message_ids)s::text[], %(drops)s::text[]) AS k(chat, message_id, drop_number)
    WHERE s.chat = k.chat AND s.message_id = k.message_id AND s.drop_number = k.drop_number
    RETURNING s.chat, coalesce(s.stanza_id, s.message_id) AS id, s.project, s.drop_number, s.rejected
)
SELECT c.project, c.drop_number
FROM changed AS c
JOIN wamon.groups AS g USING (chat)
WHERE NOT c.rejected AND NOT EXISTS (
    SELECT
    FROM wamon.submission_rows AS t
    JOIN wamon.groups AS tg USING (chat)
    WHERE t.project = c.project AND t.drop_number = c.drop_number AND t.live
      AND t.chat <> c.chat AND tg.jid = g.jid AND coalesce(t.stanza_id, t.message_id) = c.id
)

-- name: lock_projects
SELECT pg_advisory_xact_lock(hashtextextended('wamon project ' || project, 0))
FROM (SELECT DISTINCT unnest(%(projects)s::text[]) AS project ORDER BY 1) AS projects
