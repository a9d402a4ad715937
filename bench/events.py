"""What it costs that events are followed: a catch-up beside `wamon events --follow`, and an idle machine."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import psycopg

from bench import catchups
from bench.figures import FLOOR, WAMON
from bench.ground import WAMON as COMMAND
from bench.ground import await_row, cpu_seconds, process, say
from bench.subjects import IDLE_FOLLOWER, LAST_LINE, followed
from wamon.postgres.connection import connected
from wamon.postgres.migrations import migrate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import IO

    from bench.figures import Figures
    from bench.ground import Ground

_FOLLOWED = "SELECT FROM pg_trigger WHERE tgname = 'told_answered' AND tgenabled = 'O'"
_TOLD = "SELECT sum(elements) FROM wamon.events_out"
_SERVING = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'wamon'"
_LONGEST_SECONDS = 60.0
_IDLE_SECONDS = 30


def measure(ground: Ground, figures: Figures, messages: int, rounds: int) -> None:
    """Catch up in turn with nobody following and with somebody; then follow where nothing happens."""
    store = ground.store(messages)
    for n in range(rounds):
        say(f"catching up with {messages:,} while events are followed, round {n + 1} of {rounds}")
        for table in (None, "qa_photo_reviews"):
            subject = followed(messages, table)
            with ground.database() as dsn:
                with connected(dsn) as db:
                    migrate(db)  # as who follows has done
                done = catchups.scan(ground.config(store, dsn, review_table=table), messages)
            figures.add(subject, FLOOR, messages / done.seconds)
            with ground.database() as dsn:
                config = ground.config(store, dsn, review_table=table)
                with _following(ground, config, dsn) as lines:
                    done = catchups.scan(config, messages)
                    figures.add(LAST_LINE, WAMON, _seconds_to_the_last(lines, dsn))
            figures.add(subject, WAMON, messages / done.seconds)
    _measure_idle(ground, figures, store)


@contextmanager
def _following(ground: Ground, config: Path, dsn: str) -> Iterator[IO[bytes]]:
    """What `wamon events --follow` prints, as long as the block runs."""
    path = ground.folder / "events.jsonl"
    command = (*COMMAND, "--config", config, "events", "--follow")
    with path.open("wb") as written, process(*command, stdout=written.fileno()), path.open("rb") as lines:
        await_row(dsn, _FOLLOWED)
        yield lines


def _seconds_to_the_last(lines: IO[bytes], dsn: str) -> float:
    """From now until all that happened is printed."""
    began = time.monotonic()
    with psycopg.connect(dsn) as db:
        left = int(db.execute(_TOLD).fetchall()[0][0])
    while left := left - lines.read().count(b"\n"):
        if time.monotonic() > began + _LONGEST_SECONDS:
            raise AssertionError(f"{left:,} events are not printed")
        time.sleep(0.01)
    return time.monotonic() - began


def _measure_idle(ground: Ground, figures: Figures, store: Path) -> None:
    """Its own CPU, and that of the PostgreSQL process that serves it."""
    say("following where nothing happens")
    command = (*COMMAND, "--config")
    with ground.database() as dsn, process(*command, ground.config(store, dsn), "events", "--follow") as follower:
        await_row(dsn, _FOLLOWED)
        with psycopg.connect(dsn, autocommit=True) as db:
            pids = [follower.pid, *(pid for (pid,) in db.execute(_SERVING))]
        began = sum(map(cpu_seconds, pids))
        time.sleep(_IDLE_SECONDS)
        figures.add(IDLE_FOLLOWER, WAMON, 100 * (sum(map(cpu_seconds, pids)) - began) / _IDLE_SECONDS)
