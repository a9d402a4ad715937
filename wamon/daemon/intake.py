"""Taking deliveries in beside the passes: it looks once a second.

Each source that hooks feed is worked by one `run`: the one that holds its lease, which the passes hold of the bridge's.
A second one would write nothing wrong, since the fence stands before each recording.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from wamon.backoff import pause_seconds
from wamon.daemon.held_lease import HeldLease
from wamon.daemon.side_tasks import SideTask
from wamon.errors import Retryable
from wamon.log import logger
from wamon.postgres.leases import is_held_by

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from wamon.clock import Clock
    from wamon.daemon.passes import Passes
    from wamon.daemon.stopping import Stopping
    from wamon.errors import Busy
    from wamon.postgres.connection import Database
    from wamon.webhooks.intake import Intake

_LOOK_SECONDS = 1.0
_STANDBY_SECONDS = 2.0
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.5, 20.0


class HookIntake(SideTask):
    """Takes in what hooks bring. `opened` gives the intakes, and the connection that they share."""

    name = "intake"

    def __init__(
        self,
        opened: Callable[[], AbstractContextManager[tuple[Database, Sequence[Intake]]]],
        passes: Passes,
        clock: Clock,
    ) -> None:
        self._opened = opened
        self._passes = passes
        self._clock = clock
        self._tries = 0
        self._told = ""

    def run(self, stopping: Stopping) -> None:
        for _ in self._passes.spare_turns(stopping, _STANDBY_SECONDS):
            try:
                self._work(stopping)
            except Retryable as error:
                self._tell(error)
                self._tries += 1
                first, most = _FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS
                stopping.wait(pause_seconds(self._tries, first=first, most=most))

    def _tell(self, error: Retryable) -> None:
        """Log a trouble once, as long as it lasts."""
        if str(error) != self._told:
            self._told = str(error)
            logger.warning("Deliveries wait. %s", error.paragraph(), extra={"action": "intake.waits"})

    def _work(self, stopping: Stopping) -> None:
        """Look again and again, as long as PostgreSQL stays connected and the passes don't lack a connection."""
        with self._opened() as (db, intakes), ExitStack() as stack:
            leases = [_SourcesLease(db, intake.name, self._passes, self._clock) for intake in intakes]
            for lease in leases:
                stack.callback(lease.close)
            while not stopping.is_set() and not self._passes.lack_a_connection:
                news = [self._look(*one) for one in zip(intakes, leases, strict=True)]
                self._tries, self._told = 0, ""
                if not any(news):
                    stopping.wait(_LOOK_SECONDS)

    def _look(self, intake: Intake, lease: _SourcesLease) -> bool:
        """Take in a batch of what is due; whether there was something."""
        if not lease.is_held():
            return False
        has_rung = intake.rang()
        taken = intake.take_in()
        if has_rung or taken.awaited:
            self._passes.look_again()
        self._passes.posted(jid for jid, _ in taken.counts)
        return taken.events > 0


class _SourcesLease(HeldLease):
    """Which of several `run` works on a source: the lease that the passes hold is theirs, any other is taken here."""

    def __init__(self, db: Database, source: str, passes: Passes, clock: Clock) -> None:
        super().__init__(db, source, clock, standby_seconds=_STANDBY_SECONDS)
        self._db = db
        self._source = source
        self._passes = passes
        self._is_told = False

    def is_held(self) -> bool:
        if self._passes.source == self._source:
            return is_held_by(self._db, self._source, self._passes.holder or "")
        return super().is_held()

    def won(self) -> None:
        self._is_told = False
        self._passes.leases[self._source] = self.lease.holder

    def lost(self, error: Busy) -> None:
        self._passes.leases.pop(self._source, None)
        if not self._is_told:
            logger.info("%s This one stands by.", error, extra={"action": "intake.stands_by"})
        self._is_told = True

    def close(self) -> None:
        self._passes.leases.pop(self._source, None)
        super().close()
