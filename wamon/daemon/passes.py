"""How the passes fare, as systemd, the log and the side tasks are told."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from wamon.errors import NoConnectionFree
from wamon.host.notify import notify
from wamon.log import logger
from wamon.words import amount

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from collections.abc import Set as AbstractSet

    from wamon.daemon.stopping import Stopping
    from wamon.errors import WamonError


class Passes:
    """The passes' thread writes it. What is public is set whole, so that side tasks read it at any time."""

    def __init__(self, begun: Callable[[], None]) -> None:
        self.trouble: WamonError | None = None  # why no pass ends
        self.source: str | None = None  # whose lease this daemon holds, or last held
        self.holder: str | None = None  # by which it holds its lease, or last held it before another took that
        self.leases: dict[
            str, str
        ] = {}  # of sources that only hooks feed: their holder's name, where it is this daemon
        self.count = 0  # of passes that have ended
        self.are_behind = False  # they read a long backlog, and need Python themselves
        self.is_ready = False
        self.is_ending = False  # the daemon ends, not only its config
        self.look_again: Callable[[], None] = lambda: None
        """Has the store read now, whatever its stamp says; of whoever makes the passes."""
        self.news = threading.Event()  # set where groups were posted in or a trouble arose, for the one that takes them
        self._posted: set[str] = set()
        self._posted_lock = threading.Lock()
        self._begun = begun
        self._told: str | None = None  # the trouble that was told last
        self._ended_at_seconds: float | None = None

    @property
    def lack_a_connection(self) -> bool:
        """Whether PostgreSQL has none free for them: whoever works beside them lets go of its own."""
        return isinstance(self.trouble, NoConnectionFree)

    def spare_turns(self, stopping: Stopping, rest_seconds: float) -> Iterator[None]:
        """A turn each time that whoever works beside them may use PostgreSQL, until the end is asked for."""
        while not stopping.is_set():
            if self.lack_a_connection:
                stopping.wait(rest_seconds)
            else:
                yield

    def holder_of(self, source: str) -> str | None:
        """The name by which this daemon holds a source's lease; None where it doesn't."""
        return self.holder if source == self.source else self.leases.get(source)

    def ended(self, groups: int) -> None:
        """A pass has read all that there is."""
        self._ended_at_seconds = time.monotonic()
        self.count += 1
        self.trouble = None
        self.are_behind = False
        if self._told is not None:
            self._told = None
            logger.info("Works again, and is up to date.", extra={"action": "recovered"})
        self._tell(f"Up to date: nothing waits in {amount(groups, 'group')}.")

    def have_no_store(self) -> None:
        """There are none: hooks alone bring messages."""
        self.trouble = None
        if self._told is not None:
            self._told = None
            logger.info("Works again.", extra={"action": "recovered"})
        self._tell("No store is read: hooks bring the messages.")

    def go_on(self, rows: int) -> None:
        """A pass has ended, and so many rows are left."""
        self.count += 1
        self.are_behind = True
        notify("WATCHDOG=1")
        self._tell(f"Catching up: about {amount(rows, 'row')} to go.")

    def posted(self, jids: Iterable[str]) -> None:
        """These groups' posts have changed, as of a recording that is committed."""
        with self._posted_lock:
            self._posted.update(jids)
            if self._posted:
                self.news.set()

    def take_posted(self) -> AbstractSet[str]:
        """The groups whose posts have changed since this was last asked."""
        with self._posted_lock:
            taken, self._posted = self._posted, set()
            self.news.clear()
        return taken

    def hang(self, error: WamonError) -> None:
        """No pass ends. A trouble is logged once, and systemd sees for how long it lasts."""
        self.trouble = error
        self.are_behind = False
        why = error.paragraph()
        if why != self._told:
            self._told = why
            self.news.set()
            logger.warning("%s", why, extra={"action": "degraded"})
        self._tell(f"Degraded: {error}{self._since()}")
        notify("WATCHDOG=1")

    def _since(self) -> str:
        if self._ended_at_seconds is None:
            return ""
        return f" No pass since {round((time.monotonic() - self._ended_at_seconds) / 60)} min."

    def _tell(self, status: str) -> None:
        if not self.is_ready:
            self.is_ready = True
            self._begun()
            notify("READY=1")
        notify(f"STATUS={status}")
