-- name: add
INSERT INTO wamon.conversation_counts AS c (name, n) VALUES (%(name)s, %(n)s)
ON CONFLICT (name) DO UPDATE SET n = c.n + EXCLUDED.n
