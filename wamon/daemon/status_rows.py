"""Publishing how things are, for a page that knows PostgreSQL alone: a sign of life each fifteen seconds, the counts of
a group within a second of its posts. It has a connection of its own, and delays no pass.
"""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, NamedTuple

from wamon.daemon.monitor import passes_check
from wamon.daemon.published import EVERY_SECONDS, Look, Publisher
from wamon.daemon.side_tasks import SideTask
from wamon.daemon.stopping import Stopped
from wamon.errors import Retryable
from wamon.health.facts import Subject
from wamon.log import log_failure

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime

    from wamon.clock import Clock
    from wamon.config.schema import Config
    from wamon.daemon.passes import Passes
    from wamon.daemon.stopping import Stopping
    from wamon.health.check import Check
    from wamon.postgres.connection import Database
    from wamon.service.checks import Restarts
    from wamon.views.alerts import Alerts

_SECONDS_BETWEEN_TRIES = 5.0
_SECONDS_BETWEEN_PORTIONS = 0.05
_STANDBY_SECONDS = 1.0
"""While this daemon holds no lease, its looks are news that nobody takes."""
_REST = 5
"""Times as long as the last counting took, so that a backlog's catching up isn't slowed by counting it."""
_LONGEST_REST_SECONDS = 0.5


class _Taken(NamedTuple):
    """What is published of a look."""

    checks: Sequence[Check]
    store: dict[str, object]
    portions: Sequence[bytes]  # of its groups, pickled


class StatusRows(SideTask):
    """Publishes one config's source for as long as its passes hold the lease. `take` is given each look at health."""

    name = "status rows"

    def __init__(
        self,
        config: Config,
        clock: Clock,
        passes: Passes,
        ledger: Callable[[Config], AbstractContextManager[Database]],
        started_at: datetime,
        restarts: Callable[[], Restarts],
        more_checks: Callable[[], Sequence[Check]],
        alerts: Callable[[], Alerts | None],
    ) -> None:
        self._config = config
        self._clock = clock
        self._passes = passes
        self._ledger = ledger
        self._started_at = started_at
        self._restarts = restarts
        self._more_checks = more_checks
        self._alerts = alerts
        self._look: _Taken | None = None  # the last one, until it is published
        self._checks: Sequence[Check] = ()
        self._store: dict[str, object] = {}
        self._failure: str | None = None

    def take(self, look: Look) -> None:
        """A new look, from the monitor's thread. What is published of it is kept: of many groups the rest is large."""
        self._look = _Taken(tuple(look.checks), look.store(), [pickle.dumps(some) for some in look.portions()])
        self._passes.news.set()

    def run(self, stopping: Stopping) -> None:
        stopping.wakes(self._passes.news)
        for _ in self._passes.spare_turns(stopping, _SECONDS_BETWEEN_TRIES):
            try:
                with self._ledger(self._config) as db:
                    self._serve(db, stopping)
            except Stopped:
                return
            except Retryable as error:
                if self._passes.trouble is None:  # else the passes have said it
                    self._failure = log_failure(self.name, error, unless=self._failure)
                stopping.wait(_SECONDS_BETWEEN_TRIES)

    def _serve(self, db: Database, stopping: Stopping) -> None:
        """Publish until the end, on one connection, or until the passes lack theirs."""
        publisher = None
        while not stopping.is_set() and not self._passes.lack_a_connection:
            rest_seconds = _STANDBY_SECONDS
            if holder := self._passes.holder:
                if publisher is None or publisher.holder != holder or publisher.day != publisher.today().day:
                    publisher = self._publisher(db, holder)
                    self._begin_day(publisher, stopping)
                rest_seconds = self._go_round(publisher)
            if not stopping.wait(rest_seconds):
                self._passes.news.wait(EVERY_SECONDS - rest_seconds)
        if self._passes.is_ending and publisher:
            publisher.stop(self._restarts())

    def _publisher(self, db: Database, holder: str) -> Publisher:
        subject = Subject(self._config, None, self._config.source, self._clock)
        return Publisher(db, subject, self._started_at, self._restarts(), holder)

    def _begin_day(self, publisher: Publisher, stopping: Stopping) -> None:
        publisher.begin_day()
        self._sign(publisher)
        publisher.put_usual(lambda: stopping.pause(_SECONDS_BETWEEN_PORTIONS))
        publisher.show_people()

    def _go_round(self, publisher: Publisher) -> float:
        """Publish what is new; for how many seconds to rest."""
        began_seconds = self._clock.monotonic_seconds()
        if posted := self._passes.take_posted():
            publisher.count(posted)
        look, self._look = self._look, None
        if look is not None:
            publisher.judge(map(pickle.loads, look.portions))
            self._checks, self._store = (*look.checks, *self._more_checks()), look.store
        if not posted:
            publisher.count_if_moved()
        self._sign(publisher)
        took_seconds = self._clock.monotonic_seconds() - began_seconds
        return min(_REST * took_seconds, _LONGEST_REST_SECONDS)

    def _sign(self, publisher: Publisher) -> None:
        publisher.sign([*self._checks, passes_check(self._passes.trouble)], self._store, self._alerts())
