-- oldest writer: 6
-- What an agent is told of a conversation before: its entries, [{at, role, text, tokens}], the oldest first.
-- conversation_id is a conversation's uid.
CREATE TABLE wamon.agent_contexts (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    conversation_id uuid NOT NULL,
    agent_type text COLLATE "C" NOT NULL DEFAULT 'main',
    context_data jsonb NOT NULL DEFAULT '[]',
    token_count integer NOT NULL DEFAULT 0,
    messages_count integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (conversation_id, agent_type)
);
CREATE INDEX agent_contexts_updated ON wamon.agent_contexts (updated_at) WHERE messages_count > 0;

-- What an agent was asked within one session of a conversation; tokens are added before a call, and set right after it.
CREATE TABLE wamon.agent_sessions (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    conversation_id uuid NOT NULL,
    agent_type text COLLATE "C" NOT NULL DEFAULT 'main',
    session_state text COLLATE "C" NOT NULL DEFAULT 'active'
        CHECK (session_state IN ('active', 'completed', 'failed', 'timeout')),
    started_at timestamptz NOT NULL DEFAULT now(),
    ended_at timestamptz,
    total_messages integer NOT NULL DEFAULT 0,
    total_tokens_used bigint NOT NULL DEFAULT 0,
    error_count integer NOT NULL DEFAULT 0,
    metadata jsonb
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX agent_sessions_active ON wamon.agent_sessions (conversation_id, agent_type)
    WHERE session_state = 'active';
CREATE INDEX agent_sessions_of ON wamon.agent_sessions (conversation_id, started_at);
CREATE INDEX agent_sessions_ended ON wamon.agent_sessions (ended_at);

-- One row for what may be away: after too many failures nobody asks it until `opened_until`, then one probes it.
CREATE TABLE wamon.breakers (
    name text COLLATE "C" PRIMARY KEY,
    failures integer NOT NULL DEFAULT 0,
    first_failure_at timestamptz,
    opened_until timestamptz,
    probe_by uuid,
    probe_until timestamptz
);

-- The owner goes by no policy, and forced ones would make an owner's dump fail.
ALTER TABLE wamon.agent_contexts ENABLE ROW LEVEL SECURITY;
ALTER TABLE wamon.agent_sessions ENABLE ROW LEVEL SECURITY;
ALTER TABLE wamon.breakers ENABLE ROW LEVEL SECURITY;
