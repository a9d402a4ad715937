-- name: page_is_served
SELECT coalesce(page_served_at > now() - interval '1 day', false) FROM wamon.instance
