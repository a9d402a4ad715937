"""Sending replies as the daemon's side task does, without a daemon."""

from __future__ import annotations

from collections.abc import Callable

from tests.support.clock import CLOCK
from wamon.app.commands import bridge_of
from wamon.app.database import ledger
from wamon.clock import Clock
from wamon.config.schema import Config
from wamon.daemon.reply_sender import ReplySender
from wamon.daemon.stopping import Stopping
from wamon.host.claim import Claim
from wamon.postgres.leases import Lease


class _Unless(Stopping):
    """Set once it doesn't go on."""

    def __init__(self, going: Callable[[], bool]) -> None:
        super().__init__()
        self._going = going

    def is_set(self) -> bool:
        return not self._going()


def reply(config: Config, lease: Lease, going: Callable[[], bool] = lambda: True, clock: Clock = CLOCK) -> None:
    """Send what is due, for as long as it is `going` and this lease is held."""
    task = ReplySender(config, bridge_of(config).name, clock, ledger, lambda: lease.holder, Claim())
    task.run(_Unless(going))
