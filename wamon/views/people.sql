-- name: shown
SELECT DISTINCT ON (sender) sender, shown, phone_hashes[1]
FROM wamon.people_shown
WHERE sender = ANY(%(senders)s)
ORDER BY sender, source
