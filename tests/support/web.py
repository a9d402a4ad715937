"""A real `wamon web` of an office, asked over loopback as browsers, programs and attackers ask it."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any
from uuid import uuid4

from tests.support.environment import program
from tests.support.forked import Forked
from tests.support.office import Office, eventually
from tests.support.ports import free_port
from wamon.postgres.connection import connected
from wamon.web.sessions import Role, make_link

TOKEN = "a-token-of-24-characters"
_SECONDS = 20
_AS_SYSTEMD = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1")
os.execv(sys.argv[2], sys.argv[2:])
"""


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode("utf-8")

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Site:
    """A `wamon web` that runs. `session`: the cookie with which it is asked, once somebody signed in."""

    def __init__(self, office: Office, port: int, process: Forked | subprocess.Popen[bytes], log: Path) -> None:
        self.office = office
        self.port = port
        self.process = process
        self.log = log
        self.host = f"127.0.0.1:{port}"
        self.url = f"http://{self.host}"

    def ask(self, method: str, path: str, body: bytes | str | None = None, **headers: str) -> Answer:
        """One request on a connection of its own; a header's name has _ for -."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=_SECONDS)
        try:
            connection.putrequest(method, path, skip_host="Host" in headers, skip_accept_encoding=True)
            for name, value in headers.items():
                connection.putheader(name.replace("_", "-"), value)
            content = body.encode() if isinstance(body, str) else body
            if content is not None and "Content_Length" not in headers:
                connection.putheader("Content-Length", str(len(content)))
            connection.endheaders(content)
            return _answer(connection.getresponse())
        finally:
            connection.close()

    def get(self, path: str, **headers: str) -> Answer:
        return self.ask("GET", path, **headers)

    def post(self, path: str, form: str = "", **headers: str) -> Answer:
        """As a form of our own page is sent."""
        own = {"Origin": self.url, "Content_Type": "application/x-www-form-urlencoded"}
        return self.ask("POST", path, form, **(own | headers))

    def link(self, role: Role = "reader") -> str:
        """The code of a new link."""
        with connected(self.office.dsn) as db:
            return make_link(db, role, minutes=10)

    def sign_in(self, role: Role = "reader") -> dict[str, str]:
        """The header of a browser that signed in."""
        answer = self.post("/login", f"code={self.link(role)}")
        assert answer.status == 303, answer.text
        return {"Cookie": answer.headers["set-cookie"].partition(";")[0]}

    @contextmanager
    def connected(self) -> Iterator[socket.socket]:
        with socket.create_connection(("127.0.0.1", self.port), timeout=_SECONDS) as sock:
            yield sock

    def raw(self, sent: bytes) -> bytes:
        """What comes back to these bytes until the other side closes."""
        with self.connected() as sock:
            with suppress(ConnectionError):  # refused before all was sent
                sock.sendall(sent)
            return received(sock)

    def said(self) -> str:
        return self.log.read_text("utf-8", "replace")

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(timeout=_SECONDS)

    def is_up(self) -> bool:
        assert self.process.poll() is None, self.said()
        try:
            return self.get("/health").status == 200
        except OSError:
            return False

    def memory_bytes(self, what: str = "VmRSS") -> int:
        """What its process takes, or with VmHWM the most that it ever took."""
        found = re.search(rf"{what}:\s+(\d+) kB", Path(f"/proc/{self.process.pid}/status").read_text())
        assert found
        return int(found[1]) * 1024


def received(sock: socket.socket) -> bytes:
    """All that comes until the other side closes."""
    found = b""
    with suppress(ConnectionError):
        while part := sock.recv(65536):
            found += part
    return found


def status_of(answer: bytes) -> int:
    """The status of a raw answer; 0 where none came."""
    found = re.match(rb"HTTP/1\.1 (\d{3}) ", answer)
    return int(found[1]) if found else 0


def _answer(response: HTTPResponse) -> Answer:
    headers: dict[str, str] = {}
    for name, value in response.getheaders():
        assert name.lower() not in headers, f"{name} is there twice"
        headers[name.lower()] = value
    return Answer(response.status, headers, response.read())


@contextmanager
def serving(
    office: Office, *words: str, port: int = 0, handed: socket.socket | None = None, prologue: str = "", **web: object
) -> Iterator[Site]:
    """A `wamon web` for as long as the block runs, killed at its end; `web` is its section of the config.

    `handed`: a listening socket, which it gets as systemd hands one over. Else its process runs the `prologue`, some
    Python, first.
    """
    port = port or (handed.getsockname()[1] if handed else free_port())
    office.set(web={"listen": f"127.0.0.1:{port}", **web})
    log = office.folder / f"web-{uuid4().hex}.log"
    with log.open("wb") as stderr:
        process = started(office, *words, stderr=stderr, handed=handed, prologue=prologue)
    site = Site(office, port, process, log)
    try:
        eventually("the page is up", site.is_up, said=site.said)
        yield site
    finally:
        process.kill()
        process.wait()


def started(
    office: Office, *words: str, stderr: Any, handed: socket.socket | None = None, prologue: str = ""
) -> Forked | subprocess.Popen[bytes]:
    """The process alone, as soon as it is begun."""
    words = ("--config", str(office.config_path), "web", *words)
    if handed is None:
        return Forked(words, env=os.environ, clock=office.clock, stderr=stderr, prologue=prologue)
    number = handed.fileno()
    command = [sys.executable, "-c", _AS_SYSTEMD, str(number), *program(office.clock), *words]
    nothing = subprocess.DEVNULL
    return subprocess.Popen(command, stdin=nothing, stdout=nothing, stderr=stderr, pass_fds=(number,))
