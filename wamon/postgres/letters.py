"""Dead letters: messages that couldn't be recorded, as people and retries look at them. Recording parks them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from wamon.model import Message
from wamon.postgres.connection import transaction
from wamon.postgres.queries import queries

if TYPE_CHECKING:
    from datetime import datetime

    from wamon.postgres.connection import Database

SQL = queries("letters")


class Due(NamedTuple):
    """A parked message whose next try is due by the database's clock."""

    chat_jid: str
    message_id: str
    correlation_id: str


class Letter(NamedTuple):
    """A parked message."""

    chat_jid: str
    project: str
    message_id: str
    status: str  # `retry`, or `dead` once the third retry has failed
    reason: str
    attempts: int
    failed_at: datetime
    next_try_at: datetime | None  # None: wamon doesn't try again by itself
    correlation_id: str
    sent_at: datetime | None
    sender: str
    content_hash: int

    def message(self) -> Message:
        """The message as far as the ledger knows it: who sent it and when, and nothing that it says."""
        return Message(
            0,
            self.chat_jid,
            self.message_id,
            self.sender,
            self.sent_at,
            "",
            "",
            False,
            self.content_hash,
        )


def letters(db: Database, source: str) -> list[Letter]:
    """A source's parked messages, the last to fail first."""
    with transaction(db):
        return [Letter(*row) for row in db.execute(SQL["letters"], {"source": source})]


def due(db: Database, source: str) -> list[Due]:
    """Those of a source's enabled groups that are to be tried now, at most 500."""
    with transaction(db):
        return [Due(*row) for row in db.execute(SQL["due"], {"source": source})]
