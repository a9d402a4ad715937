"""What wakes the passes' thread, and at which times."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from wamon.daemon.stopping import Stopped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping


class Bell:
    """Any thread rings; the passes' thread waits, and asks what is due."""

    def __init__(self) -> None:
        self.stopping = threading.Event()
        self.reloading = threading.Event()
        self._rung = threading.Event()
        self._due: set[str] = set()
        self._due_lock = threading.Lock()

    def ring(self, *beats: str) -> None:
        """Wake the passes' thread: these are due."""
        with self._due_lock:
            self._due.update(beats)
        self._rung.set()

    def rang(self, beat: str) -> bool:
        """Whether the beat has rung since this was last asked."""
        with self._due_lock:
            due = beat in self._due
            self._due.discard(beat)
        return due

    def stop(self) -> None:
        """Have the passes' thread end."""
        self.stopping.set()
        self._rung.set()

    def reload(self) -> None:
        """Have the passes' thread begin anew with the config as it is now."""
        self.reloading.set()
        self._rung.set()

    def check(self) -> None:
        """Raises Stopped where the passes are to end, or to begin anew with another config."""
        if self.stopping.is_set() or self.reloading.is_set():
            raise Stopped

    def hush(self) -> None:
        """Forget the rings so far: from now on `wait` waits for another."""
        self._rung.clear()

    def wait(self, seconds: float) -> None:
        """Wait for a ring, at most for so long."""
        self._rung.wait(seconds)


@contextmanager
def beats(ring: Callable[[str], None], seconds: Mapping[str, float]) -> Iterator[None]:
    """Ring for each of these beats, each at its own interval, by threads of APScheduler's.

    A beat only rings: it can't fail, overrun or be missed.
    """
    from apscheduler.schedulers.background import BackgroundScheduler

    scheduler = BackgroundScheduler(
        timezone="UTC", job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
    )
    for beat, interval_seconds in seconds.items():
        scheduler.add_job(ring, "interval", seconds=interval_seconds, args=[beat])
    scheduler.start()
    try:
        yield
    finally:
        scheduler.shutdown(wait=False)
