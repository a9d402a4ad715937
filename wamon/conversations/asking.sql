-- name: is_off
SELECT coalesce((SELECT agent_off FROM wamon.sources WHERE source = %(source)s), false)
