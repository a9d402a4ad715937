-- oldest writer: 1
-- Which `run` works on a source. What is written is fenced by the cursor's seq, whoever holds the lease.
CREATE TABLE wamon.leases (
    source text COLLATE "C" PRIMARY KEY,
    holder uuid NOT NULL,
    host text NOT NULL,
    boot text NOT NULL,
    pid integer NOT NULL,
    process_started bigint NOT NULL,
    taken_at timestamptz NOT NULL DEFAULT now(),
    renewed_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL
);
