-- name: instance
SELECT instance_id FROM wamon.instance

-- name: make_link
INSERT INTO wamon.web_links (code_hash, role, expires_at)
VALUES (sha256(%(code)s), %(role)s, now() + make_interval(mins => %(minutes)s))

-- name: use_link
UPDATE wamon.web_links SET used_at = now()
WHERE code_hash = sha256(%(code)s) AND used_at IS NULL AND expires_at > now()
RETURNING role

-- name: begin
INSERT INTO wamon.web_sessions (session_hash, role, expires_at)
VALUES (sha256(%(session)s), %(role)s, now() + make_interval(hours => %(hours)s))

-- name: note_served
UPDATE wamon.instance SET page_served_at = now()

-- name: role_of
SELECT role FROM wamon.web_sessions WHERE session_hash = sha256(%(session)s) AND expires_at > now()

-- name: end
DELETE FROM wamon.web_sessions WHERE session_hash = sha256(%(session)s)
