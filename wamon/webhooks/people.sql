-- name: lock_account
SELECT pg_advisory_xact_lock(hashtextextended('wamon people ' || %(account)s::text, 0))

-- name: see_aliases
UPDATE wamon.aliases AS a SET seen_at = now()
FROM unnest(%(kinds)s::text[], %(values)s::text[]) AS k(kind, value)
WHERE a.account = %(account)s AND a.kind = k.kind AND a.value = k.value AND a.seen_at < now() - interval '1 day'

-- name: known_aliases
SELECT k.n, a.person
FROM unnest(%(kinds)s::text[], %(values)s::text[]) WITH ORDINALITY AS k(kind, value, n)
JOIN wamon.aliases AS a ON a.account = %(account)s AND a.kind = k.kind AND a.value = k.value

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
