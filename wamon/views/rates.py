"""Rates: what charts show. Today by hour against usual, 30 days by project, how soon posts are recorded."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Annotated

from wamon.postgres.queries import Queries
from wamon.views.home import Hour, hours, stale_since
from wamon.views.snapshot import Failed, snapshot
from wamon.views.sources import sources

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date
    from zoneinfo import ZoneInfo

    from wamon.postgres.connection import Database

SQL = Queries("wamon.views", "rates")

_DAYS = 30
_TIMES = {"24 h": timedelta(hours=24), "7 d": timedelta(days=7), "30 d": timedelta(days=30)}


@dataclass(frozen=True, slots=True)
class ProjectDays:
    """A project's posts, day by day."""

    project: Annotated[str, "the project's name"]
    posts: Annotated[tuple[int, ...], "posts that count, of each of `days`"]


@dataclass(frozen=True, slots=True)
class Latency:
    """How soon posts were recorded after they were sent."""

    within: Annotated[str, "of which time: `24 h`, `7 d` or `30 d`"]
    posts: Annotated[int, "how many there were"]
    p50_seconds: Annotated[float | None, "half of them at most; null: there were none"]
    p95_seconds: Annotated[float | None, "95 of 100 at most"]
    p99_seconds: Annotated[float | None, "99 of 100 at most"]


@dataclass(frozen=True, slots=True)
class RatesPage:
    """The page `/rates`."""

    at: Annotated[datetime, "the moment that it shows, by the database's clock"]
    zone: Annotated[str, "the zone in which its days and times are"]
    stale: Annotated[datetime | None, "the last sign of life of the source that is down for longest; null: none is"]
    hours: tuple[Hour, ...]
    days: Annotated[tuple[str, ...], "the last 30, such as `2026-11-20`"]
    projects: tuple[ProjectDays, ...]
    latency: tuple[Latency, ...]
    failed: tuple[Failed, ...]


def rates_page(db: Database, zone: ZoneInfo) -> RatesPage:
    """What charts show. Raises DatabaseUnavailable, SchemaError."""
    values = {"zone": str(zone), "days": _DAYS}
    with snapshot(db) as moment:
        known = sources(db)
        days = SQL.rows(db, "days_until_today", str, **values)
        counts = moment.panel(
            "days", lambda db: SQL.run(db, "days", **values).fetchall(), list[tuple[str, "date", int]]()
        )
        latency = [moment.panel(f"latency of {name}", partial(_latency, name=name), None) for name in _TIMES]
    return RatesPage(
        at=moment.at,
        zone=str(zone),
        stale=stale_since(known),
        hours=hours(known),
        days=tuple(days),
        projects=tuple(_projects(counts, days)),
        latency=tuple(filter(None, latency)),
        failed=moment.failed,
    )


def _latency(db: Database, name: str) -> Latency | None:
    ((count, seconds),) = SQL.run(db, "latency", since=_TIMES[name])
    return Latency(name, count, *(round(one, 1) for one in seconds)) if count else Latency(name, 0, None, None, None)


def _projects(counts: Iterable[tuple[str, date, int]], days: Iterable[str]) -> Iterable[ProjectDays]:
    by_project: dict[str, dict[str, int]] = {}
    for project, day, count in counts:
        by_project.setdefault(project, {})[str(day)] = count
    return (ProjectDays(project, tuple(own.get(day, 0) for day in days)) for project, own in by_project.items())
