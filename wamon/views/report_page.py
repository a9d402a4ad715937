"""The daily and weekly report as a page: what `wamon report` sums up, of the database alone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated, NamedTuple

from wamon.reports import period as periods
from wamon.reports import posts
from wamon.reports.report import found
from wamon.reports.report import report as summed
from wamon.views.gaps import Told, told_by_database
from wamon.views.home import stale_since
from wamon.views.people import Published
from wamon.views.report import Report, report
from wamon.views.snapshot import Failed, snapshot
from wamon.views.sources import sources

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from wamon.postgres.connection import Database
    from wamon.reports.period import Period

_KINDS = {"daily": periods.daily, "weekly": periods.weekly}


@dataclass(frozen=True, slots=True)
class ReportPage:
    """The page `/reports`: `report` is what `wamon report --json` prints.

    But for gaps that only the bridge's store tells. It is null where it takes too long for a page.
    """

    at: Annotated[datetime, "the moment that it shows, by the database's clock"]
    zone: Annotated[str, "the zone in which its days and times are"]
    stale: Annotated[datetime | None, "the last sign of life of the source that is down for longest; null: none is"]
    kind: Annotated[str, "`daily` or `weekly`"]
    day: Annotated[str, "the day that was asked for, such as `2026-11-20`"]
    project: Annotated[str | None, "the project that was asked for; null: all"]
    projects: Annotated[tuple[str, ...], "every project that there is"]
    report: Report | None
    failed: tuple[Failed, ...]


class Asked(NamedTuple):
    """Which report is meant; None: what is usual."""

    kind: str | None = None
    day: str | None = None
    project: str | None = None


def report_page(db: Database, zone: ZoneInfo, asked: Asked) -> ReportPage | None:
    """The report that is meant; None where there can't be such. Raises DatabaseUnavailable, SchemaError."""
    people = Published(db)
    with snapshot(db) as moment:
        period = _period(asked, zone, moment.at)
        known, projects = sources(db), posts.projects(db)
        if period is None or asked.project not in {None, *projects}:
            return None
        gaps = moment.panel("gaps", lambda db: told_by_database(db, known, period.since, moment.at, zone), _NO_GAPS)
        answer = moment.panel("report", lambda db: _report(db, period, asked.project, people, gaps), None)
    day = asked.day or moment.at.astimezone(zone).date().isoformat()
    return ReportPage(
        moment.at,
        str(zone),
        stale_since(known),
        period.kind,
        day,
        asked.project,
        tuple(projects),
        answer,
        moment.failed,
    )


def _period(asked: Asked, zone: ZoneInfo, now: datetime) -> Period | None:
    make = _KINDS.get(asked.kind or "daily")
    try:
        day = date.fromisoformat(asked.day) if asked.day else now.astimezone(zone).date()
        return make(day, zone, now) if make and day.year > 1 and day.year < date.max.year else None
    except ValueError:
        return None


_NO_GAPS = Told((), "PostgreSQL took too long.")


def _report(db: Database, period: Period, project: str | None, people: Published, told: Told) -> Report:
    what = found(db, period, project)
    people.learn(what.senders())
    own = [gap for gap in told.gaps if project in {None, gap.group} or gap.group is None]
    return report(summed(period, what, people, own, gaps_unknown=told.unknown))
