-- name: keyed_by_number_alone
SELECT EXISTS (
    SELECT
    FROM pg_index AS i
    JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
    WHERE i.indrelid = to_regclass(%(table)s) AND i.indisunique AND i.indnkeyatts = 1 AND a.attname = 'drop_number'
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
