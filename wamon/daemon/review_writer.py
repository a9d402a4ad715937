"""Writing the review rows that couldn't be written with their posts, beside the passes: none of them waits for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wamon.capture.scan import write_reviews
from wamon.daemon.side_tasks import Chore
from wamon.host.memory import give_back

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from wamon.capture.pipeline import Pipeline
    from wamon.daemon.stopping import Stopping
    from wamon.ledger.review import Review
    from wamon.postgres.connection import Database


class ReviewWriter(Chore):
    """Tries what waits for the review table, once its time has come. `opened` gives a pipeline of its own."""

    name = "reviews"
    beat_seconds = 15.0

    def __init__(self, opened: Callable[[], AbstractContextManager[Pipeline]]) -> None:
        self._opened = opened

    def is_due(self, pipeline: Pipeline) -> bool:
        return pipeline.review is not None and pipeline.review.has_due(pipeline.source.db)

    def run(self, stopping: Stopping) -> None:
        try:
            with self._opened() as pipeline:
                write_reviews(pipeline, lambda: not stopping.is_set())
        finally:
            give_back()


class BroughtReviewWriter(Chore):
    """The same where no store is read. `opened` gives what writes the rows, and its connection."""

    name = "reviews"
    beat_seconds = 60.0

    def __init__(self, opened: Callable[[], AbstractContextManager[tuple[Review | None, Database]]]) -> None:
        self._opened = opened

    def is_due(self, pipeline: Pipeline) -> bool:  # noqa: ARG002 - there is none
        return True

    def run(self, stopping: Stopping) -> None:
        with self._opened() as (review, db):
            if review is not None:
                review.write_due(db, go_on=lambda: not stopping.is_set())
