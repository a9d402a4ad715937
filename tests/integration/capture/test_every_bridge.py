"""Whatever a bridge does to its store, what stands in PostgreSQL is the truth, to the row.

The suite has one history of each bridge; `make chaos` has more, and longer ones.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.bridges import BRIDGES, Bridge
from tests.support.environment import EXAMPLES
from tests.support.office import Office
from tests.support.traffic import write_traffic
from tests.support.truth import Field

SEEDS, WAVES, MESSAGES_A_WAVE = ((1, 2, 3, 4), 4, 700) if EXAMPLES else ((1,), 2, 150)


@pytest.mark.parametrize("bridge", BRIDGES, ids=lambda bridge: bridge.__name__)
@pytest.mark.parametrize("seed", SEEDS)
def test_after_each_scan_the_drops_equal_the_truth_and_a_second_scan_changes_nothing(
    tmp_path: Path, open_office: Callable[..., Office], bridge: type[Bridge], seed: int
) -> None:
    with Field(bridge(tmp_path / "messages.db", seed=seed, durable=False), watched=False) as field:
        office = open_office(field.path)
        for wave in range(WAVES):
            write_traffic(field, MESSAGES_A_WAVE, seed=seed * 10 + wave)
            office.scan()
            field.truth.scanned()
            office.sweep()  # edits in place older than the overlap are the sweep's
            office.scan()
            assert office.drops() == field.truth.drops()
            assert office.submissions() == field.truth.submissions()
            assert office.kinds() == field.truth.kinds()
            before = office.everything()
            office.scan()
            assert office.everything() == before
            verified = office.verify()
            assert verified.clean, verified.problems
