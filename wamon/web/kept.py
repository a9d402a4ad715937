"""What is looked at now and then, however often it is asked."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from wamon.clock import Clock

T = TypeVar("T")


class Kept(Generic[T]):
    """What `look` found, believed for some seconds. Who asks while a look lasts waits for that one."""

    def __init__(self, look: Callable[[], Awaitable[T]], seconds: float, clock: Clock) -> None:
        self._look = look
        self._seconds = seconds
        self._clock = clock
        self._looking = asyncio.Lock()
        self._found: tuple[float, T] | None = None

    async def now(self) -> T:
        """What was found within these seconds."""
        async with self._looking:
            began = self._clock.monotonic_seconds()
            if self._found is None or began - self._found[0] > self._seconds:
                self._found = (began, await self._look())
            return self._found[1]
