"""When the suite runs: now, or when `--today` says. And clocks that a test hands in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, time, timedelta

from wamon.clock import Clock

_SINCE_THE_FIRST_MORNING = timedelta(days=2)
"""All that a test makes of its first day is over; and no group is silent for so long (three days) that it is told."""


class Standing(Clock):
    """A clock that stands where a test puts it."""

    def __init__(self, moment: datetime) -> None:
        self.moment = moment

    def now(self) -> datetime:
        return self.moment


class Moved(Clock):
    """Another clock's time, and so much more."""

    def __init__(self, clock: Clock, by: timedelta) -> None:
        self._clock = clock
        self.by = by

    def now(self) -> datetime:
        return self._clock.now() + self.by


HOST = Clock()
"""By which PostgreSQL and files tell the time, wherever the suite's is."""


class _Suite(Moved):
    """The time at which the suite believes to run. It is handed to all that runs in the tests' own process."""

    def __init__(self) -> None:
        super().__init__(HOST, timedelta())
        self.began_at = self.now()

    def begin_at(self, moment: datetime) -> None:
        self.by += moment - self.now()
        self.began_at = moment

    @contextmanager
    def as_hosts(self) -> Iterator[None]:
        """The host's time while the block runs: for what goes by PostgreSQL's clock, which `--today` doesn't move."""
        by, began_at = self.by, self.began_at
        self.begin_at(HOST.now())
        try:
            yield
        finally:
            self.by, self.began_at = by, began_at


CLOCK = _Suite()


def first_morning() -> datetime:
    """When made-up bridges begin: always at the same hour, and always lately. One moment for the whole suite."""
    return datetime.combine(CLOCK.began_at.date(), time(6), UTC) - _SINCE_THE_FIRST_MORNING
