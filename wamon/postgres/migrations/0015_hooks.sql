-- oldest writer: 6
-- When each hook refused its last deliveries, at most ten of them.
ALTER TABLE wamon.hook_status ADD COLUMN refused_at timestamptz[] NOT NULL DEFAULT '{}';

-- When deliveries came to each hook, by half hours, as `heard` has it of chats.
CREATE TABLE wamon.hook_heard (
    hook text COLLATE "C",
    half_hour timestamptz,
    first_at timestamptz NOT NULL,
    last_at timestamptz NOT NULL,
    PRIMARY KEY (hook, half_hour)
) WITH (fillfactor = 70);
CREATE INDEX webhook_events_dead ON wamon.webhook_events (hook) WHERE state = 'dead';
ALTER TABLE wamon.hook_heard ENABLE ROW LEVEL SECURITY;
