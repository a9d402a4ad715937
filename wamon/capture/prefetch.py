"""Reading ahead: while PostgreSQL records one batch, the next one is read and understood by a thread of its own."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, wait
from itertools import islice
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Future

    from wamon.model import Place

T = TypeVar("T")


def each(items: Iterator[T]) -> Iterator[T]:
    """The same items, each made by a thread of its own while the one before it is used. None that is used is held."""
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="ahead") as thread:
        following = thread.submit(lambda: list(islice(items, 1)))
        while item := following.result():
            following = thread.submit(lambda: list(islice(items, 1)))
            yield item.pop()


class Ahead(Generic[T]):
    """What was read ahead of each tail. It counts only for the place from which it was read."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ahead")
        self._read: dict[str, tuple[Place, Future[T]]] = {}

    def begin(self, tail: str, place: Place, read: Callable[[str, Place], T]) -> None:
        """Have what stands beyond this place read meanwhile."""
        self._read[tail] = place, self._thread.submit(read, tail, place)

    def next(self, tail: str, place: Place, read: Callable[[str, Place], T]) -> T:
        """What stands beyond this place: as it was read ahead, else as it is read now. Raises what reading raises."""
        began_at, future = self._read.pop(tail, (None, None))
        if future is not None and began_at == place:
            return future.result()
        if future is not None:
            wait([future])
        return read(tail, place)

    def forget(self) -> None:
        """Drop what was read ahead, once nothing reads any more."""
        wait([future for _, future in self._read.values()])
        self._read.clear()
