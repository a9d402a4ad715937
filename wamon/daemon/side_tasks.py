"""What runs beside the passes: each side task in a thread of its name, with a connection of its own."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

from wamon.daemon.stopping import Stopped, Stopping
from wamon.errors import HostUnavailable
from wamon.log import log_failure

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wamon.capture.pipeline import Pipeline
    from wamon.clock import Clock

_SECONDS_AFTER_FAILURE = 60.0


class SideTask(Protocol):
    """Runs from when the daemon is ready, whether or not passes end. A new config means a new task."""

    name: str
    may_be_cut: bool = False
    """Whether the daemon's end needn't wait for it: what it leaves undone, the next daemon does."""

    def run(self, stopping: Stopping) -> None:
        """Work until there is nothing left to do, or until soon after `stopping` is set. May raise Stopped."""


class Chore(SideTask, Protocol):
    """A side task that the passes begin at its beat, where it is due: only while they hold the source's lease."""

    beat_seconds: float

    def is_due(self, pipeline: Pipeline) -> bool:
        """Asked in the passes' thread, on their connection, at each beat. Raises Retryable."""


@dataclass(frozen=True, slots=True)
class SideTasks:
    """The side tasks of one config."""

    always: Sequence[SideTask] = ()
    chores: Sequence[Chore] = ()


class _Running(NamedTuple):
    task: SideTask
    thread: threading.Thread


class SideThreads:
    """The threads of one daemon's side tasks. Only one thread at a time calls its methods."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._stopping = Stopping()
        self._running: dict[str, _Running] = {}
        self._unstarted: list[SideTask] = []
        self._failures: dict[str, str] = {}  # what was logged of each task that failed when it last ran

    def replace(self, tasks: Sequence[SideTask]) -> None:
        """Have all that runs end, and run these instead: each once the one of its name has ended."""
        self.stop()
        self._stopping = Stopping()
        self._unstarted = list(tasks)
        self.start_rest()

    def start_rest(self) -> None:
        """Start those of them for which the host had no thread left."""
        while self._unstarted:
            task = self._unstarted[0]
            args = (task, self._stopping, self._running.get(task.name))
            if not self._start(task, threading.Thread(target=self._keep_running, args=args)):
                return
            self._unstarted.pop(0)

    def begin(self, chore: Chore) -> None:
        """Run a chore once, unless it still runs."""
        former = self._running.get(chore.name)
        if former is None or not former.thread.is_alive():
            self._start(chore, threading.Thread(target=self._run, args=(chore, self._stopping)))

    def stop(self) -> None:
        """Have all of them end soon."""
        self._stopping.set()

    def ending(self) -> Iterator[threading.Thread]:
        """The threads whose end is to be waited for."""
        return (running.thread for running in self._running.values() if not running.task.may_be_cut)

    def _start(self, task: SideTask, thread: threading.Thread) -> bool:
        """Whether the host lets it start. That it doesn't is logged once."""
        thread.name = task.name
        thread.daemon = True  # one that doesn't end must not keep the process
        try:
            thread.start()
        except RuntimeError as error:
            refusal = HostUnavailable.because(error)
            self._failures[task.name] = log_failure(task.name, refusal, unless=self._failures.get(task.name))
            return False
        self._running[task.name] = _Running(task, thread)
        return True

    def _keep_running(self, task: SideTask, stopping: Stopping, former: _Running | None) -> None:
        """Run a task, and again after a pause where it fails."""
        if former is not None:
            former.thread.join()
        while not stopping.is_set():
            began_seconds = self._clock.monotonic_seconds()
            if self._run(task, stopping):
                return
            if self._clock.monotonic_seconds() - began_seconds > _SECONDS_AFTER_FAILURE:
                self._failures.pop(task.name)  # it worked meanwhile: the next failure is another
            stopping.wait(_SECONDS_AFTER_FAILURE)

    def _run(self, task: SideTask, stopping: Stopping) -> bool:
        """Whether it ended well. A failure is logged, once for all that follow each other."""
        try:
            task.run(stopping)
        except Stopped:
            pass
        except Exception as error:  # noqa: BLE001 - whatever fails in one stops neither the passes nor another
            self._failures[task.name] = log_failure(task.name, error, unless=self._failures.get(task.name))
            return False
        self._failures.pop(task.name, None)
        return True
