"""What the file system says of a store, and whether that is enough to leave it unread."""

from __future__ import annotations

import os
from math import inf
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_LOOK_AGAIN_SECONDS = 0.1
_TRUSTED_AFTER_SECONDS = 10.0


class Stamp(NamedTuple):
    """Of the store's file and its -wal: device, inode, size and the time it was modified; None of what isn't there."""

    file: tuple[int, ...] | None
    wal: tuple[int, ...] | None


class StoreFile:
    """The file that a store's path leads to. A link in it may lead elsewhere at any time."""

    def __init__(self, store: Path) -> None:
        self._store = store
        self._real = ""
        self._identity: tuple[int, ...] | None = None

    def stamp(self) -> Stamp:
        """Its stamp now. It opens nothing: closing a file that SQLite reads would drop SQLite's locks.

        The time of a file's last change is no part of it: root's SQLite sets the -wal's owner at each opening.
        """
        found = _stat(self._store)
        if found is None or found[:2] != self._identity:  # to follow the links is most of a look, and seldom needed
            self._real = os.path.realpath(self._store)
            found = _stat(self._real)
            self._identity = found and found[:2]
        return Stamp(found, _stat(f"{self._real}-wal"))


def _stat(path: str | Path) -> tuple[int, ...] | None:
    try:
        found = os.stat(path)  # noqa: PTH116 - several times a second, for years
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


class Trust:
    """Whether a stamp that is the same as before means that nothing was written.

    Not soon after it changed. A file's time moves in ticks, on some file systems in whole seconds; and a commit shows
    only after its last write: in WAL mode SQLite waits for the disk in between. So the store is read at a change, and
    again after a tenth of a second, a fifth, … until a read has begun long after the change. No clock of the host's or
    of a file server's is asked, only `monotonic_seconds`.
    """

    def __init__(self, monotonic_seconds: Callable[[], float]) -> None:
        self._monotonic_seconds = monotonic_seconds
        self._stamp: Stamp | None = None
        self._changed_at_seconds = -inf
        self.is_earned = False

    def needs_read(self, now: Stamp) -> bool:
        """Whether the store is to be read, by its stamp now: called before each read, which begins at once."""
        at_seconds = self._monotonic_seconds()
        if now != self._stamp:
            self._stamp, self._changed_at_seconds, self.is_earned = now, at_seconds, False
        elif self.is_earned:
            return False
        self.is_earned = at_seconds - self._changed_at_seconds >= _TRUSTED_AFTER_SECONDS
        return True

    def doubt(self) -> None:
        """Have the store read once more: a disk may have taken longer than is thought of here."""
        self.is_earned = False

    def lose(self) -> None:
        """The read failed: have the store read when it is looked at next, which nothing here hastens."""
        self._stamp, self._changed_at_seconds, self.is_earned = None, -inf, False

    def soon_seconds(self) -> float:
        """When to look again: after as long as the stamp has stayed the same; never where trust is earned."""
        if self.is_earned:
            return inf
        return max(_LOOK_AGAIN_SECONDS, self._monotonic_seconds() - self._changed_at_seconds)
