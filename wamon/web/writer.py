"""The writer of what hooks keep: one connection on the event loop, and whatever waits goes into one commit.

While one commits, the next gathers; there is no timer. Nothing is ever cancelled: of a cancelled wait for a standby
PostgreSQL says `INSERT 0 1`, and a warning beside it, so a warning counts as not committed. What waits too long is
answered by the clock of who waits, and may yet be committed.

No thread stands between a delivery and its commit: two that take turns at Python's one interpreter cost more than all
else that is done for a delivery.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from wamon.errors import DatabaseUnavailable
from wamon.failpoints import failpoint
from wamon.log import log_failure
from wamon.postgres.exchange import byteas, texts
from wamon.postgres.queries import Queries
from wamon.web.database import Server
from wamon.web.link import linked

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from prometheus_client import Histogram

    from wamon.postgres.connection import Database
    from wamon.postgres.exchange import Array
    from wamon.web.link import Link

MOST_WAITING = 256
MOST_ROWS = 128
MOST_BYTES = 8 * 1024 * 1024
"""Of bodies in one commit; a longer body is committed alone."""
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


class Writer:
    """`opened` makes a connection, and raises WamonError where none can be had; `seconds`: how long one waits."""

    def __init__(self, opened: Callable[[], AbstractContextManager[Database]], rows: Histogram, seconds: float) -> None:
        self._server = Server(opened)
        self._rows = rows
        self._seconds = seconds
        self._failed = ""
        self._waiting: deque[_Waiting] = deque()
        self._link: Link | None = None
        self._working: asyncio.Task[None] | None = None

    async def keep(self, event: Event) -> bool:
        """Whether it was committed in time."""
        if len(self._waiting) >= MOST_WAITING:
            return False
        loop = asyncio.get_running_loop()
        done: asyncio.Future[bool] = loop.create_future()
        late = loop.call_later(self._seconds, _answer, done, False)
        self._waiting.append(_Waiting(event, done))
        if self._working is None or self._working.done():
            self._working = loop.create_task(self._work())
        try:
            return await done
        finally:
            late.cancel()

    def close(self, seconds: float) -> None:
        """Give the connection up, once nothing is served any more."""
        if self._link:
            self._link.close(seconds)

    async def _work(self) -> None:
        """Commit what waits, until nothing does."""
        while self._waiting:
            batch = self._gathered()
            await asyncio.sleep(0)  # what is logged of them is written first
            committed = bool(batch) and await self._committed([one.event for one in batch])
            for one in batch:
                _answer(one.done, committed)

    def _gathered(self) -> list[_Waiting]:
        """What waits now, as far as it fits; without those for whom nobody waits any more."""
        batch: list[_Waiting] = []
        size = 0
        while self._waiting and len(batch) < MOST_ROWS:
            size += len(self._waiting[0].event.body or b"")
            if batch and size > MOST_BYTES:
                break
            one = self._waiting.popleft()
            if not one.done.done():
                batch.append(one)
        return batch

    async def _committed(self, events: Sequence[Event]) -> bool:
        try:
            await self._commit_on_a_link(events)
        except Exception as error:  # noqa: BLE001 - their senders are told to come back, whatever it was
            self._failed = log_failure("keeping of deliveries", error, unless=self._failed)
            return False
        self._failed = ""
        self._rows.observe(len(events))
        return True

    async def _commit_on_a_link(self, events: Sequence[Event]) -> None:
        """Where the connection was lost meanwhile, once more on a new one. Raises WamonError."""
        known = self._link is not None
        try:
            await self._commit(await self._linked(), events, "keep")
        except DatabaseUnavailable:
            if self._link or not known:
                raise
            await self._commit(await self._linked(), events, "keep_again")

    async def _linked(self) -> Link:
        if self._link and self._link.is_lost:
            self._leave(self._link)
        if self._link is None:
            self._link = await linked(self._server)
        return self._link

    def _leave(self, link: Link) -> None:
        self._link = None
        link.close()

    async def _commit(self, link: Link, events: Sequence[Event], keep: str) -> None:
        """Raises DatabaseUnavailable. May be done twice: `keep_again` adds nothing to what `keep` added.

        Each statement is a transaction by itself: one way to the server and back, and what rings needn't wait for rows.
        """
        kept = [event for event in events if event.body is not None]
        ringing = [event.hook for event in events if event.body is None]
        try:
            warned = [await link.run(_QUERIES.sql(keep), *_columns(kept))] if kept else []
            if ringing:
                warned.append(await link.run(_QUERIES.sql("ring"), texts(ringing)))
        finally:
            if link.is_lost:
                self._leave(link)
        failpoint("hook.inserted")
        if any(warned):
            raise DatabaseUnavailable(
                "PostgreSQL stopped waiting for a standby, so what it committed may not last.",
                hint="Is a standby of synchronous_standby_names away?",
            )
        failpoint("hook.committed")


def _columns(events: Sequence[Event]) -> list[Array]:
    """As the query takes them."""
    return [
        texts([event.uid for event in events]),
        texts([event.hook for event in events]),
        texts([event.source for event in events]),
        byteas([event.body or b"" for event in events]),
    ]


def _answer(done: asyncio.Future[bool], committed: bool) -> None:  # noqa: FBT001 - as call_later hands it
    if not done.done():
        done.set_result(committed)
