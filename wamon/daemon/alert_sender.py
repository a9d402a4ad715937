"""Sending alerts beside the monitor: a webhook that hangs delays no look."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from wamon.daemon.side_tasks import SideTask

if TYPE_CHECKING:
    from wamon.alerts.notifier import Notifier
    from wamon.daemon.stopping import Stopping


class AlertSender(SideTask):
    """Sends what waits each time it is rung for. Without a channel it drops what waits, and has nothing to do."""

    name = "alerts"
    may_be_cut = True

    def __init__(self, notifier: Notifier) -> None:
        self._notifier = notifier
        self._rung = threading.Event()

    def ring(self) -> None:
        """Alerts may wait, or a channel may be tried again. Called from any thread."""
        self._rung.set()

    def run(self, stopping: Stopping) -> None:
        if not self._notifier.config.channels.named:
            self._notifier.send()
            return
        stopping.wakes(self._rung)
        while True:
            self._rung.wait()
            self._rung.clear()
            if stopping.is_set():
                return
            self._notifier.send()
