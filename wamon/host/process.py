"""A process, told apart from any other that ever had its number."""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Process:
    """Who holds a lease, told apart from any other process that ever had its number."""

    host: str
    boot: str
    pid: int
    process_started: int

    @classmethod
    def this(cls) -> Process:
        return cls(_host(), _boot(), os.getpid(), _started(os.getpid()) or 0)

    def is_gone(self) -> bool:
        """Whether it surely no longer runs: only its own host and boot can tell."""
        return self._is_of_here() and _started(self.pid) != self.process_started

    def runs(self) -> bool:
        """Whether it surely runs, as only its own host and boot can tell."""
        return self._is_of_here() and _started(self.pid) == self.process_started

    def _is_of_here(self) -> bool:
        return self.host == _host() and self.boot == _boot()


@cache
def _host() -> str:
    """As it was called first: it may be called otherwise while a process runs on it, which stays the same."""
    return socket.gethostname()


def _boot() -> str:
    """The boot, and whose process numbers count here: a container has its own."""
    boot, namespace = "", ""
    with suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        namespace = str(Path("/proc/self/ns/pid").readlink())
    return f"{boot} {namespace}"


def _started(pid: int) -> int | None:
    """When the process started, in the kernel's ticks since the boot; None where it doesn't run."""
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text("ascii", "replace").rpartition(")")[2].split()
    except OSError:
        return None
    return None if after_name[0] in {"Z", "X"} else int(after_name[19])
