"""Recording a batch: ONE transaction with the source's turn, ledger, submissions, review rows and the cursor's place.

Set-based throughout. A batch that PostgreSQL refuses is halved until the poison message stands alone; that one is
parked with its retries, in a transaction of its own, and delays nobody else.
"""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from psycopg.errors import UniqueViolation

from wamon.errors import Poison
from wamon.failpoints import failpoint
from wamon.ledger import near_misses
from wamon.ledger.changes import (
    Known,
    LedgerChanges,
    Recorded,
    ledger_changes,
    newest_of_each,
    replayed,
)
from wamon.ledger.dead_letters import Parking, refuse_an_epidemic
from wamon.ledger.drafts import Drafter
from wamon.postgres.copy import copied
from wamon.postgres.queries import Queries

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import timedelta

    from wamon.clock import Clock
    from wamon.ledger.changes import Key, SubmissionChanges
    from wamon.ledger.drafts import Draft
    from wamon.ledger.outbox import Outbox
    from wamon.ledger.source import Source
    from wamon.ledger.submissions import Submissions
    from wamon.model import Message, Place, Reading

SQL = Queries("wamon.ledger", "recording")


@dataclass(frozen=True, slots=True)
class Advance:
    """Where a tail stands once its batch is recorded, and why it stood further before, if it did."""

    tail: str
    start: Place
    place: Place
    rewind: str | None = None


class Ready(NamedTuple):
    """A draft, with what becomes of its posts."""

    draft: Draft
    submissions: SubmissionChanges


@dataclass(frozen=True, slots=True)
class Batch:
    """The readings of one page, and the advance that their recording is."""

    readings: Sequence[Reading]
    advance: Advance | None = None
    ready: Ready | None = None
    again: bool = False
    """Process known messages once more, whatever the ledger holds: for retries, repair and replay."""


class Recorder:
    """Records batches of one source under one set of rules."""

    def __init__(
        self,
        source: Source,
        *,
        rules: int,
        submissions: Submissions,
        outbox: Outbox,
        keep_text: timedelta | None,
        clock: Clock,
    ) -> None:
        self._source = source
        self.rules = rules
        self.submissions = submissions
        self.outbox = outbox
        self._parking = Parking(source, rules)
        self.drafter = Drafter(rules, keep_text, clock)
        self._clock = clock
        self._new_lately = True

    def drafted(self, readings: Sequence[Reading]) -> Ready | None:
        """What a batch of these would write if nothing is held of them; None where something is, as lately it was."""
        if not readings or not self._new_lately:
            return None
        return self.ready(self.drafter.drafted(readings, self._source.groups))

    def ready(self, draft: Draft) -> Ready:
        """A draft with all that can be made of it beforehand. It asks nobody, so it may work beside a transaction."""
        return Ready(draft, self.submissions.posted(draft.posts))

    def record(self, batch: Batch) -> Recorded:
        """Record a batch, advance the cursor. Raises LostTurn, DatabaseUnavailable, SchemaError, nothing half-done."""
        recorded = Recorded()
        poisoned: list[tuple[Reading, Poison]] = []
        self._record_or_halve(batch, recorded, poisoned, len(batch.readings))
        for reading, poison in poisoned:
            recorded.counts[reading.message.chat_jid, "dead"] += self._parking.park(reading, poison)
        if poisoned and batch.advance:
            recorded.add(self._record_at_once(Batch(batch.readings, batch.advance)))
        return recorded

    def _record_or_halve(
        self, batch: Batch, recorded: Recorded, poisoned: list[tuple[Reading, Poison]], of: int
    ) -> None:
        try:
            # Behind a poison message the cursor stays, until that message is parked.
            recorded.add(self._record_at_once(_without_advance(batch) if poisoned else batch))
        except Poison as poison:
            if len(batch.readings) <= 1:
                poisoned.extend((reading, poison) for reading in batch.readings)
                refuse_an_epidemic(poisoned, of)
                return
            half = len(batch.readings) // 2
            first, last = batch.readings[:half], batch.readings[half:]
            self._record_or_halve(Batch(first, again=batch.again), recorded, poisoned, of)
            self._record_or_halve(Batch(last, batch.advance, again=batch.again), recorded, poisoned, of)

    def _record_at_once(self, batch: Batch) -> Recorded:
        """Record a batch in one turn. One that seems to be new is taken for that first: it needs no look-ups."""
        if batch.ready and batch.advance and batch.ready.draft.lowest_rowid > batch.advance.start.rowid:
            try:
                return self.record_draft(batch.ready, batch.advance)
            except AlreadyKnown:
                self._new_lately = False
        return self._in_turn(batch.advance, partial(self._record_any, batch))

    def record_draft(self, ready: Ready, advance: Advance) -> Recorded:
        """Record messages that nothing is held of, and advance the cursor.

        Raises AlreadyKnown where something is held of them, or their readings are needed and not there; Poison where
        PostgreSQL refuses a value; and as `record`. Then nothing is done.
        """
        return self._in_turn(advance, partial(self._record_new, ready))

    def _in_turn(self, advance: Advance | None, record: Callable[[], Recorded]) -> Recorded:
        with self._source.turn():
            recorded = record()
            if advance:
                self._advance(advance)
            failpoint("record.cursor")
        failpoint("record.committed")
        if advance:
            self._source.tails[advance.tail] = advance.place
        return recorded

    def _record_new(self, ready: Ready) -> Recorded:
        draft, submissions = self._knowing_ours(ready)
        with _nothing_held():
            self._copy_ledger(draft.ledger_rows)
            failpoint("record.edits")
            recorded = self.submissions.write(submissions, set(), answered=True)
        self._write_near(draft.near, answered=True)
        self._count_groups(draft.messages, draft.last)
        return recorded

    def _knowing_ours(self, ready: Ready) -> Ready:
        if not self.outbox.has_spoken():
            return ready
        if ready.draft.readings is None:
            raise AlreadyKnown
        readings = self.outbox.knowing_ours(ready.draft.readings)
        if readings is ready.draft.readings:
            return ready
        in_row_order = sorted(readings, key=lambda reading: reading.message.rowid)
        return self.ready(self.drafter.drafted(in_row_order, self._source.groups))

    def _record_any(self, batch: Batch) -> Recorded:
        readings = self.outbox.knowing_ours(newest_of_each(batch.readings))
        changes = ledger_changes(readings, self._known(readings), again=batch.again)
        failpoint("record.known")
        written = [*changes.new, *changes.changed]
        said = self.submissions.changes(written, self.submissions.own(written))
        self._write_ledger(changes)
        answered = not batch.again  # nobody waits for an answer to what is read once more
        recorded = self.submissions.write(said, changes.mended, answered=answered)
        near_misses.retract(self._source.db, changes.changed, self._source.groups)
        self._write_near(written, answered=answered)
        added = Counter(reading.message.chat_jid for reading in changes.new)
        self._count_groups(added, _last_of_each(batch.readings, batch.advance.start) if batch.advance else {})
        self._new_lately = len(changes.new) == len(readings)
        return recorded

    def _known(self, readings: Sequence[Reading]) -> dict[tuple[str, str], Known]:
        if not readings:
            return {}
        jids = self._source.jids(r.message for r in readings)
        rows = SQL.run(self._source.db, "known", **self._source.keys(r.message for r in readings))
        return {(jids[chat], message_id): Known(*held) for chat, message_id, *held in rows}

    def _write_ledger(self, changes: LedgerChanges) -> None:
        if changes.new:
            self._copy_ledger(self.drafter.ledger_rows(changes.new, self._source.groups))
        if changes.changed:
            self._change_ledger(changes.changed)
        if changes.came_back:
            SQL.run(self._source.db, "came_back", **self._source.keys(changes.came_back))
        failpoint("record.edits")

    def _copy_ledger(self, rows: Iterable[bytes]) -> None:
        copied(self._source.db, SQL.sql("copy_ledger"), rows)
        failpoint("record.ledger")

    def _change_ledger(self, changed: Sequence[Reading]) -> None:
        keys = self._source.keys(reading.message for reading in changed)
        hashes = [reading.message.content_hash for reading in changed]
        now = self._clock.now()
        SQL.run(self._source.db, "keep_revisions", **keys, hashes=hashes)
        SQL.run(
            self._source.db,
            "change_ledger",
            **keys,
            hashes=hashes,
            rules=self.rules,
            statuses=[reading.status for reading in changed],
            reasons=[reading.reason for reading in changed],
            texts=[self.drafter.kept_text(reading, now) for reading in changed],
            numbers=[_joined(reading) for reading in changed],
        )
        SQL.run(self._source.db, "forget_letters", **keys)

    def _note_numbers(self, readings: Sequence[Reading]) -> None:
        if readings:
            keys = self._source.keys(reading.message for reading in readings)
            SQL.run(self._source.db, "note_numbers", **keys, numbers=[_joined(reading) for reading in readings])

    def _write_near(self, readings: Sequence[Reading], *, answered: bool) -> None:
        near_misses.keep(self._source.db, readings, self._source.groups, self._clock.now())
        if answered:
            self.outbox.queue_near(readings)

    def _count_groups(self, added: Counter[str], last: Mapping[str, Message]) -> None:
        """Each group's number of messages, and the last one that its tail has passed."""
        jids = sorted(added.keys() | last.keys())
        if not jids:
            return
        rows = SQL.run(
            self._source.db,
            "count_groups",
            chats=[self._source.groups[jid].chat for jid in jids],
            messages=[added[jid] for jid in jids],
            last_message_ids=[last[jid].message_id if jid in last else None for jid in jids],
            last_sent_ats=[last[jid].sent_at if jid in last else None for jid in jids],
        ).fetchall()
        for jid, messages, message_id, sent_at in rows:
            group = self._source.groups[jid]
            group.messages, group.last_message_id, group.last_sent_at = messages, message_id, sent_at

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

    def give_up(self, chat_jid: str, message_id: str) -> None:
        """Bury a parked message whose row or text has vanished from the store: there is nothing left to try."""
        self._parking.give_up(self._source.groups[chat_jid].chat, message_id)

    def replay(self, readings: Sequence[Reading]) -> Recorded:
        """Record what messages that are recorded say beside what is held of them, and take nothing away.

        As of their posting: nobody's work on a review row is reset. Raises as `record`, and Poison.
        """
        with self._source.turn() as db:
            known, own = self._known(readings), self.submissions.own(readings)
            added = replayed(readings, known, own)
            if added.whole:
                self._change_ledger(added.whole)
            self._note_numbers(added.readings)
            mended = {_key(reading.message) for reading in added.readings}
            recorded = self.submissions.write(self.submissions.changes(added.readings, own), mended, answered=False)
            near = near_misses.keep(db, added.near, self._source.groups, self._clock.now())
            recorded.counts.update((jid, "near-miss") for jid in near)
            failpoint("record.replayed")
        return recorded


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


def _without_advance(batch: Batch) -> Batch:
    return Batch(batch.readings, again=batch.again)


def _last_of_each(readings: Sequence[Reading], beyond: Place) -> dict[str, Message]:
    """Each chat's last message beyond this place."""
    return {reading.message.chat_jid: reading.message for reading in readings if reading.message.rowid > beyond.rowid}


def _joined(reading: Reading) -> str | None:
    """Its numbers, none of which holds a space: an array of arrays would have to be a rectangle."""
    return " ".join(reading.numbers) or None


def _key(message: Message) -> Key:
    return message.chat_jid, message.message_id
