"""Turns: what a claim and a finish cost beside one bare UPDATE, how many a second, and what idle conversations take."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING
from uuid import uuid4

import psycopg

from bench.figures import FLOOR, WAMON
from bench.ground import cpu_seconds, say
from bench.subjects import GUARD, IDLE_CPU, TURN, TURNS
from wamon.app.commands import configured
from wamon.clock import Clock
from wamon.conversations.turns import Ended, next_due_seconds
from wamon.conversations.worker import Worker, worker_of
from wamon.postgres.connection import connected, keep_session
from wamon.postgres.migrations import migrate

if TYPE_CHECKING:
    from bench.figures import Figures
    from bench.ground import Ground
    from wamon.config.schema import Config
    from wamon.postgres.connection import Database

_WORKERS = 2
_SINGLE = 300
_IDLE = 100_000
_LOOKS = 200
_SOURCE = """
    INSERT INTO wamon.sources (source) VALUES ('main') ON CONFLICT DO NOTHING;
    INSERT INTO wamon.groups (source, jid, project, tail, start, start_passed, kind)
    VALUES ('main', 'direct', '', 'main', 'beginning', true, 'direct') ON CONFLICT DO NOTHING;
    INSERT INTO wamon.leases (source, holder, host, boot, pid, process_started, expires_at)
    VALUES ('main', '00000000-0000-0000-0000-000000000001', '', '', 0, 0, now() + interval '1 day')
    ON CONFLICT DO NOTHING;
"""
_HOLDER = {"main": "00000000-0000-0000-0000-000000000001"}
_MADE = """
    WITH people AS (
        INSERT INTO wamon.people (account, hash) SELECT 'main', n FROM generate_series(1, %(n)s) AS n RETURNING person
    ), made AS (
        INSERT INTO wamon.conversations (source, chat, person, kind, state, last_seq, burst_at, last_at, due_at,
                                         last_in_at)
        SELECT 'main', (SELECT chat FROM wamon.groups WHERE jid = 'direct'), person, 'direct', %(state)s, %(pending)s,
               now(), now(), CASE WHEN %(pending)s > 0 THEN now() END, now()
        FROM people RETURNING conversation, chat
    )
    INSERT INTO wamon.conversation_messages (chat, message_id, conversation, seq, role, part, sent_at, body)
    SELECT chat, gen_random_uuid()::text, conversation, 1, 'person', 'text', now(), 'hello'
    FROM made WHERE %(pending)s > 0
"""


def measure(ground: Ground, figures: Figures, turns: int) -> None:
    """One after the other, then in sets by as many workers as the floor has, beside as many idle conversations."""
    with ground.database() as dsn:
        config = _config(ground, dsn)
        with connected(dsn) as db:
            migrate(db)
            db.execute(_SOURCE)
            _measure_one_by_one(figures, config, db)
            say(f"{turns:,} turns by {_WORKERS} workers")
            _make(db, turns)
            figures.add(TURNS, WAMON, turns / _seconds_of(lambda _: _work(config, dsn)))
            figures.add(TURNS, FLOOR, turns / _seconds_of(lambda n: _update(dsn, n, turns // _WORKERS)))
            guard = "SELECT percentile_cont(0.95) WITHIN GROUP (ORDER BY guard_ms) FROM wamon.turns"
            figures.add(GUARD, WAMON, *(one for (one,) in db.execute(guard)))
            _measure_idle(figures, db)


def _config(ground: Ground, dsn: str) -> Config:
    path = ground.config(ground.folder / "no-store.db", dsn)
    text = path.read_text("utf-8")
    said = "conversations: {enabled: true, percentage: 100, templates: {fallback: We call back.}}\n"
    path.write_text(text if "conversations:" in text else text + said, "utf-8")
    return configured(path, {})


def _make(db: Database, n: int) -> None:
    db.execute(_MADE, {"n": n, "state": "settling", "pending": 1})
    db.execute("ANALYZE")


def _worker(config: Config, db: Database) -> Worker:
    keep_session(db)
    return worker_of(config, frozenset(), "main", db, uuid4(), Clock())


def _measure_one_by_one(figures: Figures, config: Config, db: Database) -> None:
    say("turns one by one")
    _make(db, 2 * _SINGLE)
    its = _worker(config, db).turns
    update = "UPDATE wamon.conversations SET last_at = now() WHERE conversation = %s"
    for n in range(2 * _SINGLE):
        began = time.perf_counter()
        (turn,) = its.claim(1).turns
        its.finish([Ended(turn, "answered", "We call back.")])
        middle = time.perf_counter()
        db.execute(update, [turn.conversation], prepare=True)
        if n >= _SINGLE:  # by then all is planned
            figures.add(TURN, WAMON, 1000 * (middle - began))
            figures.add(TURN, FLOOR, 1000 * (time.perf_counter() - middle))


def _seconds_of(work: object) -> float:
    began = time.perf_counter()
    with ThreadPoolExecutor(_WORKERS) as pool:
        list(pool.map(work, range(_WORKERS)))  # type: ignore[arg-type]
    return time.perf_counter() - began


def _work(config: Config, dsn: str) -> None:
    with connected(dsn) as db:
        its = _worker(config, db)
        while its.work():
            pass


def _update(dsn: str, which: int, rows: int) -> None:
    with psycopg.connect(dsn, autocommit=True) as db:
        found = db.execute("SELECT conversation FROM wamon.conversations WHERE conversation %% %s = %s LIMIT %s",
                           [_WORKERS, which, rows]).fetchall()  # fmt: skip
        for one in found:
            db.execute("UPDATE wamon.conversations SET last_at = now() WHERE conversation = %s", one, prepare=True)


def _measure_idle(figures: Figures, db: Database) -> None:
    """A second's looks of all workers, at PostgreSQL and here."""
    say(f"looks at {_IDLE:,} idle conversations")
    db.execute(_MADE, {"n": _IDLE, "state": "idle", "pending": 0})
    db.execute("ANALYZE")
    keep_session(db)
    began = cpu_seconds(db.info.backend_pid) + time.process_time()
    for _ in range(_LOOKS):
        next_due_seconds(db, _HOLDER)
    spent = cpu_seconds(db.info.backend_pid) + time.process_time() - began
    figures.add(IDLE_CPU, WAMON, 100 * _WORKERS * spent / _LOOKS)
