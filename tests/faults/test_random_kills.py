"""Scans that die at random instants while the bridge goes on: in the end nothing is lost and nothing doubled."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.bridges import Gowa, Lharries, VeryGoodPlugins, Wacli
from tests.support.environment import EXAMPLES
from tests.support.office import Office
from tests.support.traffic import write_traffic
from tests.support.truth import Field
from wamon.model import Sizes

ROUNDS = 100 if EXAMPLES else 5  # `make chaos` has more


@pytest.mark.parametrize("bridge", [Lharries, VeryGoodPlugins, Wacli, Gowa], ids=lambda bridge: bridge.__name__)
@pytest.mark.fault("F2")
def test_scans_killed_at_random_instants_lose_and_double_nothing(
    tmp_path: Path,
    open_office: Callable[..., Office],
    bridge: type[Lharries | Wacli | Gowa],
) -> None:
    rng = random.Random(20)
    killed = 0
    with Field(bridge(tmp_path / "messages.db", seed=20, durable=False), watched=False) as field:
        office = open_office(field.path, Sizes(page_rows=40, pages_a_batch=1))
        for n in range(ROUNDS):
            write_traffic(field, 60, seed=n)
            killed += _scan_until(office, rng.uniform(0.005, 0.1))
            if n % 5 == 4:
                office.scan()
                field.truth.scanned()
        office.sweep()
        office.scan()
        assert office.drops() == field.truth.drops()
        assert office.submissions() == field.truth.submissions()
        assert office.verify().clean
    assert killed, "no scan was killed: this says nothing"


def _scan_until(office: Office, seconds: float) -> bool:
    """Run a scan in a child that the kernel ends after so long, without a word to it; whether it was ended."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.setitimer(signal.ITIMER_REAL, seconds)
            office.scan()
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)
