"""What is done each time the passes' thread wakes, over one connection to PostgreSQL."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING

from wamon.bridge.doorbell import stamp
from wamon.capture.pipeline import reread_recent
from wamon.capture.scan import admit, catch_up, retry
from wamon.errors import BridgeUnavailable, BridgeUnknown
from wamon.log import logger
from wamon.words import KINDS, amount

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wamon.bridge.doorbell import Stamp
    from wamon.capture.pipeline import Pass, Pipeline
    from wamon.daemon.beats import Bell
    from wamon.daemon.passes import Passes
    from wamon.daemon.side_tasks import Chore, SideThreads
    from wamon.postgres.leases import Lease

BEATS_SECONDS = {"renew": 15.0, "retry": 60.0}
"""Beside `pass` and `recent`, which ring at the config's interval, and the chores' own."""
_COARSE_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Connected:
    """What the daemon holds while PostgreSQL stays connected."""

    pipeline: Pipeline
    lease: Lease


class Rounds:
    """The rounds of one connection, and what the last one saw of the store."""

    def __init__(
        self, connected: Connected, bell: Bell, passes: Passes, side: SideThreads, chores: Sequence[Chore]
    ) -> None:
        self._pipeline = connected.pipeline
        self._lease = connected.lease
        self._bell = bell
        self._passes = passes
        self._side = side
        self._chores = chores
        self._seen: Stamp | None = None
        self._reread: Stamp | None = None
        self._is_fresh = False

    def go_round(self) -> None:
        """Do what is due. The bridge's troubles are told and waited out. Raises Stopped, and PostgreSQL's troubles."""
        self._is_fresh = False
        self._renew_if_due()
        try:
            self._pass()
            if self._bell.rang("retry"):
                retry(self._pipeline)
                admit(self._pipeline)
        except (BridgeUnavailable, BridgeUnknown) as error:
            self._seen = None
            self._passes.hang(error)
            return
        self._pipeline.state.flush_if_due()
        self._begin_chores()

    def soon_seconds(self) -> float:
        """When to go round without being rung for.

        A file's time is coarse: what was written within its last tick is seen by looking once more after it.
        """
        return min(_COARSE_SECONDS if self._is_fresh else inf, self._pipeline.state.due_in_seconds())

    def _renew_if_due(self) -> None:
        if self._bell.rang("renew"):
            self._lease.renew()

    def _pass(self) -> None:
        """Pass over the store where it changed since it was last read, and now and then over its last half hour."""
        pipeline = self._pipeline
        now = stamp(pipeline.store.path)
        if now != self._seen:
            settled = now.settled(int(pipeline.clock.now().timestamp() * 1e9))
            began_seconds = time.monotonic()
            catch_up(pipeline, lambda one: self._after_pass(one, time.monotonic() - began_seconds))
            self._seen = now if settled else None
            self._is_fresh = not settled
        if self._bell.rang("recent") and now != self._reread:
            pipeline.retrying(reread_recent, pipeline)
            self._reread = self._seen
        self._passes.ended(sum(len(pipeline.source.wanted(tail)) for tail in pipeline.source.tails))

    def _after_pass(self, one: Pass, seconds: float) -> None:
        if one.read:
            _log_pass(one, seconds)
            self._bell.ring("replies")
        if not one.complete:
            self._passes.go_on(self._pipeline.store.rows() - one.place.rowid)
            self._renew_if_due()
            self._bell.check()

    def _begin_chores(self) -> None:
        for chore in self._chores:
            if self._bell.rang(chore.name) and chore.is_due(self._pipeline):
                self._side.begin(chore)


def _log_pass(one: Pass, seconds: float) -> None:
    kinds: Counter[str] = Counter()
    for (_, kind), count in one.recorded.counts.items():
        kinds[kind] += count
    if one.near_misses:
        kinds["near-miss"] = one.near_misses
    logger.info(
        "Recorded %s: %s.",
        amount(one.read.total(), "message"),
        _counted(kinds) or "no drop",
        extra={
            "action": "pass",
            "seconds": round(seconds, 4),
            "messages": one.read.total(),
            "message_ids": one.message_ids,
            **kinds,
        },
    )


def _counted(kinds: Counter[str]) -> str:
    """What a pass found, as people read it: `2 new drops, 1 posted again, 1 near miss`."""
    said = [amount(kinds["new"], "new drop")] if kinds["new"] else []
    said += [f"{kinds[kind]:,} {words}" for kind, words in KINDS.items() if kind != "new" and kinds[kind]]
    said += [amount(kinds["near-miss"], "near miss")] if kinds["near-miss"] else []
    return ", ".join(said)
