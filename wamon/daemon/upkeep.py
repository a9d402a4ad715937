"""Upkeep: a sweep every few hours, and once a day the proof that nothing was missed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wamon.capture.verify import Verification, sweep
from wamon.daemon.side_tasks import Chore
from wamon.host.memory import give_back
from wamon.log import logger
from wamon.words import amount

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from wamon.capture.pipeline import Pipeline
    from wamon.daemon.stopping import Stopping

_SECONDS_BETWEEN_PAGES = 0.05


class Upkeep(Chore):
    """Compares the store with the ledger. `opened` gives a pipeline of its own."""

    name = "upkeep"
    beat_seconds = 300.0

    def __init__(self, opened: Callable[[], AbstractContextManager[Pipeline]]) -> None:
        self._opened = opened

    def is_due(self, pipeline: Pipeline) -> bool:
        return pipeline.source.sweep_due() or pipeline.source.verify_due()

    def run(self, stopping: Stopping) -> None:
        try:
            with self._opened() as pipeline:
                if pipeline.source.sweep_due():
                    sweep(pipeline, lambda _: stopping.pause(_SECONDS_BETWEEN_PAGES))
                if pipeline.source.verify_due():
                    _verify(pipeline, stopping)
        finally:
            give_back()


def _verify(pipeline: Pipeline, stopping: Stopping) -> None:
    groups = [pipeline.source.groups[jid] for jid in pipeline.named([])]
    verified = Verification(pipeline, groups).verify(lambda _: stopping.pause(_SECONDS_BETWEEN_PAGES))
    wrong = verified.wrong
    pipeline.source.note_verify(clean=not wrong)
    if not wrong:
        logger.info(
            "Verified %s: nothing is lost or doubled.", amount(verified.checked, "row"), extra={"action": "verify"}
        )
        return
    logger.error(
        "Verify found %s. `wamon verify` lists them, and --repair mends what can be mended.",
        amount(len(wrong), "problem"),
        extra={"action": "verify", "promises": sorted({problem.promise for problem in wrong})},
    )
