"""The daemon: it decides when a pass runs. `run` it for years.

Beats (APScheduler) and the doorbell (watchdog) only ring; one thread does the work. It waits for a ring at most two
intervals, and 20 seconds, by the monotonic clock, so that no lost ring, no changed clock and no failing beat stalls it.
What can be tried again is: with a new connection, after a pause that grows. Everything else ends the process, and
systemd starts it anew. What must not delay a pass runs beside it (side_tasks).
"""

from __future__ import annotations

import logging
import os
import random
import signal
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from wamon.backoff import pause_seconds
from wamon.bridge.doorbell import Doorbell
from wamon.daemon.beats import Bell, beats
from wamon.daemon.passes import Passes
from wamon.daemon.rounds import BEATS_SECONDS, Rounds, WithoutStore
from wamon.daemon.side_tasks import SideThreads
from wamon.daemon.stopping import Stopped
from wamon.errors import Busy, ConfigError, DatabaseUnavailable, HostUnavailable, Retryable, SchemaError, WamonError
from wamon.host.notify import notify
from wamon.host.signals import Signals
from wamon.log import logger
from wamon.service.restart_log import note_end, note_start
from wamon.words import listing, span

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from wamon.capture.pipeline import Pipeline
    from wamon.clock import Clock
    from wamon.config.schema import Config
    from wamon.daemon.rounds import Connected
    from wamon.daemon.side_tasks import SideTasks
    from wamon.postgres.leases import Lease

_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 20.0
_STANDBY_SECONDS = 2.0
_SECONDS_TO_FINISH = 8.0
_LONGEST_WAIT_SECONDS = 20.0
"""Between two looks: the lease is renewed in time where the host's clock was set back, and no beat rings."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What the daemon is given by the composition root."""

    load: Callable[[], Config]
    session: Callable[[Config], AbstractContextManager[Connected | WithoutStore]]
    side_tasks: Callable[[Config, Passes], SideTasks]


class Daemon:
    """One `wamon run`: its signals, its config, its connections one after the other, its end."""

    def __init__(self, plan: Plan, clock: Clock, *, standby: bool) -> None:
        self._plan = plan
        self._clock = clock
        self._standby = standby
        self._config = plan.load()
        self._bell = Bell()
        self._passes = Passes(self._begin)
        self._passes.look_again = lambda: self._bell.ring("news")
        self._tasks = plan.side_tasks(self._config, self._passes)
        self._side = SideThreads(clock)
        self._ended_by: BaseException | None = None
        self._announced: Config | None = None
        self._is_saved = True
        self._silence: str | None = None  # why the doorbell doesn't ring, as it was logged

    def run(self) -> None:
        """Work until SIGTERM or SIGINT. Raises what can't be tried again, and Busy where another holds the source."""
        with Signals(signal.SIGTERM, signal.SIGINT, signal.SIGHUP) as signals:
            worker = threading.Thread(target=self._work, args=(signals.end,), name="passes", daemon=True)
            try:
                worker.start()
            except RuntimeError as error:
                raise HostUnavailable.because(error) from None
            for number in signals:
                if number != signal.SIGHUP:
                    break
                self._bell.reload()
            self._finish(worker)
        if self._ended_by is not None:
            raise self._ended_by

    def _finish(self, worker: threading.Thread) -> None:
        """Have every thread end: what still runs while the interpreter goes down can hang it."""
        notify("STOPPING=1")
        self._passes.is_ending = True
        self._bell.stop()
        self._side.stop()
        deadline = time.monotonic() + _SECONDS_TO_FINISH
        for thread in self._threads(worker):
            thread.join(max(0, deadline - time.monotonic()))
            if thread.is_alive() and self._ended_by is None:
                logger.warning("Stopped while at the %s, which is rolled back.", thread.name, extra={"action": "stop"})
                self._note_end()
                logging.shutdown()
                os._exit(0)
        self._note_end()
        if self._ended_by is None:
            saved = "state saved" if self._is_saved else "the state file is older; PostgreSQL holds the position"
            logger.info("Stopped; %s.", saved, extra={"action": "stopped"})

    def _threads(self, worker: threading.Thread) -> Iterator[threading.Thread]:
        """The worker first: once that has ended, nobody begins another side task."""
        yield worker
        self._side.stop()
        yield from self._side.ending()

    def _note_end(self) -> None:
        error = self._ended_by
        status = 0 if error is None else error.exit_code if isinstance(error, WamonError) else 1
        if self._passes.is_ready:
            note_end(self._config.state.dir, self._clock, status)

    def _work(self, end: Callable[[], None]) -> None:
        pause = _Pause()
        try:
            while not self._bell.stopping.is_set():
                self._take_new_config()
                self._work_while_connected(pause)
        except BaseException as error:  # noqa: BLE001 - the main thread raises it again
            self._ended_by = error
        finally:
            end()

    def _take_new_config(self) -> None:
        if not self._bell.reloading.is_set():
            return
        self._bell.reloading.clear()
        notify("RELOADING=1")
        try:
            config = self._plan.load()
            tasks = self._plan.side_tasks(config, self._passes)
        except ConfigError as error:
            logger.error("The config is kept as it was. %s", error.paragraph(), extra={"action": "reload.refused"})
        else:
            self._config, self._tasks = config, tasks
            logger.info("The config was read again.", extra={"action": "reload.done"})
            if self._passes.is_ready:
                self._begin()
        if self._passes.is_ready:
            notify("READY=1")

    def _begin(self) -> None:
        """The daemon is ready, or has a new config."""
        note_start(self._config.state.dir, self._clock)
        self._side.replace(self._tasks.always)

    def _work_while_connected(self, pause: _Pause) -> None:
        try:
            with self._plan.session(self._config) as connected:
                self._passes.source, self._passes.holder = connected.lease.source, connected.lease.holder
                with self._keeping(connected.lease):
                    self._work_with(connected, pause)
        except Stopped:
            return
        except Busy:
            if not self._standby:
                raise
            self._passes.holder = None  # what only its holder may do, such as to speak, is the other's now
            self._passes.hang(Busy("Standing by: another wamon works on this source."))
            self._bell.stopping.wait(_STANDBY_SECONDS)
        except Retryable as error:
            self._wait_out(error, pause)
        except (OSError, RuntimeError) as error:
            self._wait_out(HostUnavailable.because(error), pause)
        except (ConfigError, SchemaError) as error:
            if self._passes.count == 0:
                raise
            self._wait_out(error, pause)  # it worked with this config: what it names has changed, and can change again

    def _work_with(self, connected: Connected | WithoutStore, pause: _Pause) -> NoReturn:
        if isinstance(connected, WithoutStore):
            self._attend(connected.lease, pause)
        self._announce(connected.pipeline)
        try:
            self._serve(connected, pause)
        finally:
            connected.pipeline.state.flush()
            self._is_saved = connected.pipeline.state.is_saved

    @contextmanager
    def _keeping(self, lease: Lease) -> Iterator[None]:
        """Keep the lease over a new config, and over what troubles PostgreSQL for everybody.

        Where the trouble is this host's own, a standby is to take over at once.
        """
        try:
            yield
        except (Stopped, DatabaseUnavailable):
            lease.is_kept = not self._bell.stopping.is_set()
            raise

    def _wait_out(self, trouble: WamonError, pause: _Pause) -> None:
        self._passes.hang(trouble)
        self._bell.stopping.wait(pause.next_seconds())

    def _announce(self, pipeline: Pipeline) -> None:
        """Say what is watched, once for each config."""
        if self._announced is not self._config:
            self._announced = self._config
            projects = [group.project for group in pipeline.source.groups.values() if group.enabled]
            # Scripts look for this very line: `groups` also of one.
            logger.info(
                "Loaded state from state.json: %d groups tracked", len(projects), extra={"action": "state.loaded"}
            )
            logger.info(
                "Watching %s: %s.", pipeline.store.path, listing(projects, most=10), extra={"action": "watching"}
            )

    def _tell_silence(self, why: str | None) -> None:
        """Log once why the doorbell doesn't ring, and once that it does again."""
        was, self._silence = self._silence, why
        if why is not None and why != was:
            seconds = self._config.scan.interval.total_seconds()
            logger.warning(
                "The store can't be watched: %s. It is looked at every %s instead.",
                why,
                span(seconds),
                extra={"action": "doorbell.silent"},
            )
        if why is None and was is not None:
            logger.info("The store is watched again.", extra={"action": "doorbell.rings"})

    def _attend(self, lease: Lease, pause: _Pause) -> NoReturn:
        """Keep the lease, and begin chores, where hooks alone bring messages: the side tasks take those in."""
        logger.info("No store is read: hooks bring the messages of %s.", lease.source, extra={"action": "watching"})
        chores = {chore.name: chore for chore in self._tasks.chores}
        beats_seconds = {"renew": BEATS_SECONDS["renew"]} | {name: one.beat_seconds for name, one in chores.items()}
        self._bell.ring(*chores)
        with beats(self._bell.ring, beats_seconds, time.monotonic) as keep_up:
            while True:
                self._bell.check()
                self._bell.hush()
                keep_up()
                if self._bell.rang("renew"):
                    lease.renew()
                self._passes.have_no_store()
                for name in filter(self._bell.rang, chores):
                    self._side.begin(chores[name])
                pause.reset()
                notify("WATCHDOG=1")
                self._bell.wait(_LONGEST_WAIT_SECONDS)

    def _serve(self, connected: Connected, pause: _Pause) -> NoReturn:
        interval_seconds = self._config.scan.interval.total_seconds()
        chores = self._tasks.chores
        rounds = Rounds(connected, self._bell, self._passes, self._side, chores)
        beats_seconds = {"pass": interval_seconds, "recent": interval_seconds, **BEATS_SECONDS}
        beats_seconds |= {chore.name: chore.beat_seconds for chore in chores}
        self._bell.ring(*beats_seconds.keys() - {"renew"})
        doorbell = Doorbell(connected.pipeline.store.path, self._bell.ring)
        with doorbell, beats(self._bell.ring, beats_seconds, time.monotonic) as keep_up:
            while True:
                self._bell.check()
                self._bell.hush()
                keep_up()
                self._side.start_rest()
                self._tell_silence(doorbell.listen())
                rounds.go_round()
                pause.reset()
                notify("WATCHDOG=1")
                self._bell.wait(min(2 * interval_seconds, _LONGEST_WAIT_SECONDS, rounds.soon_seconds()))


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
