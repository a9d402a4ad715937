"""A connection to PostgreSQL that the event loop works with. A thread opens and closes it: either may take its time."""

from __future__ import annotations

import asyncio
import threading
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, LiteralString

from wamon.errors import DatabaseUnavailable
from wamon.postgres.connection import on_notice
from wamon.postgres.exchange import Exchange, is_idle

if TYPE_CHECKING:
    from wamon.postgres.connection import Database
    from wamon.postgres.exchange import Array
    from wamon.web.database import Server

_ANSWER_SECONDS = 35
"""Where no answer has come by then, what lies between has swallowed it."""
_WARNING = "01000"


class Link:
    """An open connection. `holder` is the thread that closes it once `left` is set."""

    def __init__(self, db: Database, left: threading.Event, holder: threading.Thread) -> None:
        self._db = db
        self._left = left
        self._holder = holder
        self._was_warned = False
        on_notice(db, self._notice)

    @property
    def is_lost(self) -> bool:
        """Whether nothing can be done with it any more: it is closed, or an answer wasn't awaited to its end."""
        return not is_idle(self._db)

    async def run(self, sql: LiteralString, *values: Array) -> bool:
        """Run a statement to its end; whether the server warned. Raises what `explained` makes of errors."""
        self._was_warned = False
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                await _ended(Exchange(self._db, sql, values))
        except TimeoutError:
            raise DatabaseUnavailable(f"PostgreSQL hasn't answered for {_ANSWER_SECONDS} s.") from None
        return self._was_warned

    def close(self, seconds: float = 0) -> None:
        """Have it closed, and wait so long for that."""
        self._left.set()
        self._holder.join(seconds)

    def _notice(self, sqlstate: str) -> None:
        self._was_warned |= sqlstate == _WARNING


async def linked(server: Server) -> Link:
    """A new one. Raises WamonError where none can be had."""
    loop, left = asyncio.get_running_loop(), threading.Event()
    opened: asyncio.Future[Database] = loop.create_future()
    holder = threading.Thread(target=_hold, args=[server, opened, loop, left], name="link", daemon=True)
    holder.start()
    try:
        return Link(await opened, left, holder)
    except BaseException:
        left.set()
        raise


def _hold(
    server: Server, opened: asyncio.Future[Database], loop: asyncio.AbstractEventLoop, left: threading.Event
) -> None:
    """Open a connection, and close it once it is left."""

    def settle(db: Database | None, error: Exception | None) -> None:
        if opened.done():
            return
        if error:
            opened.set_exception(error)
        elif db:
            opened.set_result(db)

    with ExitStack() as stack, suppress(RuntimeError):  # the loop has ended, and who waited with it
        try:
            db = server.connect(stack)
        except Exception as error:  # noqa: BLE001 - it is raised where the connection is awaited
            loop.call_soon_threadsafe(settle, None, error)
        else:
            loop.call_soon_threadsafe(settle, db, None)
            left.wait()


async def _ended(exchange: Exchange) -> None:
    loop, ready, socket = asyncio.get_running_loop(), asyncio.Event(), exchange.socket
    loop.add_reader(socket, ready.set)
    if exchange.is_sending:
        loop.add_writer(socket, ready.set)
    try:
        while not exchange.has_ended:
            await ready.wait()
            ready.clear()
            exchange.proceed()
            if not exchange.is_sending:
                loop.remove_writer(socket)
    finally:
        loop.remove_reader(socket)
        loop.remove_writer(socket)
