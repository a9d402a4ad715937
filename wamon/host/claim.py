"""A name that one process of this host holds at a time, by a socket: no file, and free however its holder ends.

Its reach is a network namespace: containers with networks of their own don't meet.
"""

from __future__ import annotations

import errno
import hashlib
import re
import socket
import struct
import weakref
from contextlib import suppress
from pathlib import Path

_CREDENTIALS = struct.Struct("3i")  # process, user, group
_UNIT = re.compile(r"/([^/]+\.service)$", re.MULTILINE)
_LONGEST_COMMAND = 120


class Claim:
    """One name at most. Threads take turns by their own arrangement."""

    def __init__(self) -> None:
        self._name: str | None = None
        self._listening: socket.socket | None = None

    def hold(self, name: str) -> str | None:
        """Hold this name and no other from now on; where another process holds it, who that is. Raises OSError."""
        if name == self._name and self._listening is not None:
            _dismiss(self._listening)
            return None
        self.release()
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listening.setblocking(False)
        try:
            listening.bind(_address(name))
            listening.listen()  # whoever is second asks it who we are
        except OSError as error:
            listening.close()
            if error.errno != errno.EADDRINUSE:
                raise
            return _holder(name)
        self._name, self._listening = name, listening
        weakref.finalize(self, listening.close)
        return None

    def release(self) -> None:
        """Hold nothing."""
        if self._listening is not None:
            self._listening.close()
        self._name = self._listening = None


def _address(name: str) -> str:
    """In the abstract namespace, which has no files: its names begin with NUL."""
    return f"\0wamon/{hashlib.sha256(name.encode()).hexdigest()[:32]}"


def _dismiss(listening: socket.socket) -> None:
    """Let those go who have asked: only so many may wait."""
    with suppress(OSError):
        while True:
            listening.accept()[0].close()


def _holder(name: str) -> str:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
        asking.setblocking(False)
        try:
            asking.connect(_address(name))
            told = asking.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        except OSError:  # it has just ended, or too many have asked
            return "another process"
    return _described(_CREDENTIALS.unpack(told)[0])


def _described(pid: int) -> str:
    """A process as people know it: by its unit of systemd, else by its command."""
    with suppress(OSError):
        if found := _UNIT.search(Path(f"/proc/{pid}/cgroup").read_text("utf-8", "replace")):
            return f"{found[1]} (process {pid})"
    with suppress(OSError):
        command = Path(f"/proc/{pid}/cmdline").read_text("utf-8", "replace").replace("\0", " ").strip()
        return f"process {pid} ({command[:_LONGEST_COMMAND]})"
    return f"process {pid}"
