"""The heartbeat: who expects it notices when this host or wamon is dead, which no alert can say."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from wamon.alerts.channel import Refused
from wamon.alerts.channels import BOUNDS
from wamon.daemon.side_tasks import SideTask
from wamon.errors import Retryable
from wamon.log import logger
from wamon.net.http import request

if TYPE_CHECKING:
    from wamon.daemon.passes import Passes
    from wamon.daemon.stopping import Stopping

_SECONDS_BETWEEN = 60.0


class Heartbeat(SideTask):
    """Asks an address once a minute, as long as passes have ended since it last did. A failure is logged once."""

    name = "heartbeat"
    may_be_cut = True

    def __init__(self, url: str, passes: Passes) -> None:
        self._url = url
        self._passes = passes
        self._fails = False

    def run(self, stopping: Stopping) -> None:
        seen = 0
        while not stopping.is_set():
            count = self._passes.count
            if count != seen:
                seen = count
                self._beat()
            stopping.wait(_SECONDS_BETWEEN)

    def _beat(self) -> None:
        try:
            self._ask()
        except Retryable as error:
            if not self._fails:
                logger.warning(
                    "The heartbeat fails, and is tried again each minute. %s",
                    error.paragraph(),
                    extra={"action": "heartbeat.failed"},
                )
            self._fails = True
        else:
            if self._fails:
                logger.info("The heartbeat works again.", extra={"action": "heartbeat.works"})
            self._fails = False

    def _ask(self) -> None:
        # A monitor often lies in the private network, and nothing of its answer is read.
        answer = request("GET", self._url, None, {}, bounds=BOUNDS, allow_private=True)
        if not 200 <= answer.status < 300:
            host = urlsplit(self._url).hostname
            hint = "Is alerts.heartbeat the address that it shows now? No redirect is followed."
            raise Refused(f"{host} answered with status {answer.status}.", hint=hint)
