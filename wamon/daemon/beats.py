"""What wakes the passes' thread, and at which times."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from wamon.daemon.stopping import Stopped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_OVERDUE_SECONDS = 4.0
"""So long after the next beat was due it is missed."""


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
def beats(
    ring: Callable[[str], None], seconds: Mapping[str, float], monotonic_seconds: Callable[[], float]
) -> Iterator[Callable[[], None]]:
    """Ring for each of these beats, each at its own interval, by threads of APScheduler's.

    A beat only rings: it can't fail, overrun or be missed. What this yields is to be called now and then: APScheduler
    goes by the host's clock, and where that is set back its beats stay away until it has come by again. Then all ring,
    and begin anew.
    """
    from apscheduler.schedulers.background import BackgroundScheduler

    rang_at_seconds = monotonic_seconds()

    def beat(name: str) -> None:
        nonlocal rang_at_seconds
        rang_at_seconds = monotonic_seconds()
        ring(name)

    def keep_up() -> None:
        if monotonic_seconds() - rang_at_seconds > min(seconds.values()) + _OVERDUE_SECONDS:
            for job in scheduler.get_jobs():
                job.reschedule("interval", seconds=seconds[job.id])
                beat(job.id)

    scheduler = BackgroundScheduler(
        timezone="UTC", job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
    )
    for name, interval_seconds in seconds.items():
        scheduler.add_job(beat, "interval", id=name, seconds=interval_seconds, args=[name])
    scheduler.start()
    try:
        yield keep_up
    finally:
        scheduler.shutdown(wait=False)
