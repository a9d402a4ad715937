-- name: sent_before
-- A clock that jumps ahead erases nothing: today is at most a week after the newest message.
SELECT least(now(), max(last_sent_at) + interval '7 days') - %(keep)s::interval
FROM wamon.heard WHERE last_sent_at <= now()

-- name: prune_sign_ins
WITH links AS (DELETE FROM wamon.web_links WHERE expires_at < now())
DELETE FROM wamon.web_sessions WHERE expires_at < now()

-- name: newest_recorded
SELECT max(last_sent_at) FROM wamon.groups WHERE last_sent_at <= now()

-- name: keep_since
-- As sent_before.
SELECT least(now(), %(newest)s::timestamptz + interval '7 days') - %(keep)s::interval

-- name: prune_ledger
UPDATE wamon.ledger_rows SET text = NULL
WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM wamon.ledger_rows WHERE text IS NOT NULL AND coalesce(sent_at, seen_at) < %(sent_before)s LIMIT 5000
))

-- name: prune_near_misses
DELETE FROM wamon.near_miss_rows
WHERE ctid = ANY(ARRAY(SELECT ctid FROM wamon.near_miss_rows WHERE sent_at < %(sent_before)s LIMIT 5000))

-- name: prune_revisions
UPDATE wamon.revisions SET text = NULL
WHERE ctid = ANY(ARRAY(
    SELECT r.ctid FROM wamon.revisions AS r LEFT JOIN wamon.ledger_rows AS l USING (chat, message_id)
    WHERE r.text IS NOT NULL AND coalesce(l.sent_at, r.replaced_at) < %(sent_before)s LIMIT 5000
))
