-- name: reserve
-- One session of a conversation is active. The turn holds its own tokens, so that both can be compared.
WITH of_turn AS (
    UPDATE wamon.turns SET tokens = coalesce(tokens, 0) + %(tokens)s
    WHERE conversation = %(conversation)s AND fence = %(fence)s
)
INSERT INTO wamon.agent_sessions AS s (conversation_id, total_tokens_used) VALUES (%(uid)s, %(tokens)s)
ON CONFLICT (conversation_id, agent_type) WHERE session_state = 'active'
DO UPDATE SET total_tokens_used = s.total_tokens_used + EXCLUDED.total_tokens_used
RETURNING s.id

-- name: settle
WITH of_turn AS (
    UPDATE wamon.turns SET tokens = tokens + %(more)s
    WHERE conversation = %(conversation)s AND fence = %(fence)s
)
UPDATE wamon.agent_sessions
SET total_tokens_used = total_tokens_used + %(more)s, total_messages = total_messages + %(messages)s,
    error_count = error_count + %(errors)s
WHERE id = %(session)s

-- name: give_up
UPDATE wamon.agent_sessions SET session_state = %(state)s, ended_at = now()
WHERE conversation_id = %(uid)s AND session_state = 'active'

-- name: complete
-- Nobody wrote, and nothing was said, for a day.
UPDATE wamon.agent_sessions AS s SET session_state = 'completed', ended_at = now()
WHERE s.session_state = 'active' AND s.started_at < now() - %(idle)s::interval
  AND NOT EXISTS (
      SELECT FROM wamon.conversations AS c
      WHERE c.uid = s.conversation_id AND greatest(c.last_at, c.last_out_at) >= now() - %(idle)s::interval
  )
