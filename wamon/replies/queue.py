"""The replies that wait, are being sent or were, as their sender and people look at them. Recording queues them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from wamon.postgres.connection import transaction
from wamon.postgres.queries import Queries

if TYPE_CHECKING:
    from datetime import datetime

    from wamon.postgres.connection import Database

SQL = Queries("wamon.replies", "queue")


class Due(NamedTuple):
    """A reply that may be sent now."""

    jid: str
    chat: int
    message_id: str
    about: str
    kind: str
    project: str
    likely: str | None
    sender: str | None  # of the message that it answers; None where somebody deleted that from the ledger
    sent_at: datetime  # of that message
    attempts: int
    reason: str | None
    switched_off: bool
    was_lost: bool  # the database was lost or restored since: it may have been sent
    stands: bool  # the message still says what it answers

    @property
    def drop(self) -> str:
        """The drop number that it is about, or what was written in place of one."""
        return self.likely or self.about

    @property
    def key(self) -> dict[str, Any]:
        return {"chat": self.chat, "message_id": self.message_id, "about": self.about}


class Listed(NamedTuple):
    """A reply as people look at it."""

    message_id: str
    about: str
    kind: str
    state: str
    project: str
    jid: str
    reason: str | None
    attempts: int
    sent_at: datetime
    queued_at: datetime
    tried_at: datetime | None
    changed_at: datetime
    next_try_at: datetime | None
    reply_id: str | None
    chat: int


class Queue:
    """One source's replies, for whoever holds its lease: to anybody else nothing is due. Runs within transactions."""

    def __init__(self, db: Database, source: str, holder: str) -> None:
        self.db = db
        self._source = source
        self._mine = {"source": source, "holder": holder}

    def forget_former(self, now: datetime) -> int:
        """Tell as unknown what somebody began to send and didn't end; how many."""
        return SQL.run(self.db, "forget_former", **self._mine, now=now).rowcount

    def next(self, now: datetime) -> Due | None:
        """The next one, held until the transaction's end; what another holds is passed over."""
        row = SQL.run(self.db, "next", **self._mine, now=now).fetchone()
        return Due(*row) if row else None

    def tried_since(self, since: datetime) -> int:
        """How many were sent, or perhaps were, after this."""
        return int(SQL.value(self.db, "tried_since", source=self._source, since=since))

    def answered_since(self, drop: str, since: datetime) -> list[str]:
        """The senders of the messages to which something was, or perhaps was, said about a drop after this."""
        return SQL.rows(self.db, "answered_since", str, source=self._source, drop=drop, since=since)

    def begin(self, due: Due, said_hash: int, now: datetime) -> None:
        """Remember that it is being sent, before it is."""
        SQL.run(self.db, "begin", **due.key, said_hash=said_hash, now=now)

    def put_back(self, due: Due, reason: str, next_try_at: datetime, now: datetime) -> None:
        """It certainly wasn't taken: try it again then."""
        SQL.run(self.db, "again", **due.key, reason=reason, next_try_at=next_try_at, now=now)

    def end(self, due: Due, state: str, reason: str | None, now: datetime, reply_id: str | None = None) -> None:
        """What became of it."""
        SQL.run(self.db, "end", **due.key, state=state, reason=reason, reply_id=reply_id, now=now)


def has_work(db: Database, source: str, now: datetime) -> bool:
    """Whether a reply is due, or was left behind by somebody who began to send it."""
    with transaction(db):
        return bool(SQL.value(db, "has_work", source=source, now=now))


def listed(db: Database, source: str, since: datetime) -> list[Listed]:
    """A source's replies: those that something became of since then, and those that wait."""
    with transaction(db):
        return SQL.rows(db, "listed", Listed, source=source, since=since)


def discard(db: Database, source: str, message_id: str, now: datetime) -> list[str]:
    """Never send what waits to answer this message; what each was about."""
    with transaction(db):
        return sorted(SQL.rows(db, "discard", str, source=source, message_id=message_id, now=now))


def is_off(db: Database, source: str) -> bool:
    """Whether `wamon replies off` holds."""
    with transaction(db):
        return (True,) in SQL.run(db, "is_off", source=source).fetchall()


def switch(db: Database, source: str, *, off: bool) -> None:
    """Have `wamon replies off` hold, or no longer: whoever sends asks before each."""
    with transaction(db):
        SQL.run(db, "switch", source=source, off=off)
