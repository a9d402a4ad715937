"""Signals, as numbers to go through in the main thread.

The system may hand a signal to any thread, and a main thread that waits for a lock then doesn't wake. So the
interpreter writes each signal's number into a socket, and the main thread reads from that. Nothing runs inside a
handler, where it could wait for a lock that its own thread holds.
"""

from __future__ import annotations

import signal
import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Iterator

_END = 0


class Signals:
    """Receives these signals for as long as its block runs; the former handlers stand again after it.

    Going through it waits for the next signal, until another thread calls `end`.
    """

    def __init__(self, *numbers: signal.Signals) -> None:
        self._numbers = numbers
        self._former: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        self._reader, self._writer = socket.socketpair()
        self._writer.setblocking(False)
        self._former_fd = signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        self._former = {number: signal.signal(number, lambda *_: None) for number in self._numbers}
        return self

    def __exit__(self, *_: object) -> None:
        for number, former in self._former.items():
            signal.signal(number, former)
        signal.set_wakeup_fd(self._former_fd)
        self._reader.close()
        self._writer.close()

    def __iter__(self) -> Iterator[int]:
        while (number := self._reader.recv(1)[0]) != _END:
            if number in self._numbers:
                yield number

    def end(self) -> None:
        """Have no further signal come. May be called from any thread, and more than once."""
        with suppress(OSError):
            self._writer.send(bytes([_END]))
