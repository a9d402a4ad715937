-- name: posts
-- What each burst says of drop numbers, in the order in which it was said. Submissions are found by their numbers, which
-- the ledger says of a message.
SELECT k.conversation, p.about, p.kind, p.likely
FROM unnest(%(conversations)s::bigint[], %(from_seqs)s::int[], %(through_seqs)s::int[])
     AS k(conversation, from_seq, through_seq)
JOIN wamon.conversation_messages AS m ON m.conversation = k.conversation AND m.seq BETWEEN k.from_seq AND k.through_seq
CROSS JOIN LATERAL (
    SELECT s.drop_number AS about, s.kind, NULL AS likely
    FROM wamon.submissions AS s
    WHERE s.drop_number = ANY(ARRAY(SELECT unnest(l.numbers) FROM wamon.ledger_rows AS l
                                    WHERE l.chat = m.chat AND l.message_id = m.message_id))
      AND s.chat = m.chat AND s.message_id = m.message_id AND s.live
    UNION ALL
    SELECT n.written, 'near-miss', n.likely
    FROM wamon.near_miss_rows AS n WHERE n.chat = m.chat AND n.message_id = m.message_id AND n.live
) AS p
ORDER BY k.conversation, m.sent_at, m.seq, p.about

-- name: first_posts
-- Since when a project's drops are recorded.
SELECT drop_number, first_seen_at FROM wamon.drops WHERE project = %(project)s AND drop_number = ANY(%(numbers)s)
