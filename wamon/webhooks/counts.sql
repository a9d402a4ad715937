-- name: add
INSERT INTO wamon.hook_status AS h (hook, source, last_at, day, stored, refused, tests)
SELECT hook, source, CASE WHEN came THEN now() END, (now() AT TIME ZONE %(zone)s)::date, stored, refused, tests
FROM unnest(%(hooks)s::text[], %(sources)s::text[], %(came)s::boolean[], %(stored)s::integer[], %(refused)s::integer[],
            %(tests)s::integer[]) AS new (hook, source, came, stored, refused, tests)
ORDER BY hook
ON CONFLICT (hook) DO UPDATE SET
    source = excluded.source,
    last_at = coalesce(excluded.last_at, h.last_at),
    day = greatest(h.day, excluded.day),
    stored = CASE WHEN excluded.day > h.day THEN 0 ELSE h.stored END + excluded.stored,
    refused = CASE WHEN excluded.day > h.day THEN 0 ELSE h.refused END + excluded.refused,
    tests = CASE WHEN excluded.day > h.day THEN 0 ELSE h.tests END + excluded.tests,
    twins = CASE WHEN excluded.day > h.day THEN 0 ELSE h.twins END,
    duplicates = CASE WHEN excluded.day > h.day THEN 0 ELSE h.duplicates END

-- name: person_key
SELECT person_key FROM wamon.instance
