"""Near misses in PostgreSQL: kept beside the drops that they were meant to be, and never counted as one."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from wamon.postgres.connection import UNHURRIED_SECONDS, transaction
from wamon.postgres.queries import Queries

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from wamon.model import Group, Reading
    from wamon.postgres.connection import Database

SQL = Queries("wamon.ledger", "near_misses")


class NearMiss(NamedTuple):
    """A near miss as it is recorded."""

    sent_at: datetime
    project: str
    sender: str
    written: str
    reason: str
    likely: str | None
    source: str
    jid: str
    message_id: str
    chat: int


def retract(db: Database, changed: Sequence[Reading], groups: Mapping[str, Group]) -> None:
    """Within a recording transaction: what these messages were near to, they may not be any more."""
    if changed:
        messages = [reading.message for reading in changed]
        chats = [groups[message.chat_jid].chat for message in messages]
        SQL.run(db, "retract", chats=chats, message_ids=[message.message_id for message in messages])


def keep(db: Database, readings: Sequence[Reading], groups: Mapping[str, Group], now: datetime) -> list[str]:
    """Within a recording transaction: keep the near misses of these messages; the chat JID of each that is news."""
    found = [(reading.message, miss) for reading in readings for miss in reading.near]
    if not found:
        return []
    own = [groups[message.chat_jid] for message, _ in found]
    kept = SQL.run(
        db,
        "keep",
        chats=[group.chat for group in own],
        message_ids=[message.message_id for message, _ in found],
        written=[miss.written for _, miss in found],
        reasons=[miss.reason for _, miss in found],
        likely=[miss.likely for _, miss in found],
        projects=[group.project for group in own],
        sent_ats=[message.sent_at or now for message, _ in found],
        senders=[message.sender for message, _ in found],
    )
    jids = {group.chat: group.jid for group in own}
    return [jids[chat] for chat, is_news in kept if is_news]


def recorded(db: Database, project: str | None, since: datetime | None, until: datetime | None) -> list[NearMiss]:
    """What messages of this time meant as drop numbers, the newest first. Of a project, or of all."""
    with transaction(db, UNHURRIED_SECONDS):
        return SQL.rows(db, "recorded", NearMiss, project=project, since=since, until=until)


def recorded_as(db: Database, written: Sequence[str], number: str | None) -> list[NearMiss]:
    """What was written in one of these ways, then what likely meant the number or has no likely number.

    Each the newest first.
    """
    with transaction(db, UNHURRIED_SECONDS):
        return SQL.rows(db, "recorded_as", NearMiss, written=list(written), number=number)


def recorded_once(db: Database, since: datetime, until: datetime, project: str | None = None) -> list[NearMiss]:
    """As `recorded`, in the order in which they were sent; a message that several sources brought counts once."""
    with transaction(db, UNHURRIED_SECONDS):
        return SQL.rows(db, "recorded_once", NearMiss, since=since, until=until, project=project)
