"""A database of a large office, made by the server itself: what pages show, without the days of recording it."""

from __future__ import annotations

import psycopg

from bench.ground import settle
from wamon.postgres.connection import connected
from wamon.postgres.migrations import migrate

_PEOPLE = 500
_DAYS = 40
_MADE = """
    INSERT INTO wamon.sources (source) VALUES ('main');
    INSERT INTO wamon.rules (fingerprint) VALUES ('bench');
    INSERT INTO wamon.cursors (source, tail, seq) VALUES ('main', 'main', 1);
    INSERT INTO wamon.groups (source, jid, project, tail, start, start_passed, messages, last_sent_at)
    SELECT 'main', (120363400000000000 + n - 1) || '@g.us', 'Project ' || n - 1, 'main', 'beginning', true,
           {messages} / {groups}, now()
    FROM generate_series(1, {groups}) AS n;
    INSERT INTO wamon.ledger_rows (chat, content_hash, sent_at, rules, message_id, status, sender)
    SELECT 1 + n % {groups}, n, now() - (n::float8 / {messages}) * interval '{days} days', 1, '3EB0' || n,
           CASE WHEN n % 10 < 4 THEN 'done' WHEN n % 100000 = 5 THEN 'dead' ELSE 'ignored' END, '2782' || n % {people}
    FROM generate_series({messages}, 1, -1) AS n;
    INSERT INTO wamon.dead_letters (chat, message_id, reason)
    SELECT chat, message_id, 'refused' FROM wamon.ledger_rows WHERE status = 'dead';
    INSERT INTO wamon.submission_rows (chat, rejected, sent_at, message_id, drop_number, project, sender)
    SELECT l.chat, l.content_hash % 50 = 3, l.sent_at, l.message_id, 'DR' || 1000000 + l.content_hash,
           'Project ' || l.chat - 1, l.sender
    FROM wamon.ledger_rows AS l WHERE l.status = 'done' ORDER BY l.sent_at;
    INSERT INTO wamon.near_miss_rows (chat, sent_at, message_id, written, likely, reason, project, sender)
    SELECT l.chat, l.sent_at, l.message_id, 'RD' || 1000000 + l.content_hash, 'DR' || 1000000 + l.content_hash,
           'turned', 'Project ' || l.chat - 1, l.sender
    FROM wamon.ledger_rows AS l WHERE l.content_hash % 2000 = 7;
    INSERT INTO wamon.people_shown (source, sender, shown) SELECT 'main', '2782' || n, 'Person ' || n
    FROM generate_series(0, {people} - 1) AS n;
    INSERT INTO wamon.source_status (source, host, instance, pid, by, version, zone, started_at, published_at,
                                     every_seconds, state, sentence, checks, store, day, hours, usual_hours)
    VALUES ('main', 'bench', '', 1, 'run', '0', 'UTC', now(), now() + interval '1 hour', 15, 'ok', '', '[]', '{{}}',
            (now() AT TIME ZONE 'UTC')::date, array_fill(400, ARRAY[24]), array_fill(400.0::real, ARRAY[24]));
    INSERT INTO wamon.group_status (chat, rank, state, newest_at, usual_silence_seconds, behind, behind_seconds, day,
                                    new, again, usual, sentence, hint)
    SELECT g.chat, CASE WHEN g.chat % 50 = 0 THEN 1 ELSE 3 END, CASE WHEN g.chat % 50 = 0 THEN 'warn' ELSE 'ok' END,
           now() - g.chat * interval '1 second', 3600, 0, 0, (now() AT TIME ZONE 'UTC')::date, g.chat % 4, g.chat % 2,
           (SELECT array_agg(i / 16.0 ORDER BY i) FROM generate_series(1, 48) AS i)::real[],
           CASE WHEN g.chat % 50 = 0 THEN 'It is silent for 3 h; up to 90 min is usual now.' ELSE '' END, ''
    FROM wamon.groups AS g;
"""


def make(dsn: str, messages: int, groups: int, *, days: float = _DAYS) -> None:
    """Fill an empty database with messages of so many days. What it says it has published holds for an hour."""
    with connected(dsn) as db:
        migrate(db)
    fill(dsn, messages, groups, days=days)


def fill(dsn: str, messages: int, groups: int, *, days: float) -> None:
    """The same of a database that has its schema, be it an older build's."""
    with psycopg.connect(dsn, autocommit=True) as db:
        db.execute(_MADE.format(messages=messages, groups=groups, people=_PEOPLE, days=days).encode())
    settle(dsn)
