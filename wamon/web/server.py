"""uvicorn, bounded: how long a head may be and may take, how many connections may wait, and an end that breaks none."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, cast

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from wamon.host.notify import notify

if TYPE_CHECKING:
    from asyncio import TimerHandle
    from collections.abc import Callable, Coroutine, Mapping
    from types import FrameType

    from starlette.types import ASGIApp, Receive, Scope, Send

    from wamon.host.sockets import Listener

HEAD_BYTES = 16 * 1024
READ_SECONDS = 10
"""For a head."""
BODY_SECONDS = READ_SECONDS + 2
"""Longer than a hook waits for a body: that one answers first."""
STUCK_SECONDS = 10
"""For how long a connection may take nothing of what is sent to it."""
MOST_PIPELINED = 16
"""Requests of one connection that wait for the one before: each takes some 10 KB, of 75 bytes that were sent."""
MOST_IDLE = 512
MOST_CONNECTIONS = 2000
BACKLOG = 4096
KEEP_ALIVE_SECONDS = 15
DRAIN_SECONDS = 0.5
SHUTDOWN_SECONDS = 3

HEADERS = [
    (
        "Content-Security-Policy",
        (
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
            "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        ),
    ),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
]
"""Of every answer, also of those that no handler gives."""

IS_WHOLE = "is_whole"
"""Stands in the state of a request whose body has come: it can be read without waiting."""

_Stage = Literal["head", "body"]
_STAGE_SECONDS: Mapping[_Stage, float] = {"head": READ_SECONDS, "body": BODY_SECONDS}
_TOO_LARGE = 431
_OF_A_BODY = {b"content-length", b"transfer-encoding"}
_REFUSED = {400: b"This is no request for a page.", _TOO_LARGE: b"The request's head is too large."}


class TooManyPipelinedError(Exception):
    """A connection asks on without waiting for answers."""


class BoundedProtocol(HttpToolsProtocol):
    """A connection. `idle` holds those without a request, the oldest first: uvicorn would keep any number for ever."""

    def __init__(self, idle: dict[BoundedProtocol, None], **uvicorns: Any) -> None:  # noqa: ANN401
        super().__init__(**uvicorns)
        self._idle = idle
        self._pages = self.app
        self._in_head = True
        self._head_bytes = 0
        self._stage: _Stage | None = None
        self._reading: TimerHandle | None = None
        self._stuck: TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._await_request()

    def connection_lost(self, exc: Exception | None) -> None:
        self._idle.pop(self, None)
        self._set_deadline(None)
        self.resume_writing()
        self._unset_keepalive_if_required()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._in_head:
            self._head_bytes += len(data)
        super().data_received(data)
        if self._in_head and self._head_bytes > HEAD_BYTES and not self.transport.is_closing():
            self._refuse_head()
        self._bound_reading()

    def on_headers_complete(self) -> None:
        if len(self.pipeline) >= MOST_PIPELINED:
            raise TooManyPipelinedError  # the parser ends with it, and uvicorn closes the connection
        self._idle.pop(self, None)
        self._in_head, self._head_bytes = False, 0
        status = self._wrong_head()
        self.app = partial(_refused, status) if status else self._pages
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._in_head = True
        self._stage = None
        self._set_deadline(None)
        self.scope["state"][IS_WHOLE] = True
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if not self.pipeline and not self.transport.is_closing():
            self._await_request()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stuck = self.loop.call_later(STUCK_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        if self._stuck:
            self._stuck.cancel()
        if self.flow is not None:
            super().resume_writing()

    def _await_request(self) -> None:
        """Wait for a request for a while, and make room where too many wait."""
        if self.timeout_keep_alive_task is None:  # else uvicorn has begun to wait
            self.timeout_keep_alive_task = self.loop.call_later(KEEP_ALIVE_SECONDS, self.timeout_keep_alive_handler)
        self._idle[self] = None
        if len(self._idle) > MOST_IDLE:
            oldest = next(iter(self._idle))
            del self._idle[oldest]
            oldest.transport.abort()

    def _wrong_head(self) -> int | None:
        size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        if size > HEAD_BYTES:
            return _TOO_LARGE
        if self.parser.should_upgrade() and self._has_body():
            return 400  # httptools leaves such a body out, and takes it for the next request
        return None if self.url.startswith(b"/") else 400  # absolute-form names a host beside Host

    def _has_body(self) -> bool:
        return any(name in _OF_A_BODY and value != b"0" for name, value in self.headers)

    def _refuse_head(self) -> None:
        text = _REFUSED[_TOO_LARGE]
        headers = b"".join(name + b": " + value + b"\r\n" for name, value in self.server_state.default_headers)
        self.transport.write(
            b"HTTP/1.1 431 Request Header Fields Too Large\r\n" + headers + b"content-type: text/plain\r\n"
            b"connection: close\r\ncontent-length: " + str(len(text)).encode() + b"\r\n\r\n" + text
        )
        self.transport.close()

    def _bound_reading(self) -> None:
        """Have a deadline for what is still to come of a head or a body. What came whole never sees one."""
        stage: _Stage | None = "body" if not self._in_head else "head" if self._head_bytes else None
        if stage != self._stage:
            self._stage = stage
            self._set_deadline(_STAGE_SECONDS[stage] if stage else None)

    def _set_deadline(self, seconds: float | None) -> None:
        if self._reading:
            self._reading.cancel()
        self._reading = self.loop.call_later(seconds, self.transport.abort) if seconds else None


async def _refused(status: int, _scope: Scope, _receive: Receive, send: Send) -> None:
    text = _REFUSED[status]
    headers = [(b"content-type", b"text/plain"), (b"connection", b"close"), (b"cache-control", b"no-store")]
    length = (b"content-length", str(len(text)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
    await send({"type": "http.response.body", "body": text})


class Server(uvicorn.Server):
    """Ends on SIGTERM without breaking a request: no new connections, half a second for those that are there."""

    def __init__(
        self, config: uvicorn.Config, stopping: asyncio.Event, begin: Callable[[], Coroutine[Any, Any, None]]
    ) -> None:
        super().__init__(config)
        self._begin = begin
        self._stopping = stopping
        self._draining: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def startup(self, sockets: list[Listener] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)
        self._begun = self._loop.create_task(self._begin())
        notify("READY=1")

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002
        """Called within a signal's handler. uvicorn's own would raise the signal again in the end."""
        if self._loop is None:
            self.should_exit = True
        else:
            self._loop.call_soon_threadsafe(self._drain_once)

    def _drain_once(self) -> None:
        if self._draining:
            self.force_exit = self.should_exit = True  # asked a second time
        else:
            self._draining = asyncio.ensure_future(self._drain())

    async def _drain(self) -> None:
        """1. Streams end. 2. Nobody new is let in. 3. Who is in is answered and asked to leave. 4. uvicorn ends."""
        notify("STOPPING=1")
        self._stopping.set()
        self.config.encoded_headers.append((b"connection", b"close"))
        self.server_state.default_headers.append((b"connection", b"close"))
        for server in self.servers:
            server.close()
        await asyncio.sleep(DRAIN_SECONDS)
        self.should_exit = True


def serve(
    app: ASGIApp,
    listener: Listener,
    stopping: asyncio.Event,
    begin: Callable[[], Coroutine[Any, Any, None]],
) -> None:
    """Serve on this socket until SIGTERM or SIGINT. `begin` runs once it serves; `stopping` is set before it ends."""
    logging.getLogger("uvicorn").addHandler(logging.NullHandler())  # its words quote requests: ours are enough
    logging.getLogger("uvicorn").propagate = False
    config = uvicorn.Config(
        app,
        http=cast("Any", partial(BoundedProtocol, {})),
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=BACKLOG,
        headers=HEADERS,
        limit_concurrency=MOST_CONNECTIONS,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )
    with suppress(KeyboardInterrupt):
        Server(config, stopping, begin).run(sockets=[listener])
