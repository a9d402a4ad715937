"""What people wait for, over a ledger and one five times as old: history mustn't slow lists, reports and the page.

Both have as many messages a day. A command's work is the CPU that it and PostgreSQL use.
"""

from __future__ import annotations

import sqlite3
import time
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

import psycopg

from bench import office
from bench.figures import WAMON
from bench.ground import cpu_seconds, measured, say
from bench.stores import SCHEMA, jid
from bench.subjects import LISTS, OF_ALL_DROPS, OLDER, listed, listed_peak, page_shown
from wamon.bridge.store import Store
from wamon.ledger.source import anchors_json
from wamon.postgres.connection import connected
from wamon.views.home import home

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bench.figures import Figures
    from bench.ground import Ground

_GROUPS = 40
_A_DAY = 2_000
_ROUNDS = 3
_LOOKS = 20
_MESSAGES = """
    WITH RECURSIVE k(n) AS (SELECT {messages} UNION ALL SELECT n - 1 FROM k WHERE n > 1)
    INSERT INTO messages (id, chat_jid, sender, content, timestamp, is_from_me, media_type)
    SELECT '3EB0' || n, {first} + n % {groups} || '@g.us', '2782' || n % 500,
           CASE WHEN n % 10 < 4 THEN 'DR' || (1000000 + n) WHEN n % 10 < 9 THEN 'ok' ELSE '' END,
           strftime('%Y-%m-%d %H:%M:%S', 'now', -n * 86400 / {a_day} || ' seconds') || '+00:00', 0,
           CASE WHEN n % 10 = 9 THEN 'image' ELSE '' END
    FROM k
"""


class _Office(NamedTuple):
    """A ledger, and the store that it was read from."""

    messages: int
    dsn: str
    config: Path


def measure(ground: Ground, figures: Figures, messages: int) -> None:
    """Each command over both in turn, since a machine's speed wanders."""
    with ExitStack() as stack:
        offices = [stack.enter_context(_office(ground, size)) for size in (messages, OLDER * messages)]
        for _ in range(_ROUNDS):
            for one in offices:
                _look(figures, one)
                for command in LISTS:
                    _run(ground, figures, one, command)
        for command in OF_ALL_DROPS:
            _run(ground, figures, offices[-1], command)


@contextmanager
def _office(ground: Ground, messages: int) -> Iterator[_Office]:
    say(f"making a ledger of {messages:,} messages and its store")
    store = ground.folder / f"{messages}-listed.db"
    _write(store, messages)
    with ground.database() as dsn:
        office.make(dsn, messages, _GROUPS, days=messages / _A_DAY)
        place = Store(store).top()
        with psycopg.connect(dsn, autocommit=True) as db:
            db.execute("UPDATE wamon.cursors SET rowid = %s, anchors = %s", (place.rowid, anchors_json(place)))
        yield _Office(messages, dsn, ground.config(store, dsn, _GROUPS))
    store.unlink()


def _write(path: Path, messages: int) -> None:
    """The store of what `office.make` fills a database with."""
    first = int(jid(0).partition("@")[0])
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.executescript(SCHEMA)
        db.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -200000")
        db.execute(_MESSAGES.format(messages=messages, groups=_GROUPS, first=first, a_day=_A_DAY))


def _run(ground: Ground, figures: Figures, one: _Office, command: str) -> None:
    words: list[str | Path] = [
        "--config",
        one.config,
        *command.replace("drops.csv", str(ground.folder / "drops.csv")).split(),
    ]
    for who, build in ground.builds().items():
        done = ground.watched(partial(measured, *build, *words))
        figures.add(listed(command, one.messages), who, done.cpu_seconds)
        figures.add(listed_peak(command, one.messages), who, done.peak_mb)


def _look(figures: Figures, one: _Office) -> None:
    """The home page's snapshot."""
    with connected(one.dsn) as db:
        home(db, ZoneInfo("UTC"))
        began = time.process_time() + cpu_seconds(db.info.backend_pid)
        for _ in range(_LOOKS):
            home(db, ZoneInfo("UTC"))
        used = time.process_time() + cpu_seconds(db.info.backend_pid) - began
    figures.add(page_shown(one.messages), WAMON, used / _LOOKS)
