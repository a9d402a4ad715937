"""What is looked at now and then, however often it is asked."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from wamon.clock import Clock

T = TypeVar("T")


class Kept(Generic[T]):
    """What `look` found, believed for some seconds. Who asks while a look lasts gets what that one finds, or raises."""

    def __init__(self, look: Callable[[], Coroutine[Any, Any, T]], seconds: float, clock: Clock) -> None:
        self._look = look
        self._seconds = seconds
        self._clock = clock
        self._began_seconds = 0.0
        self._last: asyncio.Task[T] | None = None

    async def now(self) -> T:
        """What was found within these seconds."""
        now_seconds = self._clock.monotonic_seconds()
        if self._last is None or (self._last.done() and now_seconds - self._began_seconds > self._seconds):
            self._began_seconds = now_seconds
            self._last = asyncio.create_task(self._look())
        return await asyncio.shield(self._last)
