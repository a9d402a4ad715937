"""Recording a batch: ONE transaction, in these steps.

1. The fence: who comes with an old number writes nothing. Then the followers prepare.
2. What we said ourselves is told apart from what people say.
3. The ledger: each message has its row. What seems new is copied at once; else what is known is looked up first.
4. Submissions: which numbers are on their list, what stands of their drops, their rows. Near misses.
5. The followers: review rows, rejections, replies.
6. The groups' numbers of messages, and the cursor's new place.

All of it is set-based. Where many groups have a long backlog, several batches share the transaction. A batch that
PostgreSQL refuses is halved until the poison message stands alone; that one is parked with its retries, in a
transaction of its own, and delays nobody else. So is one that takes too long, until the halves fit. The office's tables
refuse nothing: what can't be written there waits (effects).
"""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from psycopg.errors import UniqueViolation

from wamon.errors import Poison, TimedOut
from wamon.failpoints import failpoint
from wamon.halving import bisect
from wamon.ledger import near_misses
from wamon.ledger.changes import Recorded, count_kinds, in_row_order, ledger_changes, newest_of_each, replayed
from wamon.ledger.columns import ColumnDrafter
from wamon.ledger.dead_letters import Parking, refuse_an_epidemic
from wamon.ledger.drafts import Drafter, told
from wamon.ledger.following import Posted
from wamon.ledger.ledger_rows import LedgerRows
from wamon.ledger.submissions import Submissions
from wamon.model import content_hash
from wamon.postgres.connection import explained

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from collections.abc import Set as AbstractSet
    from contextlib import AbstractContextManager
    from datetime import datetime, timedelta

    from wamon.clock import Clock
    from wamon.halving import Part, Refusal
    from wamon.ledger.changes import Candidate, Key, Known, LedgerChanges
    from wamon.ledger.drafts import Draft, Last, Origin
    from wamon.ledger.following import Follower, OwnReplies
    from wamon.ledger.source import Source
    from wamon.ledger.validation import Validation
    from wamon.model import Message, Place, Reading
    from wamon.postgres.connection import Database


_MESSAGES_A_GROUP = 20
"""Of a long backlog, that are worth writing what is counted of a group."""
_MOST_SECONDS_TOGETHER = 5.0
"""Others wait for the fence meanwhile."""
_NOTHING = {content_hash("", media_type) for media_type in ("", "other")}
"""What a message is known by that came without words or a file."""


@dataclass(frozen=True, slots=True)
class Advance:
    """Where a tail stands once its batch is recorded, and why it stood further before, if it did."""

    tail: str
    start: Place
    place: Place
    rewind: str | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """The readings of one page, and the advance that their recording is."""

    readings: Sequence[Reading]
    advance: Advance | None = None
    new: Draft | None = None
    again: bool = False
    """Process known messages once more, whatever the ledger holds: for retries, repair and replay."""


class Recorder:
    """Records batches of one source under one set of rules, and has others follow."""

    def __init__(
        self,
        source: Source,
        *,
        rules: int,
        validation: Validation,
        followers: Sequence[Follower],
        own_replies: OwnReplies,
        keep_text: timedelta | None,
        keep_since: datetime,
        clock: Clock,
        hands_readings_over: bool = False,
    ) -> None:
        self._source = source
        self.rules = rules
        self.drafter = Drafter(rules, keep_text, keep_since, hands_readings_over)
        self._ledger = LedgerRows(source, self.drafter)
        in_order = any(one.shares_rows for one in followers)
        self._submissions = Submissions(source, validation, clock, in_order=in_order)
        self._parking = Parking(source, rules)
        self._followers = followers
        self._own_replies = own_replies
        self._clock = clock
        self._new_lately = True
        self._one_by_one = in_order or hands_readings_over
        """Each batch has a transaction of its own: others wait for its projects, or each message is looked at."""
        self.check_lease: Callable[[], None] = lambda: None
        """Called between the halves of a batch that was refused as a whole, for they take their time."""
        self.committed: Callable[[], None] = lambda: None
        """Called once a recording is committed: what followers have to tell is true then."""

    def drafted(self, readings: Sequence[Reading]) -> Draft | None:
        """What a batch of these would write if nothing is held of them; None where something is, as lately it was.

        It asks nobody, so it may work beside a transaction.
        """
        if not readings or not self._new_lately:
            return None
        return self.drafter.drafted(readings, self._source.groups, self._clock.now())

    def remembering_drops(self, messages: int) -> AbstractContextManager[None]:
        """Within this, `record_new` asks only for drops that may be known, while so many messages come.

        It ends with the first failure.
        """
        return self._submissions.remembered(messages)

    def record(self, batch: Batch) -> Recorded:
        """Record a batch, advance the cursor. Raises Superseded, DatabaseUnavailable, SchemaError."""
        recorded = Recorded()
        poisoned: list[tuple[Reading, Poison]] = []

        def act(part: Part[Reading]) -> None:
            if part.items is not batch.readings:
                self.check_lease()
            recorded.add(self._record_at_once(_part_of(batch, part, may_advance=not poisoned)))

        def alone(reading: Reading, refusal: Refusal) -> None:
            if isinstance(refusal, TimedOut):
                raise refusal
            poisoned.append((reading, refusal))
            refuse_an_epidemic(poisoned, len(batch.readings))

        bisect(batch.readings, act, alone)
        for reading, poison in poisoned:
            recorded.counts[reading.message.chat_jid, "dead"] += self._parking.park(reading, poison)
        if poisoned and batch.advance:
            recorded.add(self._record_at_once(Batch(batch.readings, batch.advance)))
        return recorded

    def _record_at_once(self, batch: Batch) -> Recorded:
        """Record a batch in one transaction: one that seems to be new as that, which needs no look-ups."""
        if batch.new and batch.advance and batch.new.lowest_rowid > batch.advance.start.rowid:
            try:
                return self.record_new(batch.new, batch.advance)
            except AlreadyKnown:
                self._new_lately = False
        return self.record_known(batch)

    def record_new(self, draft: Draft, advance: Advance) -> Recorded:
        """Record messages that nothing is held of, and advance the cursor.

        Raises AlreadyKnown where something is held of them, or their readings are needed and not there; Poison where
        PostgreSQL refuses a value; and as `record`. Then nothing is done.
        """
        with self._advancing(advance, draft.readings or ()), _nothing_held():
            recorded = self._add(draft, "copy")
            self._source.count_messages(draft.messages, told(draft.last))
        return recorded

    def record_drafts(self, batches: Iterator[tuple[Draft, Advance]]) -> tuple[Recorded, int]:
        """Record batches of new messages, which follow on each other, in one transaction: as many as go together.

        Returns what was recorded, and how many of the batches that is.

        What is counted of each group is written once for all of them, with the place where the last one ends. Stops
        before a batch that can't be recorded so, and raises as `record_new` does where that is the first.
        """
        if self._one_by_one:
            return self.record_new(*next(batches)), 1
        began_seconds = self._clock.monotonic_seconds()
        recorded, count = Recorded(), 0
        messages: Counter[str] = Counter()
        last: dict[str, Last] = {}
        with self.fenced(()) as db:
            for draft, advance in batches:
                try:
                    with explained(), db.transaction(), _nothing_held():
                        recorded.add(self._add(draft, "copy"))
                except (AlreadyKnown, Poison, TimedOut):
                    if not count:
                        raise
                    break
                count += 1
                messages.update(draft.messages)
                last.update(draft.last)
                end = advance
                del draft  # nor does anybody else hold it while it is counted
                is_late = self._clock.monotonic_seconds() - began_seconds >= _MOST_SECONDS_TOGETHER
                if is_late or messages.total() >= _MESSAGES_A_GROUP * len(messages):
                    break
            self._source.count_messages(messages, told(last))
            self._advance(end)
            failpoint("record.cursor")
        failpoint("record.committed")
        self._source.tails[end.tail] = end.place
        return recorded, count

    def _add(self, draft: Draft, query: str) -> Recorded:
        """Within the fence: record a draft, its rows by this query, but for what is counted. Raises as `record_new`."""
        draft = self._without_own_replies(draft)
        self._ledger.add(draft.ledger_rows, query)
        failpoint("record.edits")
        near_misses.keep(self._source.db, draft.near, self._source.groups, self._clock.now())
        added, counts = self._submissions.add(draft.posts, draft.submission_rows)
        return self._follow(Posted(draft.readings or (), near=draft.near, submissions=added), counts)

    def _without_own_replies(self, draft: Draft) -> Draft:
        if not self._own_replies.has_replied():
            return draft
        if draft.readings is None:
            raise AlreadyKnown
        readings = self._own_replies.without_own_replies(draft.readings)
        if readings is draft.readings:
            return draft
        return self.drafter.drafted(readings, self._source.groups, self._clock.now())

    def record_known(self, batch: Batch) -> Recorded:
        """Record messages of which something may be held, and advance the cursor. Raises as `record`, and Poison."""
        with self._advancing(batch.advance, batch.readings):
            readings = self._own_replies.without_own_replies(newest_of_each(batch.readings))
            changes = ledger_changes(readings, self.known(readings), again=batch.again)
            failpoint("record.known")
            recorded = self._write(changes, again=batch.again)
            self._source.count_messages(*_counted(changes, batch))
        self._new_lately = len(changes.new) == len(readings)
        return recorded

    def known(self, readings: Sequence[Reading]) -> dict[Key, Known]:
        """Within a transaction: what the ledger holds of these messages."""
        return self._ledger.known(readings)

    def column_drafter(self) -> ColumnDrafter | None:
        """What drafts messages that hooks bring, for `bring_new`; None where that would be of no use, as lately.

        It asks nobody, so it may work beside a transaction.
        """
        if self.drafter.hands_readings_over or not self._new_lately:
            return None
        return ColumnDrafter(self.drafter, self._source.groups, self._clock.now())

    def bring_new(self, draft: Draft) -> Recorded:
        """Within `fenced`: record what hooks brought of chats that no store is read for. Raises as `record_new`.

        What it raises ends the whole transaction. Then another one brings the same by `bring`.
        """
        try:
            with _nothing_held():
                recorded = self._add(draft, "copy_brought")
                self._source.count_messages(draft.messages, told(draft.last))
        except AlreadyKnown:
            self._new_lately = False
            raise
        return recorded

    def bring(
        self,
        readings: Sequence[Reading],
        known: Mapping[Key, Known],
        origins: Mapping[Key, Origin],
        unread: AbstractSet[str],
    ) -> Recorded:
        """Within `fenced`: record what hooks brought. Only an edit changes what a known message says, or fills one in
        that said nothing. No cursor moves.

        `unread` are the JIDs of chats that no store is read for. Raises as `record`, and Poison.
        """
        readings = self._own_replies.without_own_replies(newest_of_each(readings))
        changes = ledger_changes(readings, known, again=False, via="webhook")
        edited = [one for one in changes.changed if origins[_key(one.message)].is_edit or _fills_in(one, known, unread)]
        changes.changed = [_by_its_writer(reading, known) for reading in edited]
        recorded = self._write(changes, again=False, origins=origins)
        self._new_lately = len(changes.new) == len(readings) and not self._own_replies.has_replied()
        new = in_row_order(changes.new)
        last = {reading.message.chat_jid: reading.message for reading in new if reading.message.chat_jid in unread}
        self._source.count_messages(Counter(reading.message.chat_jid for reading in new), last)
        return recorded

    def note_missed(self, messages: Sequence[Message]) -> None:
        """Within `fenced`: remember that the store lacks these, which hooks brought."""
        self._ledger.note_missed(messages)

    def _write(self, changes: LedgerChanges, *, again: bool, origins: Mapping[Key, Origin] | None = None) -> Recorded:
        written = [*changes.new, *changes.changed]
        said = self._submissions.changes(written, self._submissions.own(written))
        self._ledger.write(changes, origins)
        near_misses.retract(self._source.db, changes.changed, self._source.groups)
        near_misses.keep(self._source.db, written, self._source.groups, self._clock.now())
        submissions = self._submissions.write(said)._asdict()
        near = [reading for reading in written if reading.near]
        posted = Posted(
            in_row_order(changes.new),
            changes.changed,
            changes.recovered,
            origins or {},
            near,
            **submissions,
            mended=changes.mended,
            again=again,
        )
        recorded = self._follow(posted)
        recorded.counts.update((candidate.message.chat_jid, "retracted") for candidate in said.retracted)
        return recorded

    def replay(self, readings: Sequence[Reading]) -> Recorded:
        """Record what messages that are recorded say beside what is held of them, and take nothing away.

        As of their posting: nobody's work on a review row is reset. Raises as `record`, and Poison.
        """
        with self.fenced(readings) as db:
            own = self._submissions.own(readings)
            added = replayed(readings, self._ledger.known(readings), own)
            if added.whole:
                self._ledger.change(added.whole)
            self._ledger.note_numbers(added.readings)
            near = near_misses.keep(db, added.near, self._source.groups, self._clock.now())
            written = self._submissions.write(self._submissions.changes(added.readings, own))
            mended = {_key(reading.message) for reading in added.readings}
            recorded = self._follow(Posted(near=added.near, **written._asdict(), mended=mended, again=True))
            recorded.counts.update((jid, "near-miss") for jid in near)
            failpoint("record.replayed")
        return recorded

    def waiting(self) -> list[Candidate]:
        """Rejected submissions whose numbers are on their project's list by now, the oldest first."""
        return self._submissions.waiting()

    def admit(self, waiting: Sequence[Candidate]) -> Recorded:
        """Make these rejected submissions real, each as of its posting. Raises as `record`, and Poison."""
        with self.fenced(()):
            live = self._submissions.admit(waiting)
            recorded = self._follow(Posted(submissions=live, admitted=waiting, again=True))
            failpoint("record.admitted")
        return recorded

    def give_up(self, chat_jid: str, message_id: str) -> None:
        """Bury a parked message whose row or text has vanished from the store: there is nothing left to try."""
        self._parking.give_up(self._source.groups[chat_jid].chat, message_id)

    def _follow(self, posted: Posted, counts: Counter[tuple[str, str]] | None = None) -> Recorded:
        """Have the followers follow, each after the one before it; what was recorded. `counts` where they are known."""
        recorded = Recorded(count_kinds(posted.submissions) if counts is None else counts)
        for follower in self._followers:
            recorded.conflicts += follower.follow(self._source.db, posted)
        failpoint("record.review")
        return recorded

    @contextmanager
    def fenced(self, readings: Sequence[Reading]) -> Iterator[Database]:
        """One transaction within the fence, for which the followers have prepared."""
        with self._source.fenced() as db:
            for follower in self._followers:
                follower.prepare(db, readings)
            yield db
        self.committed()

    @contextmanager
    def _advancing(self, advance: Advance | None, readings: Sequence[Reading]) -> Iterator[Database]:
        """As `fenced`; at its end the cursor moves, if it is to."""
        with self.fenced(readings) as db:
            yield db
            if advance:
                self._advance(advance)
            failpoint("record.cursor")
        failpoint("record.committed")
        if advance:
            self._source.tails[advance.tail] = advance.place

    def _advance(self, advance: Advance) -> None:
        if advance.rewind:
            self._source.note_rewind(advance.tail, self._source.tails[advance.tail], advance.start, advance.rewind)
            self._source.queue_sweep(advance.rewind)
        passed = [
            group.jid for group in self._source.starting(advance.tail) if group.start_place.rowid <= advance.place.rowid
        ]
        self._source.advance(advance.tail, advance.place, passed)
        for jid in passed:
            self._source.groups[jid].start_passed = True


class AlreadyKnown(Exception):
    """A batch that seemed to be new holds something that is recorded."""


@contextmanager
def _nothing_held() -> Iterator[None]:
    try:
        yield
    except UniqueViolation as error:
        if error.diag.constraint_name in {"ledger_rows_pkey", "submission_rows_pkey"}:
            raise AlreadyKnown from None
        raise


def _fills_in(reading: Reading, known: Mapping[Key, Known], unread: AbstractSet[str]) -> bool:
    """Whether it says what its message came without: a bridge may hand on the keys to a group's message before it."""
    return reading.message.chat_jid in unread and known[_key(reading.message)].content_hash in _NOTHING


def _by_its_writer(reading: Reading, known: Mapping[Key, Known]) -> Reading:
    """An edit as its message's sender said it: what brings it may name them otherwise, or not at all."""
    message = reading.message
    return reading._replace(message=message._replace(sender=known[_key(message)].sender or message.sender))


def _part_of(batch: Batch, part: Part[Reading], *, may_advance: bool) -> Batch:
    """A batch's part. Behind a poison message the cursor stays, until that message is parked."""
    if part.items is batch.readings:
        return batch
    return Batch(part.items, batch.advance if part.is_last and may_advance else None, again=batch.again)


def _counted(changes: LedgerChanges, batch: Batch) -> tuple[Counter[str], dict[str, Message]]:
    """How many messages are new in each chat, and each one's last beyond the place where the batch begins."""
    added = Counter(reading.message.chat_jid for reading in changes.new)
    return added, _last_of_each(batch.readings, batch.advance.start) if batch.advance else {}


def _last_of_each(readings: Sequence[Reading], beyond: Place) -> dict[str, Message]:
    """Each chat's last message beyond this place."""
    return {reading.message.chat_jid: reading.message for reading in readings if reading.message.rowid > beyond.rowid}


def _key(message: Message) -> Key:
    return message.chat_jid, message.message_id
