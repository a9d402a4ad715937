"""The doorbell: rings when the bridge writes. It only wakes; polling stays the truth.

Network file systems give no notice, and a notice can be lost: whoever listens looks at intervals too.
"""

from __future__ import annotations

import errno
import os
import threading
from typing import TYPE_CHECKING, Self

from wamon.host.inotify import CREATE, DELETE_SELF, MODIFY, MOVE_SELF, MOVED_TO, Inotify

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_HEARD = MODIFY | CREATE | MOVED_TO | DELETE_SELF | MOVE_SELF


class Doorbell:
    """Calls `ring`, from a thread of its own, whenever the store's file or its -wal is modified or replaced.

    Watched is the folder in which the store really lies, and only for these: our own reads open and close files, and
    must not wake us. It rings too when that folder goes. As a context manager it listens until its block's end.
    """

    def __init__(self, store: Path, ring: Callable[[], None]) -> None:
        self._store = store
        self._ring = ring
        self._inotify: Inotify | None = None
        self._thread: threading.Thread | None = None
        self._watch: int | None = None
        self._names: frozenset[str] = frozenset()

    def listen(self) -> str | None:
        """Listen from now on where the store lies now; why it can't, where it can't. To be asked again at each look.

        So a folder that was replaced is listened to anew, and what the host had too little of is tried again.
        """
        folder, name = os.path.split(os.path.realpath(self._store))
        self._names = frozenset({name, f"{name}-wal", ""})
        try:
            if self._inotify is None:
                self._inotify = self._begun()
            watch = self._inotify.watch(folder, _HEARD)
        except OSError as error:
            self._forget(None)
            return f"{folder}: {error.strerror}"
        self._forget(watch)
        return None

    def _begun(self) -> Inotify:
        inotify = Inotify()
        thread = threading.Thread(target=self._heed, args=(inotify,), name="doorbell", daemon=True)
        try:
            thread.start()
        except RuntimeError:
            inotify.close()
            raise OSError(errno.EAGAIN, "no further thread can be started") from None
        self._thread = thread
        return inotify

    def _heed(self, inotify: Inotify) -> None:
        for event in inotify.events():
            if event.name in self._names:
                self._ring()

    def _forget(self, but: int | None) -> None:
        """Hear nothing more of the folder that was watched before, unless this is its watch."""
        former, self._watch = self._watch, but
        if self._inotify is not None and former is not None and former != but:
            self._inotify.unwatch(former)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._inotify is not None:
            self._inotify.end()
        if self._thread is not None:
            self._thread.join()


def why_silent(store: Path) -> str | None:
    """Why a doorbell can't listen to this store now, where it can't."""
    with Doorbell(store, lambda: None) as doorbell:
        return doorbell.listen()
