-- name: schema
SELECT max(version) FROM wamon.migrations

-- name: dead
-- Messages, and deliveries or parts of them.
SELECT g.source, count(*)
FROM (
    SELECT chat FROM wamon.ledger_rows WHERE status = 'dead'
    UNION ALL
    SELECT chat FROM wamon.dead_letters WHERE kind = 'event' AND next_try_at IS NULL
) AS dead
JOIN wamon.groups AS g USING (chat)
GROUP BY g.source

-- name: replies
SELECT state, count(*) FROM wamon.replies GROUP BY state

-- name: events
-- Those that wait or are dead have indexes of their own, and all are counted by the smallest there is.
SELECT new, every - new - dead, dead, oldest_seconds
FROM (SELECT count(*) AS new, coalesce(extract(epoch FROM now() - min(received_at)), 0)::float AS oldest_seconds
      FROM wamon.webhook_events WHERE state = 'new') AS waiting,
     (SELECT count(*) AS dead FROM wamon.webhook_events WHERE state = 'dead') AS refused,
     (SELECT count(*) AS every FROM wamon.webhook_events) AS kept

-- name: joins
SELECT count(*) FROM wamon.people WHERE merged_into IS NOT NULL
