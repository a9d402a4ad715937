"""What the ledger knows of times that can't be proven: silences, rows that vanished, stores that were replaced."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from wamon.postgres.connection import UNHURRIED_SECONDS, transaction
from wamon.postgres.queries import queries

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta

    from wamon.postgres.connection import Database

SQL = queries("gaps")


class Quiet(NamedTuple):
    """A time in which a chat had no message."""

    chat: int
    began_at: datetime
    ended_at: datetime | None  # None: it lasts still


class Vanished(NamedTuple):
    """Recorded messages that a sweep found gone from the store."""

    chat: int
    oldest_sent_at: datetime | None
    noticed_at: datetime
    messages: int


class Rewind(NamedTuple):
    """A position that went back because the store wasn't the same any more."""

    at: datetime
    reason: str


def quiet(db: Database, chats: Sequence[int], since: datetime, now: datetime, at_least: timedelta) -> list[Quiet]:
    """The silences that lasted longer than this, half an hour at least, by when they began."""
    values = {"chats": list(chats), "since": since, "now": now, "at_least": at_least}
    with transaction(db, UNHURRIED_SECONDS):
        return [Quiet(*row) for row in db.execute(SQL["quiet"], values)]


def vanished(db: Database, chats: Sequence[int], since: datetime) -> list[Vanished]:
    """What was found gone since then."""
    with transaction(db, UNHURRIED_SECONDS):
        return [Vanished(*row) for row in db.execute(SQL["gone"], {"chats": list(chats), "since": since})]


def rewinds(db: Database, source: str, since: datetime) -> list[Rewind]:
    """When the store was replaced, restored or renumbered."""
    with transaction(db):
        return [Rewind(*row) for row in db.execute(SQL["rewinds"], {"source": source, "since": since})]
