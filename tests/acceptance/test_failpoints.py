"""`wamon failpoints`: for tests, not for the help."""

from __future__ import annotations

from tests.acceptance.conftest import Run
from wamon.failpoints import NAMES


def test_the_names_stand_one_a_line_in_order(wamon: Run) -> None:
    assert wamon("failpoints").stdout.splitlines() == list(NAMES)


def test_the_help_does_not_name_it(wamon: Run) -> None:
    assert "failpoints" not in wamon("--help").stdout
