-- name: columns
SELECT a.attname
FROM pg_attribute AS a
WHERE a.attrelid = to_regclass(%(table)s) AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''

-- name: defers
SELECT EXISTS (SELECT FROM pg_constraint WHERE conrelid = to_regclass(%(table)s) AND condeferred)

-- name: told
-- Which of these posts have a row, by their place among them.
SELECT k.n
FROM {} AS i
JOIN unnest(%(projects)s::text[], %(drops)s::text[], %(jids)s::text[], %(sent_ats)s::timestamptz[]) WITH ORDINALITY
     AS k(project, drop_number, jid, sent_at, n)
     ON i.project = k.project AND i.drop_number = k.drop_number AND i.group_jid = k.jid AND i.submitted_at = k.sent_at

-- name: lock_free
SELECT k.n
FROM {} AS i
JOIN unnest(%(projects)s::text[], %(drops)s::text[], %(jids)s::text[], %(sent_ats)s::timestamptz[]) WITH ORDINALITY
     AS k(project, drop_number, jid, sent_at, n)
     ON i.project = k.project AND i.drop_number = k.drop_number AND i.group_jid = k.jid AND i.submitted_at = k.sent_at
FOR UPDATE OF i SKIP LOCKED

-- name: take_back
DELETE FROM {} AS i
USING unnest(%(projects)s::text[], %(drops)s::text[], %(jids)s::text[], %(sent_ats)s::timestamptz[])
      AS k(project, drop_number, jid, sent_at)
WHERE i.project = k.project AND i.drop_number = k.drop_number AND i.group_jid = k.jid AND i.submitted_at = k.sent_at

-- name: rename
UPDATE {} AS i SET project = k.now
FROM unnest(%(jids)s::text[], %(was)s::text[], %(now)s::text[]) AS k(jid, was, now)
WHERE i.project = k.was AND i.group_jid = k.jid
