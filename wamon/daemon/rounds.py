"""What is done each time the passes' thread wakes, over one connection to PostgreSQL."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wamon.bridge.stamp import StoreFile, Trust
from wamon.capture.groups import follow_names
from wamon.capture.pipeline import reread_recent
from wamon.capture.scan import admit, catch_up, retry
from wamon.errors import BridgeUnavailable, BridgeUnknown
from wamon.log import logger
from wamon.words import KINDS, amount

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wamon.bridge.stamp import Stamp
    from wamon.capture.pipeline import Pass, Pipeline
    from wamon.daemon.beats import Bell
    from wamon.daemon.passes import Passes
    from wamon.daemon.side_tasks import Chore, SideThreads
    from wamon.ledger.changes import Recorded
    from wamon.postgres.leases import Lease

BEATS_SECONDS = {"renew": 15.0, "retry": 60.0}
"""Beside `pass` and `recent`, which ring at the config's interval, and the chores' own."""


@dataclass(frozen=True, slots=True)
class Connected:
    """What the daemon holds while PostgreSQL stays connected."""

    pipeline: Pipeline
    lease: Lease


@dataclass(frozen=True, slots=True)
class WithoutStore:
    """What the daemon holds where no store is read: the lease of a source that hooks feed."""

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
        self._store_file = StoreFile(connected.pipeline.store.path)
        self._trust = Trust(connected.pipeline.clock.monotonic_seconds)
        self._reread: Stamp | None = None

    def go_round(self) -> None:
        """Do what is due. The bridge's troubles are told and waited out. Raises Stopped, and PostgreSQL's troubles."""
        self._renew_if_due()
        try:
            self._pass()
            if self._bell.rang("retry"):
                self._follow_names()
                self._tell_posted(retry(self._pipeline))
                self._tell_posted(admit(self._pipeline))
                self._trust.doubt()
        except (BridgeUnavailable, BridgeUnknown) as error:
            self._trust.lose()
            self._passes.hang(error)
            return
        self._pipeline.state.flush_if_due()
        self._begin_chores()

    def _follow_names(self) -> None:
        pipeline = self._pipeline
        pipeline.retrying(follow_names, pipeline.source, pipeline.review, pipeline.projects)

    def soon_seconds(self) -> float:
        """When to go round without being rung for."""
        return min(self._trust.soon_seconds(), self._pipeline.state.due_in_seconds())

    def _renew_if_due(self) -> None:
        if self._bell.rang("renew"):
            self._lease.renew()

    def _pass(self) -> None:
        """Pass over the store where it may have changed; now and then over its last half hour."""
        pipeline, monotonic_seconds = self._pipeline, self._pipeline.clock.monotonic_seconds
        if self._bell.rang("news"):
            self._trust.doubt()
        now = self._store_file.stamp()
        if self._trust.needs_read(now):
            began_seconds = monotonic_seconds()
            catch_up(pipeline, lambda one: self._after_pass(one, monotonic_seconds() - began_seconds))
        if self._bell.rang("recent") and now != self._reread:
            self._tell_posted(pipeline.retrying(reread_recent, pipeline))
            self._reread = now if self._trust.is_earned else None
        self._passes.ended(sum(len(pipeline.source.wanted(tail)) for tail in pipeline.source.tails))

    def _after_pass(self, one: Pass, seconds: float) -> None:
        self._tell_posted(one.recorded)
        if one.near_misses:
            self._passes.posted(one.read)
        if one.read:
            _log_pass(one, seconds)
            self._bell.ring("replies")
        if not one.complete:
            self._passes.go_on(self._pipeline.store.rows() - one.place.rowid)
            self._renew_if_due()
            self._bell.check()

    def _tell_posted(self, recorded: Recorded) -> None:
        self._passes.posted(jid for jid, _ in recorded.counts)

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
