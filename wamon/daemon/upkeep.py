"""Upkeep: a sweep every few hours, and once a day the proof that nothing was missed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wamon.capture.verify import Verification, sweep
from wamon.daemon.side_tasks import Chore
from wamon.host.memory import give_back
from wamon.log import logger
from wamon.words import amount

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from wamon.capture.pipeline import Pipeline
    from wamon.daemon.stopping import Stopping
    from wamon.ledger.source import Source

_SECONDS_BETWEEN_PAGES = 0.0125
_PAGES_AT_ONCE = 1
"""Nobody waits for it, and what it holds at its peak stays a part of the daemon's memory."""


class Upkeep(Chore):
    """Compares the store with the ledger. `opened` gives a pipeline of its own.

    `broken` gives the promises that don't hold of what hooks brought, and of bursts: a number for each time.
    """

    name = "upkeep"
    beat_seconds = 300.0

    def __init__(
        self, opened: Callable[[], AbstractContextManager[Pipeline]], broken: Callable[[], Sequence[int]]
    ) -> None:
        self._opened = opened
        self._broken = broken

    def is_due(self, pipeline: Pipeline) -> bool:
        return pipeline.source.sweep_due() or pipeline.source.verify_due()

    def run(self, stopping: Stopping) -> None:
        try:
            with self._opened() as pipeline:
                if pipeline.source.sweep_due():
                    sweep(pipeline, _pausing(stopping), pages_at_once=_PAGES_AT_ONCE)
                if pipeline.source.verify_due():
                    self._verify(pipeline, stopping)
        finally:
            give_back()

    def _verify(self, pipeline: Pipeline, stopping: Stopping) -> None:
        groups = [pipeline.source.groups[jid] for jid in pipeline.named([])]
        verified = Verification(pipeline, groups, pages_at_once=_PAGES_AT_ONCE).verify(_pausing(stopping))
        promises = [*(problem.promise for problem in verified.wrong), *self._broken()]
        pipeline.source.note_verify(clean=not promises)
        _tell(amount(verified.checked, "row"), promises)


class BroughtUpkeep(Chore):
    """The daily proof where no store is read. `opened` gives the sources that hooks feed; `broken`: as of `Upkeep`."""

    name = "upkeep"
    beat_seconds = 300.0

    def __init__(
        self, opened: Callable[[], AbstractContextManager[Sequence[Source]]], broken: Callable[[], Sequence[int]]
    ) -> None:
        self._opened = opened
        self._broken = broken

    def is_due(self, pipeline: Pipeline) -> bool:  # noqa: ARG002 - there is none
        return True

    def run(self, stopping: Stopping) -> None:  # noqa: ARG002 - deliveries are kept for a day, and soon compared
        try:
            with self._opened() as sources:
                if any(source.verify_due() for source in sources):
                    self._verify(sources)
        finally:
            give_back()

    def _verify(self, sources: Sequence[Source]) -> None:
        promises = self._broken()
        for source in sources:
            source.note_verify(clean=not promises)
        _tell("what hooks brought", promises)


def _pausing(stopping: Stopping) -> Callable[[int], None]:
    return lambda _: stopping.pause(_SECONDS_BETWEEN_PAGES)


def _tell(what: str, promises: Sequence[int]) -> None:
    if not promises:
        logger.info("Verified %s: nothing is lost or doubled.", what, extra={"action": "verify"})
        return
    logger.error(
        "Verify found %s. `wamon verify` lists them, and --repair mends what can be mended.",
        amount(len(promises), "problem"),
        extra={"action": "verify", "promises": sorted(set(promises))},
    )
