"""Looking at health, again and again, whatever else goes on: what arose and what is over is logged, and told.

Two threads of its own: one looks, one sends. A database that doesn't answer delays the first, a webhook that hangs the
second, and neither of them a pass.
"""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from wamon.alerts.rules import unnamed
from wamon.errors import Busy
from wamon.health.check import Check, State
from wamon.host.memory import give_back
from wamon.log import logger, tolerantly

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wamon.errors import WamonError

_LEAST_SECONDS = 60.0
_LARGEST_SHARE = 0.001
"""Of a processor's time, that looking may take: with ten thousand groups a look takes a second or two of it."""


class Lookout:
    """`look` finds checks, `take` is given them, `send` tells people what follows."""

    def __init__(
        self, look: Callable[[], Sequence[Check]], take: Callable[[Sequence[Check]], None], send: Callable[[], None]
    ) -> None:
        self._look = look
        self._take = take
        self._send = send
        self._rung = threading.Event()
        self._taken = threading.Event()
        self._stopping = threading.Event()
        self._troubles: dict[tuple[str, str | None], str] = {}  # the sentence that was told of each
        self.thread = threading.Thread(target=self._look_on, name="look", daemon=True)
        self.degraded: WamonError | None = None  # why no pass ends, as the daemon has it

    def start(self) -> None:
        """Look now, and from now on."""
        self.thread.start()
        # Nobody waits for its end: what was cut while being sent is sent again by the next one.
        threading.Thread(target=self._send_on, name="alerts", daemon=True).start()

    def ring(self) -> None:
        """Look now."""
        self._rung.set()

    def stop(self) -> None:
        """End both threads soon."""
        self._stopping.set()
        self._rung.set()
        self._taken.set()

    def _look_on(self) -> None:
        while not self._stopping.is_set():
            self._rung.clear()
            began_seconds = time.thread_time()
            tolerantly("look", self._look_once)
            give_back()
            spent_seconds = time.thread_time() - began_seconds
            self._taken.set()
            self._rung.wait(max(_LEAST_SECONDS, spent_seconds / _LARGEST_SHARE))

    def _send_on(self) -> None:
        while not self._stopping.is_set():
            self._taken.wait()
            self._taken.clear()
            tolerantly("alerts", self._send)

    def _look_once(self) -> None:
        degraded = self.degraded
        checks = list(self._look())
        if isinstance(degraded, Busy):
            checks = [_unseen(check) for check in checks]
        self._log(checks)
        self._take([*checks, _passes(degraded)])

    def _log(self, checks: Sequence[Check]) -> None:
        """Tell the log what has become bad or odd since the last look, and what is over."""
        found = {(c.name, c.jid): c for c in checks if c.state in {State.WARN, State.BAD}}
        unknown = {(c.name, c.jid) for c in checks if c.state is State.UNKNOWN}
        for key, check in found.items():
            if key not in self._troubles:
                self._troubles[key] = unnamed(check.sentence)
                logger.warning("%s %s", self._troubles[key], check.hint, extra={"action": "health", "check": key[0]})
        for key in self._troubles.keys() - found.keys() - unknown:
            logger.info("Over: %s", self._troubles.pop(key), extra={"action": "health.over", "check": key[0]})


def _unseen(check: Check) -> Check:
    """For one that stands by: how the bridge and the recording fare is told by the one that works."""
    return replace(check, state=State.UNKNOWN) if check.section in {"bridge", "recording"} else check


def _passes(degraded: WamonError | None) -> Check:
    """Whether passes end, such as not while PostgreSQL refuses message after message."""
    if degraded is None:
        return Check("recording.passes", State.OK, "Passes end.")
    state = State.UNKNOWN if isinstance(degraded, Busy) else State.BAD
    return Check("recording.passes", state, str(degraded), degraded.hint)
