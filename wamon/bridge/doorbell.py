"""The doorbell: rings when the bridge writes. It only wakes; polling stays the truth.

Network file systems give no notice, and a notice can be lost: whoever listens looks at intervals too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from watchdog.events import FileCreatedEvent, FileModifiedEvent, FileMovedEvent, FileSystemEventHandler
from watchdog.observers import Observer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from watchdog.events import FileSystemEvent
    from watchdog.observers.api import BaseObserver


class Doorbell:
    """Calls `ring`, from a thread of its own, whenever the store's file or its -wal is modified or replaced.

    Watched is the folder, and only these events: our own reads open and close files, and must not wake us. As a
    context manager it listens until its block's end.
    """

    def __init__(self, store: Path, ring: Callable[[], None]) -> None:
        self._store = store
        self._ring = ring
        self._observer: BaseObserver | None = None
        self._was_tried = False

    def listen(self) -> str | None:
        """Listen from now on; why it can't, where it can't. Asked again it tries again only what can have changed."""
        if not self._was_tried:
            if not self._store.parent.is_dir():
                return "its folder isn't there"
            self._was_tried = True  # each failure after this costs a thread of watchdog's
            try:
                self._observer = self._begun()
            except OSError as error:
                return str(error.strerror or error)
        return None

    def _begun(self) -> BaseObserver:
        observer = Observer()
        events = [FileModifiedEvent, FileCreatedEvent, FileMovedEvent]
        ringer = _Ringer(self._store, self._ring)
        observer.schedule(ringer, str(self._store.parent), recursive=False, event_filter=events)
        observer.start()
        return observer

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._observer is not None:
            self._observer.stop()
            self._observer.join()


class _Ringer(FileSystemEventHandler):
    def __init__(self, store: Path, ring: Callable[[], None]) -> None:
        self._names = {str(store), f"{store}-wal"}
        self._ring = ring

    def on_any_event(self, event: FileSystemEvent) -> None:
        if {event.src_path, event.dest_path} & self._names:
            self._ring()
