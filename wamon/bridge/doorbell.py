"""The doorbell: rings when the bridge writes. It only wakes; polling stays the truth.

Network file systems give no notice, and a notice can be lost: whoever listens looks at intervals too.
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple, Self

from watchdog.events import FileCreatedEvent, FileModifiedEvent, FileMovedEvent, FileSystemEventHandler
from watchdog.observers import Observer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from watchdog.events import FileSystemEvent
    from watchdog.observers.api import BaseObserver, ObservedWatch

_HEARD = [FileModifiedEvent, FileCreatedEvent, FileMovedEvent]
_LIMITS = {
    errno.EMFILE: "too many inotify instances (fs.inotify.max_user_instances) or open files",
    errno.ENOSPC: "too many inotify watches (fs.inotify.max_user_watches)",
    errno.EAGAIN: "no further thread can be started",
}


class _Listening(NamedTuple):
    """What is listened to: another folder at the same path is another."""

    store: str  # its real path
    folder: tuple[int, int]  # device and inode


class Doorbell:
    """Calls `ring`, from a thread of its own, whenever the store's file or its -wal is modified or replaced.

    Watched is the folder in which the store really lies, and only for these: our own reads open and close files, and
    must not wake us. As a context manager it listens until its block's end.
    """

    def __init__(self, store: Path, ring: Callable[[], None]) -> None:
        self._store = store
        self._ring = ring
        self._observer: BaseObserver | None = None
        self._watch: ObservedWatch | None = None
        self._listening: _Listening | None = None

    def listen(self) -> str | None:
        """Listen from now on where the store lies now; why it can't, where it can't. To be asked again at each look.

        So a folder that was replaced is listened to anew, and what the host had too little of is tried again.
        """
        store = os.path.realpath(self._store)
        folder = os.path.dirname(store)  # noqa: PTH120 - asked at each look
        try:
            found = os.stat(folder)  # noqa: PTH116
            self._listen(_Listening(store, (found.st_dev, found.st_ino)), folder)
        except OSError as error:
            self._stop_listening()
            return f"{folder}: {_LIMITS.get(error.errno or 0) or error.strerror}"
        return None

    def _listen(self, now: _Listening, folder: str) -> None:
        if not os.access(folder, os.R_OK):  # watchdog would say nothing, and hear nothing
            raise PermissionError(errno.EACCES, "Permission denied")
        if now == self._listening and self._is_watching():
            return
        self._stop_listening()
        if self._observer is None:
            self._observer = _started()
        ringer = _Ringer(now.store, self._ring)
        self._watch = self._observer.schedule(ringer, folder, recursive=False, event_filter=_HEARD)
        self._listening = now

    def _is_watching(self) -> bool:
        """Whether the watch is still there: it ends with its folder, and another may be made under the same inode."""
        emitters = self._observer.emitters if self._observer else ()
        return any(one.watch == self._watch and one.is_alive() for one in emitters)

    def _stop_listening(self) -> None:
        self._listening = None
        if self._observer is not None and self._watch is not None:
            with suppress(KeyError, OSError):  # it ended with its folder
                self._observer.unschedule(self._watch)
            self._watch = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._observer is not None:
            self._observer.stop()
            self._observer.join()


def why_silent(store: Path) -> str | None:
    """Why a doorbell can't listen to this store now, where it can't."""
    with Doorbell(store, lambda: None) as doorbell:
        return doorbell.listen()


def _started() -> BaseObserver:
    """An observer of nothing yet: one that is started with a folder leaks where that folder can't be watched."""
    try:
        observer = Observer()
        observer.start()
    except RuntimeError as error:
        raise OSError(errno.EAGAIN, str(error)) from None
    return observer


class _Ringer(FileSystemEventHandler):
    def __init__(self, store: str, ring: Callable[[], None]) -> None:
        self._names = {store, f"{store}-wal"}
        self._ring = ring

    def on_any_event(self, event: FileSystemEvent) -> None:
        if {event.src_path, event.dest_path} & self._names:
            self._ring()
