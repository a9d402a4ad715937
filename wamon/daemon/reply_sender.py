"""Sending replies beside the passes: a bridge that doesn't answer delays none.

Of several installations on one store, such as prod and dev, the first on a host speaks, and the others leave it to it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wamon.bridge.access import real
from wamon.daemon.side_tasks import Chore
from wamon.log import logger
from wamon.providers.bridge import SendApi
from wamon.replies.queue import Queue, has_work
from wamon.replies.sender import Replier

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from wamon.capture.pipeline import Pipeline
    from wamon.clock import Clock
    from wamon.config.schema import Config
    from wamon.daemon.stopping import Stopping
    from wamon.host.claim import Claim
    from wamon.postgres.connection import Database


class ReplySender(Chore):
    """Sends one source's replies. `ledger` gives a connection of its own, `holder` says who holds the lease now.

    `claim` is held for as long as the lease is: who works with that lets it go.
    """

    name = "replies"
    beat_seconds = 15.0

    def __init__(
        self,
        config: Config,
        source: str,
        clock: Clock,
        ledger: Callable[[Config], AbstractContextManager[Database]],
        holder: Callable[[], str],
        claim: Claim,
    ) -> None:
        self._config = config
        self._source = source
        self._clock = clock
        self._ledger = ledger
        self._holder = holder
        self._claim = claim
        self._left_to: str | None = None  # which other wamon sends; after that the one that did when these were posted
        self._is_ours = False

    def is_due(self, pipeline: Pipeline) -> bool:
        if self._config.voices() and not self._has_turn(pipeline.store.path):
            return False
        return has_work(pipeline.source.db, self._source, self._clock.now())

    def _has_turn(self, store: Path) -> bool:
        """Whether it is known who sends for this store. Where it isn't, what is due waits, and is tried while young."""
        try:
            other = self._claim.hold(str(real(store)))
        except OSError:
            return False
        if other is not None and other != self._left_to:
            logger.warning(
                "Replies about this store are sent by %s, and not by this wamon.", other, extra={"action": "reply.left"}
            )
        self._is_ours = other is None
        self._left_to = other or self._left_to
        return True

    def run(self, stopping: Stopping) -> None:
        replies, left_to = self._config.replies, self._left_to
        with self._ledger(self._config) as db:
            queue = Queue(db, self._source, self._holder())
            api = SendApi(replies.url, replies.token)
            Replier(queue, self._config, api, self._clock, left_to).send(lambda: not stopping.is_set())
        if self._is_ours:
            self._left_to = None
