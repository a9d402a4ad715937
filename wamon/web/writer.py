"""The writer of what hooks keep: one thread, one connection, and whatever waits goes into one commit.

While one commits, the next gathers; there is no timer. Nothing is ever cancelled: of a cancelled wait for a standby
PostgreSQL says `INSERT 0 1`, and a warning beside it, so a warning counts as not committed. What waits too long is
answered by the clock of who waits, and may yet be committed.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from wamon.errors import DatabaseUnavailable
from wamon.failpoints import failpoint
from wamon.log import log_failure
from wamon.postgres.connection import explained, on_notice
from wamon.postgres.queries import Queries
from wamon.web.database import Connection, Server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from prometheus_client import Histogram

    from wamon.postgres.connection import Database

MOST_WAITING = 256
MOST_ROWS = 128
MOST_BYTES = 8 * 1024 * 1024
"""Of bodies in one commit; a longer body is committed alone."""
_WARNING = "01000"
_QUERIES = Queries("wamon.web", "writer")


class Event(NamedTuple):
    """A delivery as it came. A body of None: its hook only rings."""

    uid: str
    hook: str
    source: str
    body: bytes | None


class _Waiting(NamedTuple):
    event: Event
    done: asyncio.Future[bool]
    loop: asyncio.AbstractEventLoop


class Writer:
    """`opened` makes a connection, and raises WamonError where none can be had; `seconds`: how long one waits."""

    def __init__(self, opened: Callable[[], AbstractContextManager[Database]], rows: Histogram, seconds: float) -> None:
        self._opened = opened
        self._rows = rows
        self._seconds = seconds
        self._warned = False
        self._failed = ""
        self._queue: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._next: _Waiting | None = None
        self._thread = threading.Thread(target=self._work, name="hook-writer", daemon=True)
        self._thread.start()

    async def keep(self, event: Event) -> bool:
        """Whether it was committed in time."""
        if self._queue.qsize() >= MOST_WAITING:
            return False
        loop = asyncio.get_running_loop()
        done: asyncio.Future[bool] = loop.create_future()
        late = loop.call_later(self._seconds, _answer, done, False)
        self._queue.put(_Waiting(event, done, loop))
        try:
            return await done
        finally:
            late.cancel()

    def close(self, seconds: float) -> None:
        """End the thread once what waits is committed; one that waits for PostgreSQL is left to the process's end."""
        self._queue.put(None)
        self._thread.join(seconds)

    def _work(self) -> None:
        connection = Connection(Server(self._listening))
        while (first := self._next or self._queue.get()) is not None:
            batch = self._gathered(first)
            committed = bool(batch) and self._committed(connection, [one.event for one in batch])
            _settle(batch, committed=committed)
        connection.close()

    def _gathered(self, first: _Waiting) -> list[_Waiting]:
        """What waits now, as far as it fits; without those for whom nobody waits any more."""
        batch: list[_Waiting] = []
        size, one = 0, first
        self._next = None
        while True:
            size += len(one.event.body or b"")
            if batch and size > MOST_BYTES:
                self._next = one
                break
            if not one.done.done():
                batch.append(one)
            if len(batch) == MOST_ROWS or self._queue.empty():
                break
            following = self._queue.get()
            if following is None:
                self._queue.put(None)
                break
            one = following
        return batch

    def _committed(self, connection: Connection, events: Sequence[Event]) -> bool:
        try:
            connection.run(lambda db: self._commit(db, events))
        except Exception as error:  # noqa: BLE001 - their senders are told to come back, whatever it was
            self._failed = log_failure("keeping of deliveries", error, unless=self._failed)
            return False
        self._failed = ""
        self._rows.observe(len(events))
        return True

    def _commit(self, db: Database, events: Sequence[Event]) -> None:
        """Raises DatabaseUnavailable. May be done twice: the second time adds nothing.

        Each statement is a transaction by itself: one way to the server and back, and what rings needn't wait for rows.
        """
        self._warned = False
        kept = [event for event in events if event.body is not None]
        ringing = [event.hook for event in events if event.body is None]
        with explained():
            if kept:
                uids, hooks, sources, bodies = zip(*kept, strict=True)
                _QUERIES.run(db, "keep", uids=list(uids), hooks=list(hooks), sources=list(sources), bodies=list(bodies))
            if ringing:
                _QUERIES.run(db, "ring", hooks=ringing)
        failpoint("hook.inserted")
        if self._warned:
            raise DatabaseUnavailable(
                "PostgreSQL stopped waiting for a standby, so what it committed may not last.",
                hint="Is a standby of synchronous_standby_names away?",
            )
        failpoint("hook.committed")

    @contextmanager
    def _listening(self) -> Iterator[Database]:
        with self._opened() as db:
            on_notice(db, self._notice)
            yield db

    def _notice(self, sqlstate: str) -> None:
        self._warned |= sqlstate == _WARNING


def _settle(batch: Sequence[_Waiting], *, committed: bool) -> None:
    """Answer all at once: to wake the loop for each costs more than the commit."""

    def settled() -> None:
        for one in batch:
            _answer(one.done, committed)

    if batch:
        try:
            batch[0].loop.call_soon_threadsafe(settled)
        except RuntimeError:
            return  # the loop has ended, and with it who waited


def _answer(done: asyncio.Future[bool], committed: bool) -> None:  # noqa: FBT001 - as call_later hands it
    if not done.done():
        done.set_result(committed)
