"""Taking deliveries in beside the passes: it looks once a second.

Each source that hooks feed is worked by one `run`: the one that holds its lease, which the passes hold of the bridge's.
A second one would write nothing wrong, since the fence stands before each recording.
"""

from __future__ import annotations

from contextlib import ExitStack, suppress
from math import inf
from typing import TYPE_CHECKING

from wamon.backoff import pause_seconds
from wamon.daemon.side_tasks import SideTask
from wamon.errors import Busy, Retryable
from wamon.log import logger
from wamon.postgres.leases import Lease, is_held_by

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from wamon.clock import Clock
    from wamon.daemon.passes import Passes
    from wamon.daemon.stopping import Stopping
    from wamon.postgres.connection import Database
    from wamon.webhooks.intake import Intake

_LOOK_SECONDS = 1.0
_RENEW_SECONDS = 15.0
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
            rights = [_Right(db, intake.name, self._passes, self._clock) for intake in intakes]
            for right in rights:
                stack.callback(right.give_up)
            while not stopping.is_set() and not self._passes.lack_a_connection:
                news = [self._look(*one) for one in zip(intakes, rights, strict=True)]
                self._tries, self._told = 0, ""
                if not any(news):
                    stopping.wait(_LOOK_SECONDS)

    def _look(self, intake: Intake, right: _Right) -> bool:
        """Take in a batch of what is due; whether there was something."""
        if not right.is_held():
            return False
        has_rung = intake.rang()
        taken = intake.take_in()
        if has_rung or taken.awaited:
            self._passes.look_again()
        self._passes.posted(jid for jid, _ in taken.counts)
        return taken.events > 0


class _Right:
    """Which of several `run` works on a source: the lease that the passes hold is theirs, any other is taken here."""

    def __init__(self, db: Database, source: str, passes: Passes, clock: Clock) -> None:
        self._db = db
        self._lease = Lease(db, source)
        self._passes = passes
        self._clock = clock
        self._holds = False
        self._look_at_seconds = -inf
        self._is_told = False

    def is_held(self) -> bool:
        if self._passes.source == self._lease.source:
            return is_held_by(self._db, self._lease.source, self._passes.holder or "")
        now_seconds = self._clock.monotonic_seconds()
        if now_seconds >= self._look_at_seconds:
            self._hold()
            self._look_at_seconds = now_seconds + (_RENEW_SECONDS if self._holds else _STANDBY_SECONDS)
        return self._holds

    def _hold(self) -> None:
        try:
            (self._lease.renew if self._holds else self._lease.take)()
        except Busy as error:
            self._holds = False
            self._passes.leases.pop(self._lease.source, None)
            if not self._is_told:
                logger.info("%s This one stands by.", error, extra={"action": "intake.stands_by"})
            self._is_told = True
        else:
            self._holds, self._is_told = True, False
            self._passes.leases[self._lease.source] = self._lease.holder

    def give_up(self) -> None:
        self._passes.leases.pop(self._lease.source, None)
        if self._holds:
            with suppress(Retryable):
                self._lease.release()
