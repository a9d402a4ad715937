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
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from bench.figures import Figures
    from bench.ground import Command, Ground

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
    """A ledger of a build's, and the store that it was read from."""

    who: str
    build: Command
    messages: int
    dsn: str
    config: Path


def measure(ground: Ground, figures: Figures, messages: int) -> None:
    """Each command over both in turn, since a machine's speed wanders."""
    with ExitStack() as stack:
        ages = [stack.enter_context(_offices(ground, size)) for size in (messages, OLDER * messages)]
        for _ in range(_ROUNDS):
            for offices in ages:
                _look(figures, offices[0])
                for command in LISTS:
                    _run(ground, figures, offices, command)
        for command in OF_ALL_DROPS:
            _run(ground, figures, ages[-1], command)


@contextmanager
def _offices(ground: Ground, messages: int) -> Iterator[list[_Office]]:
    """Each build's, ours first: an older one knows no newer schema."""
    say(f"making a ledger of {messages:,} messages and its store")
    store = ground.folder / f"{messages}-listed.db"
    _write(store, messages)
    with ExitStack() as stack:
        builds = ground.builds().items()
        yield [_office(ground, stack.enter_context(ground.database()), store, messages, *build) for build in builds]
    store.unlink()


def _office(ground: Ground, dsn: str, store: Path, messages: int, who: str, build: Command) -> _Office:
    config = ground.config(store, dsn, _GROUPS)
    measured(*build, "--config", config, "drops", "list")  # which brings the schema up
    office.fill(dsn, messages, _GROUPS, days=messages / _A_DAY)
    place = Store(store).top()
    with psycopg.connect(dsn, autocommit=True) as db:
        db.execute("UPDATE wamon.cursors SET rowid = %s, anchors = %s", (place.rowid, anchors_json(place)))
    return _Office(who, build, messages, dsn, config)


def _write(path: Path, messages: int) -> None:
    """The store of what `office.make` fills a database with."""
    first = int(jid(0).partition("@")[0])
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.executescript(SCHEMA)
        db.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -200000")
        db.execute(_MESSAGES.format(messages=messages, groups=_GROUPS, first=first, a_day=_A_DAY))


def _run(ground: Ground, figures: Figures, offices: Sequence[_Office], command: str) -> None:
    words = command.replace("drops.csv", str(ground.folder / "drops.csv")).split()
    for who, build, messages, _, config in offices:
        done = ground.watched(partial(measured, *build, "--config", config, *words))
        figures.add(listed(command, messages), who, done.cpu_seconds)
        figures.add(listed_peak(command, messages), who, done.peak_mb)


def _look(figures: Figures, one: _Office) -> None:
    """The home page's snapshot."""
    with connected(one.dsn) as db:
        home(db, ZoneInfo("UTC"))
        began = time.process_time() + cpu_seconds(db.info.backend_pid)
        for _ in range(_LOOKS):
            home(db, ZoneInfo("UTC"))
        used = time.process_time() + cpu_seconds(db.info.backend_pid) - began
    figures.add(page_shown(one.messages), WAMON, used / _LOOKS)
