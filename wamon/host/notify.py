"""Telling systemd how the daemon is: ready, alive, stopping. Says nothing where nobody listens."""

from __future__ import annotations

import os
import socket
from contextlib import suppress


def notify(message: str) -> None:
    """Send sd_notify's message, such as READY=1 or STATUS=…, to the socket that $NOTIFY_SOCKET names."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender, suppress(OSError):
        sender.settimeout(1)  # one who doesn't read must stop nothing
        sender.connect(address)
        sender.sendall(message.encode())
