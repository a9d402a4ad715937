"""What became of a message or a drop: every step that is known of it, in the order in which it happened."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

from wamon.drops.extraction import candidates
from wamon.errors import WamonError
from wamon.ledger import review
from wamon.postgres.connection import UNHURRIED_SECONDS, transaction
from wamon.postgres.queries import Queries

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from wamon.postgres.connection import Database
    from wamon.views.people import Shows

SQL = Queries("wamon.views", "trace")

_LIKELY = ", likely "
_UID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_LETTER = re.compile(r"event:([0-9]{1,18})(?:#|$)")

MOST_MESSAGES = 200
"""Of one drop: more often nobody posts one."""

ReviewState = Literal["again", "completed", "waiting", "none"]


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happened."""

    at: Annotated[datetime, "when"]
    what: Annotated[
        str,
        "`posted`, `recorded`, `new`, `resubmission`, `rejected`, `retracted`, `near-miss`, `edited`, `retry`, `dead`, "
        "`reply-due`, `reply-` and its state, `gone`, `review-made`, `review-changed`, `delivered`, `taken-in`, "
        "`event-waits`, `event-dead`, `waits` (for an answer), `heard` (by a conversation), `turn`, or `turn-` and its "
        "outcome",
    ]
    where: Annotated[str, "the project, the source, the hook, the review table or the conversation"]
    detail: Annotated[str, "what more is known, such as the drop number; may be empty"]

    def unquoted(self) -> Step:
        """Without what the message wrote in place of a number, which is in capitals; what was likely meant stays."""
        if self.what != "near-miss":
            return self
        _, likely, number = self.detail.rpartition(_LIKELY)
        return replace(self, detail=f"likely {number}" if likely else "")


@dataclass(frozen=True, slots=True)
class Trace:
    """What `wamon trace` tells."""

    id: Annotated[str, "what was asked for; a drop number in canonical form"]
    steps: tuple[Step, ...]


def trace(db: Database, asked: str, review_table: str | None, people: Shows, *, answers: bool = False) -> Trace:
    """What became of a message (by its id or correlation id), a delivery (by its own) or a drop number in any writing.

    `answers`: bursts and turns, too. Raises WamonError where nothing knows it.
    """
    keys, events = messages_of(db, asked), events_of(db, asked)
    if answers and not keys:
        keys = messages_of_burst(db, asked)
    keys += [key for key in messages_of_events(db, events) if key not in keys]
    numbers = candidates(asked)
    name = asked
    if not keys and not events and len(numbers) == 1:
        (name,) = numbers
        keys = messages_of_drop(db, name)
    if not keys and not events:
        raise WamonError(
            f"Nothing knows {asked}.", hint="Name a message id, a correlation id of the log, or a drop number."
        )
    reviewed = [name] if name in numbers else numbers_of(db, keys)
    found = [*steps(db, keys, reviewed, review_table, people, answers=answers), *delivered(db, keys, events)]
    return Trace(name, tuple(sorted(found, key=lambda step: step.at)))


def messages_of(db: Database, asked: str) -> list[tuple[int, str]]:
    """The messages of this id or correlation id: (chat, message id)."""
    with transaction(db):
        return SQL.run(db, "messages_of_id", id=asked).fetchall()


def events_of(db: Database, asked: str) -> list[int]:
    """The delivery of this correlation id, or that a dead letter names: `event:12`."""
    uid = asked.lower() if _UID.fullmatch(asked.lower()) else None
    letter = _LETTER.match(asked)
    if uid is None and letter is None:
        return []
    with transaction(db):
        return SQL.rows(db, "event_of_id", int, uid=uid, event=int(letter[1]) if letter else None)


def messages_of_burst(db: Database, asked: str) -> list[tuple[int, str]]:
    """The messages of the burst or turn of this correlation id: (chat, message id)."""
    if not _UID.fullmatch(asked.lower()):
        return []
    with transaction(db):
        return SQL.run(db, "messages_of_burst", uid=asked.lower()).fetchall()


def messages_of_events(db: Database, events: Sequence[int]) -> list[tuple[int, str]]:
    """The messages that these deliveries brought: (chat, message id)."""
    if not events:
        return []
    with transaction(db, UNHURRIED_SECONDS):
        return SQL.run(db, "messages_of_events", events=list(events)).fetchall()


def delivered(db: Database, keys: Sequence[tuple[int, str]], events: Sequence[int]) -> list[Step]:
    """What happened to these deliveries, and to those that brought these messages."""
    with transaction(db):
        found = {*events, *SQL.rows(db, "events_of", int, **_columns(keys))}
        return SQL.rows(db, "steps_of_events", Step, events=sorted(found))


def messages_of_drop(db: Database, number: str) -> list[tuple[int, str]]:
    """The messages that posted this number."""
    with transaction(db):
        return SQL.run(db, "messages_of_drop", number=number, most=MOST_MESSAGES).fetchall()


def numbers_of(db: Database, keys: Sequence[tuple[int, str]]) -> list[str]:
    """The drop numbers that these messages post."""
    with transaction(db):
        return SQL.rows(db, "numbers", str, **_columns(keys))


def steps(
    db: Database,
    keys: Sequence[tuple[int, str]],
    numbers: Sequence[str],
    review_table: str | None,
    people: Shows,
    *,
    answers: bool = False,
) -> tuple[Step, ...]:
    """What happened to these messages, and to these drops' review rows; `answers`: and in conversations."""
    with transaction(db):
        rows = SQL.run(db, "steps", **_columns(keys)).fetchall()
        turns = SQL.rows(db, "steps_of_turns", Step, **_columns(keys)) if answers else []
    found = [Step(at, what, where, _by(sender, people) or detail) for at, what, where, detail, sender in rows]
    found += turns
    if numbers and review_table:
        reviewed = review.rows_of(db, review_table, *numbers)
        found += [step for row in reviewed for step in _reviewed(row, review_table)]
    return tuple(sorted(found, key=lambda step: step.at))


def _columns(keys: Sequence[tuple[int, str]]) -> dict[str, list[Any]]:
    return {"chats": [chat for chat, _ in keys], "message_ids": [message_id for _, message_id in keys]}


def _by(sender: str | None, people: Shows) -> str:
    shown = people.shown(sender) if sender else None
    return f"by {shown}" if shown else ""


def _reviewed(row: Mapping[str, Any], table: str) -> Iterator[Step]:
    told = f"{row['drop_number']}: {WORDS[state_of(row)]}"
    made, changed = _time(row.get("created_at")), _time(row.get("updated_at"))
    if made:
        yield Step(made, "review-made", table, str(row["drop_number"]))
    if changed and changed != made:
        yield Step(changed, "review-changed", table, told)


def _time(value: object) -> datetime | None:
    """A review column's time; a table of one's own may have none, or one without a zone, which is taken for UTC."""
    try:
        found = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


WORDS: Mapping[ReviewState, str] = {
    "again": "must be done again",
    "completed": "completed",
    "waiting": "waits for review",
    "none": "no review row",
}


def state_of(row: Mapping[str, Any] | None) -> ReviewState:
    """How a drop stands, by its row in the review table."""
    if row is None:
        return "none"
    if row.get("incomplete"):
        return "again"
    return "completed" if row.get("completed") else "waiting"


def review_steps(row: Mapping[str, Any]) -> Iterable[tuple[str, bool]]:
    """The steps that a review looks at, and which are done: (`House photo`, True)."""
    for column in sorted(name for name in row if name.startswith("step_")):
        yield column[8:].replace("_", " ").capitalize(), bool(row[column])
