-- name: first_contact
SELECT review_from, left_out FROM wamon.reviews WHERE review_table = %(table)s

-- name: note_contact
-- What waits was recorded while somebody had locked the table: it was wamon's, too, by then. Another session may be quicker.
INSERT INTO wamon.reviews (review_table, review_from)
SELECT %(table)s, CASE WHEN %(review_from)s::timestamptz IS NOT NULL THEN least(%(review_from)s, min(seen_at)) END
FROM wamon.review_waits WHERE review_table = %(table)s
ON CONFLICT (review_table) DO UPDATE SET review_table = EXCLUDED.review_table
RETURNING review_from, left_out

-- name: note_left_out
UPDATE wamon.reviews SET left_out = %(left_out)s::text[] WHERE review_table = %(table)s

-- name: types
SELECT a.attname, format_type(a.atttypid, NULL)
FROM pg_attribute AS a
WHERE a.attrelid = to_regclass(%(table)s) AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum

-- name: without_live
SELECT k.project, k.drop_number
FROM unnest(%(projects)s::text[], %(drops)s::text[]) AS k(project, drop_number)
WHERE NOT EXISTS (
    SELECT FROM wamon.submission_rows AS s
    WHERE s.project = k.project AND s.drop_number = k.drop_number AND s.live AND NOT s.rejected
)

-- name: is_followed
SELECT EXISTS (SELECT FROM wamon.event_stream)

-- name: tell
-- By columns, as posts are told. What waited for long may be of another source's group.
INSERT INTO wamon.events_out (elements, kinds, chats, message_ids, drop_numbers, projects, versions)
SELECT count(*), %(kinds)s::text[], array_agg(g.chat ORDER BY k.n), %(message_ids)s::text[], %(drops)s::text[],
       %(projects)s::text[],
       array_agg((
           SELECT r.version
           FROM wamon.submission_rows AS r
           WHERE r.drop_number = k.drop_number AND r.chat = g.chat AND r.message_id = k.message_id
       ) ORDER BY k.n)
FROM unnest(%(drops)s::text[], %(jids)s::text[], %(message_ids)s::text[])
     WITH ORDINALITY AS k(drop_number, jid, message_id, n)
LEFT JOIN (
    SELECT DISTINCT ON (jid) jid, chat
    FROM wamon.groups
    WHERE jid = ANY(%(jids)s::text[])
    ORDER BY jid, source <> %(source)s
) AS g USING (jid)

-- name: followed_chats
SELECT jid, chat
FROM wamon.groups
WHERE source = %(source)s AND jid = ANY(%(jids)s::text[]) AND EXISTS (SELECT FROM wamon.event_stream)

-- name: tell_created
-- Each post has the version with which it begins: one that was deleted by hand goes on.
INSERT INTO wamon.events_out (elements, kinds, chats, message_ids, drop_numbers, projects, versions)
SELECT n.elements, array_fill('review.created'::text, ARRAY[n.elements]), %(chats)s::int[], %(message_ids)s::text[],
       %(drops)s::text[], %(projects)s::text[],
       CASE WHEN EXISTS (SELECT FROM wamon.deleted_versions) THEN ARRAY(
           SELECT coalesce(d.version + 1, 0)
           FROM unnest(%(drops)s::text[], %(chats)s::int[], %(message_ids)s::text[])
                WITH ORDINALITY AS k(drop_number, chat, message_id, n)
           LEFT JOIN wamon.deleted_versions AS d USING (drop_number, chat, message_id)
           ORDER BY k.n
       ) ELSE array_fill(0, ARRAY[n.elements]) END
FROM (SELECT cardinality(%(drops)s::text[]) AS elements) AS n
