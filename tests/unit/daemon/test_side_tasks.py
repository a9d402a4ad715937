"""What runs beside the passes: failures, a new config and the stop, of tasks whose work is in the test's hand."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator

import pytest

from wamon.capture.pipeline import Pipeline
from wamon.clock import Clock
from wamon.daemon import side_tasks as tested
from wamon.daemon.side_tasks import Chore, SideTask, SideThreads
from wamon.daemon.stopping import Stopped, Stopping
from wamon.errors import DatabaseUnavailable

SECONDS = 20.0


class Task(SideTask):
    name = "task"

    def __init__(self, run: Callable[[Stopping], None]) -> None:
        self._run = run

    def run(self, stopping: Stopping) -> None:
        self._run(stopping)


class Errand(Task, Chore):
    name = "errand"
    beat_seconds = 1.0

    def is_due(self, pipeline: Pipeline) -> bool:  # noqa: ARG002 - the passes ask, not its thread
        return True


class Turned(Clock):
    """A clock that each look moves on by so many seconds."""

    def __init__(self) -> None:
        self.by_seconds = 0.0
        self._now_seconds = 0.0

    def monotonic_seconds(self) -> float:
        self._now_seconds += self.by_seconds
        return self._now_seconds


@pytest.fixture
def clock() -> Turned:
    return Turned()


@pytest.fixture
def side(clock: Turned, monkeypatch: pytest.MonkeyPatch) -> Iterator[SideThreads]:
    monkeypatch.setattr(tested, "_SECONDS_AFTER_FAILURE", 0.001)
    side = SideThreads(clock)
    yield side
    side.stop()
    ended(side)


def ended(side: SideThreads) -> None:
    for thread in side.ending():
        thread.join(SECONDS)
        assert not thread.is_alive()


def failing(*errors: Exception) -> tuple[Callable[[Stopping], None], threading.Event]:
    """What fails with these errors one after the other, and then ends; and whether it has."""
    left, over = list(errors), threading.Event()

    def run(_: Stopping) -> None:
        if left:
            raise left.pop(0)
        over.set()

    return run, over


def until(event: threading.Event) -> None:
    event.wait(SECONDS)


def test_a_task_that_fails_is_begun_again_and_the_same_failure_is_logged_once(
    side: SideThreads, caplog: pytest.LogCaptureFixture
) -> None:
    run, over = failing(*[DatabaseUnavailable("It is gone.")] * 3, ValueError("the canary sings"))
    with caplog.at_level(logging.INFO, "wamon"):
        side.replace([Task(run)])
        assert over.wait(SECONDS)
    first, second = (record.getMessage() for record in caplog.records)
    assert first.startswith("The task was put off. It is gone.")
    assert second.startswith("The task failed: ValueError at test_side_tasks.py:")


def test_a_failure_of_one_that_worked_meanwhile_is_another_and_logged(
    side: SideThreads, clock: Turned, caplog: pytest.LogCaptureFixture
) -> None:
    clock.by_seconds = 100
    run, over = failing(*[DatabaseUnavailable("It is gone.")] * 2)
    with caplog.at_level(logging.INFO, "wamon"):
        side.replace([Task(run)])
        assert over.wait(SECONDS)
    assert len(caplog.records) == 2


def test_a_chore_that_failed_waits_for_its_beat(side: SideThreads) -> None:
    run, over = failing(DatabaseUnavailable("It is gone."))
    side.begin(Errand(run))
    ended(side)
    assert not over.is_set()
    side.begin(Errand(run))
    assert over.wait(SECONDS)


def test_a_chore_that_still_runs_is_not_begun_a_second_time(side: SideThreads) -> None:
    begun: list[object] = []

    def run(stopping: Stopping) -> None:
        begun.append(stopping)
        stopping.wait(SECONDS)

    errand = Errand(run)
    side.begin(errand)
    side.begin(errand)
    side.stop()
    ended(side)
    assert len(begun) == 1


def test_the_task_of_a_new_config_begins_once_the_former_has_ended(side: SideThreads) -> None:
    said: list[str] = []
    former_stops, may_end, new_runs = threading.Event(), threading.Event(), threading.Event()

    def former(stopping: Stopping) -> None:
        stopping.wait(SECONDS)
        former_stops.set()
        may_end.wait(SECONDS)
        said.append("the former has ended")

    def new(_: Stopping) -> None:
        said.append("the new one runs")
        new_runs.set()

    side.replace([Task(former)])
    side.replace([Task(new)])
    assert former_stops.wait(SECONDS)
    may_end.set()
    assert new_runs.wait(SECONDS)
    assert said == ["the former has ended", "the new one runs"]


def test_the_stop_ends_a_pause_and_is_no_failure(side: SideThreads, caplog: pytest.LogCaptureFixture) -> None:
    ends: list[type[BaseException]] = []

    def run(stopping: Stopping) -> None:
        try:
            stopping.pause(SECONDS)
        except Stopped as stop:
            ends.append(type(stop))
            raise

    side.replace([Task(run)])
    side.stop()
    ended(side)
    assert (ends, caplog.records) == ([Stopped], [])


def test_only_one_that_may_be_cut_is_not_waited_for(side: SideThreads) -> None:
    over = threading.Event()
    cut = Task(lambda _: until(over))
    cut.name, cut.may_be_cut = "cut", True
    side.replace([cut, Task(lambda _: None)])
    assert [thread.name for thread in side.ending()] == ["task"]
    over.set()


def test_what_waits_for_an_event_is_woken_by_the_stop_whichever_comes_first() -> None:
    stopping, before, after = Stopping(), threading.Event(), threading.Event()
    stopping.wakes(before)
    stopping.set()
    stopping.wakes(after)
    assert before.is_set()
    assert after.is_set()
