"""What the door is held against: the least that takes a delivery over HTTP and answers once it is committed.

`copy`, the floor: an asyncio protocol; one thread COPYs and commits whatever waits. `each`, as web applications do:
starlette on uvicorn, and one committed INSERT a delivery by a pool of eight. Neither proves, limits or logs anything.
"""

from __future__ import annotations

import asyncio
import queue
import sys
import threading
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import psycopg
import uvicorn
import uvloop
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from starlette.requests import Request

_CONNECTIONS = 8
_MOST_ROWS = 500
TABLE = """
    CREATE SCHEMA IF NOT EXISTS floor;
    CREATE TABLE IF NOT EXISTS floor.events (
        event bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        uid uuid NOT NULL UNIQUE,
        received_at timestamptz NOT NULL DEFAULT now(),
        body bytea NOT NULL,
        sha256 bytea NOT NULL
    )
"""
INSERT = "INSERT INTO floor.events (uid, body, sha256) VALUES (%s, %s, %s)"
_COPY = "COPY floor.events (uid, body, sha256) FROM STDIN (FORMAT binary)"
_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


def row(body: bytes) -> tuple[object, bytes, bytes]:
    return uuid4(), body, sha256(body).digest()


class Door(asyncio.Protocol):
    """One connection. A request's head and body are all that is understood."""

    def __init__(self, keep: Callable[[Door, bytes], object]) -> None:
        self._keep = keep
        self._bytes = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport

    def data_received(self, data: bytes) -> None:
        self._bytes += data
        head, end, rest = self._bytes.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0]) if end else 0
        if end and len(rest) >= length:
            self._bytes = rest[length:]
            self._keep(self, rest[:length])

    def answer(self) -> None:
        self._transport.write(_ANSWER)


def _copy_all(dsn: str, waiting: queue.SimpleQueue[tuple[Door, bytes]], loop: asyncio.AbstractEventLoop) -> None:
    with psycopg.connect(dsn, autocommit=True) as db:
        while True:
            batch = [waiting.get()]
            while len(batch) < _MOST_ROWS and not waiting.empty():
                batch.append(waiting.get())
            with db.transaction(), db.cursor().copy(_COPY) as copy:
                copy.set_types(["uuid", "bytea", "bytea"])
                for _, body in batch:
                    copy.write_row(row(body))
            loop.call_soon_threadsafe(_answer, [door for door, _ in batch])


class Pool:
    """Eight connections, each in a thread of its own."""

    def __init__(self, dsn: str) -> None:
        self._waiting: queue.SimpleQueue[tuple[asyncio.Future[None], asyncio.AbstractEventLoop, bytes]]
        self._waiting = queue.SimpleQueue()
        for _ in range(_CONNECTIONS):
            threading.Thread(target=self._insert, args=[dsn], daemon=True).start()

    async def receive(self, request: Request) -> Response:
        loop = asyncio.get_running_loop()
        done = loop.create_future()
        self._waiting.put((done, loop, await request.body()))
        await done
        return Response()

    def _insert(self, dsn: str) -> None:
        with psycopg.connect(dsn, autocommit=True) as db:
            while True:
                done, loop, body = self._waiting.get()
                db.execute(INSERT, row(body))
                loop.call_soon_threadsafe(done.set_result, None)


def serve_each(dsn: str, port: int) -> None:
    app = Starlette(routes=[Route("/hooks/bench", Pool(dsn).receive, methods=["POST"])])
    uvicorn.run(app, port=port, log_config=None, access_log=False)


def _answer(doors: Sequence[Door]) -> None:
    for door in doors:
        door.answer()


async def serve_copying(dsn: str, port: int) -> None:
    loop = asyncio.get_running_loop()
    waiting: queue.SimpleQueue[tuple[Door, bytes]] = queue.SimpleQueue()
    threading.Thread(target=_copy_all, args=[dsn, waiting, loop], daemon=True).start()
    server = await loop.create_server(lambda: Door(lambda door, body: waiting.put((door, body))), "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    dsn_, port_, how = sys.argv[1:]
    if how == "copy":
        uvloop.run(serve_copying(dsn_, int(port_)))
    else:
        serve_each(dsn_, int(port_))
