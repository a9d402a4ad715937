"""Turns: a burst is claimed, worked, and ended. Each step is one transaction, and the fence guards each.

1. Claim: what is due is held, its burst read by a statement of its own, which sees all that was committed meanwhile.
   What nobody is to answer is closed in the same transaction.
2. Work, outside any transaction; the lease is renewed, and who lost it writes nothing any more.
3. Finish: `answered_seq` moves to what was claimed, not to what is there now. The same UPDATE decides whether more
   messages came. The reply's row, the turn and the transition are written before the commit.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from wamon.conversations import counts
from wamon.conversations.identity import Person, is_chosen
from wamon.failpoints import failpoint
from wamon.postgres.connection import transaction
from wamon.postgres.queries import Queries

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from wamon.clock import Clock
    from wamon.config.conversations import Conversations
    from wamon.conversations.model import Outcome, Reason, State
    from wamon.postgres.connection import Database

SQL = Queries("wamon.conversations", "turns")

LEASE = timedelta(minutes=2)
"""How long a claim holds; it is renewed well before."""
LATE = timedelta(seconds=60)
"""What is claimed so long after it was due is late."""
_MOST_ATTEMPTS = 4
_FEWEST_LATE = 4
"""So many late bursts of one group are told together."""


class Transition(NamedTuple):
    """A change of a conversation's state."""

    uid: UUID
    was: State
    is_now: State
    reason: Reason
    correlation_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    """One working of one burst, by whoever holds its fence."""

    conversation: int
    uid: UUID
    chat: int
    jid: str
    project: str
    person: Person
    kind: str  # direct, group
    fence: int
    from_seq: int
    through_seq: int
    reason: str  # due, retry, takeover
    follow_up: bool
    late: bool
    due_at: datetime
    burst_at: datetime | None
    claimed_at: datetime
    newest_at: datetime  # when its newest message was sent
    last_message_id: str
    characters: int  # of its texts
    prev_in_at: datetime | None
    prev_out_at: datetime | None
    gap_seconds: float | None  # between the message before the burst and the first after that
    attempts: int
    correlation_id: UUID | None
    in_digest: bool = False  # it is told together with others of its group
    guard_ms: float = 0.0

    @property
    def messages(self) -> int:
        return self.through_seq - self.from_seq + 1


@dataclass(frozen=True, slots=True)
class Found:
    """A message that a provider's history brought."""

    message_id: str
    role: str  # history
    part: str
    name: str
    sent_at: datetime
    body: str
    is_operator: bool = False


@dataclass(frozen=True, slots=True)
class Ended:
    """How a turn ended, and what is said."""

    turn: Turn
    outcome: Outcome
    body: str | None = None
    error: str | None = None  # a class
    missed: int | None = None
    missed_left_out: int | None = None
    history: str = "no"
    found: Sequence[Found] = ()
    work_ms: float | None = None


class Finished(NamedTuple):
    """What became of a turn's conversation: `settling` where more came meanwhile."""

    ended: Ended
    state: State
    due_at: datetime | None


@dataclass(frozen=True, slots=True)
class Claimed:
    """What a claim brought: turns to work, and those that it has closed."""

    turns: Sequence[Turn] = ()
    closed: Sequence[Finished] = ()
    rested: int = 0  # conversations with nothing to answer

    @property
    def is_empty(self) -> bool:
        return not (self.turns or self.closed or self.rested)


class _Due(NamedTuple):
    conversation: int
    uid: UUID
    chat: int
    person: int
    kind: str
    state: State
    last_seq: int
    answered_seq: int
    due_at: datetime
    follow_up: bool
    fence: int
    attempts: int
    prev_in_at: datetime | None
    prev_out_at: datetime | None
    burst_at: datetime | None
    jid: str
    project: str
    is_off: bool
    now: datetime


class _Burst(NamedTuple):
    newest_at: datetime
    first_at: datetime | None  # the earliest that was sent after the message before the burst
    last_message_id: str
    correlation_id: UUID | None
    characters: int
    uid: str  # of its person
    hash: str
    values: list[str]


def timings(conversations: Conversations) -> dict[str, timedelta]:
    """The waits of both kinds, as the queries take them."""
    both = {"direct": conversations.direct, "group": conversations.group}
    return {
        f"{kind}_{name}": getattr(waits, name)
        for kind, waits in both.items()
        for name in ("settle", "max_wait", "answer_within")
    }


def note(db: Database, transitions: Sequence[Transition]) -> None:
    """Within a transaction: a row for each change of state."""
    if transitions:
        SQL.run(db, "note_transitions", **_transition_columns(transitions))


def _transition_columns(transitions: Sequence[Transition]) -> dict[str, list[Any]]:
    return {
        "uids": [one.uid for one in transitions],
        "was": [one.was for one in transitions],
        "is_now": [one.is_now for one in transitions],
        "reasons": [one.reason for one in transitions],
        "correlation_ids": [one.correlation_id for one in transitions],
        "metadata": [None for _ in transitions],
    }


@dataclass(slots=True)
class Turns:
    """Those of one source, as one worker claims and ends them. `groups`: the JIDs in which bursts are answered."""

    db: Database
    source: str
    conversations: Conversations
    groups: frozenset[str]
    me: UUID
    clock: Clock
    fenced: int = 0
    """Writes that a fence refused."""
    _timings: dict[str, timedelta] = field(init=False)

    def __post_init__(self) -> None:
        self._timings = timings(self.conversations)

    def claim(self, most: int) -> Claimed:
        """Claim what is due, at most so many, but all that is late in one of their groups."""
        began = self.clock.monotonic_seconds()
        with transaction(self.db) as db:
            due = SQL.rows(db, "claim_due", _Due, source=self.source, most=most)
            if not due:
                return Claimed()
            is_off, now = due[0].is_off, due[0].now
            due += self._late_beside(db, due, now)
            pending = [one for one in due if one.last_seq > one.answered_seq]
            self._rest(db, [one for one in due if one.last_seq == one.answered_seq])
            turns = self._begin(db, pending, now)
            judged = [(turn, self._closed(turn, now, is_off=is_off)) for turn in turns]
            done = self.finish_within(db, [Ended(turn, why, work_ms=0.0) for turn, why in judged if why])
            failpoint("turn.claimed")
        spent_ms = (self.clock.monotonic_seconds() - began) * 1000 / len(due)
        to_work = [replace(turn, guard_ms=spent_ms) for turn, why in judged if not why]
        return Claimed(_in_digests(to_work), done, len(due) - len(pending))

    def _late_beside(self, db: Database, due: Sequence[_Due], now: datetime) -> list[_Due]:
        """What else is late in the groups of these where one is."""
        chats = sorted({one.chat for one in due if one.kind == "group" and now - one.due_at > LATE})
        if not chats:
            return []
        held = [one.conversation for one in due]
        return SQL.rows(db, "claim_late", _Due, source=self.source, chats=chats, late=LATE, but=held)

    def _rest(self, db: Database, idle: Sequence[_Due]) -> None:
        if idle:
            SQL.run(db, "rest", conversations=[one.conversation for one in idle])
            note(db, [Transition(one.uid, one.state, "idle", "human-over") for one in idle if one.state == "human"])

    def _begin(self, db: Database, due: Sequence[_Due], now: datetime) -> list[Turn]:
        """A turn for each of these, which are pending."""
        if not due:
            return []
        numbers = [one.conversation for one in due]
        bursts = {number: _Burst(*rest) for number, *rest in SQL.run(db, "bursts", conversations=numbers)}
        if lost := [one.conversation for one in due if one.state == "processing"]:
            SQL.run(db, "lose", conversations=lost)
        turns = [_turn(one, bursts[one.conversation], now, self._was_due_at(one)) for one in due]
        reasons: dict[State, Reason] = {"retry": "retry", "human": "human-over", "processing": "takeover"}
        changes = [
            Transition(one.uid, one.state, "processing", reasons.get(one.state, "due"), turn.correlation_id)
            for one, turn in zip(due, turns, strict=True)
        ]
        SQL.run(db, "begin_turns", **_turn_columns(turns), **_transition_columns(changes), me=self.me, lease=LEASE)
        return turns

    def _was_due_at(self, due: _Due) -> datetime:
        """When it was to be claimed: before somebody hurried it, at the latest."""
        if due.state != "settling" or due.burst_at is None:
            return due.due_at
        return min(due.due_at, due.burst_at + self._timings[f"{due.kind}_max_wait"])

    def _closed(self, turn: Turn, now: datetime, *, is_off: bool) -> Outcome | None:
        """Why nobody is to work on it, if so."""
        waits = self.conversations.direct if turn.kind == "direct" else self.conversations.group
        if turn.attempts >= _MOST_ATTEMPTS:
            return "dead"
        if now - turn.newest_at > waits.answer_within:
            return "stale"
        is_spoken_to = turn.kind == "direct" or turn.jid in self.groups
        return None if is_spoken_to and not is_off and is_chosen(turn.person, self.conversations) else "silent"

    def renew(self, turn: Turn) -> bool:
        """Hold a turn for longer. False: somebody else holds it."""
        with transaction(self.db) as db:
            renewed = SQL.run(db, "renew", conversation=turn.conversation, fence=turn.fence, lease=LEASE).rowcount
            self._count_fenced(db, 1 - renewed)
        return bool(renewed)

    def finish(self, ended: Sequence[Ended]) -> list[Finished]:
        """End turns together, in one transaction. What another holds by now is left alone, its answer thrown away."""
        with transaction(self.db) as db:
            finished = self.finish_within(db, ended)
            failpoint("turn.finished")
        failpoint("turn.committed")
        return finished

    def finish_within(self, db: Database, ended: Sequence[Ended]) -> list[Finished]:
        """As `finish`, within a transaction."""
        if not ended:
            return []
        began = self.clock.monotonic_seconds()
        keys = {
            "conversations": [one.turn.conversation for one in ended],
            "fences": [one.turn.fence for one in ended],
        }
        if len(ended) > 1:
            SQL.run(db, "lock_claimed", conversations=keys["conversations"])
        errors = [int(one.outcome == "dead" and one.error is not None) for one in ended]
        states = {number: rest for number, *rest in SQL.run(db, "finish", **keys, errors=errors, **self._timings)}
        finished = [Finished(one, *states[one.turn.conversation]) for one in ended if one.turn.conversation in states]
        self._count_fenced(db, len(ended) - len(finished))
        self._write(db, finished, began)
        return finished

    def _write(self, db: Database, finished: Sequence[Finished], began: float) -> None:
        """What else a finish writes: the outbox, dead letters, what history found, the turns, the transitions."""
        if not finished:
            return
        if dead := [one.ended for one in finished if one.ended.outcome == "dead"]:
            _park(db, dead)
        add_found(db, [one.ended for one in finished if one.ended.found])
        share_ms = (self.clock.monotonic_seconds() - began) * 1000 / len(finished)
        SQL.run(
            db,
            "write_ends",
            **_end_columns([one.ended for one in finished], share_ms),
            **_transition_columns([_transition(one) for one in finished]),
            **_said_columns([one.ended for one in finished if one.ended.body]),
            direct_answer_within=self._timings["direct_answer_within"],
            group_answer_within=self._timings["group_answer_within"],
        )

    def fail(self, turn: Turn, error: str, work_ms: float) -> Outcome | None:
        """Try a turn again after 1, 2 and 4 minutes, then give it up: its outcome; None where another holds it."""
        if turn.attempts + 1 >= _MOST_ATTEMPTS:
            return "dead" if self.finish([Ended(turn, "dead", error=error, work_ms=work_ms)]) else None
        with transaction(self.db) as db:
            failed = SQL.run(db, "fail", conversation=turn.conversation, fence=turn.fence).rowcount
            if failed:
                self._end(db, turn, "failed", error, work_ms)
                note(db, [Transition(turn.uid, "processing", "retry", "failed", turn.correlation_id)])
            self._count_fenced(db, 1 - failed)
            failpoint("turn.parked")
        return "failed" if failed else None

    def release(self, turn: Turn, reason: Reason = "released", due_at: datetime | None = None) -> bool:
        """Give a turn back unworked: it is due at once, or then, and no attempt counts."""
        with transaction(self.db) as db:
            released = SQL.run(db, "release", conversation=turn.conversation, fence=turn.fence, due_at=due_at).rowcount
            if released:
                self._end(db, turn, "released", None, 0.0)
                note(db, [Transition(turn.uid, "processing", "settling", reason, turn.correlation_id)])
            self._count_fenced(db, 1 - released)
        return bool(released)

    def _end(self, db: Database, turn: Turn, outcome: Outcome, error: str | None, work_ms: float) -> None:
        key = {"conversation": turn.conversation, "fence": turn.fence}
        SQL.run(db, "end_turn", **key, outcome=outcome, error=error, work_ms=work_ms)

    def _count_fenced(self, db: Database, writes: int) -> None:
        self.fenced += writes
        counts.add(db, "fenced", writes)


def next_due_seconds(db: Database, holders: Mapping[str, str]) -> float | None:
    """In how many seconds something is due of the sources whose leases these hold; None: nothing is. It may be past."""
    from wamon.postgres.connection import explained

    with explained():
        seconds: float | None = SQL.value(db, "next_due", sources=list(holders), holders=list(holders.values()))
    return seconds


def _turn(due: _Due, burst: _Burst, now: datetime, was_due_at: datetime) -> Turn:
    reasons = {"retry": "retry", "processing": "takeover"}
    gap = None
    if burst.first_at is not None and due.prev_in_at is not None:
        gap = (burst.first_at - due.prev_in_at).total_seconds()
    return Turn(
        due.conversation,
        due.uid,
        due.chat,
        due.jid,
        due.project,
        Person(due.person, burst.uid, burst.hash, burst.values),
        due.kind,
        due.fence + 1,
        due.answered_seq + 1,
        due.last_seq,
        reasons.get(due.state, "due"),
        due.follow_up,
        now - was_due_at > LATE,
        due.due_at,
        due.burst_at,
        now,
        burst.newest_at,
        burst.last_message_id,
        burst.characters,
        due.prev_in_at,
        due.prev_out_at,
        gap,
        due.attempts + (due.state == "processing"),
        burst.correlation_id,
    )


def _in_digests(turns: Sequence[Turn]) -> list[Turn]:
    """The same, those marked that are told together: four and more late ones of one group."""
    late = Counter(turn.chat for turn in turns if turn.kind == "group" and turn.late)
    return [replace(turn, in_digest=turn.late and late[turn.chat] >= _FEWEST_LATE) for turn in turns]


def _turn_columns(turns: Sequence[Turn]) -> dict[str, list[Any]]:
    return {
        "conversations": [turn.conversation for turn in turns],
        "fences": [turn.fence for turn in turns],
        "from_seqs": [turn.from_seq for turn in turns],
        "through_seqs": [turn.through_seq for turn in turns],
        "turn_reasons": [turn.reason for turn in turns],
        "follow_ups": [turn.follow_up for turn in turns],
        "lates": [turn.late for turn in turns],
        "prev_in_ats": [turn.prev_in_at for turn in turns],
        "prev_out_ats": [turn.prev_out_at for turn in turns],
        "gaps": [turn.gap_seconds for turn in turns],
        "due_ats": [turn.due_at for turn in turns],
    }


def _end_columns(ended: Sequence[Ended], share_ms: float) -> dict[str, list[Any]]:
    return {
        "conversations": [one.turn.conversation for one in ended],
        "fences": [one.turn.fence for one in ended],
        "outcomes": [one.outcome for one in ended],
        "errors": [one.error for one in ended],
        "missed": [one.missed for one in ended],
        "left_out": [one.missed_left_out for one in ended],
        "histories": [one.history for one in ended],
        "work_ms": [one.work_ms for one in ended],
        "guard_ms": [one.turn.guard_ms + share_ms for one in ended],
    }


def _said_columns(said: Sequence[Ended]) -> dict[str, list[Any]]:
    turns = [one.turn for one in said]
    return {
        "said_chats": [turn.chat for turn in turns],
        "said_message_ids": [turn.last_message_id for turn in turns],
        "said_kinds": ["digest" if one.outcome == "digest" else "burst" for one in said],
        "said_sent_ats": [turn.newest_at for turn in turns],
        "said_conversations": [turn.conversation for turn in turns],
        "said_through_seqs": [turn.through_seq for turn in turns],
        "said_fences": [turn.fence for turn in turns],
        "said_bodies": [one.body for one in said],
        "said_lates": [turn.late for turn in turns],
    }


def _transition(one: Finished) -> Transition:
    turn, outcome = one.ended.turn, one.ended.outcome
    reason: Reason = "arrived-while-processing" if one.state == "settling" else outcome  # type: ignore[assignment]
    return Transition(turn.uid, "processing", one.state, reason, turn.correlation_id)


def _park(db: Database, dead: Sequence[Ended]) -> None:
    """A dead letter for each: `dead retry` opens it again."""
    turns = [one.turn for one in dead]
    SQL.run(
        db,
        "park",
        chats=[turn.chat for turn in turns],
        conversations=[turn.conversation for turn in turns],
        fences=[turn.fence for turn in turns],
        reasons=[one.error or "taken over again and again" for one in dead],
        correlation_ids=[turn.correlation_id for turn in turns],
    )
    failpoint("turn.parked")


def add_found(db: Database, ended: Sequence[Ended]) -> None:
    """Keep what a provider's history brought; known ids add nothing."""
    rows = [(one.turn, found) for one in ended for found in one.found]
    if rows:
        SQL.run(
            db,
            "add_found",
            chats=[turn.chat for turn, _ in rows],
            message_ids=[found.message_id for _, found in rows],
            conversations=[turn.conversation for turn, _ in rows],
            roles=["operator" if found.is_operator else "history" for _, found in rows],
            parts=[found.part for _, found in rows],
            names=[found.name for _, found in rows],
            sent_ats=[found.sent_at for _, found in rows],
            bodies=[found.body for _, found in rows],
        )
