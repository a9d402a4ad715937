"""Following events on a connection of its own, which is made anew where it is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wamon.app.database import ledger
from wamon.backoff import pause_seconds
from wamon.errors import DatabaseUnavailable
from wamon.events.stream import POLL_SECONDS, Looks, begin, checked, read
from wamon.events.watch import Watch
from wamon.log import logger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from wamon.clock import Clock
    from wamon.config.schema import Config
    from wamon.events.cursor import Cursor
    from wamon.events.model import Event

_EVENTS_A_TIME = 5_000
"""As many as a row of the log holds at most: each is unpacked once."""
_RESTS = 2
"""After each look while somebody records, so many times as long as that took: who records may want the cores."""
_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 20.0


class Following:
    """Goes through the events from a cursor on, or from the beginning. Where it stands outlives a lost connection."""

    def __init__(self, config: Config, since: Cursor | None, clock: Clock) -> None:
        self._config = config
        self._clock = clock
        self._watch = Watch(clock)
        self._at = since
        self._tries = 0

    def to_the_end(self) -> Iterator[Sequence[Event]]:
        """What there is, some at a time. Raises UnknownCursor, DatabaseUnavailable."""
        with ledger(self._config) as db:
            self._at = checked(db, self._at) if self._at else begin(db)
            while found := read(db, self._at, _EVENTS_A_TIME, to_the_end=True):
                yield found
                self._at = found[-1].cursor
                self._tries = 0

    def for_ever(self, pause: Callable[[float], object]) -> Iterator[Sequence[Event]]:
        """What there is and what comes. `pause` waits so many seconds, and ends it by what it raises.

        Once it has begun, a database that is away is waited for. Raises UnknownCursor; DatabaseUnavailable where it
        couldn't begin.
        """
        while True:
            try:
                yield from self._on_one_connection(pause)
            except DatabaseUnavailable as error:
                if self._at is None:
                    raise
                self._tries += 1
                rest = pause_seconds(self._tries, first=_FIRST_PAUSE_SECONDS, most=_LONGEST_PAUSE_SECONDS)
                logger.warning("%s", error.paragraph(), extra={"action": "events.waiting", "seconds": rest})
                pause(rest)

    def _on_one_connection(self, pause: Callable[[float], object]) -> Iterator[Sequence[Event]]:
        with ledger(self._config) as db:
            self._at = checked(db, self._at) if self._at else begin(db)
            looks = Looks(db)
            while True:
                began_seconds = self._clock.monotonic_seconds()
                self._watch.look(db)
                found = looks.read(self._at, _EVENTS_A_TIME)
                self._tries = 0
                if found:
                    yield found
                    self._at = found[-1].cursor
                    if looks.is_written():
                        pause(_RESTS * (self._clock.monotonic_seconds() - began_seconds))
                else:
                    pause(POLL_SECONDS)
