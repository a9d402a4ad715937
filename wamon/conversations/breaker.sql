-- name: open_until
-- Not before then it is asked; no row: at any time.
SELECT greatest(opened_until, probe_until) FROM wamon.breakers WHERE name = %(name)s AND opened_until IS NOT NULL

-- name: probe
UPDATE wamon.breakers SET probe_by = %(me)s, probe_until = now() + %(probe)s::interval
WHERE name = %(name)s AND opened_until <= now() AND coalesce(probe_until <= now(), true)

-- name: fail
-- All right-hand sides see the old row. What was asked before it opened ends after that: it neither shortens nor prolongs
-- what the others wait.
INSERT INTO wamon.breakers AS b (name, failures, first_failure_at, opened_until)
VALUES (%(name)s, 1, now(), now() + %(pause)s::interval)
ON CONFLICT (name) DO UPDATE
SET failures = CASE WHEN b.first_failure_at > now() - %(within)s::interval THEN b.failures + 1 ELSE 1 END,
    first_failure_at = CASE WHEN b.first_failure_at > now() - %(within)s::interval THEN b.first_failure_at ELSE now() END,
    opened_until = CASE
        WHEN %(pause)s::interval IS NOT NULL THEN greatest(b.opened_until, now() + %(pause)s::interval)
        WHEN b.opened_until IS NULL AND b.failures + 1 >= %(most)s AND b.first_failure_at > now() - %(within)s::interval
            OR b.opened_until IS NOT NULL AND b.probe_by = %(me)s
        THEN now() + %(rest)s::interval
        ELSE b.opened_until END,
    probe_by = nullif(b.probe_by, %(me)s),
    probe_until = CASE WHEN b.probe_by = %(me)s THEN NULL ELSE b.probe_until END
RETURNING opened_until

-- name: clear
-- What was asked before it opened says nothing of now.
UPDATE wamon.breakers
SET failures = 0, first_failure_at = NULL, opened_until = NULL, probe_by = NULL, probe_until = NULL
WHERE name = %(name)s AND (failures > 0 OR opened_until IS NOT NULL) AND coalesce(opened_until <= now(), true)
