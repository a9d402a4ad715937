"""A long backlog, read by a process of its own: Python runs one thread at a time, and recording needs it, too.

That process has no position and writes nothing: it hands over drafts, for as long as rows follow on each other. Where
it ends before the store does, for whatever reason, the next batch is read as ever.
"""

from __future__ import annotations

import gc
import os
import pickle
import subprocess
import sys
from collections import Counter
from contextlib import contextmanager, suppress
from typing import IO, TYPE_CHECKING, NamedTuple, cast

from wamon.bridge.store import Overlap
from wamon.capture.batch import ids_of
from wamon.failpoints import VARIABLE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from wamon.capture.batch import Reader
    from wamon.ledger.drafts import Draft, Drafter
    from wamon.model import Group, Place

_PIPE_BYTES = 1 << 20
"""About a batch; Linux lets anybody have as much."""


class Task(NamedTuple):
    """What is to be read, from where, and for whom it is drafted."""

    reader: Reader
    drafter: Drafter
    groups: Mapping[str, Group]
    place: Place


class DraftedBatch(NamedTuple):
    """One batch: what it writes, and the place where it ends."""

    draft: Draft
    start: Place
    place: Place
    complete: bool
    read: Counter[str]  # its messages, by chat JID
    message_ids: Sequence[str]  # of the first of its messages


@contextmanager
def handed_over(task: Task) -> Iterator[Iterator[DraftedBatch]]:
    """The batches beyond the task's place, read meanwhile. Leaving the block ends it all."""
    try:
        process = _begun()
    except OSError:  # too little memory, too many processes
        yield iter(())
        return
    with process:
        try:
            yield _exchanged(task, cast("IO[bytes]", process.stdin), cast("IO[bytes]", process.stdout))
        finally:
            process.kill()


def _begun() -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-P", "-c", "from wamon.capture.backlog import hand_over; hand_over()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={name: value for name, value in os.environ.items() if name != VARIABLE},
        start_new_session=True,  # Ctrl-C is for us
        pipesize=_PIPE_BYTES,
    )


def _exchanged(task: Task, stdin: IO[bytes], stdout: IO[bytes]) -> Iterator[DraftedBatch]:
    with suppress(EOFError, OSError, pickle.UnpicklingError):  # it has ended, or was ended
        pickle.dump(task, stdin)
        stdin.close()
        while True:
            yield pickle.load(stdout)  # noqa: S301


def hand_over() -> None:
    """What the process does: a task from stdin, and its batches to stdout, for as long as somebody takes them."""
    gc.disable()  # a batch is many objects, and none of them forms a circle
    with suppress(BrokenPipeError):
        for batch in _drafted(pickle.load(sys.stdin.buffer)):  # noqa: S301
            pickle.dump(batch, sys.stdout.buffer)
            sys.stdout.flush()


def _drafted(task: Task) -> Iterator[DraftedBatch]:
    overlap, place, complete = Overlap(), task.place, False
    while not complete:
        overlap.due = False  # what stands before the place was just read by whoever asks
        page, readings, *_ = task.reader.read(place, overlap)
        if page.start != place:
            return
        draft = task.drafter.drafted(readings, task.groups)
        read = Counter([message.chat_jid for message in page.messages])
        yield DraftedBatch(draft, page.start, page.place, page.complete, read, ids_of(page.messages))
        place, complete = page.place, page.complete
