"""How long conversations are kept: what was written for `keep_text`, rows 90 days. What is pending stays."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from wamon.postgres.connection import transaction
from wamon.postgres.queries import Queries

if TYPE_CHECKING:
    from wamon.postgres.connection import Database

SQL = Queries("wamon.conversations", "retention")

_KEEP_ROW = timedelta(days=90)
_PRUNED = ("prune_bodies", "prune_contexts", "prune_messages", "prune_turns", "prune_transitions", "prune_sessions")


def prune_conversations(db: Database, keep_text: timedelta) -> None:
    """Forget what was kept long enough, a portion a transaction. PostgreSQL's clock says what is old."""
    for name in _PRUNED:
        while True:
            with transaction(db):
                portion = SQL.run(db, name, keep_text=keep_text, keep_row=_KEEP_ROW).rowcount
            if not portion:
                break
