-- oldest writer: 6
-- The few messages that vanished from a store. To look for them went through all of the ledger: 0.2 s a million rows. What
-- is recorded doesn't pay for it, since it has no such time.
CREATE INDEX IF NOT EXISTS ledger_rows_gone ON wamon.ledger_rows (chat, gone_at) WHERE gone_at IS NOT NULL;
