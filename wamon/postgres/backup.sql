-- name: has_schema
SELECT to_regnamespace('wamon') IS NOT NULL, to_regclass('wamon.sources') IS NOT NULL

-- name: is_used
SELECT EXISTS (SELECT FROM wamon.sources)

-- name: others_beside
-- Relations in the review table's schema that aren't its own.
SELECT n.nspname, c.relname
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = %(schema)s AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND c.relname <> %(table)s
  AND NOT EXISTS (
      SELECT FROM pg_depend AS d
      WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype IN ('a', 'i')
        AND d.refobjid = to_regclass(quote_ident(%(schema)s) || '.' || quote_ident(%(table)s))
  )
ORDER BY c.relname

-- name: views_upon_us
SELECT DISTINCT v.oid::regclass::text
FROM pg_depend AS d
JOIN pg_rewrite AS r ON d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid
JOIN pg_class AS v ON v.oid = r.ev_class
JOIN pg_class AS t ON d.refclassid = 'pg_class'::regclass AND t.oid = d.refobjid
WHERE t.relnamespace = to_regnamespace('wamon') AND v.relnamespace <> t.relnamespace

-- name: lock_migrations
SELECT pg_advisory_xact_lock(hashtextextended('wamon migrations', 0))

-- name: lock_sources
LOCK TABLE wamon.sources IN ACCESS EXCLUSIVE MODE

-- name: clear
DROP SCHEMA IF EXISTS wamon CASCADE;
CREATE SCHEMA wamon

-- name: is_there
SELECT to_regclass(%(name)s) IS NOT NULL

-- name: oldest_writer
SELECT coalesce(max(oldest_writer), 0) FROM wamon.migrations

-- name: has_submissions
SELECT to_regclass('wamon.submissions') IS NOT NULL

-- name: last_post
-- A message sent at that very moment is known, too.
SELECT least(max(sent_at) + interval '1 microsecond', %(now)s) FROM wamon.submissions

-- name: queue_sweeps
UPDATE wamon.sources SET sweep_due = 'restored from a backup'

-- name: knows_replies
SELECT EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'wamon.sources'::regclass AND attname = 'replies_from')

-- name: answer_nothing_older
UPDATE wamon.sources SET replies_from = %(now)s

-- name: review_kept
INSERT INTO wamon.reviews (review_table, review_from) VALUES (%(table)s, %(known_until)s)
ON CONFLICT (review_table) DO UPDATE SET review_from = greatest(reviews.review_from, EXCLUDED.review_from)
