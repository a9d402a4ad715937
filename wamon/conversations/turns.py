"""Turns: a burst is claimed, worked, and ended. Each step is one transaction, and the fence guards each.

1. Claim: what is due is held, its burst read by a statement of its own, which sees all that was committed meanwhile.
   What nobody is to answer is closed in the same transaction.
2. Work, outside any transaction; the lease is renewed, and who lost it writes nothing any more.
3. Finish: `answered_seq` moves to what was claimed, not to what is there now. The same UPDATE decides whether more
   messages came. The reply's row, the turn and the transition are written before the commit.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from wamon.conversations import contexts, counts
from wamon.conversations.identity import Person, is_chosen
from wamon.failpoints import failpoint
from wamon.postgres.connection import statement, transaction
from wamon.postgres.queries import Queries

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from wamon.clock import Clock
    from wamon.config.conversations import Conversations
    from wamon.conversations.budget import Entry
    from wamon.conversations.model import Outcome, Reason, State
    from wamon.postgres.connection import Database

SQL = Queries("wamon.conversations", "turns")

KINDS = ("direct", "group")
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
    entries: Sequence[Entry] = ()  # what the agent is told of it later
    work_ms: float | None = None

    @property
    def is_plain(self) -> bool:
        """Whether its end is one statement: it leaves no letter, keeps no history, and tells the agent nothing."""
        return self.outcome != "dead" and not self.found and not self.entries


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
    kind: str
    state: State
    is_pending: bool
    is_late: bool
    is_off: bool
    now: datetime


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
        SQL.run(
            db,
            "note_transitions",
            uids=[one.uid for one in transitions],
            was=[one.was for one in transitions],
            is_now=[one.is_now for one in transitions],
            reasons=[one.reason for one in transitions],
            correlation_ids=[one.correlation_id for one in transitions],
        )


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
    _claim_ms: float = 0.0
    """What the last claim took, for each of what it held."""

    def __post_init__(self) -> None:
        self._timings = timings(self.conversations)

    def claim(self, most: int, kinds: Sequence[str] = KINDS) -> Claimed:
        """Claim what is due of these kinds, at most so many, but all that is late in one of their groups."""
        began, self._claim_ms = self.clock.monotonic_seconds(), 0.0
        with transaction(self.db) as db:
            wanted = {"source": self.source, "kinds": list(kinds), "most": most}
            due = SQL.rows(db, "claim_due", _Due, **wanted, late=LATE, **self._timings)
            if not due:
                return Claimed()
            is_off, now = due[0].is_off, due[0].now
            due += self._late_beside(db, due)
            pending = [one for one in due if one.is_pending]
            self._rest(db, [one for one in due if not one.is_pending])
            turns = self._begin(db, pending)
            judged = [(turn, self._closed(turn, now, is_off=is_off)) for turn in turns]
            done = self.finish_within(db, [Ended(turn, why, work_ms=0.0) for turn, why in judged if why])
            failpoint("turn.claimed")
        self._claim_ms = (self.clock.monotonic_seconds() - began) * 1000 / len(due)
        return Claimed(_together([turn for turn, why in judged if not why]), done, len(due) - len(pending))

    def _late_beside(self, db: Database, due: Sequence[_Due]) -> list[_Due]:
        """What else is late in the groups of these where one is."""
        chats = sorted({one.chat for one in due if one.kind == "group" and one.is_late})
        if not chats:
            return []
        held = [one.conversation for one in due]
        values = {"source": self.source, "chats": chats, "late": LATE, "but": held}
        return SQL.rows(db, "claim_late", _Due, **values, **self._timings)

    def _rest(self, db: Database, idle: Sequence[_Due]) -> None:
        if idle:
            SQL.run(db, "rest", conversations=[one.conversation for one in idle])
            reasons: dict[State, Reason] = {"human": "human-over", "processing": "released"}  # the latter: by hand
            known = [one for one in idle if one.state in reasons]
            note(db, [Transition(one.uid, one.state, "idle", reasons[one.state]) for one in known])

    def _begin(self, db: Database, due: Sequence[_Due]) -> list[Turn]:
        """A turn for each of these, which are pending."""
        if not due:
            return []
        if lost := [one.conversation for one in due if one.state == "processing"]:
            SQL.run(db, "lose", conversations=lost)
        held, late = [one.conversation for one in due], [one.conversation for one in due if one.is_late]
        return SQL.rows(db, "begin_turns", _turn, conversations=held, late=late, me=self.me, lease=LEASE)

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
        is_plain = len(ended) == 1 and ended[0].is_plain
        with statement(self.db) if is_plain else transaction(self.db) as db:
            finished = self.finish_within(db, ended)
            failpoint("turn.finished")
        failpoint("turn.committed")
        return finished

    def finish_within(self, db: Database, ended: Sequence[Ended]) -> list[Finished]:
        """As `finish`, within a transaction."""
        if not ended:
            return []
        conversations = [one.turn.conversation for one in ended]
        if len(ended) > 1:
            SQL.run(db, "lock_claimed", conversations=conversations)
        rows = [_end_row(place, one, self._claim_ms) for place, one in enumerate(ended)]
        said = json.dumps(rows, default=str)
        changed = SQL.run(db, "finish", conversations=conversations, ended=said, **self._timings)
        states = {place: rest for place, *rest in changed}
        finished = [Finished(ended[place], *states[place]) for place in sorted(states)]
        self._count_fenced(db, len(ended) - len(finished))
        _park(db, [one.ended for one in finished if one.ended.outcome == "dead"])
        add_found(db, [one.ended for one in finished])
        self._remember(db, [one.ended for one in finished])
        return finished

    def _remember(self, db: Database, ended: Sequence[Ended]) -> None:
        """Keep what the agent is told of these later."""
        bounds = contexts.Bounds(self.conversations.agent.budget, self.conversations.keep_text)
        for one in ended:
            if one.entries:
                contexts.add(db, one.turn.uid, one.entries, bounds)

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


def next_due_seconds(db: Database, holders: Mapping[str, str], kinds: Sequence[str] = KINDS) -> float | None:
    """In how many seconds something is due of the sources whose leases these hold; None: nothing is. It may be past."""
    from wamon.postgres.connection import explained

    with explained():
        values = {"sources": list(holders), "holders": list(holders.values()), "kinds": list(kinds)}
        seconds: float | None = SQL.value(db, "next_due", **values)
    return seconds


def _turn(
    conversation: int,
    uid: UUID,
    chat: int,
    jid: str,
    project: str,
    person: int,
    person_uid: str,
    person_hash: str,
    values: list[str],
    *rest: Any,  # noqa: ANN401 - in the order of its fields
) -> Turn:
    return Turn(conversation, uid, chat, jid, project, Person(person, person_uid, person_hash, values), *rest)


def _together(turns: Sequence[Turn]) -> Sequence[Turn]:
    """The same, those marked that are told together: four and more late ones of one group."""
    late = Counter(turn.chat for turn in turns if turn.kind == "group" and turn.late)
    in_digest = {chat for chat, count in late.items() if count >= _FEWEST_LATE}
    return [replace(turn, in_digest=turn.late) if turn.chat in in_digest else turn for turn in turns]


def _end_row(place: int, one: Ended, claim_ms: float) -> dict[str, Any]:
    """What a finish is told of a turn."""
    turn = one.turn
    return {
        "place": place,
        "conversation": turn.conversation,
        "fence": turn.fence,
        "outcome": one.outcome,
        "error": one.error,
        "missed": one.missed,
        "missed_left_out": one.missed_left_out,
        "history": one.history,
        "work_ms": one.work_ms,
        "claim_ms": claim_ms,
        "late": turn.late,
        "newest_at": turn.newest_at,
        "last_message_id": turn.last_message_id,
        "correlation_id": turn.correlation_id,
        "body": one.body,
    }


def _park(db: Database, dead: Sequence[Ended]) -> None:
    """A dead letter for each: `dead retry` opens it again."""
    if not dead:
        return
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
