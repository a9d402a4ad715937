"""Turns: what a claim and a finish cost beside one bare UPDATE, how many a second, and what idle conversations take.

Of a run: how long after its time a burst is claimed, and how soon a killed run's turn is taken over by the next.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from statistics import quantiles
from typing import TYPE_CHECKING, LiteralString
from uuid import uuid4

import psycopg
import yaml

from bench.figures import FLOOR, WAMON
from bench.ground import WAMON as COMMAND
from bench.ground import cpu_seconds, process, say
from bench.subjects import DUE, GUARD, IDLE_CPU, TAKEN_OVER, TURN, TURNS
from wamon.app.configured import configured
from wamon.clock import Clock
from wamon.conversations.turns import Ended, next_due_seconds
from wamon.conversations.worker import Worker, worker_of
from wamon.postgres.connection import connected, keep_session
from wamon.postgres.migrations import migrate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bench.figures import Figures
    from bench.ground import Ground
    from wamon.config.schema import Config
    from wamon.postgres.connection import Database

_WORKERS = 2
_SINGLE = 300
_IDLE = 100_000
_LOOKS = 200
_AHEAD = 300
_TAKEOVERS = 3
_LONGEST_SECONDS = 60.0
_NAME = "wati"  # of a hook, and its source
_SOURCE = """
    INSERT INTO wamon.sources (source) VALUES ('wati') ON CONFLICT DO NOTHING;
    INSERT INTO wamon.groups (source, jid, project, tail, start, start_passed, kind)
    VALUES ('wati', 'direct', '', 'main', 'beginning', true, 'direct') ON CONFLICT DO NOTHING;
"""
_LEASE = """
    INSERT INTO wamon.leases (source, holder, host, boot, pid, process_started, expires_at)
    VALUES ('wati', '00000000-0000-0000-0000-000000000001', '', '', 0, 0, now() + interval '1 day')
"""
_HOLDER = {_NAME: "00000000-0000-0000-0000-000000000001"}
_MADE = """
    WITH people AS (
        INSERT INTO wamon.people (account, hash) SELECT 'wati', n FROM generate_series(1, %(n)s) AS n RETURNING person
    ), made AS (
        INSERT INTO wamon.conversations (source, chat, person, kind, state, last_seq, burst_at, last_at, due_at,
                                         last_in_at, prev_in_at)
        SELECT 'wati', (SELECT chat FROM wamon.groups WHERE jid = 'direct'), person, 'direct', %(state)s, %(pending)s,
               now(), now(),
               CASE WHEN %(pending)s > 0 THEN now() + (%(first)s + random() * %(spread)s) * interval '1 s' END,
               now(), now() - %(silent)s::interval
        FROM people RETURNING conversation, chat
    )
    INSERT INTO wamon.conversation_messages (chat, message_id, conversation, seq, role, part, sent_at, body)
    SELECT chat, gen_random_uuid()::text, conversation, 1, 'person', 'text', now(), 'hello'
    FROM made WHERE %(pending)s > 0
"""
_CLAIMED = "SELECT 1000 * extract(epoch FROM started_at - due_at) FROM wamon.turns"
_TAKEN_OVER = """
    SELECT 1000 * extract(epoch FROM t.started_at - l.taken_at)
    FROM wamon.turns AS t, wamon.leases AS l WHERE t.reason = 'takeover' AND l.source = 'wati'
"""


def measure(ground: Ground, figures: Figures, turns: int) -> None:
    """One after the other, then in sets by as many workers as the floor has, beside as many idle conversations."""
    with ground.database() as dsn:
        config = _config(ground, dsn)
        with connected(dsn) as db:
            migrate(db)
            db.execute(_SOURCE)
            db.execute(_LEASE)
            _measure_one_by_one(figures, config, db)
            say(f"{turns:,} turns by {_WORKERS} workers")
            _make(db, turns)
            figures.add(TURNS, WAMON, turns / _seconds_of(lambda _: _work(config, dsn)))
            figures.add(TURNS, FLOOR, turns / _seconds_of(lambda n: _update(dsn, n, turns // _WORKERS)))
            guard = "SELECT percentile_cont(0.95) WITHIN GROUP (ORDER BY guard_ms) FROM wamon.turns"
            figures.add(GUARD, WAMON, *(one for (one,) in db.execute(guard)))
            _measure_idle(figures, db)
    _measure_run(ground, figures)
    for _ in range(_TAKEOVERS):
        _measure_takeover(ground, figures)


def _config(ground: Ground, dsn: str) -> Config:
    return configured(_config_file(ground, dsn), {})


def _config_file(ground: Ground, dsn: str) -> Path:
    """A config of one hook, whose people are all answered."""
    path = ground.config(ground.folder / "no-store.db", dsn)
    settings = yaml.safe_load(path.read_text("utf-8"))
    settings["bridge"].pop("path")
    settings["hooks"] = [{"name": _NAME, "provider": "wati", "secret": "a-secret-of-the-bench"}]
    settings["conversations"] = {"enabled": True, "percentage": 100, "templates": {"fallback": "We call back."}}
    path.write_text(yaml.safe_dump(settings), "utf-8")
    return path


def _make(db: Database, n: int, *, ahead: int = 0, silent: str = "0 s", state: str = "settling") -> None:
    """So many conversations of people who were silent so long; due now, or so many seconds ahead and more."""
    due = {"pending": int(state != "idle"), "first": ahead, "spread": 2 * ahead}
    db.execute(_MADE, {"n": n, "state": state, "silent": silent, **due})
    db.execute("ANALYZE")


def _worker(config: Config, db: Database) -> Worker:
    keep_session(db)
    return worker_of(config, frozenset(), _NAME, db, uuid4(), Clock())


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
    _make(db, _IDLE, state="idle")
    keep_session(db)
    began = cpu_seconds(db.info.backend_pid) + time.process_time()
    for _ in range(_LOOKS):
        next_due_seconds(db, _HOLDER)
    spent = cpu_seconds(db.info.backend_pid) + time.process_time() - began
    figures.add(IDLE_CPU, WAMON, 100 * _WORKERS * spent / _LOOKS)


@contextmanager
def _prepared(ground: Ground) -> Iterator[tuple[Path, Database]]:
    """The config of an empty database that a `run` may begin with."""
    with ground.database() as dsn:
        config = _config_file(ground, dsn)
        with connected(dsn) as db:
            migrate(db)
            db.execute(_SOURCE)
            yield config, db


def _measure_run(ground: Ground, figures: Figures) -> None:
    """From when a burst is due to its claim, each due two seconds ahead or more."""
    say(f"{_AHEAD} bursts that will be due, in a run")
    with _prepared(ground) as (config, db), process(*COMMAND, "--config", config, "run"):
        _await(db, "SELECT 1 FROM wamon.leases", 1)
        _make(db, _AHEAD, ahead=2)
        figures.add(DUE, WAMON, quantiles(_await(db, _CLAIMED, _AHEAD), n=100)[98])


def _measure_takeover(ground: Ground, figures: Figures) -> None:
    """From when a new run holds the lease to its claim of the turn in which the former was killed."""
    say("a turn of a killed run")
    hang = {"WAMON_FAILPOINT": "missed.read:1:hang"}
    with _prepared(ground) as (config, db):
        _make(db, 1, silent="10 min")
        with process(*COMMAND, "--config", config, "run", environ=hang):
            _await(db, "SELECT 1 FROM wamon.turns WHERE outcome IS NULL", 1)
        with process(*COMMAND, "--config", config, "run"):
            figures.add(TAKEN_OVER, WAMON, *_await(db, _TAKEN_OVER, 1))


def _await(db: Database, asked: LiteralString, rows: int) -> list[float]:
    """What is found once so many rows are. Raises AssertionError after a minute."""
    deadline = time.monotonic() + _LONGEST_SECONDS
    while len(found := db.execute(asked).fetchall()) < rows:
        if time.monotonic() > deadline:
            raise AssertionError(f"{len(found)} of {rows} in {_LONGEST_SECONDS:g} s")
        time.sleep(0.1)
    return [float(value) for (value,) in found]
