-- name: take_over_by_human
SELECT conversation, uid, state, correlation_id
FROM wamon.conversations WHERE conversation = ANY(%(conversations)s) AND state <> 'merged' ORDER BY conversation FOR UPDATE

-- name: close_for_human
INSERT INTO wamon.turns (conversation, fence, from_seq, through_seq, reason, follow_up, prev_in_at, prev_out_at, due_at,
                         ended_at, outcome, work_ms, correlation_id)
SELECT c.conversation, c.fence + 1, c.answered_seq + 1, c.last_seq, 'due', c.follow_up, c.prev_in_at, c.prev_out_at,
       coalesce(c.due_at, now()), now(), 'human', 0, c.correlation_id
FROM wamon.conversations AS c WHERE c.conversation = ANY(%(conversations)s) AND c.last_seq > c.answered_seq

-- name: leave_to_human
-- What is pending is closed, and whoever works on it is out by the fence. Each message of theirs begins the time anew.
UPDATE wamon.conversations AS c
SET fence = c.fence + 1, answered_seq = c.last_seq, claimed_seq = c.last_seq, attempts = 0, held_by = NULL,
    prev_in_at = CASE WHEN c.last_seq > c.answered_seq THEN NULL ELSE c.prev_in_at END,
    prev_out_at = CASE WHEN c.last_seq > c.answered_seq THEN NULL ELSE c.prev_out_at END,
    follow_up = false, burst_at = NULL, beyond_at = NULL, state = 'human',
    human_until = greatest(c.human_until, coalesce(%(until)s, now() + %(human_for)s::interval)),
    due_at = greatest(c.human_until, coalesce(%(until)s, now() + %(human_for)s::interval))
WHERE c.conversation = ANY(%(conversations)s)

-- name: skip_unsent
UPDATE wamon.replies AS r SET state = 'skipped', reason = 'an operator answered', changed_at = now()
FROM wamon.conversations AS c
WHERE (c.conversation = ANY(%(conversations)s) OR c.merged_into = ANY(%(conversations)s))
  AND r.conversation = c.conversation AND r.state = 'due'
