"""The daemon's passes, in this process: over an unchanged file, with nothing new, with ten rows new."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing, contextmanager
from functools import partial
from typing import TYPE_CHECKING

import psycopg

from bench import catchups, monitor
from bench.figures import BEFORE, FLOOR, MONITOR, WAMON
from bench.floor import Floor
from bench.ground import say
from bench.peers import add_rows
from bench.stores import jid
from bench.subjects import (
    GROUPS,
    bare_query,
    nothing_new,
    others_rows,
    read_again,
    ten_rows,
    unchanged,
)
from wamon.app.configured import configured
from wamon.app.run import plan
from wamon.clock import Clock
from wamon.daemon.beats import Bell
from wamon.daemon.passes import Passes
from wamon.daemon.rounds import Connected, Rounds
from wamon.daemon.side_tasks import SideThreads

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from bench.figures import Figures
    from bench.ground import Ground

_QUICK_ROUNDS = 200
_ROUNDS = 20
_NEWEST = "SELECT max(timestamp) FROM messages WHERE rowid > (SELECT max(rowid) FROM messages) - ?"
_BEYOND = "SELECT rowid, content FROM messages WHERE rowid > ? ORDER BY rowid LIMIT 500"


def measure(ground: Ground, figures: Figures, messages: int, groups: int = GROUPS) -> None:
    """Catch up with a store of that size, then measure passes over it."""
    say(f"passes over {messages:,} messages in {groups:,} groups")
    store = ground.copy(ground.store(messages, groups))
    with ground.database() as dsn, ground.database() as floors:
        config = ground.config(store, dsn, groups)
        done = ground.watched(partial(catchups.scan, config, messages))
        catchups.note(figures, WAMON, messages, done, groups)
        done = ground.watched(partial(catchups.floor, floors, store, messages))
        catchups.note(figures, FLOOR, messages, done, groups)
        _catch_up_before(ground, figures, store, messages, groups)
        _passes(figures, config, store, floors, messages, groups)


def _catch_up_before(ground: Ground, figures: Figures, store: Path, messages: int, groups: int) -> None:
    """The same catch-up by the build before, if there is one. Of four groups it is measured elsewhere, in turn."""
    if groups == GROUPS or (command := ground.builds().get(BEFORE)) is None:
        return
    with ground.database() as dsn:
        done = ground.watched(partial(catchups.scan, ground.config(store, dsn, groups), messages, command))
    catchups.note(figures, BEFORE, messages, done, groups)


def _passes(figures: Figures, config: Path, store: Path, floors: str, messages: int, groups: int) -> None:
    at = messages, groups
    with _passing(config) as (ring, beat), psycopg.connect(floors, autocommit=True) as db:
        floor = Floor(db, store)
        for _ in range(_QUICK_ROUNDS):
            figures.add(bare_query(*at), FLOOR, _ms(lambda: _query(store, messages)))
            figures.add(unchanged(*at), WAMON, _ms(beat))
        for _ in range(_QUICK_ROUNDS):
            os.utime(store)
            figures.add(nothing_new(*at), WAMON, _ms(ring))
            os.utime(store)
            figures.add(read_again(*at), WAMON, _ms(beat))
        for n in range(_ROUNDS):
            _post_elsewhere(store, n)
            figures.add(others_rows(*at), WAMON, _ms(ring))
        for n in range(_ROUNDS):
            add_rows(store, 10, groups, first=10 * n)
            figures.add(ten_rows(*at), WAMON, _ms(ring))
            figures.add(ten_rows(*at), FLOOR, _ms(floor.catch_up))
    since = _newest(store)
    figures.add(unchanged(*at), MONITOR, _ms(lambda: monitor.poll(store, jid(0), since)) * groups)


class _Later(Clock):
    """The host's clock, which can be put later: a stamp is trusted once it has long been the same."""

    later_seconds = 0.0

    def monotonic_seconds(self) -> float:
        return super().monotonic_seconds() + self.later_seconds


@contextmanager
def _passing(config: Path) -> Iterator[tuple[Callable[[], None], Callable[[], None]]]:
    """What the daemon does when the doorbell rings, and at a beat; caught up and settled."""
    clock = _Later()
    whole = plan(lambda: configured(config, {}), clock)
    bell = Bell()
    with whole.session(whole.load()) as connected:
        assert isinstance(connected, Connected)
        rounds = Rounds(connected, bell, Passes(lambda: None), SideThreads(clock), chores=())

        def ring() -> None:
            rounds._pass()  # noqa: SLF001 - this is what is measured

        def beat() -> None:
            bell.ring("recent")
            ring()

        ring()
        clock.later_seconds = 60.0
        ring()
        yield ring, beat


def _query(store: Path, rowid: int) -> None:
    with closing(sqlite3.connect(f"{store.as_uri()}?mode=ro", uri=True)) as db:
        db.execute(_BEYOND, (rowid,)).fetchall()


def _post_elsewhere(store: Path, n: int) -> None:
    with closing(sqlite3.connect(store)) as db, db:
        values = (f"3AEE{n:016X}", jid(10**9), "27820000001", "DR4000000", "2026-01-01 06:00:00+00:00")
        db.execute("INSERT INTO messages (id, chat_jid, sender, content, timestamp) VALUES (?, ?, ?, ?, ?)", values)


def _newest(store: Path) -> str:
    with closing(sqlite3.connect(store)) as db:
        return str(db.execute(_NEWEST, (100,)).fetchone()[0])


def _ms(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return (time.perf_counter() - began) * 1000
