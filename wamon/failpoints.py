"""Named step boundaries at which tests end, break or stop a process: WAMON_FAILPOINT=name:nth:kill|raise|hang.

Unset, as in production, reaching one costs a dictionary look-up.
"""

from __future__ import annotations

import os
import signal
import threading
from collections import Counter
from typing import TYPE_CHECKING

from wamon.errors import ConfigError, Retryable

if TYPE_CHECKING:
    from collections.abc import Mapping

VARIABLE = "WAMON_FAILPOINT"

NAMES = (
    "embedded.initdb",
    "embedded.start",
    "migration.before",
    "migration.applied",
    "migration.committed",
    "state.adopted",
    "groups.joined",
    "pass.begin",
    "bridge.open",
    "bridge.read",
    "bridge.closed",
    "drops.read",
    "record.begin",
    "record.fence",
    "record.known",
    "record.ledger",
    "record.edits",
    "record.submissions",
    "record.review",
    "record.cursor",
    "record.committed",
    "event.parsed",
    "event.claimed",
    "identity.joined",
    "burst.appended",
    "event.recorded",
    "retry.recorded",
    "record.admitted",
    "record.replayed",
    "tail.merged",
    "state.temporary",
    "state.written",
    "state.renamed",
    "pass.end",
    "sweep.page",
    "sweep.gone",
    "sweep.recorded",
    "sweep.orphans",
    "turn.claimed",
    "missed.read",
    "agent.called",
    "agent.answered",
    "turn.finished",
    "turn.committed",
    "turn.parked",
    "turn.reopened",
    "reply.chosen",
    "reply.begun",
    "reply.connected",
    "reply.written",
    "reply.answered",
    "reply.ended",
    "hook.received",
    "hook.verified",
    "hook.inserted",
    "hook.committed",
    "events.base",
    "events.placed",
    "events.acknowledged",
    "embedded.stop",
)
"""In the order in which a first pass meets them."""


class FailpointRaised(Retryable):
    """Raised by a failpoint of the kind `raise`."""


_KEY = os.fsencode(VARIABLE)
_ENVIRON: Mapping[bytes, bytes] = os.environ._data  # type: ignore[attr-defined]  # noqa: SLF001 - as it says of itself
_reached: Counter[str] = Counter()


def failpoint(name: str) -> None:
    """Act if WAMON_FAILPOINT names this boundary and this is its nth time."""
    if _KEY not in _ENVIRON:
        return
    wanted = os.environ[VARIABLE]
    if not wanted:
        return
    target, nth, action = _parse(wanted)
    if name != target:
        return
    _reached[name] += 1
    if _reached[name] == nth:
        _act(name, action)


def _parse(wanted: str) -> tuple[str, int, str]:
    name, _, rest = wanted.partition(":")
    nth, _, action = rest.partition(":")
    if name not in NAMES or not nth.isdecimal() or action not in {"kill", "raise", "hang"}:
        raise ConfigError(
            f"WAMON_FAILPOINT={wanted!r} is not name:nth:kill|raise|hang.",
            hint="`wamon failpoints` lists the names; unset it outside tests.",
        )
    return name, int(nth), action


def hang() -> None:
    """Wait until somebody ends the process."""
    threading.Event().wait()


def _act(name: str, action: str) -> None:
    if action == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if action == "hang":
        hang()
    raise FailpointRaised(f"Failpoint {name} raised, as WAMON_FAILPOINT asked.", hint="Unset it outside tests.")
