"""Upkeep: a sweep every few hours, and once a day the proof that nothing was missed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wamon.capture.verify import ANSWERED_ONCE, Verification, sweep
from wamon.daemon.side_tasks import Chore
from wamon.host.memory import give_back
from wamon.log import logger
from wamon.words import amount

if TYPE_CHECKING:
    from collections.abc import Callable, Sized
    from contextlib import AbstractContextManager

    from wamon.capture.pipeline import Pipeline
    from wamon.daemon.stopping import Stopping

_SECONDS_BETWEEN_PAGES = 0.05


class Upkeep(Chore):
    """Compares the store with the ledger. `opened` gives a pipeline of its own, `flaws` what bursts' proof finds."""

    name = "upkeep"
    beat_seconds = 300.0

    def __init__(self, opened: Callable[[], AbstractContextManager[Pipeline]], flaws: Callable[[], Sized]) -> None:
        self._opened = opened
        self._flaws = flaws

    def is_due(self, pipeline: Pipeline) -> bool:
        return pipeline.source.sweep_due() or pipeline.source.verify_due()

    def run(self, stopping: Stopping) -> None:
        try:
            with self._opened() as pipeline:
                if pipeline.source.sweep_due():
                    sweep(pipeline, lambda _: stopping.pause(_SECONDS_BETWEEN_PAGES))
                if pipeline.source.verify_due():
                    self._verify(pipeline, stopping)
        finally:
            give_back()

    def _verify(self, pipeline: Pipeline, stopping: Stopping) -> None:
        groups = [pipeline.source.groups[jid] for jid in pipeline.named([])]
        verified = Verification(pipeline, groups).verify(lambda _: stopping.pause(_SECONDS_BETWEEN_PAGES))
        promises = [problem.promise for problem in verified.wrong] + [ANSWERED_ONCE] * len(self._flaws())
        pipeline.source.note_verify(clean=not promises)
        if not promises:
            logger.info(
                "Verified %s: nothing is lost or doubled.", amount(verified.checked, "row"), extra={"action": "verify"}
            )
            return
        logger.error(
            "Verify found %s. `wamon verify` lists them, and --repair mends what can be mended.",
            amount(len(promises), "problem"),
            extra={"action": "verify", "promises": sorted(set(promises))},
        )
