"""When the nightly restart is: an hour in the operator's zone, for systemd's timers and, converted, for cron."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING

from wamon.config.fields import timezone
from wamon.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from zoneinfo import ZoneInfo

_DAYS_AHEAD = 370
_TIMER = re.compile(r"^OnCalendar=\*-\*-\* (\d\d:\d\d):00 (\S+)$", re.MULTILINE)
_CRON = re.compile(r"(\d\d:\d\d) in (\S+) is ")


@dataclass(frozen=True, slots=True)
class Schedule:
    """A time of the day, in a zone."""

    at: time
    zone: ZoneInfo

    def __str__(self) -> str:
        return f"{self.at:%H:%M} in {self.zone}"

    @property
    def calendar(self) -> str:
        """As systemd's OnCalendar takes it."""
        return f"*-*-* {self.at:%H:%M}:00 {self.zone}"

    def after(self, now: datetime) -> datetime:
        """The first time after this moment."""
        return next(moment for moment in self._moments(now, 1) if moment > now)

    def before(self, now: datetime) -> datetime:
        """The last time that isn't after this moment."""
        return next(moment for moment in self._moments(now, -1) if moment <= now)

    def _moments(self, now: datetime, step: int) -> Iterator[datetime]:
        today = now.astimezone(self.zone).date()
        for days in range(-1, _DAYS_AHEAD):
            yield datetime.combine(today + timedelta(days=step * days), self.at, self.zone).astimezone(UTC)


@dataclass(frozen=True, slots=True)
class CronTime:
    """A schedule as a host's cron has it, and how far that is right, in a sentence."""

    hour: int
    minute: int
    steady: bool
    sentence: str


NEVER = "never"
"""What an operator says in place of a time, to have no nightly restart."""


def parsed(restart_at: str, zone: str) -> Schedule:
    """The schedule that an operator says. Raises UsageError."""
    if not re.fullmatch(r"([01]?[0-9]|2[0-3]):[0-5][0-9]", restart_at):
        hint = f"Say one such as 03:00, or {NEVER}."
        raise UsageError(f"--restart-at {restart_at!r} is no time of the day.", hint=hint)
    hour, minute = map(int, restart_at.split(":"))
    try:
        return Schedule(time(hour, minute), timezone(zone))
    except ValueError as error:
        raise UsageError(f"--timezone {error}.", hint="Say one such as Africa/Johannesburg.") from None


def of_timer(text: str) -> Schedule | None:
    """The schedule that a timer of ours holds; None where somebody gave it another form."""
    return _of(_TIMER.search(text))


def of_cron(sentence: str) -> Schedule | None:
    """The schedule that such a sentence as CronTime's tells; None where it is another."""
    return _of(_CRON.match(sentence))


def _of(found: re.Match[str] | None) -> Schedule | None:
    if not found:
        return None
    try:
        return parsed(*found.groups())
    except UsageError:
        return None


def on_host(schedule: Schedule, host: ZoneInfo, now: datetime) -> str:
    """The schedule, and when that is on the host's clock, where that shows another time, if only in a season."""
    times = list(dict.fromkeys(f"{moment:%H:%M}" for moment in _year(schedule, host, now)))
    if times == [f"{schedule.at:%H:%M}"]:
        return (
            f"{schedule}" if schedule.zone.key == host.key else f"{schedule}, and the same in {host}, this host's zone"
        )
    others = f", and {' or '.join(times[1:])} when clocks have changed" if times[1:] else ""
    return f"{schedule}, which is {times[0]} in {host}, this host's zone{others}"


def for_cron(schedule: Schedule, host: ZoneInfo, now: datetime) -> CronTime:
    """The schedule on the host's clock. Cron knows no other zone: where the two differ by the season, that is said."""
    days = _year(schedule, host, now)
    times = list(dict.fromkeys(f"{moment:%H:%M}" for moment in days))
    said = f"{schedule} is {times[0]} in {host}"
    if len(times) == 1:
        return CronTime(days[0].hour, days[0].minute, steady=True, sentence=f"{said}, all year.")
    others = " or ".join(times[1:])
    sentence = f"{said} now, but {others} when clocks have changed: install it again then, or use systemd's timer."
    return CronTime(days[0].hour, days[0].minute, steady=False, sentence=sentence)


def _year(schedule: Schedule, host: ZoneInfo, now: datetime) -> list[datetime]:
    """Each night's restart for a year, on the host's clock."""
    return [schedule.after(now + timedelta(days=day)).astimezone(host) for day in range(_DAYS_AHEAD)]
