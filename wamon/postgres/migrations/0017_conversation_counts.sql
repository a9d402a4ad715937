-- oldest writer: 6
-- What happened to conversations and has no row of its own, or none any more: a counter of a monitor never goes back.
CREATE TABLE wamon.conversation_counts (
    name text COLLATE "C" PRIMARY KEY,
    n bigint NOT NULL
);
ALTER TABLE wamon.conversation_counts ENABLE ROW LEVEL SECURITY;
