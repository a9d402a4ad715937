"""What has a round read the store."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from tests.support.bridges import LAWLEY, VeryGoodPlugins
from tests.support.clock import CLOCK, Moved
from tests.support.office import Office
from wamon.app.configured import configured
from wamon.app.run import plan
from wamon.daemon.beats import Bell
from wamon.daemon.passes import Passes
from wamon.daemon.rounds import Connected, Rounds
from wamon.daemon.side_tasks import SideThreads


class Stopwatch(Moved):
    def monotonic_seconds(self) -> float:
        return self.by.total_seconds()


@pytest.mark.fault("F85")
def test_a_hook_that_rings_has_a_store_read_in_which_nothing_shows(
    tmp_path: Path, open_office: Callable[..., Office], monkeypatch: pytest.MonkeyPatch
) -> None:
    with VeryGoodPlugins(tmp_path / "messages.db", durable=False) as bridge:
        bridge.post(LAWLEY, "DR1752028")
    config = configured(open_office(bridge.path).config_path, {})
    clock, bell, reads = Stopwatch(CLOCK, timedelta()), Bell(), list[bool]()
    monkeypatch.setattr("wamon.daemon.rounds.catch_up", lambda *_: reads.append(True))
    with plan(lambda: config, clock).session(config) as connected:
        assert isinstance(connected, Connected)
        rounds = Rounds(connected, bell, Passes(lambda: None), SideThreads(clock), ())
        rounds.go_round()
        clock.by += timedelta(minutes=1)
        for rings, so_far in (([], 2), ([], 2), (["news"], 3), ([], 3)):
            bell.ring(*rings)
            rounds.go_round()
            assert len(reads) == so_far
