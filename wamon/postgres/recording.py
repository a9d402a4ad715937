"""Recording a batch: ONE transaction with the source's turn, ledger, submissions, review rows and the cursor's place.

Set-based throughout. A batch that PostgreSQL refuses is halved until the poison message stands alone; that one is
parked with its retries, in a transaction of its own, and delays nobody else.
"""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from psycopg.errors import UniqueViolation

from wamon.errors import Poison
from wamon.failpoints import failpoint
from wamon.postgres import nearness
from wamon.postgres.changes import (
    ALL_IS_KNOWN,
    NOTHING_STANDS,
    Candidate,
    Known,
    LedgerChanges,
    Standing,
    count_kinds,
    ledger_changes,
    newest_of_each,
    replayed,
    submission_changes,
)
from wamon.postgres.connection import transaction
from wamon.postgres.parking import Parking, refuse_an_epidemic
from wamon.postgres.queries import queries

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime, timedelta

    from psycopg import Cursor

    from wamon.clock import Clock
    from wamon.model import Message, Place, Reading
    from wamon.postgres.changes import Key, SubmissionChanges
    from wamon.postgres.outbox import Outbox
    from wamon.postgres.review import Review
    from wamon.postgres.sources import Source
    from wamon.postgres.validation import Validation

SQL = queries("recording")

_LEDGER_TYPES = ("int4", "text", "text", "text", "int4", "int8", "timestamptz", "text", "text")
_SUBMISSION_TYPES = ("int4", "text", "text", "text", "timestamptz", "text", "bool", "bool")


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
    again: bool = False
    """Process known messages once more, whatever the ledger holds: for retries, repair and replay."""


@dataclass(slots=True)
class Recorded:
    """What recording did, counted by (chat JID, kind): new, resubmission, rejected, retracted, dead."""

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    conflicts: list[tuple[str, str]] = field(default_factory=list)  # (project, drop) whose review row is another's

    def add(self, other: Recorded) -> None:
        self.counts += other.counts
        self.conflicts += other.conflicts


class Recorder:
    """Records batches of one source under one set of rules."""

    def __init__(
        self,
        source: Source,
        *,
        rules: int,
        review: Review | None,
        validation: Validation,
        outbox: Outbox,
        keep_text: timedelta | None,
        clock: Clock,
    ) -> None:
        self._source = source
        self.rules = rules
        self._review = review
        self._validation = validation
        self.outbox = outbox
        self._parking = Parking(source, rules)
        self._keep_text = keep_text  # None: for ever
        self._clock = clock
        self._new_lately = True

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
            recorded.add(self._record_at_once(Batch(batch.readings, None, batch.again) if poisoned else batch))
        except Poison as poison:
            if len(batch.readings) <= 1:
                poisoned.extend((reading, poison) for reading in batch.readings)
                refuse_an_epidemic(poisoned, of)
                return
            half = len(batch.readings) // 2
            self._record_or_halve(Batch(batch.readings[:half], None, batch.again), recorded, poisoned, of)
            self._record_or_halve(Batch(batch.readings[half:], batch.advance, batch.again), recorded, poisoned, of)

    def _record_at_once(self, batch: Batch) -> Recorded:
        """Record a batch in one turn. One that seems to be new is taken for that first: it needs no look-ups."""
        if self._seems_new(batch):
            try:
                return self._in_turn(batch, self._record_new)
            except AlreadyKnown:
                self._new_lately = False
        return self._in_turn(batch, self._record_any)

    def _seems_new(self, batch: Batch) -> bool:
        if not self._new_lately or batch.again or batch.advance is None:
            return False
        beyond = batch.advance.start.rowid
        return all(reading.message.rowid > beyond for reading in batch.readings)

    def _in_turn(self, batch: Batch, record: Callable[[Batch], Recorded]) -> Recorded:
        with self._source.turn():
            recorded = record(batch)
            if batch.advance:
                self._advance(batch.advance)
            failpoint("record.cursor")
        failpoint("record.committed")
        if batch.advance:
            self._source.tails[batch.advance.tail] = batch.advance.place
        return recorded

    def _record_new(self, batch: Batch) -> Recorded:
        """Record messages that nothing is held of. Raises AlreadyKnown where something is."""
        readings = self.outbox.knowing_ours(newest_of_each(batch.readings))
        with _nothing_held():
            self._write_ledger(LedgerChanges(new=readings))
            recorded = self._write_submissions(readings, {}, set(), self.outbox)
        self._write_near(readings, self.outbox)
        self._count_groups(readings, batch)
        return recorded

    def _record_any(self, batch: Batch) -> Recorded:
        readings = self.outbox.knowing_ours(newest_of_each(batch.readings))
        changes = ledger_changes(readings, self._known(readings), again=batch.again)
        failpoint("record.known")
        self._write_ledger(changes)
        written = [*changes.new, *changes.changed]
        outbox = None if batch.again else self.outbox  # nobody waits for an answer to what is read once more
        recorded = self._write_submissions(written, self._own(written), changes.mended, outbox)
        nearness.retract(self._source.db, changes.changed, self._source.groups)
        self._write_near(written, outbox)
        self._count_groups(changes.new, batch)
        self._new_lately = len(changes.new) == len(readings)
        return recorded

    def _known(self, readings: Sequence[Reading]) -> dict[tuple[str, str], Known]:
        jids = self._jids(readings)
        rows = self._run("known", **self._keys(r.message for r in readings)).fetchall() if readings else []
        return {(jids[chat], message_id): Known(*held) for chat, message_id, *held in rows}

    def _write_ledger(self, changes: LedgerChanges) -> None:
        if changes.new:
            self._copy("copy_ledger", _LEDGER_TYPES, self._ledger_rows(changes.new))
        failpoint("record.ledger")
        if changes.changed:
            self._change_ledger(changes.changed)
        if changes.came_back:
            self._run("came_back", **self._keys(changes.came_back))
        failpoint("record.edits")

    def _ledger_rows(self, readings: Sequence[Reading]) -> Iterator[tuple[Any, ...]]:
        now = self._clock.now()
        groups = self._source.groups
        for reading in readings:
            message, numbers, reason, near = reading
            text = self._kept_text(reading, now) if numbers or near else None
            _, jid, message_id, sender, sent_at, _, _, _, content_hash = message
            status = "ignored" if reason else "done"
            yield groups[jid].chat, message_id, status, reason, self.rules, content_hash, sent_at, sender, text

    def _change_ledger(self, changed: Sequence[Reading]) -> None:
        keys = self._keys(reading.message for reading in changed)
        hashes = [reading.message.content_hash for reading in changed]
        now = self._clock.now()
        self._run("keep_revisions", **keys, hashes=hashes)
        self._run(
            "change_ledger",
            **keys,
            hashes=hashes,
            rules=self.rules,
            statuses=[reading.status for reading in changed],
            reasons=[reading.reason for reading in changed],
            texts=[self._kept_text(reading, now) for reading in changed],
        )
        self._run("forget_letters", **keys)

    def _kept_text(self, reading: Reading, now: datetime) -> str | None:
        if not reading.numbers and not reading.near:
            return None
        sent_at = min(reading.message.sent_at or now, now)
        old = self._keep_text is not None and sent_at <= now - self._keep_text
        return None if old else reading.message.text

    def _write_submissions(
        self,
        readings: Sequence[Reading],
        own: Mapping[Key, Mapping[str, bool]],
        mended: set[Key],
        outbox: Outbox | None,
    ) -> Recorded:
        changes = submission_changes(readings, own, self._source.groups, self._clock.now())
        changes.inserted = self._validation.judged(self._source.db, changes.inserted)
        if self._review and (changes.inserted or changes.revived or changes.retracted):
            self._lock_projects(_messages_of(changes))
        standing = self._standing(changes.inserted)
        recorded = Recorded(count_kinds(changes.inserted, standing))
        self._copy_submissions(changes.inserted)
        revived = self._set_live([(c.message, c.drop_number) for c in changes.revived], live=True)
        retracted = self._set_live(changes.retracted, live=False)
        recorded.counts.update((message.chat_jid, "retracted") for message, _ in changes.retracted)
        self._validation.note(self._source.db, [c for c in changes.inserted if c.rejected])
        if outbox:
            outbox.queue(changes.inserted, standing)
        failpoint("record.submissions")
        if self._review:
            recorded.conflicts += self._follow(self._review, changes, standing, revived, retracted, mended)
        failpoint("record.review")
        return recorded

    def _write_near(self, readings: Sequence[Reading], outbox: Outbox | None) -> None:
        nearness.keep(self._source.db, readings, self._source.groups, self._clock.now())
        if outbox:
            outbox.queue_near(readings)

    def _follow(
        self,
        review: Review,
        changes: SubmissionChanges,
        standing: Sequence[Standing],
        revived: set[tuple[str, str]],
        retracted: set[tuple[str, str]],
        mended: set[Key],
    ) -> list[tuple[str, str]]:
        """Have the review table follow; what a repair brought back only adds rows that are missing. The conflicts."""

        def news(numbers: Iterable[tuple[Message, str]], drops: set[tuple[str, str]]) -> set[tuple[str, str]]:
            groups = self._source.groups
            told = (pair for pair in numbers if _key(pair[0]) not in mended and review.minds(pair[0].sent_at))
            return drops & {(groups[message.chat_jid].project, number) for message, number in told}

        inserted = [
            (c, before._replace(latest=ALL_IS_KNOWN) if _key(c.message) in mended else before)
            for c, before in zip(changes.inserted, standing, strict=True)
            if not before.twin and not c.rejected
        ]
        again = news(((c.message, c.drop_number) for c in changes.revived), revived)
        gone = news(changes.retracted, retracted)
        return review.follow(self._source.db, inserted, again, self._without_live(gone))

    def _own(self, readings: Sequence[Reading]) -> dict[tuple[str, str], dict[str, bool]]:
        jids = self._jids(readings)
        own: dict[tuple[str, str], dict[str, bool]] = {}
        rows = self._run("own_submissions", **self._keys(r.message for r in readings)).fetchall() if readings else []
        for chat, message_id, drop_number, live in rows:
            own.setdefault((jids[chat], message_id), {})[drop_number] = live
        return own

    def _standing(self, candidates: Sequence[Candidate]) -> list[Standing]:
        if not candidates:
            return []
        rows = self._run(
            "standing",
            source=self._source.name,
            projects=[c.project for c in candidates],
            drops=[c.drop_number for c in candidates],
            jids=[c.message.chat_jid for c in candidates],
            message_ids=[c.message.message_id for c in candidates],
        ).fetchall()
        stands = {n: Standing(*held) for n, *held in rows}
        return [stands.get(n, NOTHING_STANDS) for n in range(1, len(candidates) + 1)]

    def _copy_submissions(self, inserted: Sequence[Candidate]) -> None:
        if inserted:
            self._copy(
                "copy_submissions",
                _SUBMISSION_TYPES,
                (
                    (self._chat(m), m.message_id, number, project, sent_at, m.sender, rejected, unchecked)
                    for m, project, number, sent_at, rejected, unchecked in inserted
                ),
            )

    def _set_live(self, numbers: Iterable[tuple[Message, str]], *, live: bool) -> set[tuple[str, str]]:
        """Mark submissions live or not; the (project, drop) of each."""
        pairs = list(numbers)
        if not pairs:
            return set()
        keys = self._keys(message for message, _ in pairs)
        return set(self._run("set_live", **keys, drops=[number for _, number in pairs], live=live).fetchall())

    def _without_live(self, drops: set[tuple[str, str]]) -> list[tuple[str, str]]:
        if not drops:
            return []
        values = {"projects": [project for project, _ in drops], "drops": [drop for _, drop in drops]}
        return self._run("without_live", **values).fetchall()

    def _lock_projects(self, messages: Iterable[Message]) -> None:
        """Two sources may feed one project: what they do to its review rows comes one after the other."""
        self._run("lock_projects", projects=list({self._source.groups[m.chat_jid].project for m in messages}))

    def _count_groups(self, new: Sequence[Reading], batch: Batch) -> None:
        """Each group's number of messages, and the last one that its tail has passed."""
        added = Counter(reading.message.chat_jid for reading in new)
        beyond = batch.advance.start.rowid if batch.advance else None
        messages = [] if beyond is None else [reading.message for reading in batch.readings]
        last = {message.chat_jid: message for message in messages if message.rowid > (beyond or 0)}
        jids = sorted(added.keys() | last.keys())
        if not jids:
            return
        rows = self._run(
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
            known, own = self._known(readings), self._own(readings)
            added = replayed(readings, known, own)
            if added.whole:
                self._change_ledger(added.whole)
            recorded = self._write_submissions(added.readings, own, {_key(r.message) for r in added.readings}, None)
            near = nearness.keep(db, added.near, self._source.groups, self._clock.now())
            recorded.counts.update((jid, "near-miss") for jid in near)
            failpoint("record.replayed")
        return recorded

    def waiting(self) -> list[Candidate]:
        """Rejected submissions whose numbers are on their project's list by now, the oldest first."""
        with transaction(self._source.db) as db:
            return self._validation.waiting(db, self._source.name)

    def admit(self, waiting: Sequence[Candidate]) -> Recorded:
        """Make these rejected submissions real, each as of its posting. Raises as `record`, and Poison."""
        with self._source.turn() as db:
            if self._review:
                self._lock_projects(candidate.message for candidate in waiting)
            standing = self._standing(waiting)
            live = self._validation.admit(db, self._source.name, waiting)
            admitted = [(c, before) for c, before in zip(waiting, standing, strict=True) if c in live]
            recorded = Recorded(count_kinds([c for c, _ in admitted], [before for _, before in admitted]))
            if self._review:
                recorded.conflicts += self._review.follow(db, [pair for pair in admitted if not pair[1].twin], (), ())
            failpoint("record.admitted")
        return recorded

    def _chat(self, message: Message) -> int:
        return self._source.groups[message.chat_jid].chat

    def _jids(self, readings: Sequence[Reading]) -> dict[int, str]:
        return {self._chat(reading.message): reading.message.chat_jid for reading in readings}

    def _keys(self, messages: Iterable[Message]) -> dict[str, list[Any]]:
        keys = [(self._chat(message), message.message_id) for message in messages]
        return {"chats": [chat for chat, _ in keys], "message_ids": [message_id for _, message_id in keys]}

    def _copy(self, name: str, types: Sequence[str], rows: Iterable[tuple[Any, ...]]) -> None:
        with self._source.db.cursor() as cursor, cursor.copy(SQL[name]) as copy:
            copy.set_types(types)
            for row in rows:
                copy.write_row(row)

    def _run(self, name: str, **values: object) -> Cursor[Any]:
        return self._source.db.execute(SQL[name], values)


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


def _messages_of(changes: SubmissionChanges) -> list[Message]:
    return [*(c.message for c in (*changes.inserted, *changes.revived)), *(m for m, _ in changes.retracted)]


def _key(message: Message) -> Key:
    return message.chat_jid, message.message_id
