"""The daemon: it decides when a pass runs. `run` it for years.

Beats (APScheduler) and the doorbell (watchdog) only ring; one thread does the work. It waits for a ring at most two
intervals by the monotonic clock, so that no lost ring, no changed clock and no failing beat stalls it. What can be
tried again is: with a new connection, after a pause that grows. Everything else ends the process, and systemd starts
it anew.
"""

from __future__ import annotations

import logging
import os
import random
import signal
import threading
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wamon.bridge.doorbell import doorbell, stamp
from wamon.errors import BridgeUnavailable, Busy, ConfigError, Retryable
from wamon.log import logger
from wamon.notify import notify
from wamon.pipeline import reread_recent
from wamon.scan import catch_up, retry
from wamon.signals import Signals
from wamon.verify import sweep

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from wamon.bridge.doorbell import Stamp
    from wamon.config import Config
    from wamon.pipeline import Watch
    from wamon.postgres.leases import Lease
    from wamon.scan import Scanned

_LONGEST_PAUSE_SECONDS = 20.0
_STANDBY_SECONDS = 2.0
_SECONDS_TO_FINISH = 8.0
_SECONDS_BETWEEN_SWEPT_PAGES = 0.05


class Stopped(Exception):
    """The daemon was asked to stop, or to read its config again."""


@dataclass(frozen=True, slots=True)
class Session:
    """What the daemon holds while PostgreSQL stays connected."""

    watch: Watch
    lease: Lease


@dataclass(frozen=True, slots=True)
class Plan:
    """How the daemon comes by what it works with: the composition root's part."""

    load: Callable[[], Config]
    session: Callable[[Config], AbstractContextManager[Session]]
    watching: Callable[[Config], AbstractContextManager[Watch]]
    daily: Callable[[Config], None]
    ready: Callable[[Config], None]


class Daemon:
    """One `wamon run`."""

    def __init__(self, plan: Plan, *, standby: bool) -> None:
        self._plan = plan
        self._standby = standby
        self._config = plan.load()
        self._rung = threading.Event()
        self._stopping = threading.Event()
        self._reloading = threading.Event()
        self._due: set[str] = set()
        self._due_lock = threading.Lock()
        self._ended_by: BaseException | None = None
        self._is_ready = False
        self._seen: Stamp | None = None
        self._chores: dict[str, threading.Thread] = {}

    def run(self) -> None:
        """Work until SIGTERM or SIGINT. Raises what can't be tried again, and Busy where another holds the source."""
        with Signals(signal.SIGTERM, signal.SIGINT, signal.SIGHUP) as signals:
            worker = threading.Thread(target=self._work, args=(signals.end,), name="passes", daemon=True)
            worker.start()
            for number in signals:
                if number != signal.SIGHUP:
                    break
                self.reload()
            self._finish(worker)
        if self._ended_by is not None:
            raise self._ended_by

    def _finish(self, worker: threading.Thread) -> None:
        """Have every thread end: what still runs while the interpreter goes down can hang it."""
        notify("STOPPING=1")
        self._stopping.set()
        self._rung.set()
        deadline = time.monotonic() + _SECONDS_TO_FINISH
        for thread in (worker, *self._chores.values()):
            thread.join(max(0, deadline - time.monotonic()))
            if thread.is_alive() and self._ended_by is None:
                logger.warning("Stopped while at the %s, which is rolled back.", thread.name, extra={"action": "stop"})
                logging.shutdown()
                os._exit(0)

    def reload(self) -> None:
        """Read the config again. One that is wrong is told, and the old one stays."""
        self._reloading.set()
        self._rung.set()

    def ring(self, beat: str = "pass") -> None:
        """Wake the working thread for this."""
        with self._due_lock:
            self._due.add(beat)
        self._rung.set()

    def _work(self, end: Callable[[], None]) -> None:
        pause = _Pause()
        try:
            while not self._stopping.is_set():
                self._take_new_config()
                self._work_while_connected(pause)
        except BaseException as error:  # noqa: BLE001 - the main thread raises it again
            self._ended_by = error
        finally:
            end()

    def _work_while_connected(self, pause: _Pause) -> None:
        try:
            with self._plan.session(self._config) as session:
                self._serve(session, pause)
        except Stopped:
            return
        except Busy:
            if not self._standby:
                raise
            self._tell_degraded("Standing by: another wamon works on this source.")
            self._stopping.wait(_STANDBY_SECONDS)
        except Retryable as error:
            self._tell_degraded(error.paragraph())
            self._stopping.wait(pause.next_seconds())

    def _take_new_config(self) -> None:
        if not self._reloading.is_set():
            return
        self._reloading.clear()
        notify("RELOADING=1")
        try:
            self._config = self._plan.load()
        except ConfigError as error:
            logger.error("The config is kept as it was. %s", error.paragraph(), extra={"action": "reload.refused"})
        else:
            logger.info("The config was read again.", extra={"action": "reload.done"})
        if self._is_ready:
            notify("READY=1")

    def _serve(self, session: Session, pause: _Pause) -> None:
        interval_seconds = self._config.scan.interval.total_seconds()
        self._seen = None
        self._due |= {"pass", "recent", "retry", "sweep", "daily"}
        with ExitStack() as stack:
            stack.enter_context(doorbell(session.watch.store.path, self.ring))
            stack.enter_context(_beats(self.ring, interval_seconds))
            while True:
                self._go_on()
                self._rung.clear()
                self._round(session)
                pause.reset()
                notify("WATCHDOG=1")
                self._rung.wait(2 * interval_seconds)

    def _go_on(self) -> None:
        if self._stopping.is_set() or self._reloading.is_set():
            raise Stopped

    def _round(self, session: Session) -> None:
        """What is due now. The bridge's troubles are told and waited out; PostgreSQL's end the session."""
        with self._due_lock:
            due, self._due = self._due, set()
        if "renew" in due:
            session.lease.renew()
        try:
            self._pass(session.watch, recent="recent" in due)
            if "retry" in due:
                retry(session.watch)
        except BridgeUnavailable as error:
            self._seen = None
            self._tell_degraded(error.paragraph())
            return
        if "sweep" in due and session.watch.source.sweep_due():
            self._start("sweep", self._sweep)
        if "daily" in due:
            self._start("daily", lambda: self._plan.daily(self._config))

    def _pass(self, watch: Watch, *, recent: bool) -> None:
        """Pass over the store where it changed since it was last read whole."""
        now = stamp(watch.store.path)
        if now == self._seen:
            self._tell_ready("Up to date.")
            return
        settled = now.settled(int(watch.clock.now().timestamp() * 1e9))
        scanned = catch_up(watch, lambda _: self._after_batch())
        if recent:
            scanned.recorded.add(watch.in_turn(reread_recent, watch))
        self._seen = now if settled else None
        if not settled:
            self._look_again_soon()
        self._tell_pass(scanned)

    def _look_again_soon(self) -> None:
        """A file's time is coarse: what was written within its last tick is seen by looking once more after it."""
        again = threading.Timer(0.1, self.ring)
        again.daemon = True
        again.start()

    def _after_batch(self) -> None:
        notify("WATCHDOG=1")
        self._tell_ready("Catching up.")
        self._go_on()

    def _start(self, name: str, chore: Callable[[], None]) -> None:
        """Run a chore in the background, unless it still runs."""
        running = self._chores.get(name)
        if running is None or not running.is_alive():
            self._chores[name] = threading.Thread(target=_tolerantly, args=(name, chore), name=name, daemon=True)
            self._chores[name].start()

    def _sweep(self) -> None:
        with self._plan.watching(self._config) as watch:
            sweep(watch, self._breathe)

    def _breathe(self, _: int) -> None:
        if self._stopping.wait(_SECONDS_BETWEEN_SWEPT_PAGES):
            raise Stopped

    def _tell_pass(self, scanned: Scanned) -> None:
        read = sum(scanned.read.values())
        if read:
            kinds: dict[str, int] = {}
            for (_, kind), count in scanned.recorded.counts.items():
                kinds[kind] = kinds.get(kind, 0) + count
            logger.info(
                "Recorded %d messages: %d new drops, %d posted again.",
                read,
                kinds.get("new", 0),
                kinds.get("resubmission", 0),
                extra={"action": "pass", "messages": read, **kinds},
            )
        self._tell_ready(f"Up to date; {read} messages in the last pass." if read else "Up to date.")

    def _tell_ready(self, status: str) -> None:
        if not self._is_ready:
            self._is_ready = True
            self._plan.ready(self._config)
            notify("READY=1")
        notify(f"STATUS={status}")

    def _tell_degraded(self, why: str) -> None:
        logger.warning("%s", why, extra={"action": "degraded"})
        self._tell_ready(f"Degraded: {why}")
        notify("WATCHDOG=1")


class _Pause:
    """Pauses between tries: doubling from half a second, jittered, to about twenty."""

    def __init__(self) -> None:
        self._tries = 0

    def next_seconds(self) -> float:
        self._tries += 1
        return min(_LONGEST_PAUSE_SECONDS, 0.25 * 2.0**self._tries) * random.uniform(0.6, 1.0)  # noqa: S311

    def reset(self) -> None:
        self._tries = 0


@contextmanager
def _beats(ring: Callable[[str], None], interval_seconds: float) -> Iterator[None]:
    """Ring for each thing that is to be done at times. A beat only rings: it can't fail, overrun or be missed."""
    from apscheduler.schedulers.background import BackgroundScheduler

    scheduler = BackgroundScheduler(
        timezone="UTC", job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
    )
    every_seconds = {"pass": interval_seconds, "recent": interval_seconds, "renew": 15, "retry": 60, "sweep": 300}
    for beat, seconds in {**every_seconds, "daily": 3600}.items():
        scheduler.add_job(ring, "interval", seconds=seconds, args=[beat])
    scheduler.start()
    try:
        yield
    finally:
        scheduler.shutdown(wait=False)


def _tolerantly(name: str, chore: Callable[[], None]) -> None:
    """A chore in the background that fails is told, and tried again at its next beat."""
    try:
        chore()
    except Stopped:
        pass
    except Retryable as error:
        logger.warning("The %s was put off. %s", name, error.paragraph(), extra={"action": f"{name}.failed"})
