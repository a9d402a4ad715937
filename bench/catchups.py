"""Catch-ups: whole processes on an empty database, wamon's and the floor's in turn."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import psycopg

from bench.figures import FLOOR, WAMON
from bench.ground import WAMON as COMMAND
from bench.ground import measured, say
from bench.subjects import catch_up, catch_up_with_review, peak

if TYPE_CHECKING:
    from pathlib import Path

    from bench.figures import Figures
    from bench.ground import Ground, Measured


def measure(ground: Ground, figures: Figures, messages: int, rounds: int) -> None:
    """So many rounds; with its review table wamon goes once."""
    store = ground.store(messages)
    for n in range(rounds):
        say(f"catching up with {messages:,}, round {n + 1} of {rounds}")
        with ground.database() as dsn:
            done = scan(ground.config(store, dsn), messages)
            drops = _count(dsn, "wamon.submission_rows")
        figures.add(catch_up(messages), WAMON, messages / done.seconds)
        figures.add(peak(messages), WAMON, done.peak_mb)
        with ground.database() as dsn:
            done = floor(dsn, store, messages)
            _be_equal(drops, _count(dsn, "floor.drops"))
        figures.add(catch_up(messages), FLOOR, messages / done.seconds)
        figures.add(peak(messages), FLOOR, done.peak_mb)
    with ground.database() as dsn:
        done = scan(ground.config(store, dsn, review_table="qa_photo_reviews"), messages)
    figures.add(catch_up_with_review(messages), WAMON, messages / done.seconds)


def scan(config: Path, messages: int) -> Measured:
    """`wamon scan`, which must read that many messages."""
    done = measured(*COMMAND, "--config", config, "scan", "--json")
    _be_equal(json.loads(done.out)["read"], messages)
    return done


def floor(dsn: str, store: Path, messages: int) -> Measured:
    """The floor as a process, which must read that many messages."""
    done = measured(sys.executable, "-m", "bench.floor", dsn, store)
    _be_equal(int(done.out), messages)
    return done


def _count(dsn: str, table: str) -> int:
    with psycopg.connect(dsn) as db:
        return int(db.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0])


def _be_equal(one: int, other: int) -> None:
    if one != other:
        raise AssertionError(f"{one:,} is not {other:,}: who is quicker tells nothing")
