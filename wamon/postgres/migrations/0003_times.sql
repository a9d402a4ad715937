-- oldest writer: 1
-- How long a group is usually silent at this hour of the week: the message before a moment, and the one after it.
CREATE INDEX ledger_rows_in_time ON wamon.ledger_rows (chat, sent_at);

-- What was posted today. Rows come nearly in the order of their times, so that this one costs next to nothing.
CREATE INDEX submission_rows_in_time ON wamon.submission_rows USING brin (sent_at);
