-- oldest writer: 6
-- One row per source, chat and person: buffer, timer and lock of its conversation. It is pending while last_seq is beyond
-- answered_seq; due_at is when somebody claims it, and in `processing` the lease's end. `fence` counts the claims.
CREATE TABLE wamon.conversations (
    conversation bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    uid uuid NOT NULL UNIQUE DEFAULT gen_random_uuid(),
    source text COLLATE "C" NOT NULL,
    chat integer NOT NULL,
    person bigint NOT NULL,
    kind text COLLATE "C" NOT NULL CHECK (kind IN ('direct', 'group')),
    state text COLLATE "C" NOT NULL DEFAULT 'idle'
        CHECK (state IN ('idle', 'settling', 'processing', 'retry', 'human', 'merged')),
    last_seq integer NOT NULL DEFAULT 0,
    answered_seq integer NOT NULL DEFAULT 0,
    claimed_seq integer NOT NULL DEFAULT 0,
    burst_at timestamptz,
    beyond_at timestamptz,
    last_at timestamptz,
    due_at timestamptz,
    last_in_at timestamptz,
    last_out_at timestamptz,
    prev_in_at timestamptz,
    prev_out_at timestamptz,
    follow_up boolean NOT NULL DEFAULT false,
    fence integer NOT NULL DEFAULT 0,
    held_by uuid,
    attempts integer NOT NULL DEFAULT 0,
    errors integer NOT NULL DEFAULT 0,
    human_until timestamptz,
    merged_into bigint,
    correlation_id uuid,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT conversations_in_order CHECK (answered_seq <= claimed_seq OR state <> 'processing'),
    CONSTRAINT conversations_never_stranded CHECK (state <> 'idle' OR last_seq = answered_seq)
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX conversations_of ON wamon.conversations (source, chat, person);
CREATE INDEX conversations_due ON wamon.conversations (source, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX conversations_merged ON wamon.conversations (merged_into) WHERE merged_into IS NOT NULL;
CREATE INDEX conversations_of_person ON wamon.conversations (person);

-- Each message that a conversation knows. `seq` NULL: it is known, and opens nothing. reopened_at: when somebody had it
-- answered late, from which on its age counts. `body`: of direct chats alone, for
-- as long as conversations.keep_text.
CREATE TABLE wamon.conversation_messages (
    chat integer NOT NULL,
    message_id text COLLATE "C" NOT NULL,
    conversation bigint NOT NULL,
    seq integer,
    role text COLLATE "C" NOT NULL CHECK (role IN ('person', 'operator', 'history')),
    part text COLLATE "C" NOT NULL CHECK (part IN ('text', 'photo', 'voice', 'file', 'drop', 'other')),
    name text,
    sent_at timestamptz NOT NULL,
    seen_at timestamptz NOT NULL DEFAULT now(),
    reopened_at timestamptz,
    body text,
    correlation_id uuid,
    PRIMARY KEY (chat, message_id)
);
CREATE UNIQUE INDEX conversation_messages_in_order ON wamon.conversation_messages (conversation, seq);
CREATE INDEX conversation_messages_sent ON wamon.conversation_messages (conversation, sent_at);
CREATE INDEX conversation_messages_with_body ON wamon.conversation_messages (seen_at) WHERE body IS NOT NULL;
CREATE INDEX conversation_messages_in_time ON wamon.conversation_messages USING brin (seen_at);

-- One try each at answering a burst: its messages from_seq to through_seq. `outcome` NULL: somebody is at it.
CREATE TABLE wamon.turns (
    conversation bigint NOT NULL,
    fence integer NOT NULL,
    from_seq integer NOT NULL,
    through_seq integer NOT NULL,
    reason text COLLATE "C" NOT NULL CHECK (reason IN ('due', 'retry', 'takeover')),
    follow_up boolean NOT NULL DEFAULT false,
    late boolean NOT NULL DEFAULT false,
    prev_in_at timestamptz,
    prev_out_at timestamptz,
    gap_seconds double precision,
    missed integer,
    missed_left_out integer,
    history text COLLATE "C" NOT NULL DEFAULT 'no' CHECK (history IN ('no', 'asked', 'failed')),
    due_at timestamptz NOT NULL,
    started_at timestamptz NOT NULL DEFAULT now(),
    ended_at timestamptz,
    work_ms double precision,
    guard_ms double precision,
    outcome text COLLATE "C" CHECK (outcome IN ('answered', 'silent', 'stale', 'human', 'digest', 'dead', 'failed', 'lost',
                                                'released', 'joined', 'reopened')),
    error text COLLATE "C",
    tokens integer,
    correlation_id uuid,
    PRIMARY KEY (conversation, fence)
);
CREATE INDEX turns_ended ON wamon.turns (ended_at);
CREATE INDEX turns_open ON wamon.turns (conversation) WHERE outcome IS NULL;
CREATE INDEX turns_unanswered ON wamon.turns (ended_at) WHERE outcome IN ('stale', 'dead');

-- Each change of a conversation's state; conversation_id is its uid.
CREATE TABLE wamon.conversation_state_transitions (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    conversation_id uuid NOT NULL,
    from_state text COLLATE "C",
    to_state text COLLATE "C" NOT NULL,
    transition_reason text COLLATE "C" NOT NULL,
    correlation_id uuid,
    metadata jsonb,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX conversation_state_transitions_of ON wamon.conversation_state_transitions (conversation_id, created_at);
CREATE INDEX conversation_state_transitions_correlated ON wamon.conversation_state_transitions (correlation_id);
CREATE INDEX conversation_state_transitions_in_time ON wamon.conversation_state_transitions USING brin (created_at);

-- The outbox holds all that is said: of a submission, of a burst, of several late bursts together. The text of the latter
-- two stands in `body`, and goes with time.
ALTER TABLE wamon.replies
    DROP CONSTRAINT replies_kind_check,
    ADD CONSTRAINT replies_kind_check
        CHECK (kind IN ('new', 'resubmission', 'rejected', 'near-miss', 'burst', 'digest')) NOT VALID,
    ADD COLUMN reply bigint GENERATED ALWAYS AS IDENTITY,
    ADD COLUMN conversation bigint,
    ADD COLUMN through_seq integer,
    ADD COLUMN fence integer,
    ADD COLUMN body text,
    ADD COLUMN deadline timestamptz,
    ADD COLUMN late boolean NOT NULL DEFAULT false,
    ADD COLUMN delivered_at timestamptz,
    ADD COLUMN read_at timestamptz;
CREATE UNIQUE INDEX replies_number ON wamon.replies (reply);
CREATE UNIQUE INDEX replies_of_burst ON wamon.replies (conversation, through_seq) WHERE conversation IS NOT NULL;
CREATE INDEX replies_by_id ON wamon.replies (reply_id) WHERE reply_id IS NOT NULL;
CREATE INDEX replies_with_body ON wamon.replies (changed_at) WHERE body IS NOT NULL;

ALTER TABLE wamon.sources ADD COLUMN agent_off boolean NOT NULL DEFAULT false;

-- The owner goes by no policy, and forced ones would make an owner's dump fail.
ALTER TABLE wamon.conversations ENABLE ROW LEVEL SECURITY;
ALTER TABLE wamon.conversation_messages ENABLE ROW LEVEL SECURITY;
ALTER TABLE wamon.turns ENABLE ROW LEVEL SECURITY;
ALTER TABLE wamon.conversation_state_transitions ENABLE ROW LEVEL SECURITY;
