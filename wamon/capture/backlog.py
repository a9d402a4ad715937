"""A long backlog, read by a process of its own: Python runs one thread at a time, and recording needs it, too.

That process has no position and writes nothing: it hands over drafts, for as long as rows follow on each other. Where
it ends before the store does, for whatever reason, the next batch is read as ever.
"""

from __future__ import annotations

import gc
import pickle
import sys
from collections import Counter
from contextlib import contextmanager, suppress
from typing import IO, TYPE_CHECKING, NamedTuple, cast

from wamon.capture.batch import ByColumns, first_ids
from wamon.host.beside import begun
from wamon.ledger.columns import ColumnDrafter
from wamon.ledger.parcels import Parcels

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from wamon.capture.batch import Reader
    from wamon.ledger.drafts import Draft, Drafter
    from wamon.ledger.parcels import Parcel
    from wamon.model import Label, Place


class Task(NamedTuple):
    """What is to be read, from where, and for whom it is drafted."""

    reader: Reader
    drafter: Drafter
    labels: Mapping[str, Label]  # of the reader's groups, by JID
    place: Place
    now: datetime  # the time of posts that have none


class DraftedBatch(NamedTuple):
    """One batch: what it writes, and the place where it ends."""

    draft: Draft
    start: Place
    place: Place
    complete: bool
    read: Counter[str]  # its messages, by chat JID
    message_ids: Sequence[str]  # of the first of its messages


class HandedOver(NamedTuple):
    """The same on its way from one process to the other, where no message is looked at."""

    parcel: Parcel
    start: Place
    place: Place
    complete: bool
    message_ids: Sequence[str]

    @classmethod
    def of(cls, batch: DraftedBatch, parcels: Parcels) -> HandedOver | DraftedBatch:
        draft, start, place, complete, _, message_ids = batch
        is_whole = draft.readings is not None
        return batch if is_whole else cls(parcels.made(draft), start, place, complete, message_ids)


def opened(handed: HandedOver | DraftedBatch, parcels: Parcels) -> DraftedBatch:
    """What was handed over."""
    if isinstance(handed, DraftedBatch):
        return handed
    parcel, start, place, complete, message_ids = handed
    draft = parcels.opened(parcel)
    return DraftedBatch(draft, start, place, complete, draft.messages, message_ids)


@contextmanager
def handed_over(task: Task) -> Iterator[Iterator[HandedOver | DraftedBatch]]:
    """The batches beyond the task's place, read meanwhile. Leaving the block ends it all."""
    try:
        process = begun(__name__, "hand_over")
    except OSError:  # too little memory, too many processes
        yield iter(())
        return
    with process:
        try:
            batches = _exchanged(task, cast("IO[bytes]", process.stdin), cast("IO[bytes]", process.stdout))
            del task  # of ten thousand groups it is large
            yield batches
        finally:
            process.kill()


def _exchanged(task: Task, stdin: IO[bytes], stdout: IO[bytes]) -> Iterator[HandedOver | DraftedBatch]:
    with suppress(EOFError, OSError, pickle.UnpicklingError):  # it has ended, or was ended
        pickle.dump(task, stdin)
        del task
        stdin.close()
        while True:
            yield pickle.load(stdout)  # noqa: S301


def hand_over() -> None:
    """What the process does: a task from stdin, and its batches to stdout, for as long as somebody takes them."""
    gc.disable()  # a batch is many objects, and none of them forms a circle
    with suppress(BrokenPipeError):
        task: Task = pickle.load(sys.stdin.buffer)  # noqa: S301
        parcels = Parcels(task.labels)
        for batch in drafted(task):
            pickle.dump(HandedOver.of(batch, parcels), sys.stdout.buffer)
            sys.stdout.flush()
            del batch  # it goes before the next one comes


def drafted(task: Task) -> Iterator[DraftedBatch]:
    """The batches beyond a task's place, for as long as rows follow on each other."""
    drafting = _Drafting(task)
    place, complete = task.place, False
    while not complete:
        batch = drafting.batch(place)
        if batch.start != place:
            return
        place, complete = batch.place, batch.complete
        yield batch
        del batch


class _Drafting:
    """Drafts batches of a task."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._columns = ByColumns(task.reader)
        self._drafter = ColumnDrafter(task.drafter, task.labels, task.now)

    def batch(self, place: Place) -> DraftedBatch:
        """The batch beyond a place, by columns; where a reading of each message is needed, or tells more, by those."""
        by_columns = None if self._task.drafter.hands_readings_over else self._by_columns(place)
        return by_columns or self._by_readings(place)

    def _by_columns(self, place: Place) -> DraftedBatch | None:
        """None where a message comes twice. Rows last until they are read."""
        reader, sizes = self._task.reader, self._task.reader.store.sizes
        start, ids, at_once = place, list[str](), sizes.page_rows
        for n, page in enumerate(reader.pages(place, sizes.pages_a_drained_batch)):
            if not n:
                start = page.start
            ids = ids or first_ids(page.rows)
            while page.rows:
                self._drafter.add(self._columns.read(page.rows[:at_once]))
                del page.rows[:at_once]
            end = page
        draft = self._drafter.draft()
        return DraftedBatch(draft, start, end.place, end.complete, draft.messages, ids) if draft else None

    def _by_readings(self, place: Place) -> DraftedBatch:
        reader, drafter = self._task.reader, self._task.drafter
        rows, start, end, _, complete = reader.rows(place)
        draft = drafter.drafted(reader.said(rows), self._task.labels, self._task.now)
        read = Counter([reader.wanted[chat] for _, chat, *_ in rows])
        return DraftedBatch(draft, start, end, complete, read, first_ids(rows))
