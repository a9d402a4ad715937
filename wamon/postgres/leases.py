"""The lease: of several `run` on one source one works, and the others stand by.

It decides only who works. A holder that was stopped for minutes and goes on writes nothing wrong: every recording
raises the source's fence, and finds it raised. A lease is taken over at once when its holder's process is gone on this
boot of this host, and otherwise when it has expired by the database's clock.
"""

from __future__ import annotations

from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

from wamon.errors import Busy, DatabaseUnavailable, Retryable
from wamon.host.process import Process
from wamon.postgres.connection import transaction
from wamon.postgres.queries import Queries

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from wamon.postgres.connection import Database

SQL = Queries("wamon.postgres", "leases")

LASTS = timedelta(seconds=50)
"""How long a lease holds after its last renewal, by the database's clock."""


class Lease:
    """A source's lease, as one process takes, renews and releases it."""

    def __init__(self, db: Database, source: str) -> None:
        self._db = db
        self.source = source
        self.is_kept = False  # at the block's end: its process begins anew, and nobody is to slip in meanwhile
        self._renewed_at: datetime | None = None  # by the database's clock
        self.holder = str(uuid4())

    def take(self) -> None:
        """Take the lease. Raises Busy where another process holds it."""
        me = Process.this()
        with transaction(self._db):
            SQL.run(self._db, "lock", source=self.source)
            found = SQL.run(self._db, "holder", source=self.source, lasts=LASTS).fetchone()
            if found is not None:
                host, boot, pid, started, expired = found
                standing = Process(host, boot, pid, started)
                if not (expired or standing == me or standing.is_gone()):
                    raise Busy(
                        f"Another wamon works on source {self.source}: process {pid} on {host}.",
                        hint="Stop that one first, or start this one with --standby to wait for it.",
                    )
            self._put(me)

    def _put(self, me: Process) -> None:
        values = {"host": me.host, "boot": me.boot, "pid": me.pid, "process_started": me.process_started}
        held = {"source": self.source, "holder": self.holder, "lasts": LASTS, **values}
        self._renewed_at = SQL.value(self._db, "take", **held)
        SQL.run(self._db, "raise_fence_of_former_holder", source=self.source)

    def renew(self) -> None:
        """Hold the lease for longer.

        Raises Busy where another took it meanwhile. A lease that is older than our last renewal, or gone, was brought
        by a restore: we go on, and DatabaseUnavailable says that all is to be read anew.
        """
        with transaction(self._db):
            renewed = SQL.run(self._db, "renew", source=self.source, holder=self.holder, lasts=LASTS).fetchone()
            if renewed is not None:
                (self._renewed_at,) = renewed
                return
            SQL.run(self._db, "lock", source=self.source)
            if SQL.value(self._db, "was_taken", source=self.source, since=self._renewed_at):
                raise Busy(
                    f"The lease on source {self.source} was lost to another wamon.",
                    hint="Start this one again; with --standby it waits for the other, and takes over from it.",
                )
            self._put(Process.this())
        raise DatabaseUnavailable(
            "The database went back to a backup while wamon worked.",
            hint="Its position is read again; nothing is lost.",
        )

    def release(self) -> None:
        """Let the next one in at once."""
        with transaction(self._db):
            SQL.run(self._db, "release", source=self.source, holder=self.holder)


def is_held_by(db: Database, source: str, holder: str) -> bool:
    """Whether that holder holds the source's lease now."""
    with transaction(db):
        return bool(SQL.value(db, "is_held_by", source=source, holder=holder))


@contextmanager
def leased(db: Database, source: str) -> Iterator[Lease]:
    """The source's lease for as long as the block runs, and on where it is kept. Raises Busy where another holds it."""
    lease = Lease(db, source)
    lease.take()
    try:
        yield lease
    finally:
        if not lease.is_kept:
            with suppress(Retryable):
                lease.release()
