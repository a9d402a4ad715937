"""Events to a broker, beside the passes: published after their commit, and again until the stream has them.

One `run` of those that have it publishes for all sources of the database: so the events of a drop, which several
sources may post, come in order. Whatever the broker does, nothing else waits for it.
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from wamon.backoff import pause_seconds
from wamon.daemon.held_lease import HeldLease
from wamon.daemon.side_tasks import SideTask
from wamon.errors import Retryable
from wamon.events.nats import Broker
from wamon.events.outlets import Outlet
from wamon.events.stream import POLL_SECONDS
from wamon.events.watch import Watch
from wamon.failpoints import failpoint
from wamon.log import logger

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from wamon.clock import Clock
    from wamon.config.schema import Config
    from wamon.daemon.passes import Passes
    from wamon.daemon.stopping import Stopping
    from wamon.events.nats import NotAcknowledged
    from wamon.postgres.connection import Database

_EVENTS_A_TIME = 5_000
"""As many as a row of the log holds at most, so each is unpacked once; one commit notes that they are acknowledged."""
_EVENTS_BETWEEN_RESTS = 1_000
_STANDBY_SECONDS = 2.0
_FIRST_PAUSE_SECONDS, _SHORT_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.25, 0.5, 2.0
_SHORT_PAUSES = 30
"""After failures of the broker's: a cluster that lost its leader has another within seconds, so they begin short."""
_LONGEST_DATABASE_PAUSE_SECONDS = 20.0
_RESTS, _REST_SECONDS = 20, 0.1
"""After each look, as long as the passes read a long backlog: Python runs one thread at a time, and they go first."""


class EventsOut(SideTask):
    """Publishes what happened, as long as it holds the lease of this outlet. It tries without end."""

    name = "events"
    may_be_cut = True

    def __init__(
        self, config: Config, opened: Callable[[Config], AbstractContextManager[Database]], passes: Passes, clock: Clock
    ) -> None:
        nats = config.events.nats
        self._broker = Broker(nats.url.get_secret_value() if nats.url else "", nats.subject)
        self._outlet = f"nats {nats.subject}"
        self._config = config
        self._opened = opened
        self._passes = passes
        self._clock = clock
        self._watch = Watch(clock)
        self._tries = 0
        self._told = ""

    def run(self, stopping: Stopping) -> None:
        with closing(self._broker):
            for _ in self._passes.spare_turns(stopping, _STANDBY_SECONDS):
                try:
                    self._work(stopping)
                except Retryable as error:
                    self._wait(error, stopping, _LONGEST_DATABASE_PAUSE_SECONDS)

    def _work(self, stopping: Stopping) -> None:
        """Publish as long as PostgreSQL stays connected and the passes don't lack a connection."""
        with (
            self._opened(self._config) as db,
            closing(HeldLease(db, f"events to {self._outlet}", self._clock)) as lease,
        ):
            outlet = Outlet(db, self._outlet)
            while not stopping.is_set() and not self._passes.lack_a_connection:
                if not lease.is_held():
                    stopping.wait(_STANDBY_SECONDS)
                    outlet = Outlet(db, self._outlet)
                    continue
                failure = self._publish(outlet, stopping)
                self._watch.look(db)
                if failure:
                    outlet.fails(str(failure))
                    is_new = self._tries < _SHORT_PAUSES
                    self._wait(failure, stopping, _SHORT_PAUSE_SECONDS if is_new else _LONGEST_PAUSE_SECONDS)

    def _publish(self, outlet: Outlet, stopping: Stopping) -> NotAcknowledged | None:
        """Publish what is new, some of it, or wait for it. Why not all of it was acknowledged."""
        events = outlet.news(_EVENTS_BETWEEN_RESTS if self._passes.are_behind else _EVENTS_A_TIME)
        if not events:
            self._broker.rest()
            stopping.wait(POLL_SECONDS)
            return None
        published = self._broker.publish(events)
        failpoint("events.acknowledged")
        if published.acknowledged:
            outlet.acknowledged(events[published.acknowledged - 1].cursor)
        if published.failure is None:
            self._works()
            self._rest(stopping)
        return published.failure

    def _rest(self, stopping: Stopping) -> None:
        for _ in range(_RESTS):
            if not self._passes.are_behind or stopping.wait(_REST_SECONDS):
                return

    def _wait(self, error: Retryable, stopping: Stopping, most: float) -> None:
        """Log a trouble once, as long as it lasts, and let it pass."""
        if str(error) != self._told:
            self._told = str(error)
            logger.warning("Events wait. %s", error.paragraph(), extra={"action": "events.wait"})
        self._tries += 1
        stopping.wait(pause_seconds(self._tries, first=_FIRST_PAUSE_SECONDS, most=most))

    def _works(self) -> None:
        if self._told:
            logger.info("Events go out again.", extra={"action": "events.work"})
        self._tries, self._told = 0, ""
