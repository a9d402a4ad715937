"""Catch-ups: whole processes on an empty database, wamon's and the floor's in turn."""

from __future__ import annotations

import json
import sys
from functools import partial
from typing import TYPE_CHECKING

import psycopg

from bench.figures import FLOOR
from bench.ground import WAMON as COMMAND
from bench.ground import measured, say
from bench.subjects import GROUPS, catch_up, catch_up_with_review, cpu, cpu_with_review, peak

if TYPE_CHECKING:
    from pathlib import Path

    from bench.figures import Figures
    from bench.ground import Command, Ground, Measured


def measure(ground: Ground, figures: Figures, messages: int, rounds: int) -> None:
    """So many rounds of this build, the one before and the floor; with its review table each build goes once."""
    store = ground.store(messages)
    for n in range(rounds):
        say(f"catching up with {messages:,}, round {n + 1} of {rounds}")
        for who, command in ground.builds().items():
            with ground.database() as dsn:
                done = ground.watched(partial(scan, ground.config(store, dsn), messages, command))
                drops = _count(dsn, "wamon.submission_rows")
            note(figures, who, messages, done)
        with ground.database() as dsn:
            done = ground.watched(partial(floor, dsn, store, messages))
            _be_equal(drops, _count(dsn, "floor.drops"))
        note(figures, FLOOR, messages, done)
    for who, command in ground.builds().items():
        with ground.database() as dsn:
            config = ground.config(store, dsn, review_table="qa_photo_reviews")
            done = ground.watched(partial(scan, config, messages, command))
        figures.add(catch_up_with_review(messages), who, messages / done.seconds)
        figures.add(cpu_with_review(messages), who, done.cpu_seconds / messages * 1e6)


def note(figures: Figures, who: str, messages: int, done: Measured, groups: int = GROUPS) -> None:
    """A catch-up's speed, memory and CPU."""
    figures.add(catch_up(messages, groups), who, messages / done.seconds)
    figures.add(peak(messages, groups), who, done.peak_mb)
    figures.add(cpu(messages, groups), who, done.cpu_seconds / messages * 1e6)


def scan(config: Path, messages: int, command: Command = COMMAND) -> Measured:
    """`wamon scan`, which must read that many messages."""
    done = measured(*command, "--config", config, "scan", "--json")
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
