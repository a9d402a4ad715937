"""A time limit for talking with another host, whatever it says meanwhile, and an end to it before that."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def limited(connection: socket.socket, seconds: float) -> Iterator[threading.Event]:
    """Cut the connection when the block takes longer: a peer that sends a byte a second is no answer.

    The event is set once it has been cut: what fails then fails for that reason.
    """
    cut = threading.Event()
    connection.settimeout(seconds)
    with connection.dup() as same:  # TLS takes the first one over
        timer = threading.Timer(seconds, _cut, [same, cut])
        timer.daemon = True
        timer.start()
        try:
            yield cut
        finally:
            timer.cancel()
            timer.join()


class Stop:
    """Ends what is talked with other hosts at once, from another thread, and lets nothing begin after that."""

    def __init__(self) -> None:
        self.is_set = False
        self._lock = threading.Lock()
        self._connections: set[socket.socket] = set()

    def set(self) -> None:
        """End all of it."""
        with self._lock:
            self.is_set = True
            for connection in self._connections:
                _shut(connection)

    @contextmanager
    def ends(self, connection: socket.socket) -> Iterator[None]:
        """Have a connection end while the block lasts: what is done over it then fails."""
        with connection.dup() as same:  # TLS takes the first one over
            with self._lock:
                self._connections.add(same)
                if self.is_set:
                    _shut(same)
            try:
                yield
            finally:
                with self._lock:
                    self._connections.remove(same)


def _cut(connection: socket.socket, cut: threading.Event) -> None:
    cut.set()
    _shut(connection)


def _shut(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
