"""Looks of pages and of `/metrics` at a large office: what they cost PostgreSQL, and how long the home page's take."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, TypeAlias
from zoneinfo import ZoneInfo

import psycopg

from bench import office
from bench.figures import FLOOR, WAMON
from bench.ground import cpu_seconds, say
from bench.subjects import LOOK_CPU, METRICS_CPU, SNAPSHOT
from wamon.postgres.connection import connected
from wamon.views.figures import figures as look_for_metrics
from wamon.views.home import home

if TYPE_CHECKING:
    from bench.figures import Figures
    from bench.ground import Ground
    from wamon.postgres.connection import Database

MESSAGES = 1_000_000
GROUPS = 10_000
_ROUNDS = 30

_Query: TypeAlias = "tuple[Any, Any]"


def measure(ground: Ground, figures: Figures) -> None:
    """The home page's snapshot in turn with its own queries, sent by hand; then what is looked at for `/metrics`."""
    say(f"looks at {MESSAGES:,} messages in {GROUPS:,} groups")
    with ground.database() as dsn:
        office.make(dsn, MESSAGES, GROUPS)
        with connected(dsn) as db, psycopg.connect(dsn, autocommit=True) as bare:
            _measure_home(figures, db, bare)
            look_for_metrics(db, answers=True)
            began_seconds = cpu_seconds(db.info.backend_pid)
            for _ in range(_ROUNDS):
                look_for_metrics(db, answers=True)
            figures.add(METRICS_CPU, WAMON, 1000 * (cpu_seconds(db.info.backend_pid) - began_seconds) / _ROUNDS)


def _measure_home(figures: Figures, db: Database, bare: psycopg.Connection[Any]) -> None:
    zone = ZoneInfo("UTC")
    queries = _queries(db, zone)
    began_seconds = cpu_seconds(bare.info.backend_pid)
    for _ in range(_ROUNDS):
        began = time.perf_counter()
        home(db, zone)
        figures.add(SNAPSHOT, WAMON, (time.perf_counter() - began) * 1000)
        began = time.perf_counter()
        bare.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL jit = off")
        for sql, values in queries:
            bare.execute(sql, values).fetchall()
        bare.execute("COMMIT")
        figures.add(SNAPSHOT, FLOOR, (time.perf_counter() - began) * 1000)
    figures.add(LOOK_CPU, WAMON, 1000 * (cpu_seconds(bare.info.backend_pid) - began_seconds) / _ROUNDS)


def _queries(db: Database, zone: ZoneInfo) -> list[_Query]:
    """What a snapshot asks, and with which values."""
    asked: list[_Query] = []
    execute = db.execute

    def noted(sql: str, values: object = None) -> object:
        cursor = execute(sql, values)  # type: ignore[call-overload]
        if cursor.description and "set_config" not in sql:
            asked.append((sql, values))
        return cursor

    db.execute = noted  # type: ignore[assignment, method-assign]
    home(db, zone)
    db.execute = execute  # type: ignore[method-assign]
    return asked
