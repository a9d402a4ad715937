-- name: shown
SELECT shown FROM wamon.people_shown WHERE sender = %(sender)s ORDER BY source LIMIT 1
