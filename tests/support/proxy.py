"""A network between wamon and its server that breaks when the test says so: TCP in front of the server's socket."""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import suppress
from pathlib import Path
from typing import Literal, Self

from psycopg.conninfo import conninfo_to_dict, make_conninfo

Fate = Literal["answer lost", "reset", "silence"]
"""At a COMMIT: it is done and nobody hears of it; it never arrives; nothing arrives any more, in either direction."""

_COMMIT = b"COMMIT\0"
_RESET_AT_CLOSE = struct.pack("ii", 1, 0)


class Proxy:
    """Passes everything on, until told otherwise. Its `dsn` leads to the same database as the one it was given."""

    def __init__(self, dsn: str) -> None:
        parts = conninfo_to_dict(dsn)
        self._server = Path(str(parts["host"])) / f".s.PGSQL.{parts.get('port', 5432)}"
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.dsn = make_conninfo(dsn, host="127.0.0.1", port=self._listener.getsockname()[1], sslmode="disable")
        self._links: list[_Link] = []
        self._fate: Fate | None = None
        self._commits_left = 0
        self._lock = threading.Lock()
        self._accepting = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> Self:
        self._accepting.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._accepting.join()
        self._listener.close()
        self.cut()

    def break_at_commit(self, nth: int, fate: Fate) -> None:
        """Once, at the nth COMMIT from now on, whoever sends it."""
        with self._lock:
            self._fate, self._commits_left = fate, nth

    def pass_on(self) -> None:
        """Forget what was to happen at a COMMIT."""
        with self._lock:
            self._fate = None

    def has_broken(self) -> bool:
        """Whether that COMMIT came."""
        return self._fate is None

    def silence(self) -> None:
        """Swallow what comes over the connections that there are, and keep them open. New ones work."""
        for link in self._links:
            link.is_silent = True

    def cut(self) -> None:
        """End the connections that there are, with a reset."""
        while self._links:
            self._links.pop().cut()

    def fate_of(self, sent: bytes) -> Fate | None:
        """What is to happen to these bytes of a client."""
        with self._lock:
            if self._fate is None or _COMMIT not in sent:
                return None
            self._commits_left -= 1
            if self._commits_left:
                return None
            fate, self._fate = self._fate, None
            return fate

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            server.connect(str(self._server))
            self._links.append(_Link(self, client, server))


class _Link:
    """One connection, and the two threads that carry its bytes."""

    def __init__(self, proxy: Proxy, client: socket.socket, server: socket.socket) -> None:
        self._proxy = proxy
        self._ends = (client, server)
        self.is_silent = False
        self._loses_next_answer = False
        self._threads = [threading.Thread(target=carry, daemon=True) for carry in (self._carry_there, self._carry_back)]
        for thread in self._threads:
            thread.start()

    def cut(self) -> None:
        self._end()
        for thread in self._threads:
            thread.join()

    def _carry_there(self) -> None:
        client, server = self._ends
        with suppress(OSError):
            while sent := client.recv(65536):
                fate = self._proxy.fate_of(sent)
                if fate == "reset":
                    break
                self._loses_next_answer |= fate == "answer lost"
                self.is_silent |= fate == "silence"
                if not self.is_silent:
                    server.sendall(sent)
        self._end()

    def _carry_back(self) -> None:
        client, server = self._ends
        with suppress(OSError):
            while answer := server.recv(65536):
                if self._loses_next_answer:
                    break
                if not self.is_silent:
                    client.sendall(answer)
        self._end()

    def _end(self) -> None:
        for end in self._ends:
            with suppress(OSError):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_AT_CLOSE)
                end.shutdown(socket.SHUT_RD)  # which wakes the thread that reads from it
            end.close()
