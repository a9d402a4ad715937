"""Where a store's files lie, and who may do what with them, told without SQLite: to open a store can leave files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from wamon.host.mounts import is_mounted

_WAL = 2
_VERSION_AT = 18
"""Where an SQLite file says how it is written: 1 with a rollback journal, 2 with a write-ahead log."""


def real(store: Path) -> Path:
    """The store's own path, links resolved: beside that SQLite keeps `-wal`, `-shm` and `-journal`."""
    return Path(os.path.realpath(store))


def other_name(store: Path) -> str | None:
    """Why the bridge may know this very file by another path, beside which its log or journal then stands.

    None where nothing points to that. Raises OSError where the store can't be seen.
    """
    names = store.stat().st_nlink
    if is_mounted(store):
        return "a mount keeps a file that was deleted or replaced" if names == 0 else "the file alone is mounted here"
    return f"the file has {names} names (hard links)" if names > 1 else None


def has_log(store: Path) -> bool:
    """Whether a write-ahead log that says anything lies beside the store."""
    try:
        return os.stat(f"{real(store)}-wal").st_size > 0  # noqa: PTH116
    except OSError:
        return False


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
    store = real(store)
    found = store.stat()
    me = os.geteuid()
    is_owner = me in {0, found.st_uid}
    may_write = os.access(store.parent, os.W_OK | os.X_OK, effective_ids=True)
    owners = [owner for end in ("-wal", "-shm") if (owner := _owner(f"{store}{end}")) is not None]
    at_risk = may_write and not is_owner
    return Access(is_owner, may_write, bool(owners), not is_owner and me in owners, _is_wal(store) if at_risk else None)


def written_at(store: Path) -> float | None:
    """When the store or its log was last written, in seconds since 1970; None where there is none."""
    times = [when for end in ("", "-wal") if (when := _modified(f"{real(store)}{end}")) is not None]
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
