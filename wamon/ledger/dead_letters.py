"""Dead letters: a message that PostgreSQL refuses is parked for its retries, and delays nobody else."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from wamon.backoff import pause_seconds
from wamon.errors import DatabaseUnavailable, Poison
from wamon.log import correlated, correlation_id, logger
from wamon.model import Message
from wamon.postgres.connection import transaction
from wamon.postgres.queries import Queries

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from wamon.ledger.source import Source
    from wamon.model import Reading
    from wamon.postgres.connection import Database

SQL = Queries("wamon.ledger", "dead_letters")

_MOST_POISON_IN_A_BATCH = 10
"""Beyond this many, something is wrong with wamon or the database, and not with the messages: nothing is parked."""
_FEWEST_THAT_ARE_MOST = 3
PAUSES_SECONDS = [pause_seconds(tries, first=60.0, most=240.0) for tries in (1, 2, 3)]
"""Before each retry of a parked message, which is dead after the last."""


def refuse_an_epidemic(poisoned: Sequence[tuple[Reading, Poison]], of: int) -> None:
    """Refuse to park many messages, or most of a batch: when everything fails, it isn't the messages."""
    most = _FEWEST_THAT_ARE_MOST <= len(poisoned) > of / 2
    if most or len(poisoned) > _MOST_POISON_IN_A_BATCH:
        raise DatabaseUnavailable(
            f"PostgreSQL refuses message after message. {poisoned[-1][1]}",
            hint="That is no message's fault: look at the review table's columns and triggers. The position stays.",
        )


class Parking:
    """The letters of one source, under one set of rules."""

    def __init__(self, source: Source, rules: int) -> None:
        self._source = source
        self._rules = rules

    def park(self, reading: Reading, poison: Poison) -> bool:
        """Park one message; whether it is dead now. Raises DatabaseUnavailable where not even that can be recorded."""
        try:
            with correlated(correlation_id()):
                return self._park(reading, poison)
        except Poison as refused:
            raise DatabaseUnavailable(
                f"A message could neither be recorded nor parked. {refused}",
                hint="Look at the triggers and constraints on wamon's own tables. The position stays.",
            ) from None

    def _park(self, reading: Reading, poison: Poison) -> bool:
        """Tried again after 1, 2 and 4 minutes, then dead."""
        message = reading.message
        key = {"chat": self._source.groups[message.chat_jid].chat, "message_id": message.message_id}
        with self._source.fenced() as db:
            SQL.run(
                db,
                "park",
                **key,
                reason="poison",
                rules=self._rules,
                content_hash=message.content_hash,
                sent_at=message.sent_at,
                sender=message.sender,
            )
            letter = {"reason": str(poison), "correlation_id": correlation_id(), "pauses_seconds": PAUSES_SECONDS}
            ((dead, attempts),) = SQL.run(db, "park_letter", **key, **letter)
            if dead:
                SQL.run(db, "bury", **key)
        about = {"message_id": message.message_id, "attempts": attempts}
        logger.warning("A message was parked. %s", poison, extra={"action": "letter.parked", **about})
        return bool(dead)

    def give_up(self, chat: int, message_id: str) -> None:
        """Bury a letter whose row or text has vanished from the store: there is nothing left to try."""
        with self._source.fenced() as db:
            SQL.run(db, "give_up", chat=chat, message_id=message_id)
            SQL.run(db, "bury", chat=chat, message_id=message_id)


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
    chat: int
    given_up: bool  # an operator wants it discarded

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
        return SQL.rows(db, "letters", Letter, source=source)


def letters_of_events(db: Database, source: str) -> list[Letter]:
    """The deliveries of a source, and the parts of them, that couldn't be recorded; the last to fail first."""
    with transaction(db):
        return SQL.rows(db, "of_events", Letter, source=source)


def letters_of_turns(db: Database, source: str) -> list[Letter]:
    """The bursts of a source that were given up; the last to fail first."""
    with transaction(db):
        return SQL.rows(db, "of_turns", Letter, source=source)


def discard_turns(db: Database, letters: Sequence[str]) -> None:
    """Give these bursts up for good. Their persons' next turns are told what they wrote."""
    with transaction(db):
        SQL.run(db, "discard_turn", letters=list(letters))


def due(db: Database, source: str) -> list[Due]:
    """Those of a source's enabled groups that are to be tried now, at most 500."""
    with transaction(db):
        return SQL.rows(db, "due", Due, source=source)
