"""A later scan that is ended at any step boundary, and begun again, ends like one that nothing disturbed.

The suite kills the process at each that it meets, and has a step fail at those that no first scan meets. `make chaos`
has every way.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.stages import KILLED, ONLY_FIRST, TRIED_LATER, Stage, ends_as_if_undisturbed, later, undisturbed


@pytest.fixture(scope="module")
def stage(_embedded_18: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with later(_embedded_18, tmp_path_factory.mktemp("stages")) as stage:
        yield stage


@pytest.fixture(scope="module")
def end(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return undisturbed(stage, tmp_path_factory.mktemp("undisturbed") / "later")


@pytest.mark.parametrize("name", TRIED_LATER)
@pytest.mark.fault("F1", "F60")
def test_a_later_scan_ended_at_a_boundary_and_begun_again_ends_as_if_undisturbed(
    tmp_path: Path, stage: Stage, end: dict[str, Any], name: str
) -> None:
    met = ends_as_if_undisturbed(stage, tmp_path, name, KILLED, end)
    assert met == (name not in ONLY_FIRST), "who meets this boundary?"
