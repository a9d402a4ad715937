"""A connection to PostgreSQL that the event loop works with. A thread opens and closes it: either may take its time."""

from __future__ import annotations

import asyncio
import threading
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, LiteralString, TypeVar

from wamon.errors import DatabaseUnavailable, ReadOnly, WamonError
from wamon.postgres.connection import has_own_server, on_notice
from wamon.postgres.exchange import execution, hear, is_idle, preparation, statement

if TYPE_CHECKING:
    from wamon.postgres.connection import Database
    from wamon.postgres.exchange import Array, Exchange
    from wamon.web.database import Server

T = TypeVar("T")

_ANSWER_SECONDS = 35
"""Where no answer has come by then, what lies between has swallowed it."""
_WARNING = "01000"


class Link:
    """An open connection, of the loop that runs. `holder` is the thread that closes it once `left` is set.

    `prepares`: whether each statement is planned once, which is most of what a small one takes.
    """

    def __init__(self, db: Database, left: threading.Event, holder: threading.Thread, *, prepares: bool) -> None:
        self._db = db
        self._left = left
        self._holder = holder
        self._prepares = prepares
        self._prepared: dict[str, bytes] = {}
        self._was_warned = False
        self._writes = True
        self._exchange: Exchange | None = None
        self._loop = asyncio.get_running_loop()
        self._answer: asyncio.Future[None] = self._loop.create_future()
        self._socket = db.pgconn.socket
        self._loop.add_reader(self._socket, self._proceed)  # once, and not for each statement
        on_notice(db, self._notice)

    @property
    def is_lost(self) -> bool:
        """Whether nothing can be done with it any more.

        It or its loop is closed, an answer wasn't awaited, or the server writes nothing for it.
        """
        return self._loop.is_closed() or not self._writes or not is_idle(self._db)

    async def run(self, sql: LiteralString, *values: Array) -> bool:
        """Run a statement to its end; whether the server warned. Raises what `explained` makes of errors."""
        self._was_warned = False
        try:
            await self._ended(await self._sent(sql, values))
        except WamonError as error:
            self._prepares, self._prepared = False, {}  # the server may have forgotten them
            self._writes = not isinstance(error, ReadOnly)
            raise
        return self._was_warned

    def close(self, seconds: float = 0) -> None:
        """Have it closed, and wait so long for that."""
        if not self._loop.is_closed():
            self._unwatch()
        self._left.set()
        self._holder.join(seconds)

    async def _sent(self, sql: LiteralString, values: tuple[Array, ...]) -> Exchange:
        if not self._prepares:
            return statement(self._db, sql, values)
        if sql not in self._prepared:
            name = f"wamon_{len(self._prepared)}".encode()
            await self._ended(preparation(self._db, name, sql, values))
            self._prepared[sql] = name
        return execution(self._db, self._prepared[sql], values)

    async def _ended(self, exchange: Exchange) -> None:
        """Wait for its answer."""
        answer: asyncio.Future[None] = self._loop.create_future()
        self._exchange, self._answer = exchange, answer
        if exchange.is_sending:
            self._loop.add_writer(self._socket, self._proceed)
        late = self._loop.call_later(_ANSWER_SECONDS, _give_up, answer)
        try:
            await answer
        finally:
            late.cancel()
            self._exchange = None

    def _proceed(self) -> None:
        """Go on with what is awaited: the socket is ready. Where nothing is, the server says something by itself."""
        exchange = self._exchange
        try:
            if exchange is None:
                hear(self._db)
                return
            was_sending = exchange.is_sending
            exchange.proceed()
        except WamonError as error:
            if self.is_lost:
                self._unwatch()  # a closed socket is ready for ever
            _fail(self._answer, error)
            return
        if was_sending and not exchange.is_sending:
            self._loop.remove_writer(self._socket)
        if exchange.has_ended:
            _settle(self._answer, None)

    def _unwatch(self) -> None:
        self._loop.remove_reader(self._socket)
        self._loop.remove_writer(self._socket)

    def _notice(self, sqlstate: str) -> None:
        self._was_warned |= sqlstate == _WARNING


async def linked(server: Server) -> Link:
    """A new one. Raises WamonError where none can be had."""
    loop, left = asyncio.get_running_loop(), threading.Event()
    opened: asyncio.Future[tuple[Database, bool]] = loop.create_future()
    holder = threading.Thread(target=_hold, args=[server, opened, loop, left], name="link", daemon=True)
    holder.start()
    try:
        db, prepares = await opened
        return Link(db, left, holder, prepares=prepares)
    except BaseException:
        left.set()
        raise


def _hold(
    server: Server,
    opened: asyncio.Future[tuple[Database, bool]],
    loop: asyncio.AbstractEventLoop,
    left: threading.Event,
) -> None:
    """Open a connection, and close it once it is left."""
    with ExitStack() as stack, suppress(RuntimeError):  # the loop has ended, and who waited with it
        try:
            db = server.connect(stack)
            found = db, has_own_server(db)
        except Exception as error:  # noqa: BLE001 - it is raised where the connection is awaited
            loop.call_soon_threadsafe(_fail, opened, error)
        else:
            loop.call_soon_threadsafe(_settle, opened, found)
            left.wait()


def _settle(answer: asyncio.Future[T], result: T) -> None:
    """Unless nobody waits for it any more."""
    if not answer.done():
        answer.set_result(result)


def _fail(answer: asyncio.Future[T], error: Exception) -> None:
    if not answer.done():
        answer.set_exception(error)


def _give_up(answer: asyncio.Future[None]) -> None:
    _fail(answer, DatabaseUnavailable(f"PostgreSQL hasn't answered for {_ANSWER_SECONDS} s."))
