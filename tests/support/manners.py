"""How a sender may deliver: whole, in pieces, as chunks, twice on one connection, forged, by halves, and gone before it
hears the answer."""

from __future__ import annotations

import random
import re
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import NamedTuple

SECONDS = 5
MOST_STALLED = 8
"""Connections of one sender that hold half a delivery: far fewer than a hook has room for."""
_STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) ")


class Delivery(NamedTuple):
    """A proven delivery, and where it goes."""

    host: str
    path: str
    proof: Mapping[str, str]
    body: bytes
    foreign: bytes  # another body, of which the proof is none

    def head(self, *more: str) -> bytes:
        """With these lines, such as what tells the body's length."""
        proof = (f"{name}: {value}" for name, value in self.proof.items())
        return "\r\n".join([f"POST {self.path} HTTP/1.1", f"Host: {self.host}", *proof, *more, "", ""]).encode()

    def whole(self, *more: str) -> bytes:
        return self.head(f"Content-Length: {len(self.body)}", *more) + self.body

    def forged(self) -> Delivery:
        return self._replace(body=self.foreign)


_LAST = "Connection: close"
_CUTS = (1, 7, 90, 400)


def _whole(one: Delivery) -> Iterator[bytes]:
    yield one.whole(_LAST)


def _in_pieces(one: Delivery) -> Iterator[bytes]:
    sent = one.whole(_LAST)
    yield from (sent[a:b] for a, b in zip((0, *_CUTS), (*_CUTS, len(sent)), strict=True))


def _in_chunks(one: Delivery) -> Iterator[bytes]:
    yield one.head("Transfer-Encoding: chunked", _LAST)
    for n in range(0, len(one.body), 200):
        part = one.body[n : n + 200]
        yield f"{len(part):x}\r\n".encode() + part + b"\r\n"
    yield b"0\r\n\r\n"


def _expecting(one: Delivery) -> Iterator[bytes]:
    yield one.head(f"Content-Length: {len(one.body)}", "Expect: 100-continue", _LAST)
    yield one.body


def _twice(one: Delivery) -> Iterator[bytes]:
    yield one.whole() + one.whole(_LAST)


def _twice_and_a_forged_one(one: Delivery) -> Iterator[bytes]:
    yield one.whole()
    yield one.forged().whole()
    yield one.whole(_LAST)


HEARD = (_whole, _in_pieces, _in_chunks, _expecting, _twice, _twice_and_a_forged_one)
"""Of which the sender waits for the answers."""


class Connections:
    """What one sender delivers to a port, each time in a manner by chance."""

    def __init__(self, port: int, rng: random.Random) -> None:
        self._port = port
        self._rng = rng
        self._stalled: list[socket.socket] = []

    def deliver(self, one: Delivery) -> list[int]:
        """The statuses of the answers that were heard. Raises OSError."""
        chance = self._rng.random()
        if chance < 0.1:
            return self._unheard(one)
        return self._stall(one) if chance < 0.2 else self._heard(one, self._rng.choice(HEARD))

    def _heard(self, one: Delivery, manner: Callable[[Delivery], Iterator[bytes]]) -> list[int]:
        with self._opened() as connection:
            for part in manner(one):
                connection.sendall(part)
            return statuses(connection)

    def _unheard(self, one: Delivery) -> list[int]:
        """It is gone before the answer, perhaps before all was sent."""
        sent = one.whole()
        with self._opened() as connection:
            connection.sendall(sent[: self._rng.choice((len(sent), self._rng.randrange(len(sent))))])
        return []

    def _stall(self, one: Delivery) -> list[int]:
        """Half of it comes, and nothing more; the connection stays until others have stalled."""
        connection = self._opened()
        self._stalled.append(connection)
        connection.sendall(one.whole()[: -len(one.body) // 2])
        if len(self._stalled) > MOST_STALLED:
            self._stalled.pop(0).close()
        return []

    def _opened(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self._port), timeout=SECONDS)

    def close(self) -> None:
        for connection in self._stalled:
            connection.close()


def statuses(connection: socket.socket) -> list[int]:
    """Of all answers that come until the other side closes, without `continue`. Raises OSError where it stalls."""
    heard = b""
    with suppress(ConnectionError):
        while part := connection.recv(65536):
            heard += part
    return [status for status in map(int, _STATUS.findall(heard)) if status != 100]
