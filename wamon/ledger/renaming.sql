-- name: rename
UPDATE wamon.groups SET project = %(now)s WHERE chat = %(chat)s

-- name: carry_submissions
UPDATE wamon.submission_rows SET project = %(now)s WHERE chat = %(chat)s AND project = %(was)s

-- name: carry_near_misses
UPDATE wamon.near_miss_rows SET project = %(now)s WHERE chat = %(chat)s AND project = %(was)s

-- name: carry_replies
UPDATE wamon.replies SET project = %(now)s WHERE chat = %(chat)s AND project = %(was)s

-- name: kept
SELECT DISTINCT project FROM wamon.groups WHERE project = ANY(%(names)s)

-- name: carry_list
WITH begun AS (
    INSERT INTO wamon.allow_lists (project, imported_at)
    SELECT %(now)s, imported_at FROM wamon.allow_lists WHERE project = %(was)s
    ON CONFLICT DO NOTHING
    RETURNING project
)
SELECT EXISTS (SELECT FROM begun)

-- name: carry_numbers
UPDATE wamon.allowed_numbers SET project = %(now)s WHERE project = %(was)s

-- name: end_list
DELETE FROM wamon.allow_lists WHERE project = %(was)s
