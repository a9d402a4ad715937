"""Pruning: the texts of messages are kept as long as `privacy.keep_text` says, sign-ins until they expire."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wamon.postgres.connection import transaction
from wamon.postgres.queries import Queries

if TYPE_CHECKING:
    from datetime import timedelta

    from wamon.postgres.connection import Database

SQL = Queries("wamon.ledger", "retention")


def prune_sign_ins(db: Database) -> None:
    """Forget the links and sessions of pages that open nothing any more."""
    with transaction(db):
        SQL.run(db, "prune_sign_ins")


def prune_texts(db: Database, keep: timedelta) -> int:
    """Forget the texts of messages that are older than this, and near misses, which quote them; how many.

    A portion a transaction. PostgreSQL's clock says what is old, unless the newest message says otherwise.
    """
    with transaction(db):
        sent_before = SQL.value(db, "sent_before", keep=keep)
    pruned = 0
    for table in ("ledger", "revisions", "near_misses"):
        while True:
            with transaction(db):
                portion = SQL.run(db, f"prune_{table}", sent_before=sent_before).rowcount
            pruned += portion
            if not portion:
                break
    return pruned
