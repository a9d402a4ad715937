"""What a batch of readings changes, beside what the ledger holds already. Pure decisions; recording carries them out.

The ledger absorbs what it knows: a message read again changes nothing, a blanked one keeps what it said.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

from wamon.model import Message, Reading

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from wamon.model import Group

    Key = tuple[str, str]  # chat JID, message id
    Via = Literal["store", "webhook", "both"]  # how a message was learnt of
    Drop = tuple[str, str]  # project, drop number


@dataclass(slots=True)
class Recorded:
    """What recording did, counted by (chat JID, kind): new, resubmission, rejected, retracted, dead."""

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    conflicts: list[tuple[str, str]] = field(default_factory=list)  # (project, drop) whose review row is another's

    def add(self, other: Recorded) -> None:
        self.counts += other.counts
        self.conflicts += other.conflicts


class Known(NamedTuple):
    """What the ledger holds of a message."""

    content_hash: int
    status: str
    reason: str | None
    gone: bool
    via: Via = "store"
    sender: str = ""


_PARKED = {"retry", "dead"}
_FOR_GOOD = {"before-start", "direct"}


@dataclass(slots=True)
class LedgerChanges:
    """The readings of a batch by what the ledger makes of them."""

    new: list[Reading] = field(default_factory=list)
    changed: list[Reading] = field(default_factory=list)
    recovered: list[Reading] = field(default_factory=list)  # those of them that were parked
    came_back: list[Message] = field(default_factory=list)
    witnessed: list[Message] = field(default_factory=list)  # known by the other way alone so far
    mended: set[Key] = field(default_factory=set)  # changed again, though they were done and say nothing new


def ledger_changes(
    readings: Iterable[Reading], known: Mapping[Key, Known], *, again: bool, via: Via = "store"
) -> LedgerChanges:
    """Sort readings, one for each message, which come by this way.

    `again` processes known messages once more, whatever the ledger holds.
    """
    changes = LedgerChanges()
    for reading in readings:
        was = known.get((reading.message.chat_jid, reading.message.message_id))
        if was is None:
            changes.new.append(reading)
            continue
        if was.via not in {via, "both"}:
            changes.witnessed.append(reading.message)
        was_changed = len(changes.changed)
        if again and not _would_erase(reading.message, was):
            changes.changed.append(held_to(reading, was))
            if was.status == "done" and was.content_hash == reading.message.content_hash:
                changes.mended.add((reading.message.chat_jid, reading.message.message_id))
        elif _says_something_else(reading.message, was):
            changes.changed.append(held_to(reading, was))
        elif was.gone:
            changes.came_back.append(reading.message)
        if was.status in _PARKED and reading.reason != "discarded":
            changes.recovered += changes.changed[was_changed:]
    return changes


def _says_something_else(message: Message, was: Known) -> bool:
    """A blanked re-delivery never erases a known text."""
    return message.content_hash != was.content_hash and bool(message.text.strip())


def _would_erase(message: Message, was: Known) -> bool:
    return was.status == "done" and message.content_hash != was.content_hash and not message.text.strip()


class Decided(Protocol):
    """What is known of a message, and may have been decided for good."""

    @property
    def content_hash(self) -> int: ...
    @property
    def reason(self) -> str | None: ...


def held_to(reading: Reading, was: Decided) -> Reading:
    """What stood before its group's start, or was said one-to-one and is no post, stays that, also when edited; what
    was discarded, or our own reply, until it is edited.
    """
    decided = was.reason in {"discarded", "reply"} and was.content_hash == reading.message.content_hash
    return Reading(reading.message, (), was.reason) if decided or was.reason in _FOR_GOOD else reading


@dataclass(slots=True)
class Additions:
    """What today's rules read beside what is held: the readings with more numbers, and those with near misses."""

    readings: list[Reading] = field(default_factory=list)
    whole: list[Reading] = field(default_factory=list)  # those of them that hold nothing else then
    near: list[Reading] = field(default_factory=list)


def replayed(
    readings: Iterable[Reading], known: Mapping[Key, Known], own: Mapping[Key, Mapping[str, bool]]
) -> Additions:
    """What a replay adds. It passes over what is unrecorded, parked, discarded or edited since: others mend that."""
    additions = Additions()
    for reading in readings:
        was = known.get(_key(reading))
        if was is None or not _may_be_replayed(reading, was):
            continue
        live = [number for number, is_live in own.get(_key(reading), {}).items() if is_live]
        if set(reading.numbers) - set(live):
            beyond = [number for number in live if number not in reading.numbers]
            additions.readings.append(reading._replace(numbers=(*reading.numbers, *beyond)))
            additions.whole += [] if beyond else [reading]
        if reading.near:
            additions.near.append(reading)
    return additions


def _may_be_replayed(reading: Reading, was: Known) -> bool:
    is_held = was.status in {"done", "ignored"} and was.content_hash == reading.message.content_hash
    return is_held and was.reason not in {"discarded", "reply"}


def in_row_order(readings: Iterable[Reading]) -> list[Reading]:
    """As they stand in the store."""
    return sorted(readings, key=lambda reading: reading[0][0])


def newest_of_each(readings: Sequence[Reading]) -> list[Reading]:
    """One reading for each message, in order of key: the last that says something, else the last."""
    by_row = in_row_order(readings)
    by_id = {reading[0][2]: reading for reading in by_row}
    if len(by_id) == len(readings):  # as nearly always
        return [by_id[message_id] for message_id in sorted(by_id)]
    chosen: dict[tuple[str, str], Reading] = {}
    for reading in by_row:
        key = reading.message.message_id, reading.message.chat_jid
        if key not in chosen or reading.message.text.strip() or not chosen[key].message.text.strip():
            chosen[key] = reading
    return [chosen[key] for key in sorted(chosen)]


def _key(reading: Reading) -> Key:
    return reading.message[1:3]


class Candidate(NamedTuple):
    """A drop number in a message, as a submission to be."""

    message: Message
    project: str
    drop_number: str
    sent_at: datetime  # the message's own time; where that can't be read, when it is recorded
    rejected: bool = False  # its number isn't on the project's list
    unchecked: bool = False  # that list couldn't be read

    @classmethod
    def recorded(
        cls,
        project: str,
        number: str,
        sent_at: datetime,
        sender: str,
        from_me: bool,  # noqa: FBT001 - as a row has them
        message_id: str,
        jid: str,
    ) -> Candidate:
        """What a submission was before it was recorded, as far as the ledger knows."""
        return cls(
            Message(0, jid, message_id, sender, sent_at, "", "", from_me=from_me, content_hash=0),
            project,
            number,
            sent_at,
        )


class Standing(NamedTuple):
    """What the submissions of a candidate's drop are before the batch."""

    latest: datetime | None = None  # the latest so far was sent then
    live: bool = False  # some live, unrejected one exists
    twin: bool = False  # this very message was recorded through another source


NOTHING_STANDS = Standing()
ALL_IS_KNOWN = datetime.max.replace(tzinfo=UTC)
"""The latest post of a drop as a mended message sees it: what people did since was done knowing it."""


@dataclass(slots=True)
class SubmissionChanges:
    """What becomes of a batch's drop numbers: inserted, live again, or no longer live."""

    inserted: list[Candidate] = field(default_factory=list)
    revived: list[Candidate] = field(default_factory=list)
    retracted: list[Candidate] = field(default_factory=list)


def submission_changes(
    readings: Iterable[Reading],
    own: Mapping[Key, Mapping[str, bool]],
    groups: Mapping[str, Group],
    now: datetime,
) -> SubmissionChanges:
    """Compare each message's numbers with the submissions that it has: `own` says which are live, by drop number."""
    changes = SubmissionChanges()
    for message, numbers, _, _ in readings:
        had = own.get((message.chat_jid, message.message_id), {})
        project, sent_at = groups[message.chat_jid].project, message.sent_at or now
        for number in numbers:
            if number not in had:
                changes.inserted.append(Candidate(message, project, number, sent_at))
            elif not had[number]:
                changes.revived.append(Candidate(message, project, number, sent_at))
        gone = [number for number, live in had.items() if live and number not in numbers]
        changes.retracted += [Candidate(message, project, number, sent_at) for number in gone]
    return changes


class Judged(NamedTuple):
    """A submission as it was recorded."""

    candidate: Candidate
    kind: str | None  # as `kinds_of` says
    standing: Standing


def with_kinds(inserted: Sequence[Candidate], standing: Sequence[Standing]) -> list[Judged]:
    """Each with what it is, and what stood before it."""
    drops = [(candidate.project, candidate.drop_number) for candidate in inserted]
    rejected = {n for n, candidate in enumerate(inserted) if candidate.rejected}
    kinds = kinds_of(drops, dict(enumerate(standing)), rejected)
    return [Judged(*one) for one in zip(inserted, kinds, standing, strict=True)]


def count_kinds(submissions: Iterable[Judged]) -> Counter[tuple[str, str]]:
    """How many submissions of each (chat JID, kind) there are."""
    return Counter([(candidate.message.chat_jid, kind) for candidate, kind, _ in submissions if kind])


def kinds_of(
    drops: Sequence[Drop], standing: Mapping[int, Standing], rejected: AbstractSet[int] = frozenset()
) -> list[str | None]:
    """What each post of a drop is: new, resubmission or rejected; None for a message that another source has recorded
    already. Standings, and posts that are rejected, are named by their place.
    """
    if not standing and not rejected and len(set(drops)) == len(drops):  # as in most of a backlog
        return ["new"] * len(drops)
    kinds: list[str | None] = []
    begun: set[Drop] = set()
    for n, drop in enumerate(drops):
        before = standing.get(n, NOTHING_STANDS)
        if before.twin:
            kinds.append(None)
        elif n in rejected:
            kinds.append("rejected")
        else:
            kinds.append("resubmission" if before.live or drop in begun else "new")
            begun.add(drop)
    return kinds
