-- oldest writer: 6
-- Where events go out to, such as a stream of a broker's, and up to which event each of them has acknowledged all.

CREATE TABLE wamon.event_outlets (
    outlet text COLLATE "C" PRIMARY KEY,
    cursor text NOT NULL,
    place bigint NOT NULL GENERATED ALWAYS AS (split_part(cursor, '-', 3)::bigint) STORED,
    element integer NOT NULL GENERATED ALWAYS AS (rtrim(split_part(cursor, '-', 4), 'b')::integer) STORED,
    moved_at timestamptz NOT NULL DEFAULT now(),
    failing_since timestamptz,
    why text
);

ALTER TABLE wamon.event_outlets ENABLE ROW LEVEL SECURITY;
