-- oldest writer: 6
-- Where events go out to, such as a stream of a broker's, and up to which event each of them has acknowledged all.

CREATE TABLE wamon.event_outlets (
    outlet text COLLATE "C" PRIMARY KEY,
    cursor text NOT NULL,
    place bigint GENERATED ALWAYS AS (substring(cursor FROM '^\w+-\d+-(\d+)-\d+b?$')::bigint) STORED,
    element integer GENERATED ALWAYS AS (substring(cursor FROM '-(\d+)b?$')::integer) STORED,
    moved_at timestamptz NOT NULL DEFAULT now(),
    failing_since timestamptz,
    why text
);

ALTER TABLE wamon.event_outlets ENABLE ROW LEVEL SECURITY;
