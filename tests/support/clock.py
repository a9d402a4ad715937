"""When the suite runs: now, or when `--today` says."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

from wamon.clock import Clock

_DAYS_SINCE_THE_FIRST_MORNING = timedelta(days=2)
"""All that a test makes of its first day is over; and no group is silent for so long (three days) that it is told."""


class Moved(Clock):
    """The host's clock, moved to where the suite begins. It is handed to all that runs in the tests' own process."""

    def __init__(self) -> None:
        self._by = timedelta()
        self.began_at = self.now()

    def begin_at(self, moment: datetime) -> None:
        self._by = moment - super().now()
        self.began_at = moment

    def now(self) -> datetime:
        return super().now() + self._by


CLOCK = Moved()


def first_morning() -> datetime:
    """When made-up bridges begin: always at the same hour, and always lately. One moment for the whole suite."""
    return datetime.combine(CLOCK.began_at.date(), time(6), UTC) - _DAYS_SINCE_THE_FIRST_MORNING
