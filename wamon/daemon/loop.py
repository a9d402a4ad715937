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
from collections import Counter
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from math import inf
from typing import TYPE_CHECKING

from wamon.backoff import pause_seconds
from wamon.bridge.doorbell import doorbell, stamp
from wamon.capture.pipeline import reread_recent
from wamon.capture.scan import admit, catch_up, retry
from wamon.capture.verify import sweep, verify
from wamon.daemon.monitor import Lookout
from wamon.errors import BridgeUnavailable, BridgeUnknown, Busy, ConfigError, Retryable, WamonError
from wamon.host.memory import give_back
from wamon.host.notify import notify
from wamon.host.signals import Signals
from wamon.log import logger, tolerantly

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from wamon.bridge.doorbell import Stamp
    from wamon.capture.pipeline import Pass, Watch
    from wamon.config.schema import Config
    from wamon.health.check import Check
    from wamon.postgres.leases import Lease

_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 20.0
_STANDBY_SECONDS = 2.0
_SECONDS_TO_FINISH = 8.0
_SECONDS_BETWEEN_SWEPT_PAGES = 0.05
_COARSE_SECONDS = 0.1
_BEATS_SECONDS = {"renew": 15, "retry": 60, "upkeep": 300, "daily": 3600, "replies": 15}


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
    look: Callable[[Config], Sequence[Check]]
    take: Callable[[Config, Sequence[Check]], None]
    send: Callable[[Config], None]
    reply: Callable[[Config, Lease, Callable[[], bool]], None]
    ready: Callable[[Config], None]
    ended: Callable[[Config, int], None]


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
        self._degraded: str | None = None
        self._passed_at_seconds: float | None = None
        self._seen: Stamp | None = None
        self._reread: Stamp | None = None
        self._is_fresh = False
        self._chores: dict[str, threading.Thread] = {}
        self.lookout = Lookout(
            lambda: plan.look(self._config),
            lambda checks: plan.take(self._config, checks),
            lambda: plan.send(self._config),
        )

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
        self.lookout.stop()
        deadline = time.monotonic() + _SECONDS_TO_FINISH
        for thread in self._threads(worker):
            if thread.is_alive():
                thread.join(max(0, deadline - time.monotonic()))
            if thread.is_alive() and self._ended_by is None:
                logger.warning("Stopped while at the %s, which is rolled back.", thread.name, extra={"action": "stop"})
                self._tell_end()
                logging.shutdown()
                os._exit(0)
        self._tell_end()

    def _threads(self, worker: threading.Thread) -> Iterator[threading.Thread]:
        """The worker first: once that has ended, nobody begins another chore."""
        yield worker
        yield from self._chores.values()
        yield self.lookout.thread

    def _tell_end(self) -> None:
        error = self._ended_by
        status = 0 if error is None else error.exit_code if isinstance(error, WamonError) else 1
        if self._is_ready:
            self._plan.ended(self._config, status)

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
            self._tell_degraded(Busy("Standing by: another wamon works on this source."))
            self._stopping.wait(_STANDBY_SECONDS)
        except Retryable as error:
            self._tell_degraded(error)
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
        self._seen = self._reread = None
        self._due |= {"pass", "recent", "retry", "upkeep", "daily", "replies"}
        with ExitStack() as stack:
            stack.enter_context(doorbell(session.watch.store.path, self.ring))
            stack.enter_context(_beats(self.ring, interval_seconds))
            while True:
                self._go_on()
                self._rung.clear()
                self._round(session)
                pause.reset()
                notify("WATCHDOG=1")
                self._rung.wait(min(2 * interval_seconds, self._soon_seconds(session)))

    def _soon_seconds(self, session: Session) -> float:
        """When to look without being rung for.

        A file's time is coarse: what was written within its last tick is seen by looking once more after it.
        """
        return min(_COARSE_SECONDS if self._is_fresh else inf, session.watch.state.due_in_seconds())

    def _go_on(self) -> None:
        if self._stopping.is_set() or self._reloading.is_set():
            raise Stopped

    def _round(self, session: Session) -> None:
        """What is due now. The bridge's troubles are told and waited out; PostgreSQL's end the session."""
        self._is_fresh = False
        self._renew_if_due(session.lease)
        watch = session.watch
        try:
            self._pass(session)
            if self._is_due("retry"):
                retry(watch)
                admit(watch)
        except (BridgeUnavailable, BridgeUnknown) as error:
            self._seen = None
            self._tell_degraded(error)
            return
        watch.state.flush_if_due()
        if self._is_due("replies") and watch.recorder.outbox.has_work():
            self._start("replies", partial(self._reply, self._config, session.lease))
        if self._is_due("upkeep") and (watch.source.sweep_due() or watch.source.verify_due()):
            self._start("upkeep", self._keep_up)
        if self._is_due("daily"):
            self._start("daily", lambda: self._plan.daily(self._config))

    def _is_due(self, beat: str) -> bool:
        """Whether the beat has rung since this was last asked."""
        with self._due_lock:
            due = beat in self._due
            self._due.discard(beat)
        return due

    def _renew_if_due(self, lease: Lease) -> None:
        if self._is_due("renew"):
            lease.renew()

    def _pass(self, session: Session) -> None:
        """Pass over the store where it changed since it was last read, and now and then over its last half hour."""
        watch = session.watch
        now = stamp(watch.store.path)
        if now != self._seen:
            settled = now.settled(int(watch.clock.now().timestamp() * 1e9))
            began_seconds = time.monotonic()
            catch_up(watch, lambda one: self._after_pass(session, one, time.monotonic() - began_seconds))
            self._seen = now if settled else None
            self._is_fresh = not settled
        if self._is_due("recent") and now != self._reread:
            watch.in_turn(reread_recent, watch)
            self._reread = self._seen
        self._passed_at_seconds = time.monotonic()
        self._tell_up_to_date(watch)

    def _after_pass(self, session: Session, one: Pass, seconds: float) -> None:
        if one.read:
            _tell_pass(one, seconds)
            self.ring("replies")
        if not one.complete:
            notify("WATCHDOG=1")
            self._tell_ready(f"Catching up: about {session.watch.store.rows() - one.place.rowid:,} rows to go.")
            self._renew_if_due(session.lease)
            self._go_on()

    def _start(self, name: str, chore: Callable[[], None]) -> None:
        """Run a chore in the background, unless it still runs."""
        running = self._chores.get(name)
        if running is None or not running.is_alive():
            self._chores[name] = threading.Thread(target=tolerantly, args=(name, chore), name=name, daemon=True)
            self._chores[name].start()

    def _reply(self, config: Config, lease: Lease) -> None:
        self._plan.reply(config, lease, lambda: config is self._config and not self._stopping.is_set())

    def _keep_up(self) -> None:
        with suppress(Stopped):
            self._sweep_and_verify()
        give_back()

    def _sweep_and_verify(self) -> None:
        with self._plan.watching(self._config) as watch:
            if watch.source.sweep_due():
                sweep(watch, self._breathe)
            if watch.source.verify_due():
                self._verify(watch)

    def _verify(self, watch: Watch) -> None:
        verified = verify(watch, [watch.source.groups[jid] for jid in watch.named([])], self._breathe)
        watch.source.note_verify(clean=verified.clean)
        if verified.clean:
            logger.info("Verified %d rows: nothing is lost or doubled.", verified.checked, extra={"action": "verify"})
            return
        logger.error(
            "Verify found %d problems. `wamon verify` lists them, and --repair mends what can be mended.",
            len(verified.problems),
            extra={"action": "verify", "promises": sorted({problem.promise for problem in verified.problems})},
        )

    def _breathe(self, _: int) -> None:
        if self._stopping.wait(_SECONDS_BETWEEN_SWEPT_PAGES):
            raise Stopped

    def _tell_up_to_date(self, watch: Watch) -> None:
        self.lookout.degraded = None
        if self._degraded is not None:
            self._degraded = None
            logger.info("Works again, and is up to date.", extra={"action": "recovered"})
        watching = sum(len(watch.source.wanted(tail)) for tail in watch.source.tails)
        self._tell_ready(f"Up to date: nothing waits in {watching} groups.")

    def _tell_ready(self, status: str) -> None:
        if not self._is_ready:
            self._is_ready = True
            self._plan.ready(self._config)
            self.lookout.start()
            notify("READY=1")
        notify(f"STATUS={status}")

    def _tell_degraded(self, error: WamonError) -> None:
        """Tell a trouble once, and how long no pass has ended for as long as it lasts."""
        self.lookout.degraded = error
        why = error.paragraph()
        if why != self._degraded:
            self._degraded = why
            logger.warning("%s", why, extra={"action": "degraded"})
        since = "" if self._passed_at_seconds is None else f" No pass since {self._minutes_since_pass()} min."
        self._tell_ready(f"Degraded: {error}{since}")
        notify("WATCHDOG=1")

    def _minutes_since_pass(self) -> int:
        return round((time.monotonic() - (self._passed_at_seconds or 0)) / 60)


class _Pause:
    """Pauses between tries: doubling from half a second, jittered, to about twenty."""

    def __init__(self) -> None:
        self._tries = 0

    def next_seconds(self) -> float:
        self._tries += 1
        spread = random.random()  # noqa: S311
        return pause_seconds(self._tries, first=_FIRST_PAUSE_SECONDS, most=_LONGEST_PAUSE_SECONDS, random=spread)

    def reset(self) -> None:
        self._tries = 0


@contextmanager
def _beats(ring: Callable[[str], None], interval_seconds: float) -> Iterator[None]:
    """Ring for each thing that is to be done at times. A beat only rings: it can't fail, overrun or be missed."""
    from apscheduler.schedulers.background import BackgroundScheduler

    scheduler = BackgroundScheduler(
        timezone="UTC", job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
    )
    for beat, seconds in {"pass": interval_seconds, "recent": interval_seconds, **_BEATS_SECONDS}.items():
        scheduler.add_job(ring, "interval", seconds=seconds, args=[beat])
    scheduler.start()
    try:
        yield
    finally:
        scheduler.shutdown(wait=False)


def _tell_pass(one: Pass, seconds: float) -> None:
    kinds: Counter[str] = Counter()
    for (_, kind), count in one.recorded.counts.items():
        kinds[kind] += count
    logger.info(
        "Recorded %d messages: %d new drops, %d posted again.",
        one.read.total(),
        kinds["new"],
        kinds["resubmission"],
        extra={
            "action": "pass",
            "seconds": round(seconds, 4),
            "messages": one.read.total(),
            "message_ids": one.message_ids,
            **kinds,
        },
    )
