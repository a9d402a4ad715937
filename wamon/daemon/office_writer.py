"""Writing what waits for the office's tables, beside the passes: none of them waits for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wamon.capture.scan import write_waiting
from wamon.daemon.side_tasks import Chore
from wamon.host.memory import give_back

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from wamon.capture.pipeline import Pipeline
    from wamon.daemon.stopping import Stopping
    from wamon.ledger.effects import Effects
    from wamon.postgres.connection import Database


class OfficeWriter(Chore):
    """Tries what waits for the office's tables, once its time has come. `opened` gives a pipeline of its own."""

    name = "office"
    beat_seconds = 15.0

    def __init__(self, opened: Callable[[], AbstractContextManager[Pipeline]]) -> None:
        self._opened = opened

    def is_due(self, pipeline: Pipeline) -> bool:
        return any(effects.has_due(pipeline.source.db) for effects in pipeline.effects)

    def run(self, stopping: Stopping) -> None:
        try:
            with self._opened() as pipeline:
                write_waiting(pipeline, lambda: not stopping.is_set())
        finally:
            give_back()


class BroughtOfficeWriter(Chore):
    """The same where no store is read. `opened` gives what writes the rows, and its connection."""

    name = "office"
    beat_seconds = 60.0

    def __init__(self, opened: Callable[[], AbstractContextManager[tuple[Sequence[Effects], Database]]]) -> None:
        self._opened = opened

    def is_due(self, pipeline: Pipeline) -> bool:  # noqa: ARG002 - there is none
        return True

    def run(self, stopping: Stopping) -> None:
        with self._opened() as (tables, db):
            for effects in tables:
                effects.write_due(db, go_on=lambda: not stopping.is_set())
