"""Sending replies beside the passes: a bridge that doesn't answer delays none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wamon.daemon.side_tasks import Chore
from wamon.providers.bridge import SendApi
from wamon.replies.queue import Queue, has_work
from wamon.replies.sender import Replier

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from wamon.capture.pipeline import Pipeline
    from wamon.clock import Clock
    from wamon.config.schema import Config
    from wamon.daemon.stopping import Stopping
    from wamon.postgres.connection import Database


class ReplySender(Chore):
    """Sends one source's replies. `ledger` gives a connection of its own, `holder` says who holds the lease now."""

    name = "replies"
    beat_seconds = 15.0

    def __init__(
        self,
        config: Config,
        source: str,
        clock: Clock,
        ledger: Callable[[Config], AbstractContextManager[Database]],
        holder: Callable[[], str],
    ) -> None:
        self._config = config
        self._source = source
        self._clock = clock
        self._ledger = ledger
        self._holder = holder

    def is_due(self, pipeline: Pipeline) -> bool:
        return has_work(pipeline.source.db, self._source, self._clock.now())

    def run(self, stopping: Stopping) -> None:
        replies = self._config.replies
        with self._ledger(self._config) as db:
            queue = Queue(db, self._source, self._holder())
            api = SendApi(replies.url, replies.token)
            Replier(queue, self._config, api, self._clock).send(lambda: not stopping.is_set())
