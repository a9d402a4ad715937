"""The heart: one pass of one tail, from the bridge's rows to rows in PostgreSQL.

It has no sleep, no retry and no print. Whoever runs it decides when, and after an error calls `Pipeline.reload` first:
what a pass remembers is true only as long as its recordings succeed.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from itertools import islice, repeat
from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple, ParamSpec, TypeVar

from wamon.bridge.store import Overlap
from wamon.capture.backlog import Task, handed_over, opened
from wamon.capture.batch import Reader, ids_of
from wamon.capture.prefetch import Ahead, each
from wamon.errors import Poison, Superseded, TimedOut, UsageError
from wamon.failpoints import failpoint
from wamon.ledger.changes import Recorded
from wamon.ledger.parcels import Parcels
from wamon.ledger.recording import Advance, AlreadyKnown, Batch
from wamon.log import correlated
from wamon.model import BEGINNING, FROM_THE_BEGINNING, MAIN, Label, Start

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from wamon.bridge.store import Store
    from wamon.capture.backlog import DraftedBatch
    from wamon.capture.batch import ReadBatch
    from wamon.capture.state_file import StateFile
    from wamon.clock import Clock
    from wamon.drops.reading import Rules
    from wamon.ledger.drafts import Draft
    from wamon.ledger.effects import Effects
    from wamon.ledger.recording import Recorder
    from wamon.ledger.review import Review
    from wamon.ledger.source import Source
    from wamon.model import Message, Place, Reading

P = ParamSpec("P")
T = TypeVar("T")


_MOST_DRAFTED_BYTES = 2 * 1024 * 1024
"""A draft holds the texts a second time: few long ones are not worth that."""
_EDITABLE = timedelta(minutes=30)


@dataclass(slots=True)
class Pipeline:
    """One bridge's store and everything that a pass over it needs."""

    store: Store
    rules: Rules
    source: Source
    recorder: Recorder
    review: Review | None
    effects: Sequence[Effects]
    """Those on the office's tables."""
    state: StateFile
    clock: Clock
    projects: Mapping[str, str] = field(default_factory=dict)
    """What the config calls the groups, by JID: their drops follow it (groups.follow_names)."""
    overlaps: dict[str, Overlap] = field(default_factory=dict)
    ahead: Ahead[ReadBatch] = field(default_factory=Ahead)
    check_lease: Callable[[], None] = lambda: None
    """Called before going on after the fence was raised; raises Busy where the source is another's to work on now."""
    renewed: Callable[[], tuple[Rules, Recorder] | None] = lambda: None
    """Today's rules, with who records by them, where they are others than before: a sender became known by another id.
    """

    def reload(self) -> None:
        """Read the position from PostgreSQL again, and forget what was seen but perhaps not recorded."""
        self.ahead.forget()
        self.overlaps.clear()
        self.source.load()

    def renew_rules(self) -> None:
        """Read by today's rules from here on."""
        if renewed := self.renewed():
            self.ahead.forget()
            self.rules, self.recorder = renewed

    def named(self, names: Sequence[str]) -> list[str]:
        """The JIDs of the groups with these names or JIDs, all enabled ones where none is given.

        Raises UsageError for a name that no group has.
        """
        served = [group for group in self.source.groups.values() if group.enabled]
        unknown = set(names) - {known for group in served for known in (group.jid, group.project)}
        if unknown:
            raise UsageError(
                f"There is no group {', '.join(sorted(unknown))}.",
                hint=f"The groups are {', '.join(sorted({group.project for group in served}))}.",
            )
        return [group.jid for group in served if not names or {group.jid, group.project} & set(names)]

    def retrying(self, act: Callable[P, T], *args: P.args, **named: P.kwargs) -> T:
        """Do what raises the source's fence; where another wamon was quicker, read its position, do it again."""
        while True:
            try:
                return act(*args, **named)
            except Superseded:
                self.check_lease()
                self.reload()


@dataclass(frozen=True, slots=True)
class Pass:
    """What one pass did."""

    recorded: Recorded
    read: Counter[str]  # the messages beyond the place where it began, by chat JID
    message_ids: Sequence[str]  # of the first of them
    place: Place
    complete: bool  # nothing stood beyond the place
    near_misses: int  # among those messages


def run_pass(pipeline: Pipeline, tail: str = MAIN) -> Pass:
    """Take the next page of a tail's groups into PostgreSQL. Raises what reading and recording raise."""
    failpoint("pass.begin")
    batch = pipeline.ahead.next(tail, pipeline.source.tails[tail], partial(_read, pipeline))
    page = batch.page
    if not page.complete:
        pipeline.ahead.begin(tail, page.place, partial(_read, pipeline))
    recorded = _record(pipeline, tail, batch)
    _mirror(pipeline)
    failpoint("pass.end")
    new = page.messages[bisect_right(page.messages, page.start.rowid, key=attrgetter("rowid")) :]
    read = Counter([message.chat_jid for message in new])
    near = sum(len(one.near) for one in batch.readings if one.message.rowid > page.start.rowid)
    return Pass(recorded, read, ids_of(new), page.place, page.complete, near)


def drain(pipeline: Pipeline, tail: str) -> Iterator[Pass]:
    """Passes over a long backlog, which a process of its own reads: until nothing is left, or one must be made here.

    Raises what recording raises, and what `Pipeline.check_lease` does.
    """
    pipeline.ahead.forget()
    pipeline.overlaps.pop(tail, None)
    left = pipeline.store.rows() - pipeline.source.tails[tail].rowid
    with handed_over(_task(pipeline, tail)) as handed, pipeline.recorder.remembering_drops(left):
        parcels = Parcels(pipeline.source.serves(tail))
        batches, goes_on = map(opened, each(handed), repeat(parcels)), True
        while goes_on and (first := list(islice(batches, 1))):
            with correlated():
                try:
                    made, goes_on = _record_drafted(pipeline, tail, _emptied(first, batches))
                except (AlreadyKnown, Poison, TimedOut):
                    return
                except Superseded:
                    pipeline.check_lease()
                    pipeline.reload()
                    return
                yield made.pop()


def _task(pipeline: Pipeline, tail: str) -> Task:
    labels = {jid: Label(group.chat, group.project) for jid, group in pipeline.source.serves(tail).items()}
    place, now = pipeline.source.tails[tail], pipeline.clock.now()
    return Task(_reader(pipeline, tail), pipeline.recorder.drafter, labels, place, now)


def _emptied(first: list[T], others: Iterator[T]) -> Iterator[T]:
    """The only one of the first, and the others, which stay open when this is closed. None that is used is held."""
    while first:
        yield first.pop()
        first.extend(islice(others, 1))


def _record_drafted(pipeline: Pipeline, tail: str, batches: Iterator[DraftedBatch]) -> tuple[list[Pass], bool]:
    """Record those of the batches that go together, as one pass; that alone, and whether more may follow."""
    summed = _Summed()
    failpoint("pass.begin")
    recorded, count = pipeline.recorder.record_drafts(summed.drafts(tail, batches))
    _mirror(pipeline)
    failpoint("pass.end")
    return [summed.as_pass(recorded, count)], count == summed.taken


class _Sum(NamedTuple):
    """What is told of a batch."""

    read: Counter[str]
    message_ids: Sequence[str]
    near_misses: int
    place: Place
    complete: bool


def _sum(batch: DraftedBatch) -> _Sum:
    near_misses = sum(len(reading.near) for reading in batch.draft.near)
    return _Sum(batch.read, batch.message_ids, near_misses, batch.place, batch.complete)


class _Summed:
    """Batches that share a transaction, summed while they come: of many groups each tells of nearly all."""

    def __init__(self) -> None:
        self.taken = 0
        self._open: _Sum | None = None  # of the one that is being recorded
        self._read: Counter[str] = Counter()
        self._message_ids: Sequence[str] = ()
        self._near_misses = 0
        self._place = BEGINNING
        self._complete = False

    def drafts(self, tail: str, batches: Iterator[DraftedBatch]) -> Iterator[tuple[Draft, Advance]]:
        """Their drafts. Whoever asks for the next one has recorded this one. None that is used is held."""
        while some := list(islice(batches, 1)):
            self.taken += 1
            self._open = _sum(some[0])
            yield some[0].draft, Advance(tail, some[0].start, some.pop().place)
            self._close()

    def as_pass(self, recorded: Recorded, count: int) -> Pass:
        """The pass that so many of them were."""
        if count == self.taken:
            self._close()
        return Pass(recorded, self._read, self._message_ids, self._place, self._complete, self._near_misses)

    def _close(self) -> None:
        one, self._open = self._open, None
        if one is not None:
            self._read.update(one.read)
            self._message_ids = self._message_ids or one.message_ids
            self._near_misses += one.near_misses
            self._place, self._complete = one.place, one.complete


def _read(pipeline: Pipeline, tail: str, place: Place) -> ReadBatch:
    """The next batch beyond a place."""
    overlap = pipeline.overlaps.setdefault(tail, Overlap())
    try:
        batch = _reader(pipeline, tail).read(place, overlap)
        if batch.texts_bytes <= _MOST_DRAFTED_BYTES:
            return batch._replace(new=pipeline.recorder.drafted(batch.readings))
    except BaseException:
        pipeline.overlaps.pop(tail, None)  # what it saw before it failed is not recorded
        raise
    return batch


def _reader(pipeline: Pipeline, tail: str) -> Reader:
    return Reader(pipeline.store, pipeline.rules, pipeline.source.wanted(tail), starts_of(pipeline, tail))


def _record(pipeline: Pipeline, tail: str, batch: ReadBatch) -> Recorded:
    page, readings, _, new = batch
    was = pipeline.source.tails[tail]
    if not readings and page.place == was:
        return Recorded()
    return pipeline.recorder.record(
        Batch(readings, Advance(tail, page.start, page.place, _rewind(pipeline, was, page.start)), new)
    )


def _mirror(pipeline: Pipeline) -> None:
    source = pipeline.source
    pipeline.state.follow(source.instance, source.name, source.seq, source.tails[MAIN], source.groups)


def reread_recent(pipeline: Pipeline, tail: str = MAIN) -> Recorded:
    """Read what was sent in the last half hour once more, beyond the overlap: that long people edit their messages."""
    since = pipeline.clock.now() - _EDITABLE
    recent = pipeline.store.read_recent(pipeline.source.tails[tail], pipeline.source.wanted(tail), since)
    return (
        pipeline.recorder.record(Batch([pipeline.rules.read(message) for message in recent])) if recent else Recorded()
    )


def starts_of(pipeline: Pipeline, tail: str) -> dict[str, Start]:
    """The sets of rows before their start, of the groups whose start the tail hasn't passed.

    A start's place is a position like any other: where the row order has changed, only what still stands counts, so
    that a message is processed rather than passed over.
    """
    standing: dict[Place, Place] = {}
    starts = {}
    for group in pipeline.source.starting(tail):
        if group.start_place not in standing:
            standing[group.start_place] = pipeline.store.standing(group.start_place)
        starts[group.jid] = Start(standing[group.start_place].rowid, group.start_before)
    return starts


def readings_of(pipeline: Pipeline, messages: Sequence[Message]) -> list[Reading]:
    """The reading of each message, also of one that the walk from its group's start hasn't come to yet."""
    starts = all_starts(pipeline)
    return [pipeline.rules.read(m, starts.get(m.chat_jid, FROM_THE_BEGINNING)) for m in messages]


def all_starts(pipeline: Pipeline) -> dict[str, Start]:
    """As `starts_of`, of all tails."""
    return {jid: start for tail in pipeline.source.tails for jid, start in starts_of(pipeline, tail).items()}


def _rewind(pipeline: Pipeline, was: Place, start: Place) -> str | None:
    """Why a position went back further than the overlap, if it did: a nearer slip is everyday life."""
    if was.rowid - start.rowid <= pipeline.store.sizes.overlap_rows:
        return None
    return "the store was replaced or renumbered" if start.rowid == 0 else "rows that were read aren't there any more"
