"""What is done once a day: texts and sign-ins are pruned, an embedded database is dumped: nobody else backs it up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wamon.daemon.side_tasks import Chore
from wamon.events import stream
from wamon.ledger.retention import prune_sign_ins, prune_texts
from wamon.postgres.backup import Table, dump_today
from wamon.replies.queue import prune_bodies
from wamon.webhooks.retention import prune_events

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from wamon.capture.pipeline import Pipeline
    from wamon.clock import Clock
    from wamon.config.schema import Config
    from wamon.daemon.stopping import Stopping
    from wamon.postgres.connection import Database


class Daily(Chore):
    """Looked at every hour. `ledger` gives a connection of its own, `database` the embedded server's DSN."""

    name = "daily"
    beat_seconds = 3600.0

    def __init__(
        self,
        config: Config,
        clock: Clock,
        ledger: Callable[[Config], AbstractContextManager[Database]],
        database: Callable[[Config], AbstractContextManager[str]],
    ) -> None:
        self._config = config
        self._clock = clock
        self._ledger = ledger
        self._database = database

    def is_due(self, pipeline: Pipeline) -> bool:  # noqa: ARG002 - what was pruned and dumped today isn't again
        return True

    def run(self, stopping: Stopping) -> None:
        self._prune()
        if not stopping.is_set():
            self._dump()

    def _prune(self) -> None:
        keep_text = self._config.privacy.keep_text
        with self._ledger(self._config) as db:
            prune_sign_ins(db)
            stream.prune(db)
            prune_bodies(db, self._config.conversations.keep_text)
            if keep_text is not None:
                prune_texts(db, keep_text)
            if self._config.hooks:
                prune_events(db)
            if self._config.conversations.enabled:
                from wamon.conversations.retention import prune_conversations

                prune_conversations(db, self._config.conversations.keep_text)

    def _dump(self) -> None:
        config = self._config
        if config.database.url is None:
            with self._database(config) as dsn:
                review = Table.named(config.database.review_table)
                dump_today(dsn, review, config.state.dir / "dumps", self._clock.now())
