"""How work in another thread is asked to end."""

from __future__ import annotations

import threading


class Stopped(Exception):
    """The work was asked to end."""


class Stopping:
    """Set once, when work is to end. Every wait for it then ends."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._wakes: list[threading.Event] = []

    def is_set(self) -> bool:
        return self._event.is_set()

    def set(self) -> None:
        self._event.set()
        for event in self._wakes:
            event.set()

    def wait(self, seconds: float) -> bool:
        """Wait for at most so long. Whether the work is to end."""
        return self._event.wait(seconds)

    def pause(self, seconds: float) -> None:
        """Wait for so long. Raises Stopped where the work is to end."""
        if self.wait(seconds):
            raise Stopped

    def wakes(self, event: threading.Event) -> None:
        """Set this event too, so that a task which waits for it ends."""
        self._wakes.append(event)
        if self.is_set():
            event.set()
