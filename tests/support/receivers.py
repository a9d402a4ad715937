"""Who gets alerts: a webhook's host and a mail server on this host, and hosts that behave badly."""

from __future__ import annotations

import json
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast


class Hooks:
    """A webhook's host: what was posted to it, and what it answers with."""

    def __init__(self) -> None:
        self.status = 200
        self.posted: list[dict[str, Any]] = []
        self.paths: list[str] = []
        self.asked: list[str] = []  # by which method
        self.headers: dict[str, str] = {}
        self.more_headers: dict[str, str] = {}  # of the answer
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook?token=hunter2"

    @property
    def channels(self) -> dict[str, Any]:
        """As the config names it."""
        return {"webhook": {"url": self.url, "allow_private": True}}


class _Hook(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        cast("Any", self.server).hooks.posted.append(json.loads(body))
        self._answer()

    def _answer(self) -> None:
        hooks = cast("Any", self.server).hooks
        hooks.paths.append(self.path)
        hooks.asked.append(self.command)
        hooks.headers = dict(self.headers)
        self.send_response(hooks.status)
        self.send_header("Location", f"http://127.0.0.1:{hooks.port}/elsewhere")
        for name, value in hooks.more_headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def hooks(context: ssl.SSLContext | None = None) -> Iterator[Hooks]:
    found = Hooks()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Hook)
    cast("Any", server).hooks = found
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        server.handle_error = lambda *_: None  # type: ignore[method-assign]
    found.port = server.server_address[1]
    with serving(server):
        yield found


class Mails:
    """A mail server: what it took, for whom, and what it refuses with."""

    def __init__(self) -> None:
        self.took: list[str] = []
        self.greetings: list[str] = []
        self.recipients: list[str] = []
        self.refuses: dict[str, str] = {}  # a command's beginning, and the answer to it
        self.port = 0

    @property
    def channels(self) -> dict[str, Any]:
        return {
            "mail": {
                "host": "127.0.0.1",
                "port": self.port,
                "security": "none",
                "from": "wamon@example.com",
                "to": ["office@example.com", "second@example.com"],
                "allow_private": True,
            }
        }


class _Mail(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        mails: Mails = cast("Any", self.server).mails
        self._say("220 mail.example.com")
        for line in self.rfile:
            said = line.decode().strip().upper()
            refusal = next((answer for start, answer in mails.refuses.items() if said.startswith(start)), None)
            if refusal:
                self._say(refusal)
            elif said == "DATA":
                self._say("354 go on")
                mails.took.append(b"".join(iter(self.rfile.readline, b".\r\n")).decode())
                self._say("250 taken")
            else:
                if said.startswith("EHLO"):
                    mails.greetings.append(line.decode().split()[1])
                if said.startswith("RCPT"):
                    mails.recipients.append(said)
                self._say("250 fine")

    def _say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())


@contextmanager
def mails() -> Iterator[Mails]:
    found = Mails()
    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Mail)
    cast("Any", server).mails = found
    found.port = server.server_address[1]
    with serving(server):
        yield found


@contextmanager
def behaving(answer: Callable[[socketserver.StreamRequestHandler], None]) -> Iterator[int]:
    """The port of a host that does this with each connection."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            answer(self)

    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    with serving(server):
        yield server.server_address[1]


def dripping(handler: socketserver.StreamRequestHandler) -> None:
    """Say a byte now and then, until the other side has gone."""
    handler.connection.settimeout(0.02)
    with suppress(OSError):
        while True:
            handler.wfile.write(b"2")
            with suppress(TimeoutError):
                if handler.connection.recv(65536) == b"":
                    return


@contextmanager
def hanging() -> Iterator[int]:
    """The port of a host that takes connections and says nothing, until the block ends."""
    over = threading.Event()
    with behaving(lambda _: cast("None", over.wait(60))) as port:
        try:
            yield port
        finally:
            over.set()


@contextmanager
def serving(server: socketserver.TCPServer) -> Iterator[None]:
    if isinstance(server, socketserver.ThreadingMixIn):
        server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
