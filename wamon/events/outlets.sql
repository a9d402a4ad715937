-- name: place
SELECT cursor FROM wamon.event_outlets WHERE outlet = %(outlet)s

-- name: begin
INSERT INTO wamon.event_outlets (outlet, cursor) VALUES (%(outlet)s, %(cursor)s)
ON CONFLICT (outlet) DO UPDATE SET cursor = EXCLUDED.cursor, moved_at = now()

-- name: move
-- Only from where it is known to stand: another may have moved it meanwhile.
UPDATE wamon.event_outlets SET cursor = %(cursor)s, moved_at = now(), failing_since = NULL, why = NULL
WHERE outlet = %(outlet)s AND cursor = %(former)s
RETURNING true

-- name: fails
UPDATE wamon.event_outlets SET failing_since = coalesce(failing_since, now()), why = %(why)s
WHERE outlet = %(outlet)s AND (failing_since IS NULL OR why IS DISTINCT FROM %(why)s)
