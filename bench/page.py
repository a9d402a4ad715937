"""The page of results: claims first, then every figure."""

from __future__ import annotations

import os
import platform
import sqlite3
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING

import psycopg

from bench.figures import BEFORE, EVERYBODY

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bench.figures import Figures, Subject, Target

_HEAD = """\
# Measured

`make bench` writes this page: {date}, wamon {wamon}, {cores} cores, Python {python}, SQLite {sqlite},
PostgreSQL {postgres} with fsync, made by wamon{peers}.

Every figure comes from one run, on stores that the bench makes from a seed: history of projects' groups, four messages
in ten with a drop number. Absolute times belong to the machine; the ratios are the claim.

The floor is the fastest honest pipeline that we can write: pages by rowid, one pattern, COPY into a staging table, one
upsert and one durable commit a batch, one thread. It keeps no ledger, so it can't tell what it missed, and sees no edit
and no late row. dlt merges messages, and the drops that a transformer finds in them; sling copies rows and finds no
drops. The typical monitor opens a connection for each statement, asks by timestamp and commits each drop; of its
catch-up the beginning was timed, and of its empty pass one group, times groups. A catch-up's CPU is that of all its
processes and of PostgreSQL: unlike a rate it hardly depends on what else the machine does.

## Held against its targets
"""
_EVERY = """
## Every figure

Medians, where a thing was measured several times.
"""
_TARGETS = ("what", "reached", "target", "")
_VERDICTS = {True: "met", False: "**not met**", None: ""}


def page(figures: Figures, targets: Sequence[Target], about: str) -> str:
    """The page as Markdown; `about` is its head."""
    claims = _table(_TARGETS, (row for target in targets if (row := _claim(figures, target))))
    return f"{about}\n{claims}\n{_EVERY}\n{_all(figures)}\n"


def about(dsn: str, peers: Sequence[str]) -> str:
    """The page's head: when, on what, with which versions."""
    with psycopg.connect(dsn) as db:
        postgres = db.execute("SHOW server_version").fetchall()[0][0]
    return _HEAD.format(
        date=f"{datetime.now(UTC):%Y-%m-%d}",
        wamon=version("wamon"),
        cores=os.cpu_count(),
        python=platform.python_version(),
        sqlite=sqlite3.sqlite_version,
        postgres=postgres,
        peers="".join(f", {peer}" for peer in peers),
    )


def _claim(figures: Figures, target: Target) -> tuple[str, ...] | None:
    reached = target.reached(figures)
    if reached is None:
        return None
    bound = "" if target.bound is None else f"{'≥' if target.at_least else '≤'} {_number(target.bound)}"
    return target.what, _number(reached), bound, _VERDICTS[target.is_met(reached)]


def _all(figures: Figures) -> str:
    subjects = list(figures.subjects())
    if not any(figures.gain(subject) for subject in subjects):
        everybody = [who for who in EVERYBODY if who != BEFORE]
        return _table(("what", *everybody), [_line(figures, subject, everybody) for subject in subjects])
    rows = [[*_line(figures, subject, EVERYBODY), _shown(figures.gain(subject))] for subject in subjects]
    return _table(("what", *EVERYBODY, "times as good as before"), rows)


def _line(figures: Figures, subject: Subject, everybody: Sequence[str]) -> list[str]:
    return [f"{subject.what}, {subject.unit}", *(_shown(figures.of(subject, who)) for who in everybody)]


def _shown(value: float | None) -> str:
    return "" if value is None else _number(value)


def _number(value: float) -> str:
    """Three digits that mean something, thousands whole."""
    if value >= 100:
        return f"{float(f'{value:.3g}'):,.0f}"
    return f"{value:.3g}" if value >= 0.001 or value == 0 else f"{value:.5f}"


def _table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heading, ["---", *["---:"] * (len(heading) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
