-- name: columns
SELECT
    a.attname,
    CASE WHEN b.typcategory = 'S' THEN 'text' ELSE b.typname::text END,
    a.attnotnull,
    a.attnotnull AND NOT a.atthasdef AND a.attidentity = ''
FROM pg_attribute AS a
JOIN pg_type AS t ON t.oid = a.atttypid
JOIN pg_type AS b ON b.oid = CASE WHEN t.typbasetype = 0 THEN t.oid ELSE t.typbasetype END
WHERE a.attrelid = to_regclass(%(table)s) AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''

-- name: first_contact
SELECT review_from FROM wamon.reviews WHERE review_table = %(table)s

-- name: note_contact
INSERT INTO wamon.reviews (review_table, review_from) VALUES (%(table)s, %(review_from)s)
RETURNING review_from

-- name: keyed_by_number_alone
SELECT EXISTS (
    SELECT
    FROM pg_index AS i
    JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
    WHERE i.indrelid = to_regclass(%(table)s) AND i.indisunique AND i.indnkeyatts = 1 AND a.attname = 'drop_number'
)

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

-- name: rename
-- The rows of drops whose group's project has another name; of a whole project also those that people made. A row that
-- another group's drop still needs stays, and so does one whose new place is taken.
UPDATE {table} AS t SET project = k.now
FROM unnest(%(chats)s::int[], %(was)s::text[], %(now)s::text[], %(wholly)s::boolean[]) AS k(chat, was, now, wholly)
WHERE t.project::text = k.was
  AND (
      k.wholly OR (
          EXISTS (
              SELECT FROM wamon.submission_rows AS s WHERE s.drop_number = t.drop_number::text AND s.chat = k.chat
          )
          AND NOT EXISTS (
              SELECT FROM wamon.submission_rows AS s
              WHERE s.drop_number = t.drop_number::text AND s.project = k.was AND s.live AND NOT s.rejected
          )
      )
  )
  AND NOT EXISTS (
      SELECT FROM {table} AS o WHERE o.project::text = k.now AND o.drop_number::text = t.drop_number::text
  )
