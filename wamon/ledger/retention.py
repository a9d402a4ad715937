"""Pruning: the texts of messages are kept as long as `privacy.keep_text` says, sign-ins until they expire."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

from wamon.postgres.connection import transaction
from wamon.postgres.queries import Queries

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta

    from wamon.postgres.connection import Database

SQL = Queries("wamon.ledger", "retention")


def prune_sign_ins(db: Database) -> None:
    """Forget the links and sessions of pages that open nothing any more."""
    with transaction(db):
        SQL.run(db, "prune_sign_ins")


def keep_since(db: Database, keep: timedelta | None, newest_of_store: Callable[[], datetime | None]) -> datetime:
    """The moment before which a text is too old to be kept, by PostgreSQL's clock as of now.

    Where nothing is recorded yet, the store's newest message says whether that clock can be right.
    """
    if keep is None:
        return datetime.min.replace(tzinfo=UTC)
    with transaction(db):
        newest = SQL.value(db, "newest_recorded")
        return cast("datetime", SQL.value(db, "keep_since", keep=keep, newest=newest or newest_of_store()))


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
