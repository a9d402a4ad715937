"""The lease: of several `run` on one source one works, and the others stand by.

It decides only who works. A holder that was stopped for minutes and goes on writes nothing wrong: every recording
takes the source's turn, and that is gone. A lease is taken over at once when its holder's process is gone on this boot
of this host, and otherwise when it has expired by the database's clock.
"""

from __future__ import annotations

import os
import socket
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from wamon.errors import Busy, Retryable
from wamon.postgres.connection import transaction
from wamon.postgres.queries import queries

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg import Cursor

    from wamon.postgres.connection import Database

SQL = queries("leases")

LASTS = timedelta(seconds=50)
"""How long a lease holds after its last renewal, by the database's clock."""


@dataclass(frozen=True, slots=True)
class Process:
    """Who holds a lease, told apart from any other process that ever had its number."""

    host: str
    boot: str
    pid: int
    process_started: int

    @classmethod
    def this(cls) -> Process:
        return cls(socket.gethostname(), _boot(), os.getpid(), _started(os.getpid()) or 0)

    def is_gone(self) -> bool:
        """Whether it surely no longer runs: only its own host and boot can tell."""
        here = self.host == socket.gethostname() and self.boot == _boot()
        return here and _started(self.pid) != self.process_started


class Lease:
    """A source's lease, as one process takes, renews and releases it."""

    def __init__(self, db: Database, source: str) -> None:
        self._db = db
        self._source = source
        self.holder = str(uuid4())

    def take(self) -> None:
        """Take the lease. Raises Busy where another process holds it."""
        me = Process.this()
        with transaction(self._db):
            self._run("lock")
            found = self._run("holder").fetchone()
            if found is not None:
                host, boot, pid, started, expired = found
                standing = Process(host, boot, pid, started)
                if not (expired or standing == me or standing.is_gone()):
                    raise Busy(
                        f"Another wamon works on source {self._source}: process {pid} on {host}.",
                        hint="Stop that one first, or start this one with --standby to wait for it.",
                    )
            values = {"host": me.host, "boot": me.boot, "pid": me.pid, "process_started": me.process_started}
            self._run("take", holder=self.holder, lasts=LASTS, **values)
            self._run("take_turn_from_former_holder")

    def renew(self) -> None:
        """Hold the lease for longer. Raises Busy where it was lost meanwhile."""
        with transaction(self._db):
            if self._run("renew", holder=self.holder, lasts=LASTS).fetchone() is None:
                raise Busy(
                    f"The lease on source {self._source} was lost to another wamon, or to a restore.",
                    hint="Start this one again; with --standby it waits for the other, and takes over from it.",
                )

    def release(self) -> None:
        """Let the next one in at once."""
        with transaction(self._db):
            self._run("release", holder=self.holder)

    def _run(self, name: str, **values: object) -> Cursor[Any]:
        return self._db.execute(SQL[name], {"source": self._source, **values})


@contextmanager
def leased(db: Database, source: str) -> Iterator[Lease]:
    """The source's lease for as long as the block runs. Raises Busy where another process holds it."""
    lease = Lease(db, source)
    lease.take()
    try:
        yield lease
    finally:
        with suppress(Retryable):
            lease.release()


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
