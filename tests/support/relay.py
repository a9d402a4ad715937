"""A network that breaks when the test says so: TCP in front of what listens somewhere."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Literal, Self

Fate = Literal["answer lost", "reset", "silence"]
"""Of what a client sent: it arrives and nobody hears of it; it never arrives; nothing arrives any more, either way."""

_RESET_AT_CLOSE = struct.pack("ii", 1, 0)


class Relay:
    """Passes everything on to what `connect` connects to, until told otherwise."""

    def __init__(self, connect: Callable[[], socket.socket]) -> None:
        self._connect = connect
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._links: list[_Link] = []
        self._linking = threading.Lock()  # held while a link starts, so that what ends links misses none
        self.is_parted = False
        self._accepting = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> Self:
        self._accepting.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._accepting.join()
        self._listener.close()
        self.cut()

    def silence(self) -> None:
        """Swallow what comes over the connections that there are, and keep them open. New ones work."""
        with self._linking:
            for link in self._links:
                link.is_silent = True

    def part(self) -> None:
        """Swallow what comes over these and new connections, as where the network is torn."""
        self.is_parted = True

    def join(self) -> None:
        """Have new connections work again; those from which something was swallowed end."""
        self.is_parted = False
        self.cut()

    def cut(self) -> None:
        """End the connections that there are, with a reset."""
        with self._linking:
            while self._links:
                self._links.pop().cut()

    def end_with(self, words: bytes) -> None:
        """As `cut`, and these words of the server's come together with the reset."""
        with self._linking:
            for link in self._links:
                link.client.sendall(words)
        self.cut()

    def fate_of(self, sent: bytes) -> Fate | None:
        """What is to happen to these bytes of a client."""
        del sent
        return None

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = self._connect()
            except OSError:
                client.close()
                continue
            with self._linking:
                self._links.append(_Link(self, client, server))


class _Link:
    """One connection, and the two threads that carry its bytes."""

    def __init__(self, relay: Relay, client: socket.socket, server: socket.socket) -> None:
        self._relay = relay
        self.client = client
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
                fate = self._relay.fate_of(sent)
                if fate == "reset":
                    break
                self._loses_next_answer |= fate == "answer lost"
                self.is_silent |= fate == "silence"
                if not self._swallows():
                    server.sendall(sent)
        self._end()

    def _carry_back(self) -> None:
        client, server = self._ends
        with suppress(OSError):
            while answer := server.recv(65536):
                if self._loses_next_answer:
                    break
                if not self._swallows():
                    client.sendall(answer)
        self._end()

    def _swallows(self) -> bool:
        return self.is_silent or self._relay.is_parted

    def _end(self) -> None:
        for end in self._ends:
            with suppress(OSError):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_AT_CLOSE)
                end.shutdown(socket.SHUT_RD)  # which wakes the thread that reads from it
            end.close()
