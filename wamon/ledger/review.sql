-- name: first_contact
SELECT review_from, left_out FROM wamon.reviews WHERE review_table = %(table)s

-- name: note_contact
INSERT INTO wamon.reviews (review_table, review_from) VALUES (%(table)s, %(review_from)s)
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
