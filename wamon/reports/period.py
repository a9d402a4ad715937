"""The day or week of a report: whole days of the configured zone, also where its clocks change."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from datetime import date
    from zoneinfo import ZoneInfo


Kind = Literal["daily", "weekly"]


@dataclass(frozen=True, slots=True)
class Period:
    """Days of a zone. `now` cuts off what hasn't happened yet."""

    kind: Kind
    first: date
    days: int
    zone: ZoneInfo
    now: datetime

    @property
    def since(self) -> datetime:
        return self._midnight(self.first)

    @property
    def until(self) -> datetime:
        """The end, which is not within."""
        return self._midnight(self.first + timedelta(days=self.days))

    @property
    def is_over(self) -> bool:
        return self.until <= self.now

    @property
    def is_ahead(self) -> bool:
        return self.since > self.now

    @property
    def last(self) -> date:
        return self.first + timedelta(days=self.days - 1)

    def before(self) -> tuple[datetime, datetime]:
        """The same a week before; where it isn't over, only up to the same time of the day."""
        week = timedelta(weeks=1)
        if self.is_over or self.is_ahead:
            return self._midnight(self.first - week), self._midnight(self.last + timedelta(days=1) - week)
        wall = self.now.astimezone(self.zone).replace(tzinfo=None) - week
        return self._midnight(self.first - week), wall.replace(tzinfo=self.zone).astimezone(UTC)

    def _midnight(self, day: date) -> datetime:
        return datetime.combine(day, time(), self.zone).astimezone(UTC)

    def __str__(self) -> str:
        if self.kind == "daily":
            return f"{self.first:%A} {self.first.day} {self.first:%B %Y}"
        return f"{self.first.day} {self.first:%B} to {self.last.day} {self.last:%B %Y}"


def daily(day: date, zone: ZoneInfo, now: datetime) -> Period:
    """One day."""
    return Period("daily", day, 1, zone, now)


def weekly(day: date, zone: ZoneInfo, now: datetime) -> Period:
    """The week from Monday to Sunday that holds this day."""
    return Period("weekly", day - timedelta(days=day.weekday()), 7, zone, now)


def last_over(kind: Kind, at: time, zone: ZoneInfo, now: datetime) -> Period:
    """The last day, or week, that was over when clocks there last showed this time, of a week on a Monday."""
    wall = now.astimezone(zone)
    day = wall.date() - timedelta(days=0 if wall.time() >= at else 1)
    return daily(day - timedelta(days=1), zone, now) if kind == "daily" else weekly(day - timedelta(days=7), zone, now)
