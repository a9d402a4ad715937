"""What came of bursts, which are what people write until there is quiet. Each counts on the day when it was closed."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from wamon.postgres.connection import UNHURRIED_SECONDS, transaction
from wamon.postgres.queries import Queries

if TYPE_CHECKING:
    from datetime import date

    from wamon.postgres.connection import Database
    from wamon.reports.period import Period

SQL = Queries("wamon.reports", "bursts")


class Bursts(NamedTuple):
    """A project's bursts, of the whole period or a day of it. Times are by PostgreSQL's clock."""

    project: str | None  # None: one-to-one chats of hooks without one
    day: date | None  # None: the whole period
    bursts: int
    answers: int  # bursts with an answer that was sent
    p50_seconds: float | None  # from a burst's first message to its answer's sending; None: nothing was answered
    p95_seconds: float | None
    follow_ups: int  # bursts that came while another was worked
    missed: int  # messages that were looked up because nobody had answered for a while

    @property
    def follow_up_rate(self) -> float:
        return round(self.follow_ups / self.bursts, 3)


def by_project(db: Database, period: Period, project: str | None) -> list[Bursts]:
    """The bursts that were closed in a period: of each whole period, then of each day. What had none is left out."""
    values = {"since": period.since, "until": period.until, "zone": str(period.zone), "project": project}
    with transaction(db, UNHURRIED_SECONDS):
        rows = SQL.run(db, "by_project", **values).fetchall()
    return [_bursts(*row) for row in rows]


def _bursts(
    project: str | None,
    day: date | None,
    bursts: int,
    answers: int,
    seconds: list[float] | None,
    follow_ups: int,
    missed: int,
) -> Bursts:
    p50, p95 = (round(one, 1) for one in seconds) if seconds else (None, None)
    return Bursts(project, day, bursts, answers, p50, p95, follow_ups, missed)
