-- name: lock_account
SELECT pg_advisory_xact_lock(hashtextextended('wamon people ' || %(account)s::text, 0))

-- name: see_aliases
UPDATE wamon.aliases AS a SET seen_at = now()
FROM unnest(%(kinds)s::text[], %(values)s::text[]) AS k(kind, value)
WHERE a.account = %(account)s AND a.kind = k.kind AND a.value = k.value

-- name: known_aliases
-- Key by key, by OFFSET: else all of an account's are read for each, as long as the planner has no figures of the table.
SELECT k.n, a.person, a.seen_at < now() - interval '1 day'
FROM unnest(%(kinds)s::text[], %(values)s::text[]) WITH ORDINALITY AS k(kind, value, n)
CROSS JOIN LATERAL (
    SELECT r.person, r.seen_at FROM wamon.aliases AS r
    WHERE r.account = %(account)s AND r.kind = k.kind AND r.value = k.value OFFSET 0
) AS a

-- name: person_key
SELECT person_key FROM wamon.instance

-- name: add_people
INSERT INTO wamon.people (account, hash)
SELECT %(account)s, hash FROM unnest(%(hashes)s::text[]) WITH ORDINALITY AS k(hash, n) ORDER BY n
RETURNING person

-- name: add_aliases
INSERT INTO wamon.aliases (account, kind, value, person)
SELECT %(account)s, k.kind, k.value, k.person
FROM unnest(%(kinds)s::text[], %(values)s::text[], %(persons)s::bigint[]) AS k(kind, value, person)

-- name: join_person
-- What was joined into this one before points to the other, too: always one hop.
WITH moved AS (
    UPDATE wamon.aliases SET person = %(into)s WHERE person = %(person)s
)
UPDATE wamon.people SET merged_into = %(into)s WHERE person = %(person)s OR merged_into = %(person)s
