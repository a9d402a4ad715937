"""A first scan that is ended at any step boundary, and begun again, ends like one that nothing disturbed.

The suite has the process killed at those that no later scan meets, and a step fail there and at every other one. `make
chaos` has every way at each.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.stages import FAILED, ONLY_LATER, TRIED_FIRST, Stage, ends_as_if_undisturbed, first, undisturbed


@pytest.fixture(scope="module")
def stage(_embedded_18: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with first(_embedded_18, tmp_path_factory.mktemp("stages")) as stage:
        yield stage


@pytest.fixture(scope="module")
def end(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return undisturbed(stage, tmp_path_factory.mktemp("undisturbed") / "first")


@pytest.mark.parametrize("name", TRIED_FIRST)
@pytest.mark.fault("F1", "F60")
def test_a_first_scan_ended_at_a_boundary_and_begun_again_ends_as_if_undisturbed(
    tmp_path: Path, stage: Stage, end: dict[str, Any], name: str
) -> None:
    begin = stage if name.startswith("migration.") else stage.with_schema()  # to migrate is half of such a scan
    met = ends_as_if_undisturbed(begin, tmp_path, name, FAILED, end)
    assert met == (name not in ONLY_LATER), "who meets this boundary?"
