"""PostgreSQL for what is asynchronous: a few threads, each with a connection of its own, and views that run in them."""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from wamon.errors import DatabaseUnavailable, ReadOnly, WamonError

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from wamon.postgres.connection import Database

P = ParamSpec("P")
T = TypeVar("T")

THREADS = 4
MOST_WAITING = 200
PATIENCE_SECONDS = 4
_PAUSE_SECONDS = 1
"""For how long a failure to connect is believed: else each thread would try again for each request."""


@dataclass(frozen=True, slots=True)
class _Job:
    view: Callable[[Database], Any]
    answer: asyncio.Future[Any]
    loop: asyncio.AbstractEventLoop

    def settle(self, result: object, error: BaseException | None) -> None:
        def settled() -> None:
            if self.answer.done():
                return
            if error is None:
                self.answer.set_result(result)
            else:
                self.answer.set_exception(error)

        with suppress(RuntimeError):  # the loop has ended, and who waited with it
            self.loop.call_soon_threadsafe(settled)


class DatabaseThreads:
    """`opened` makes a connection, and raises WamonError where none can be had."""

    def __init__(self, opened: Callable[[], AbstractContextManager[Database]]) -> None:
        self._server = Server(opened)
        self._jobs: queue.Queue[_Job | None] = queue.Queue(MOST_WAITING)
        names = [f"view-{n}" for n in range(THREADS)]
        self._threads = [threading.Thread(target=self._work, name=name, daemon=True) for name in names]
        for thread in self._threads:
            thread.start()

    async def run(self, view: Callable[Concatenate[Database, P], T], /, *values: P.args, **named: P.kwargs) -> T:
        """What a view answers. Raises what it raises, and DatabaseUnavailable where no answer comes in time."""
        loop = asyncio.get_running_loop()
        job = _Job(lambda db: view(db, *values, **named), loop.create_future(), loop)
        try:
            self._jobs.put_nowait(job)
            answer: T = await asyncio.wait_for(job.answer, PATIENCE_SECONDS)
        except (queue.Full, TimeoutError):
            raise DatabaseUnavailable(
                f"PostgreSQL hasn't answered for {PATIENCE_SECONDS} s.", hint="Nothing is lost; try again."
            ) from None
        return answer

    def close(self, seconds: float) -> None:
        """End the threads and their connections; one that still waits for PostgreSQL is left to the process's end."""
        deadline = time.monotonic() + seconds
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _work(self) -> None:
        connection = Connection(self._server)
        while (job := self._jobs.get()) is not None:
            if job.answer.done():
                continue  # nobody waits for it any more
            try:
                job.settle(connection.run(job.view), None)
            except Exception as error:  # noqa: BLE001 - it is raised where the answer is awaited
                job.settle(None, error)
        connection.close()


class Server:
    """What connections are made to. While that fails, it is tried once a second, and not by each request."""

    def __init__(self, opened: Callable[[], AbstractContextManager[Database]]) -> None:
        self._opened = opened
        self._failed: tuple[float, WamonError] | None = None

    def connect(self, stack: ExitStack) -> Database:
        """A connection, which the stack closes. Raises WamonError."""
        failed = self._failed
        if failed and time.monotonic() - failed[0] < _PAUSE_SECONDS:
            raise failed[1]
        try:
            db = stack.enter_context(self._opened())
        except WamonError as error:
            self._failed = (time.monotonic(), error)
            raise
        self._failed = None
        return db


class Connection:
    """One thread's connection, made when it is needed, and made anew once where it was lost, or may write nothing."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._stack = ExitStack()
        self._db: Database | None = None

    def run(self, view: Callable[[Database], T]) -> T:
        known = self._db is not None
        try:
            return view(self._database())
        except DatabaseUnavailable as error:
            if self._db is None or not (self._db.closed or isinstance(error, ReadOnly)):
                raise
            self.close()
            if not known:
                raise
        return view(self._database())

    def close(self) -> None:
        self._db = None
        self._stack.close()

    def _database(self) -> Database:
        if self._db is None:
            self._db = self._server.connect(self._stack)
        return self._db
