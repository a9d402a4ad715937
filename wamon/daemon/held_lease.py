"""Which of several `run` does something beside its passes: whoever holds the lease for it, the others standing by."""

from __future__ import annotations

from contextlib import suppress
from math import inf
from typing import TYPE_CHECKING

from wamon.errors import Busy, Retryable
from wamon.postgres.leases import Lease

if TYPE_CHECKING:
    from wamon.clock import Clock
    from wamon.postgres.connection import Database

_RENEW_SECONDS = 15.0


class HeldLease:
    """A lease of this name, as a side task asks for it again and again: it is taken, renewed in time, and let go."""

    def __init__(self, db: Database, name: str, clock: Clock, *, standby_seconds: float = 0.0) -> None:
        self.lease = Lease(db, name)
        self._clock = clock
        self._standby_seconds = standby_seconds
        self._holds = False
        self._look_at_seconds = -inf

    def is_held(self) -> bool:
        """Whether this one does it now. Raises DatabaseUnavailable."""
        now_seconds = self._clock.monotonic_seconds()
        if now_seconds >= self._look_at_seconds:
            try:
                (self.lease.renew if self._holds else self.lease.take)()
            except Busy as error:
                self._holds = False
                self.lost(error)
            else:
                self._holds = True
                self.won()
            self._look_at_seconds = now_seconds + (_RENEW_SECONDS if self._holds else self._standby_seconds)
        return self._holds

    def won(self) -> None:
        """It was taken, or renewed."""

    def lost(self, error: Busy) -> None:
        """Another holds it."""

    def close(self) -> None:
        """Let the next one in at once."""
        if self._holds:
            with suppress(Retryable):
                self.lease.release()
