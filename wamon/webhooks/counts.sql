-- name: add
INSERT INTO wamon.hook_status AS h (hook, source, last_at, day, stored, refused, tests, refused_at)
SELECT hook, source, CASE WHEN came THEN now() END, (now() AT TIME ZONE %(zone)s)::date, stored, refused, tests,
       array_fill(now(), ARRAY[least(refused, %(most)s::int)])
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
    duplicates = CASE WHEN excluded.day > h.day THEN 0 ELSE h.duplicates END,
    refused_at = (h.refused_at || excluded.refused_at)
                 [greatest(1, cardinality(h.refused_at) + cardinality(excluded.refused_at) + 1 - %(most)s::int):]

-- name: hear
INSERT INTO wamon.hook_heard (hook, half_hour, first_at, last_at)
SELECT hook, date_bin('30 minutes', now(), timestamptz 'epoch'), now(), now()
FROM unnest(%(hooks)s::text[]) AS new (hook)
ORDER BY hook
ON CONFLICT (hook, half_hour) DO UPDATE SET last_at = excluded.last_at

-- name: person_key
SELECT person_key FROM wamon.instance
