"""Listening sockets of this host: handed over by systemd, made here, and who holds one that is taken."""

from __future__ import annotations

import errno
import os
import socket
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

Listener = socket.socket

_FIRST = 3
"""The number of the first socket that systemd hands over (sd_listen_fds)."""
_LISTENS = "0A"


class NotHandedOver(Exception):
    """The environment speaks of sockets that this process can't take."""


def handed_over(environ: Mapping[str, str]) -> Listener | None:
    """The socket that systemd holds for us; None where it holds none. Raises NotHandedOver."""
    if "LISTEN_FDS" not in environ:
        return None
    if environ.get("LISTEN_PID") != str(os.getpid()) or environ["LISTEN_FDS"] != "1":
        raise NotHandedOver
    try:
        found = socket.socket(fileno=_FIRST)
        if found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) and found.family != socket.AF_UNIX:
            return found
    except OSError:
        pass
    raise NotHandedOver


def listening(address: str, port: int, backlog: int) -> Listener:
    """A new listening socket. Raises OSError: EADDRINUSE where the port is taken."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return socket.create_server((address, port), family=family, backlog=backlog)


def is_taken(error: OSError) -> bool:
    """Whether the error says that another process listens there."""
    return error.errno == errno.EADDRINUSE


def holder_of(port: int) -> tuple[int, str] | None:
    """The process that listens on a port, by number and name; None where it may not be seen."""
    inodes = {f"socket:[{inode}]" for inode in _listening_inodes(port)}
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        with suppress(OSError):
            if str(link.readlink()) in inodes:
                return int(link.parts[2]), Path("/proc", link.parts[2], "comm").read_text("utf-8", "replace").strip()
    return None


def _listening_inodes(port: int) -> set[str]:
    found = set()
    for table in ("tcp", "tcp6"):
        with suppress(OSError):
            for line in Path("/proc/net", table).read_text("ascii").splitlines()[1:]:
                words = line.split()
                if words[3] == _LISTENS and int(words[1].rpartition(":")[2], 16) == port:
                    found.add(words[9])
    return found
