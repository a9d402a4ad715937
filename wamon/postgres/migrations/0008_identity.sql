-- oldest writer: 6
-- Who posted: what the bridge's own account says never updates a review row, also when its number is accepted later.
ALTER TABLE wamon.submission_rows ADD COLUMN from_me boolean NOT NULL DEFAULT false;

-- Which store a source's is: where it stood when it was last taken for that. NULL: nobody looked yet.
ALTER TABLE wamon.sources ADD COLUMN store_path text, ADD COLUMN store_host text;

-- A group's drops follow the name of its project. An older wamon left them under the name that they were recorded under.
UPDATE wamon.submission_rows AS s SET project = g.project
FROM wamon.groups AS g
WHERE g.chat = s.chat AND s.project = ANY(g.former_projects) AND s.project <> g.project;
UPDATE wamon.near_miss_rows AS n SET project = g.project
FROM wamon.groups AS g
WHERE g.chat = n.chat AND n.project = ANY(g.former_projects) AND n.project <> g.project;
UPDATE wamon.groups SET former_projects = '{}' WHERE former_projects <> '{}';
