-- name: schema
SELECT max(version) FROM wamon.migrations

-- name: dead
SELECT g.source, count(*)
FROM wamon.ledger_rows AS l
JOIN wamon.groups AS g USING (chat)
WHERE l.status = 'dead'
GROUP BY g.source

-- name: replies
SELECT state, count(*) FROM wamon.replies GROUP BY state
