-- name: letters
SELECT g.jid, g.project, d.message_id, l.status, d.reason, d.attempts, d.failed_at, d.next_try_at,
       d.correlation_id::text, l.sent_at, l.sender, l.content_hash
FROM wamon.dead_letters AS d
JOIN wamon.ledger_rows AS l USING (chat, message_id)
JOIN wamon.groups AS g USING (chat)
WHERE g.source = %(source)s
ORDER BY d.failed_at DESC, g.jid, d.message_id

-- name: due
SELECT g.jid, d.message_id, d.correlation_id::text
FROM wamon.dead_letters AS d
JOIN wamon.groups AS g USING (chat)
WHERE g.source = %(source)s AND g.enabled AND d.next_try_at <= now()
ORDER BY d.next_try_at
LIMIT 500
