"""An office that answers bursts: what people and operators write to its number, and the steps of a turn by hand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from math import ceil
from typing import Any
from uuid import UUID, uuid4

from tests.support.clock import HOST
from tests.support.deliveries import PHONE, WATI, Json
from tests.support.intake import hook, keep, take_in
from tests.support.office import Office
from wamon.app.configured import configured
from wamon.app.following import talking_groups
from wamon.conversations.turns import Claimed, Ended, Finished, Turn, Turns
from wamon.postgres.connection import Database, connected

SETTLE = {"settle": "35s", "max_wait": "35s", "answer_within": "30m"}
_TABLES = (
    "conversations",
    "conversation_messages",
    "turns",
    "conversation_state_transitions",
    "agent_contexts",
    "agent_sessions",
    "breakers",
    "replies",
    "deliveries",
    "delivery_queue",
    "delivery_ends",
    "dead_letters",
    "ledger_rows",
    "submission_rows",
)
_TIMES = """
    SELECT table_name, array_agg(column_name::text) FROM information_schema.columns
    WHERE table_schema = 'wamon' AND data_type = 'timestamp with time zone' AND table_name = ANY(%s) GROUP BY table_name
"""
_EARLIER_ENTRIES = """
    UPDATE wamon.agent_contexts SET context_data = (
        SELECT jsonb_agg(jsonb_set(entry, '{at}', to_jsonb((entry ->> 'at')::timestamptz - %s)) ORDER BY place)
        FROM jsonb_array_elements(context_data) WITH ORDINALITY AS k(entry, place)
    ) WHERE messages_count > 0
"""
ids = count(1)


def advance(office: Office, span: timedelta | float) -> None:
    """Have so much time pass for all that conversations know."""
    seconds = span.total_seconds() if isinstance(span, timedelta) else span
    for table, columns in office.query(_TIMES, list(_TABLES)):
        earlier = ", ".join(f"{column} = {column} - interval '{seconds} s'" for column in columns)
        office.query(f"UPDATE wamon.{table} SET {earlier}")
    office.query(_EARLIER_ENTRIES, timedelta(seconds=seconds))


def talking(office: Office, **conversations: object) -> Office:
    """The same office, where everybody who writes to its number is answered."""
    office.set(
        hooks=[hook("wati")],
        conversations={"enabled": True, "percentage": 100, "direct": SETTLE, "group": SETTLE, **conversations},
    )
    return office


def said(text: str = "hello", *, by: str = PHONE, at: datetime | None = None, **more: Any) -> Json:
    """WATI's delivery of a message that a person sends now, by the host's clock."""
    moment = at or HOST.now()
    return {
        **WATI,
        "id": f"w{next(ids)}",
        "whatsappMessageId": f"wamid.{next(ids)}",
        "timestamp": str(int(moment.timestamp() * 1000)),
        "created": moment.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "text": text,
        "waId": by,
        **more,
    }


def write(office: Office, text: str = "hello", **more: Any) -> str:
    """A person writes, and it is taken in; the message's id."""
    body = said(text, **more)
    keep(office, "wati", body)
    take_in(office)
    return str(body["whatsappMessageId"])


def operator_writes(office: Office, text: str = "one moment", **more: Any) -> str:
    """A colleague writes to a person; the message's id."""
    return write(office, text, eventType="sessionMessageSent", owner=True, **more)


@dataclass
class Desk:
    """One worker of an office, step by step."""

    office: Office
    db: Database
    me: UUID = field(default_factory=uuid4)
    source: str = "wati"

    @property
    def turns(self) -> Turns:
        config = configured(self.office.config_path, {})
        return Turns(self.db, self.source, config.conversations, talking_groups(config), self.me, HOST)

    def claim(self, most: int = 50) -> Claimed:
        return self.turns.claim(most)

    def claim_one(self) -> Turn:
        (turn,) = self.claim().turns
        return turn

    def finish(self, *turns: Turn, body: str = "an answer") -> list[Finished]:
        return self.turns.finish([Ended(turn, "answered", body) for turn in turns])


@contextmanager
def desk(office: Office, source: str = "wati") -> Iterator[Desk]:
    with connected(office.dsn) as db:
        yield Desk(office, db, source=source)


def conversations(office: Office, what: str = "state, last_seq, answered_seq, follow_up") -> list[Any]:
    return office.query(f"SELECT {what} FROM wamon.conversations WHERE state <> 'merged' ORDER BY conversation")


def due_in(office: Office) -> list[int]:
    """In how many seconds each conversation is due."""
    rows = office.query(
        "SELECT extract(epoch FROM due_at - now())::float8 FROM wamon.conversations WHERE due_at IS NOT NULL ORDER BY 1"
    )
    return [ceil(one) for one in rows]  # a moment has passed


def turns(office: Office, what: str = "from_seq, through_seq, outcome") -> list[Any]:
    return office.query(f"SELECT {what} FROM wamon.turns ORDER BY started_at, conversation, fence")


def transitions(office: Office) -> list[Any]:
    return office.query(
        "SELECT from_state, to_state, transition_reason FROM wamon.conversation_state_transitions ORDER BY id"
    )


def replies(office: Office, what: str = "kind, body, state") -> list[Any]:
    return office.query(f"SELECT {what} FROM wamon.replies ORDER BY reply")


def walk(steps: Sequence[tuple[str, str, str]]) -> str:
    """Where these transitions lead, each beginning where the one before ended."""
    at = steps[0][0]
    for was, is_now, _ in steps:
        assert was == at
        at = is_now
    return at
