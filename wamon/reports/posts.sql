-- name: make_room
-- What goes through all posts is twice to ten times as fast where its hashes fit into memory. Whoever reads a page of it
-- may pause for longer than a transaction usually may.
SELECT set_config('work_mem', '64MB', true), set_config('idle_in_transaction_session_timeout', '1800s', true)

-- name: selected
-- The posts that a selection means. A kind is a place in the order of all of a drop's
-- posts, as in the view submissions, and is looked up only for the rows of which it is asked.
WITH posts AS NOT MATERIALIZED (
    SELECT s.project, s.drop_number, s.sent_at, g.jid, s.message_id, s.sender, s.chat, s.live, s.unchecked, s.stanza_id,
           CASE
               WHEN NOT s.live THEN 'retracted'
               WHEN s.rejected THEN 'rejected'
               WHEN NOT earlier.there THEN 'new'
               ELSE 'resubmission'
           END AS kind
    FROM wamon.submission_rows AS s
    JOIN wamon.groups AS g USING (chat)
    CROSS JOIN LATERAL (
        SELECT EXISTS (
            SELECT
            FROM wamon.submission_rows AS e
            WHERE e.project = s.project AND e.drop_number = s.drop_number AND e.live AND NOT e.rejected
              AND e.sent_at <= s.sent_at AND (e.chat <> s.chat OR e.message_id <> s.message_id)
              AND (e.sent_at < s.sent_at  -- else the group is looked up, too
                   OR ((SELECT jid FROM wamon.groups WHERE chat = e.chat), coalesce(e.stanza_id, e.message_id))
                      < (g.jid, coalesce(s.stanza_id, s.message_id)))
        ) AS there
    ) AS earlier
    WHERE (%(project)s::text IS NULL OR s.project = %(project)s)
      AND (%(since)s::timestamptz IS NULL OR s.sent_at >= %(since)s)
      AND (%(until)s::timestamptz IS NULL OR s.sent_at < %(until)s)
      AND (%(senders)s::text[] IS NULL OR s.sender = ANY(%(senders)s))
      AND (%(text)s::text IS NULL OR EXISTS (
          SELECT
          FROM wamon.ledger_rows AS l
          WHERE l.chat = s.chat AND l.message_id = s.message_id AND strpos(lower(l.text), lower(%(text)s)) > 0
      ))
      AND (s.rejected OR %(kinds)s::text[] <> ARRAY['rejected'])  -- these few have an index of their own
      AND CASE
          WHEN NOT s.live THEN 'retracted' = ANY(%(kinds)s::text[])
          WHEN s.rejected THEN 'rejected' = ANY(%(kinds)s)
          WHEN %(kinds)s @> ARRAY['new', 'resubmission'] THEN true
          WHEN NOT %(kinds)s && ARRAY['new', 'resubmission'] THEN false
          WHEN earlier.there THEN 'resubmission' = ANY(%(kinds)s)
          ELSE 'new' = ANY(%(kinds)s)
      END
)

-- name: heard
-- When the first and the last message were sent, by now, of any group of the project, to the half hour.
SELECT min(f.first_sent_at), max(l.last_sent_at)
FROM wamon.groups AS g
CROSS JOIN LATERAL (
    SELECT first_sent_at FROM wamon.heard WHERE chat = g.chat ORDER BY half_hour LIMIT 1
) AS f
CROSS JOIN LATERAL (
    SELECT last_sent_at FROM wamon.heard
    WHERE chat = g.chat AND half_hour <= least(now(), %(until)s::timestamptz)
    ORDER BY half_hour DESC
    LIMIT 1
) AS l
WHERE %(project)s::text IS NULL OR g.project = %(project)s

-- name: drops after selected
-- Those with posts from `newest_since` on, or all; their times and counts are those of all posts selected.
, newest AS (
    SELECT project, drop_number, max(sent_at) AS last_seen_at, count(*) OVER () AS total
    FROM posts
    WHERE %(newest_since)s::timestamptz IS NULL OR sent_at >= %(newest_since)s
    GROUP BY project, drop_number
    ORDER BY last_seen_at DESC, project, drop_number
    LIMIT %(limit)s::bigint
)
SELECT p.project, p.drop_number,
       (array_agg(p.kind ORDER BY p.sent_at DESC, p.jid DESC, p.message_id DESC))[1] AS kind,
       min(p.sent_at) AS first_seen_at,
       n.last_seen_at,
       count(DISTINCT (p.jid, coalesce(p.stanza_id, p.message_id))) AS submissions,
       (array_agg(p.sender ORDER BY p.sent_at, p.jid, p.message_id))[1] AS submitted_by,
       n.total
FROM newest AS n
JOIN posts AS p USING (project, drop_number)
GROUP BY p.project, p.drop_number, n.last_seen_at, n.total
ORDER BY n.last_seen_at DESC, p.project, p.drop_number

-- name: number_of_posts after selected
SELECT count(DISTINCT (jid, coalesce(stanza_id, message_id), drop_number)) FROM posts

-- name: number_of_drops after selected
SELECT count(*) FROM (SELECT FROM posts GROUP BY project, drop_number) AS d

-- name: first_found after selected
-- So many of them, in whatever order.
, few AS MATERIALIZED (SELECT project, drop_number, jid, stanza_id, message_id FROM posts LIMIT %(most)s)
SELECT (SELECT count(*) FROM (SELECT DISTINCT project, drop_number FROM few) AS d),
       (SELECT count(*) FROM (SELECT DISTINCT jid, coalesce(stanza_id, message_id), drop_number FROM few) AS p),
       (SELECT count(*) FROM few)

-- name: first_rejected after selected
-- The same of rejected ones, in the order of their index: else all of its entries are read first.
, few AS MATERIALIZED (
    SELECT project, drop_number, jid, stanza_id, message_id FROM posts ORDER BY project, drop_number LIMIT %(most)s
)
SELECT (SELECT count(*) FROM (SELECT DISTINCT project, drop_number FROM few) AS d),
       (SELECT count(*) FROM (SELECT DISTINCT jid, coalesce(stanza_id, message_id), drop_number FROM few) AS p),
       (SELECT count(*) FROM few)

-- name: new_by_project after selected
SELECT project, count(DISTINCT drop_number) FROM posts GROUP BY project

-- name: once after selected
-- The same message in two sources is one post, also where each gives it an id of its own.
, once AS NOT MATERIALIZED (
    SELECT p.*
    FROM posts AS p
    WHERE p.jid NOT IN (SELECT jid FROM wamon.groups GROUP BY jid HAVING count(*) > 1)  -- of all others there is none
       OR NOT (SELECT EXISTS (  -- by key for each of them, as in selected
           SELECT
           FROM wamon.groups AS og
           JOIN wamon.submission_rows AS o USING (chat)
           WHERE og.jid = p.jid AND og.chat <> p.chat AND o.drop_number = p.drop_number
             AND coalesce(o.stanza_id, o.message_id) = coalesce(p.stanza_id, p.message_id)
             AND (NOT o.live, o.chat) < (NOT p.live, p.chat)
       ))
)

-- name: posts after once
SELECT p.project, p.drop_number, p.sent_at, p.kind, p.sender, p.unchecked, g.project AS in_group, p.jid, p.message_id, l.text
FROM once AS p
JOIN wamon.groups AS g USING (chat)
LEFT JOIN wamon.ledger_rows AS l ON l.chat = p.chat AND l.message_id = p.message_id
ORDER BY p.sent_at, p.jid, p.message_id, p.drop_number

-- name: summed after once
-- How many posts each sender has of each kind, and each part of the time by the zone's clocks; then each of those that are
-- listed. Each post's kind is looked up once for all of it.
, kept AS MATERIALIZED (
    SELECT project, drop_number, sent_at, kind, sender, unchecked, jid, message_id,
           date_part(%(part)s::text, sent_at AT TIME ZONE %(zone)s)::int AS part
    FROM once
)
SELECT project, sender, kind, part, posts, unchecked, drop_number, sent_at
FROM (
    SELECT project, sender, kind, part, count(*) AS posts, count(*) FILTER (WHERE unchecked) AS unchecked,
           NULL AS drop_number, NULL::timestamptz AS sent_at, NULL AS jid, NULL AS message_id
    FROM kept
    GROUP BY GROUPING SETS ((project, sender, kind), (part, kind))
    UNION ALL
    SELECT project, sender, kind, NULL, 1, 0, drop_number, sent_at, jid, message_id
    FROM kept
    WHERE kind IN ('resubmission', 'rejected')
) AS found
ORDER BY sent_at, jid, message_id, drop_number

-- name: firsts
SELECT k.project, k.drop_number, f.sent_at, f.sender
FROM unnest(%(projects)s::text[], %(drops)s::text[]) AS k(project, drop_number)
CROSS JOIN LATERAL (
    SELECT s.sent_at, s.sender
    FROM wamon.submission_rows AS s
    JOIN wamon.groups AS g USING (chat)
    WHERE s.project = k.project AND s.drop_number = k.drop_number AND s.live AND NOT s.rejected
    ORDER BY s.sent_at, g.jid, s.message_id
    LIMIT 1
) AS f

-- name: senders
SELECT DISTINCT sender FROM wamon.submission_rows

-- name: projects
SELECT DISTINCT project FROM wamon.groups WHERE project <> '' ORDER BY project

-- name: project_of_chats
SELECT project, chat FROM wamon.groups WHERE enabled OR %(also_former)s ORDER BY project, chat

-- name: near
SELECT DISTINCT drop_number
FROM wamon.submission_rows
WHERE drop_number LIKE ANY(%(patterns)s) AND drop_number <> %(number)s
ORDER BY drop_number
LIMIT 5

-- name: submissions
SELECT s.project, s.source, g.project, s.chat_jid, s.chat, s.message_id, s.sent_at, s.sender, s.kind, s.live, l.gone_at,
       s.unchecked
FROM wamon.submissions AS s
JOIN wamon.groups AS g USING (chat)
LEFT JOIN wamon.ledger_rows AS l USING (chat, message_id)
WHERE s.drop_number = %(number)s
ORDER BY s.project, s.sent_at, s.chat_jid, s.message_id, s.source

-- name: texts
SELECT t.chat, t.message_id, t.revision, t.text, t.replaced_at
FROM unnest(%(chats)s::int[], %(message_ids)s::text[]) AS k(chat, message_id)
CROSS JOIN LATERAL (
    SELECT r.chat, r.message_id, r.revision, r.text, r.replaced_at
    FROM wamon.revisions AS r
    WHERE r.chat = k.chat AND r.message_id = k.message_id
    UNION ALL
    SELECT l.chat, l.message_id, l.revision, l.text, NULL
    FROM wamon.ledger_rows AS l
    WHERE l.chat = k.chat AND l.message_id = k.message_id
) AS t
ORDER BY t.chat, t.message_id, t.revision
