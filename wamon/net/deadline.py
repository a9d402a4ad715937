"""A time limit for talking with another host, whatever it says meanwhile."""

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


def _cut(connection: socket.socket, cut: threading.Event) -> None:
    cut.set()
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
