"""Batches of deliveries, read ahead: what each writes is drafted while PostgreSQL records the one before it.

Of a long backlog by a process of its own: Python runs one thread at a time, and recording needs it, too. That process
asks nobody and writes nothing, and has the next batch in its pipe before it is done with one. Where it ends, for
whatever reason, batches are drafted here as ever.
"""

from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import chain
from typing import IO, TYPE_CHECKING, NamedTuple, cast

from wamon.host.beside import begun
from wamon.webhooks import drafting
from wamon.webhooks.drafting import Task, sent

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping, Sequence
    from concurrent.futures import Future

    from wamon.ledger.columns import ColumnDrafter
    from wamon.ledger.recording import Recorder
    from wamon.ledger.source import BroughtSource
    from wamon.model import Group
    from wamon.webhooks.opening import Drafted, Event, Opened, Opener

_BATCHES_HERE = 2
"""Of a backlog: what begins with the next one takes as long as they do to begin."""
_ENDED = (OSError, EOFError, ValueError, pickle.UnpicklingError)
"""ValueError: the other thread noticed it first, and closed its pipes."""


class Batch:
    """Deliveries that are taken in together, and what was read of them ahead."""

    def __init__(
        self,
        opener: Opener,
        events: Sequence[Event],
        opened: Sequence[Opened] = (),
        drafted: Drafted | None = None,
        groups: Mapping[str, Group] | None = None,
    ) -> None:
        self.events = events
        self.drafted = drafted
        self.groups = groups  # those for which it is drafted
        self._opener = opener
        self._opened = {one.event.event: one for one in opened}

    def opened(self, events: Sequence[Event]) -> list[Opened]:
        """What these of its deliveries hold."""
        unopened = [one for one in events if one.event not in self._opened]
        self._opened.update((one.event.event, one) for one in self._opener.all_opened(unopened))
        return [self._opened[one.event] for one in events]


class _Handed(NamedTuple):
    """For whom a batch is drafted, and which process does it; None: nobody but us."""

    groups: Mapping[str, Group]
    drafter: ColumnDrafter | None
    helper: _Helper | None


class Ahead:
    """Reads the batches of one source ahead."""

    def __init__(self, opener: Opener, source: BroughtSource, recorder: Recorder) -> None:
        self._opener = opener
        self._source = source
        self._recorder = recorder
        self._helper: _Helper | None = None
        self._is_alone = False

    def each(self, found: Iterator[Sequence[Event]]) -> Generator[Batch]:
        """The batches of these deliveries, each read while the one before it is in hand. One alone isn't drafted."""
        first, second = next(found, ()), next(found, ())
        if not second:
            self.end()
            yield Batch(self._opener, first, self._opener.all_opened(first))
            return
        with ThreadPoolExecutor(1, "hand") as handing, ThreadPoolExecutor(1, "ahead") as reading:

            def begin(n: int, events: Sequence[Event]) -> Future[Batch]:
                return reading.submit(self._read, events, handing.submit(self._hand, n, events))

            following = begin(0, first)
            for n, events in enumerate(chain([second], found), 1):
                batch, following = following, begin(n, events)
                yield batch.result()
            yield following.result()

    def end(self) -> None:
        """End the process that drafts, if there is one."""
        helper, self._helper, self._is_alone = self._helper, None, False
        if helper:
            helper.end()

    def _hand(self, n: int, events: Sequence[Event]) -> _Handed:
        """Hand the n-th batch of a backlog to the process that drafts, if it is long enough for one."""
        groups = self._source.groups
        drafter = None if self._opener.is_polled else self._recorder.column_drafter()
        if drafter and not self._is_alone and (self._helper or n >= _BATCHES_HERE):
            try:
                helper = self._helper_of(groups, drafter)
                helper.hand(events)
            except _ENDED:
                self._go_on_alone()
            else:
                return _Handed(groups, drafter, helper)
        return _Handed(groups, drafter, None)

    def _read(self, events: Sequence[Event], handed: Future[_Handed]) -> Batch:
        groups, drafter, helper = handed.result()
        if helper:
            try:
                drafted = helper.drafted()
            except _ENDED:
                self._go_on_alone()
            else:
                opened = [] if drafted else self._opener.all_opened(events)
                return Batch(self._opener, events, opened, drafted, groups)
        opened = self._opener.all_opened(events)
        drafted = self._opener.drafted(opened, groups, drafter) if drafter else None
        return Batch(self._opener, events, opened, drafted, groups)

    def _go_on_alone(self) -> None:
        self.end()
        self._is_alone = True

    def _helper_of(self, groups: Mapping[str, Group], drafter: ColumnDrafter) -> _Helper:
        if self._helper and self._helper.task.groups is not groups:
            self.end()
        if self._helper is None:
            self._helper = _Helper(Task(self._opener, groups, drafter))
        return self._helper


class _Helper:
    """The process that drafts for this task, batch by batch. Raises OSError where it can't begin."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self._process = begun(drafting.__name__, "draft_all")
        self._stdin, self._stdout = cast("IO[bytes]", self._process.stdin), cast("IO[bytes]", self._process.stdout)
        self._is_told = False

    def hand(self, events: Sequence[Event]) -> None:
        """Have these be drafted after those before. Raises OSError or ValueError once it has ended."""
        if not self._is_told:
            pickle.dump(self.task, self._stdin)
            self._is_told = True
        pickle.dump(sent(events), self._stdin)
        self._stdin.flush()

    def drafted(self) -> Drafted | None:
        """What the next ones write. Raises one of `_ENDED` once it has."""
        found: Drafted | None = pickle.load(self._stdout)  # noqa: S301
        return found

    def end(self) -> None:
        with suppress(OSError), self._process:  # what it hasn't read can't be sent any more
            self._process.kill()
