"""Who may do what with a store's files, told without SQLite: opening a store in WAL mode can leave files behind."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

_WAL = 2
_VERSION_AT = 18
"""Where an SQLite file says how it is written: 1 with a rollback journal, 2 with a write-ahead log."""


class Access(NamedTuple):
    """What this process may do with a store, and how the store is written."""

    is_owner: bool  # or root, whose files SQLite gives to the store's owner
    may_write_folder: bool
    has_log: bool  # a -wal or -shm is there: the bridge runs, or died
    has_ours: bool  # one of those belongs to us, and the store doesn't
    is_wal: bool | None  # None: not looked at, because it makes no difference

    @property
    def endangers_the_bridge(self) -> bool:
        """Whether our reading a stopped bridge's store leaves files that the bridge then can't write."""
        return self.may_write_folder and not self.is_owner and (self.is_wal is not False)


def access(store: Path) -> Access:
    """How we stand to a store. Raises OSError where it can't be seen.

    The store itself is opened only where we are another user who may write beside it, since closing it drops the locks
    of any connection that this process has to it.
    """
    found = store.stat()
    me = os.geteuid()
    is_owner = me in {0, found.st_uid}
    may_write = os.access(store.parent, os.W_OK | os.X_OK, effective_ids=True)
    owners = [owner for end in ("-wal", "-shm") if (owner := _owner(f"{store}{end}")) is not None]
    at_risk = may_write and not is_owner
    return Access(is_owner, may_write, bool(owners), not is_owner and me in owners, _is_wal(store) if at_risk else None)


def written_at(store: Path) -> float | None:
    """When the store or its log was last written, in seconds since 1970; None where there is none."""
    times = [when for end in ("", "-wal") if (when := _modified(f"{store}{end}")) is not None]
    return max(times, default=None)


def _is_wal(store: Path) -> bool:
    with store.open("rb") as file:
        return file.read(_VERSION_AT + 1)[_VERSION_AT:] == bytes([_WAL])


def _owner(path: str) -> int | None:
    try:
        return os.stat(path).st_uid  # noqa: PTH116
    except OSError:
        return None


def _modified(path: str) -> float | None:
    try:
        return os.stat(path).st_mtime  # noqa: PTH116
    except OSError:
        return None
