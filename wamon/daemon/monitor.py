"""Looking at health, again and again, whatever else goes on: what arose and what is over is logged, and told.

A database that doesn't answer delays a look, and no pass.
"""

from __future__ import annotations

import pickle
import time
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from wamon.alerts.rules import unnamed
from wamon.daemon.side_tasks import SideTask
from wamon.errors import Busy
from wamon.health.check import Check, State
from wamon.host.memory import give_back
from wamon.log import logger
from wamon.words import amount

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from wamon.daemon.passes import Passes
    from wamon.daemon.stopping import Stopping
    from wamon.errors import WamonError

_LEAST_SECONDS = 60.0
_LARGEST_SHARE = 0.001
"""Of a processor's time, that looking may take: with ten thousand groups a look takes a second or two of it."""

Key = tuple[str, str | None]
"""A check's name, and the JID of the group that it is about, if any."""


class Troubles:
    """The sentence that was logged of each check and group that isn't in order.

    They are kept packed: ten thousand texts, made while a look is at its fullest, would hold the memory around them.
    """

    def __init__(self) -> None:
        self._packed = pickle.dumps({})

    @contextmanager
    def unpacked(self) -> Iterator[dict[Key, str]]:
        """Them, to be changed within the block."""
        troubles: dict[Key, str] = pickle.loads(self._packed)  # noqa: S301 - our own
        yield troubles
        self._packed = pickle.dumps(troubles)


class Monitor(SideTask):
    """`look` finds checks, `take` is given them. `troubles` outlives it: a new config is no news of an old trouble."""

    name = "monitor"

    def __init__(
        self,
        look: Callable[[], Sequence[Check]],
        take: Callable[[Sequence[Check]], None],
        passes: Passes,
        troubles: Troubles,
    ) -> None:
        self._look = look
        self._take = take
        self._passes = passes
        self._troubles = troubles

    def run(self, stopping: Stopping) -> None:
        rest_seconds = 0.0
        while not stopping.wait(rest_seconds):
            began_seconds = time.thread_time()
            self._look_once()
            give_back()
            rest_seconds = max(_LEAST_SECONDS, (time.thread_time() - began_seconds) / _LARGEST_SHARE)

    def _look_once(self) -> None:
        trouble = self._passes.trouble
        checks = list(self._look())
        if isinstance(trouble, Busy):
            checks = [_unseen(check) for check in checks]
        with self._troubles.unpacked() as troubles:
            _log(troubles, checks)
        self._take([*checks, passes_check(trouble)])


def _log(troubles: dict[Key, str], checks: Sequence[Check]) -> None:
    """Tell the log what has become bad or odd since the last look, and what is over."""
    found = {(c.name, c.jid): c for c in checks if c.state in {State.WARN, State.BAD}}
    unknown = {(c.name, c.jid) for c in checks if c.state is State.UNKNOWN}
    arisen = [key for key in found if key not in troubles]
    troubles |= {key: unnamed(found[key].sentence) for key in arisen}
    for name, keys in _by_check(arisen).items():
        said, hint = _told([troubles[key] for key in keys]), found[keys[0]].hint
        logger.warning("%s %s", said, hint, extra={"action": "health", "check": name, "count": len(keys)})
    over = sorted(troubles.keys() - found.keys() - unknown, key=str)
    for name, keys in _by_check(over).items():
        said = _told([troubles[key] for key in keys])
        logger.info("Over: %s", said, extra={"action": "health.over", "check": name, "count": len(keys)})
    for key in over:
        del troubles[key]


def _told(sentences: Sequence[str]) -> str:
    """What is logged of several groups' troubles of one kind: of many the first, and how many more."""
    first, *more = sentences
    return f"{first} The same goes for {amount(len(more), 'more group')}." if more else first


def _by_check(keys: Sequence[Key]) -> dict[str, list[Key]]:
    found: dict[str, list[Key]] = {}
    for key in keys:
        found.setdefault(key[0], []).append(key)
    return found


def _unseen(check: Check) -> Check:
    """For one that stands by: how the bridge and the recording fare is told by the one that works."""
    return replace(check, state=State.UNKNOWN) if check.section in {"bridge", "recording"} else check


def passes_check(trouble: WamonError | None) -> Check:
    """Whether passes end, such as not while PostgreSQL refuses message after message."""
    if trouble is None:
        return Check("recording.passes", State.OK, "Passes end.")
    state = State.UNKNOWN if isinstance(trouble, Busy) else State.BAD
    return Check("recording.passes", state, str(trouble), trouble.hint)
