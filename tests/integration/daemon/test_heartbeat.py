"""The heartbeat against a real monitor: while passes end, once a minute, and never a trouble of its own."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

import pytest

from tests.support.receivers import Hooks, hanging, hooks
from wamon.alerts import channels
from wamon.daemon import heartbeat as tested
from wamon.daemon.heartbeat import Heartbeat
from wamon.daemon.passes import Passes
from wamon.daemon.stopping import Stopping
from wamon.errors import Busy
from wamon.net.message import Bounds


class Minutes(Stopping):
    """At each wait the next thing happens; then it is asked to end."""

    def __init__(self, *happenings: Callable[[], object]) -> None:
        super().__init__()
        self._happenings = list(happenings)
        self.waited_seconds: list[float] = []

    def wait(self, seconds: float) -> bool:
        self.waited_seconds.append(seconds)
        if self._happenings:
            self._happenings.pop(0)()
        else:
            self.set()
        return self.is_set()


@pytest.fixture
def hook() -> Iterator[Hooks]:
    with hooks() as found:
        yield found


@pytest.fixture
def passes() -> Passes:
    return Passes(lambda: None)


def test_it_is_asked_once_a_minute_and_only_if_a_pass_has_ended_since(hook: Hooks, passes: Passes) -> None:
    seen: list[int] = []

    def look() -> None:
        seen.append(len(hook.paths))

    def three_end() -> None:
        look()
        for _ in range(3):
            passes.ended(1)

    def none_ends() -> None:
        look()
        passes.hang(Busy("Standing by."))

    def more_to_go() -> None:
        look()
        passes.go_on(5)

    minutes = Minutes(three_end, none_ends, more_to_go, look)
    Heartbeat(hook.url, passes).run(minutes)
    assert seen == [0, 1, 1, 2]
    assert set(minutes.waited_seconds) == {60.0}
    assert hook.asked == ["GET", "GET"]


@pytest.mark.fault("F80", "F81")
def test_a_monitor_that_fails_is_said_once_and_once_when_it_works_again(
    hook: Hooks, passes: Passes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "wamon")
    hook.status = 500

    def works() -> None:
        hook.status = 200
        passes.ended(1)

    passes.ended(1)
    Heartbeat(hook.url, passes).run(Minutes(lambda: passes.ended(1), lambda: passes.ended(1), works))
    said = [record.getMessage().partition(".")[0] for record in caplog.records]
    assert said == ["The heartbeat fails, and is tried again each minute", "The heartbeat works again"]
    assert "hunter2" not in caplog.text
    assert len(hook.paths) == 4


@pytest.mark.fault("F80")
def test_a_monitor_that_hangs_is_given_up(
    passes: Passes, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tested, "BOUNDS", Bounds(channels.BOUNDS.connect_seconds, 0.2, 0))
    passes.ended(1)
    with hanging() as port:
        Heartbeat(f"http://127.0.0.1:{port}/", passes).run(Minutes())
    assert "no answer in time" in caplog.text
