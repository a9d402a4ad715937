"""From the bridge's commit to a row in PostgreSQL, from outside: a LISTENing client hears of each submission."""

from __future__ import annotations

import time
from contextlib import closing
from random import Random
from statistics import median, quantiles
from typing import TYPE_CHECKING, NamedTuple

import psycopg

from bench.stores import Writer

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_HEARD_WITHIN_SECONDS = 10.0
_PAUSES_SECONDS = (0.05, 0.25)
_TELL = """
    CREATE OR REPLACE FUNCTION bench_tell() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN PERFORM pg_notify('bench', NEW.drop_number); RETURN NULL; END $$;
    CREATE OR REPLACE TRIGGER bench_tell AFTER INSERT ON {} FOR EACH ROW EXECUTE FUNCTION bench_tell();
    LISTEN bench;
"""


class Latency(NamedTuple):
    """Seconds from commit to commit."""

    p50_seconds: float
    p99_seconds: float


def of(seconds: Sequence[float]) -> Latency:
    """That of single posts."""
    return Latency(median(seconds), quantiles(seconds, n=100)[98])


def measure(
    dsn: str,
    store: Path,
    groups: int,
    posts: int,
    *,
    table: str = "wamon.submission_rows",
    first: int = 0,
    pauses_seconds: tuple[float, float] = _PAUSES_SECONDS,
) -> list[float]:
    """Post at random moments while somebody works on the store; how many seconds each took to come to the table.

    `first`: how many were posted before.
    """
    random = Random(first)
    seconds = []
    with closing(Writer(store, groups, first=first)) as writer, psycopg.connect(dsn, autocommit=True) as db:
        db.execute(_TELL.format(table))
        for n in range(first, first + posts):
            time.sleep(random.uniform(*pauses_seconds))
            number = f"DR{8_000_000 + n}"
            writer.post(number)
            posted = time.monotonic()
            heard = next((note.payload for note in db.notifies(timeout=_HEARD_WITHIN_SECONDS, stop_after=1)), None)
            if heard != number:
                raise AssertionError(f"posted {number}, heard of {heard}")
            seconds.append(time.monotonic() - posted)
    return seconds
