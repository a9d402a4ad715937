"""What brings stranded conversations back: the sweep, the start, and people who have closed bursts answered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from wamon.conversations.turns import timings
from wamon.errors import UsageError
from wamon.failpoints import failpoint
from wamon.postgres.connection import transaction
from wamon.postgres.queries import Queries

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from wamon.config.conversations import Conversations
    from wamon.postgres.connection import Database

SQL = Queries("wamon.conversations", "rescue")

_LETTER = "turn:"


class Waiting(NamedTuple):
    """What is due as a worker starts."""

    conversation: int
    person: str  # hash
    is_too_old: bool


def forget_former(db: Database, source: str, me: UUID) -> int:
    """Make due now what other workers left behind: only one `run` works on a source; how many."""
    with transaction(db):
        return SQL.run(db, "forget_former", source=source, me=me).rowcount


def waiting_at_start(db: Database, source: str, conversations: Conversations) -> list[Waiting]:
    """What is due, the longest overdue first."""
    within = {name: value for name, value in timings(conversations).items() if "answer" in name}
    with transaction(db):
        return SQL.rows(db, "waiting_at_start", Waiting, source=source, **within)


def intake_waits(db: Database, source: str) -> bool:
    """Whether deliveries of a source are to be taken in now."""
    with transaction(db):
        return bool(SQL.value(db, "intake_waits", source=source))


Reopened = Literal["reopened", "unknown", "too-old"]


def reopen(db: Database, conversation: int, fence: int, conversations: Conversations, *, late: bool) -> Reopened:
    """Have the messages of a turn that was given up, or came too late, answered after all.

    They get places at the end, due now. Beyond `answer_within` only where `late` says so: from then on it counts anew.
    """
    key = {"conversation": conversation, "fence": fence}
    with transaction(db):
        found = SQL.run(db, "closed", **key).fetchone()
        if found is None:
            return "unknown"
        part = {"conversation": conversation, "from_seq": found[0], "through_seq": found[1]}
        within = {name: value for name, value in timings(conversations).items() if "answer" in name}
        if not late and SQL.value(db, "is_too_old", **part, **within):
            return "too-old"
        if not SQL.value(db, "reopen", **key, late=late):
            return "unknown"
        failpoint("turn.reopened")
    return "reopened"


def closed_turns(db: Database, conversation: int) -> list[tuple[int, int]]:
    """The turns of a conversation, and of those merged into it, that got no answer, and whose messages got none since.

    What was written before a later answer was told to whoever gave it.
    """
    with transaction(db):
        return SQL.run(db, "closed_turns", conversation=conversation).fetchall()


def reopen_all(db: Database, conversation: int, conversations: Conversations, *, late: bool) -> list[Reopened]:
    """Reopen all of them, the oldest first; what became of each."""
    return [reopen(db, *turn, conversations, late=late) for turn in closed_turns(db, conversation)]


def turn_of(letter: str) -> tuple[int, int]:
    """The conversation and fence of a dead letter. Raises UsageError where it is none of a turn's."""
    parts = letter.removeprefix(_LETTER).split(":")
    if not letter.startswith(_LETTER) or len(parts) != 2 or not all(part.isdecimal() for part in parts):
        raise UsageError(f"{letter} is no dead letter of a turn.", hint="`wamon dead list` lists them.")
    return int(parts[0]), int(parts[1])


def retry_letters(
    db: Database, letters: Sequence[str], conversations: Conversations, *, late: bool = False
) -> list[str]:
    """Reopen the turns of these dead letters; those that were."""
    return [one for one in letters if reopen(db, *turn_of(one), conversations, late=late) == "reopened"]
