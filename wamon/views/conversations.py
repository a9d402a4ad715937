"""Who waits for an answer, what became of what somebody wrote, and what nobody came to."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, NamedTuple

from wamon.conversations import orphans as overdue
from wamon.errors import UsageError
from wamon.postgres.connection import transaction
from wamon.postgres.queries import Queries
from wamon.privacy import person_hash, typed_digits

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from wamon.conversations.orphans import Waiting
    from wamon.postgres.connection import Database
    from wamon.privacy import Show

SQL = Queries("wamon.views", "conversations")

_UID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_HASH = re.compile(r"[0-9a-f]{12}")
_HINT = "Name a number, a person's hash as the log has it, or a conversation's uid: `wamon conversations list`."


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation that waits for an answer, or for a person."""

    uid: Annotated[str, "its id, in the log, too"]
    person: Annotated[str, "the person's number where `privacy.show` is phones, else their hash"]
    source: Annotated[str, "its source"]
    group: Annotated[str | None, "the group's project; null: it is one-to-one"]
    state: Annotated[
        str, "`settling`, `processing`, `retry` or `human`; `idle`: nothing waits, but `outcome`; `merged`: see another"
    ]
    pending: Annotated[int, "messages without an answer"]
    due_at: Annotated[datetime | None, "when it is claimed; in `processing`, when its lease ends"]
    oldest_at: Annotated[datetime | None, "since when the oldest of them waits"]
    attempts: Annotated[int, "tries at answering that failed"]
    outcome: Annotated[
        str | None,
        "`stale` or `dead`: what was written in seven days and got no answer, of us or a colleague; else null",
    ]


@dataclass(frozen=True, slots=True)
class Conversations:
    """What `wamon conversations list` lists.

    Those that wait for an answer, the oldest first; in work; a colleague's; those that got no answer, the last first.
    """

    conversations: tuple[Conversation, ...]


@dataclass(frozen=True, slots=True)
class Turn:
    """A try at answering what somebody wrote."""

    started_at: Annotated[datetime, "when it was claimed"]
    ended_at: Annotated[datetime | None, "when it ended; null: it goes on"]
    reason: Annotated[str, "`due`, `retry` or `takeover`"]
    messages: Annotated[int, "messages that it is about"]
    outcome: Annotated[
        str | None,
        "`answered`, `silent`, `stale`, `human`, `digest` or `dead`: these are closed; `failed`, `lost`, `released`, "
        "`joined` or `reopened`: these were worked once more; null: it goes on",
    ]
    reply: Annotated[
        str | None, "what became of its answer: `due`, `sending`, `sent`, `unknown`, `failed` or `skipped`"
    ]
    missed: Annotated[int | None, "messages between our last answer and these; null: not looked for"]
    gap_seconds: Annotated[float | None, "the silence before these; null: unknown"]
    late: Annotated[bool, "it was claimed over a minute after it was due"]
    follow_up: Annotated[bool, "its messages came while another was worked"]
    error: Annotated[str | None, "the class of what failed"]
    correlation_id: Annotated[str | None, "its id in the log"]
    tokens: Annotated[int | None, "tokens that the agent took for it, answers included; null: it wasn't asked"]


@dataclass(frozen=True, slots=True)
class Transition:
    """A change of a conversation's state."""

    at: Annotated[datetime, "when"]
    before: Annotated[str | None, "the state before; null: it is new"]
    after: Annotated[str, "the state since"]
    reason: Annotated[str, "why"]


@dataclass(frozen=True, slots=True)
class Said:
    """A message of a conversation."""

    at: Annotated[datetime, "when it was sent"]
    role: Annotated[str, "`person`, `operator` (a colleague) or `history` (found later; opens nothing)"]
    part: Annotated[str, "`text`, `photo`, `voice`, `file`, `drop` or `other`"]
    text: Annotated[
        str | None, "what it says; null for readers, in groups, and where `conversations.keep_text` is over"
    ]

    def unquoted(self) -> Said:
        """Without what it says."""
        return replace(self, text=None)


@dataclass(frozen=True, slots=True)
class Story:
    """All that is known of one conversation: of 90 days, the newest first."""

    conversation: Conversation
    last_in_at: Annotated[datetime | None, "when the person wrote last"]
    last_out_at: Annotated[datetime | None, "when we answered last"]
    human_until: Annotated[datetime | None, "until when a colleague talks, and we don't"]
    turns: tuple[Turn, ...]
    transitions: tuple[Transition, ...]


@dataclass(frozen=True, slots=True)
class Person:
    """What `wamon conversations show` tells of a person."""

    person: Annotated[str, "the number where `privacy.show` is phones, else the hash"]
    hashes: Annotated[tuple[str, ...], "how the log names this person: one by each of the person's ids"]
    conversations: tuple[Story, ...]


@dataclass(frozen=True, slots=True)
class Orphans:
    """What waits for an answer and is overdue, and was made due; a second call finds none."""

    status: Annotated[str, "`ok`; `error` where PostgreSQL couldn't be asked"]
    orphaned_count: Annotated[int, "conversations over a minute overdue"]
    orphaned_wa_ids: Annotated[tuple[str, ...], "whose they are"]
    processed: Annotated[tuple[str, ...], "those that were made due; none where it was only asked"]
    message: Annotated[str, "the same, in words"]
    buffered_wa_ids: Annotated[tuple[str, ...], "whose messages wait in time"]


@dataclass(frozen=True, slots=True)
class Rescued:
    """What `wamon conversations rescue` did."""

    person: Annotated[str, "the number where `privacy.show` is phones, else the hash"]
    rescued: Annotated[int, "bursts that are due again"]
    too_old: Annotated[int, "bursts that are too old to be answered without `--late`"]


class Known(NamedTuple):
    """Whom somebody means: their person rows, and the one conversation, where that was named."""

    people: tuple[int, ...]
    conversation: int | None = None


def conversations(db: Database, show: Show) -> Conversations:
    """Those that wait. Raises DatabaseUnavailable, SchemaError."""
    with transaction(db):
        return Conversations(tuple(listed(db, show)))


def listed(db: Database, show: Show, most: int | None = None) -> list[Conversation]:
    """The same within a transaction; `most`: no more than so many."""
    return SQL.rows(db, "listed", Conversation, phones=show == "phones", most=most)


def person(db: Database, asked: str, show: Show) -> Person:
    """What became of what this person wrote: by number in any form, hash or uid.

    Raises WamonError where nobody is meant, UsageError where several are.
    """
    with transaction(db):
        found = known(db, asked, show)
        (name,) = _names(db, found.people[:1], show).values()
        stories = [
            _story(db, *row) for row in SQL.run(db, "of_people", phones=show == "phones", **_values(found)).fetchall()
        ]
        return Person(name, tuple(hashes(db, found.people)), tuple(stories))


def named(db: Database, asked: str, show: Show) -> tuple[str, tuple[int, ...]]:
    """A person as the config lets them be seen, and the numbers of their conversations but those merged into others.

    Raises UsageError as `person` does.
    """
    with transaction(db):
        found = known(db, asked, show)
        (name,) = _names(db, found.people[:1], show).values()
        rows = SQL.run(db, "of_people", phones=False, **_values(found)).fetchall()
    return name, tuple(row[0] for row in rows if row[5] != "merged")


def story_of(db: Database, uid: str, show: Show) -> tuple[tuple[str, ...], int, Story] | None:
    """Within a transaction: the hashes of a conversation's person, its number and story; None where there is none."""
    found = SQL.run(db, "by_uid", uid=uid).fetchone()
    if found is None:
        return None
    number, person = found
    rows = SQL.run(db, "of_people", phones=show == "phones", people=[person], conversation=number).fetchall()
    return tuple(hashes(db, [person])), number, _story(db, *next(row for row in rows if row[0] == number))


def _story(db: Database, conversation: int, *columns: Any) -> Story:  # noqa: ANN401 - a row's
    last_in_at, last_out_at, human_until = columns[-3:]
    one = Conversation(*columns[:-3])
    return Story(one, last_in_at, last_out_at, human_until, turns(db, conversation), transitions(db, one.uid))


def turns(db: Database, conversation: int) -> tuple[Turn, ...]:
    """The turns of a conversation, the newest first; within a transaction."""
    return tuple(SQL.rows(db, "turns", Turn, conversation=conversation))


def transitions(db: Database, uid: str) -> tuple[Transition, ...]:
    """The changes of its state, the newest first; within a transaction."""
    return tuple(SQL.rows(db, "transitions", Transition, uid=uid))


def said(db: Database, conversation: int) -> tuple[Said, ...]:
    """Its last messages, the newest first; within a transaction."""
    return tuple(SQL.rows(db, "said", Said, conversation=conversation))


def orphans(db: Database, show: Show, *, dry_run: bool = False) -> Orphans:
    """What nobody came to, made due unless it is only asked. Raises DatabaseUnavailable, SchemaError."""
    with transaction(db):
        found = overdue.orphans(db) if dry_run else overdue.make_due(db)
        buffered = [one for one in overdue.settling(db) if one not in found]
        names = _names(db, {one.person for one in [*found, *buffered]}, show)
    orphaned = _named(found, names)
    return Orphans(
        "ok", len(found), orphaned, () if dry_run else orphaned, _message(len(found), dry_run=dry_run),
        _named(buffered, names),
    )  # fmt: skip


NO_ORPHANS = Orphans("ok", 0, (), (), "No orphaned messages found", ())


def _message(count: int, *, dry_run: bool) -> str:
    if not count:
        return NO_ORPHANS.message
    did = "Found" if dry_run else "Found and triggered processing for"
    return f"{did} {count} orphaned conversations"


def _named(found: Iterable[Waiting], names: dict[int, str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names[one.person] for one in found))


def _names(db: Database, people: Iterable[int], show: Show) -> dict[int, str]:
    """Each person as the config lets them be seen."""
    return dict(SQL.run(db, "names", people=list(people), phones=show == "phones").fetchall())


def known(db: Database, asked: str, show: Show) -> Known:
    """Whom a number, hash or uid means; within a transaction. Raises UsageError where nobody, or several are meant."""
    asked = asked.strip()
    if _UID.fullmatch(asked.lower()):
        found = SQL.run(db, "by_uid", uid=asked.lower()).fetchone()
        if found is None:
            raise UsageError(f"There is no conversation {asked}.", hint=_HINT)
        return Known((found[1],), found[0])
    people = _by_hash(db, asked.lower()) if _HASH.fullmatch(asked.lower()) else []
    return Known(tuple(people or _by_number(db, asked, show)))


def _by_hash(db: Database, asked: str) -> list[int]:
    """By the hash of any of a person's ids: the log has that of the one at hand."""
    if people := SQL.rows(db, "by_hash", int, hash=asked):
        return people
    key = bytes(SQL.value(db, "person_key"))
    return list(dict.fromkeys(p for p, kind, value in SQL.run(db, "aliases") if person_hash(key, kind, value) == asked))


def _by_number(db: Database, asked: str, show: Show) -> list[int]:
    digits = typed_digits(asked)
    if digits is None:
        raise UsageError(f"{_quoted(asked)} is no number, hash or uid.", hint=_HINT)
    if show == "none":
        raise UsageError(
            "Nobody can be looked for by number.", hint="privacy.show is none: people aren't shown at all."
        )
    found = SQL.run(db, "by_number", digits=digits).fetchall()
    if not found:
        raise UsageError("Nobody with this number has written.", hint=_HINT)
    if len({value for _, value in found}) > 1:
        raise UsageError("Several people's numbers end so.", hint="Name more of its digits.")
    return [person for person, _ in found]


def _quoted(asked: str) -> str:
    return "What you typed" if any(character.isdigit() for character in asked) else asked[:40]


def hashes(db: Database, people: Sequence[int]) -> list[str]:
    """How the log names these people; within a transaction."""
    key = bytes(SQL.value(db, "person_key"))
    found = SQL.run(db, "aliases_of", people=list(people)).fetchall()
    return list(dict.fromkeys(person_hash(key, kind, value) for kind, value in found))


def _values(found: Known) -> dict[str, Any]:
    return {"people": list(found.people), "conversation": found.conversation}
