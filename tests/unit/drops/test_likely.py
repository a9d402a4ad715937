"""The likeliest number: the nearest one, and none where it would be a guess."""

from __future__ import annotations

import pytest

from wamon.drops.likely import likeliest

NUMBERS = ["DR1752028", "DR1760034", "DR1812345", "DR1812346"]


@pytest.mark.parametrize(
    "written", ["DR175202", "DR17520288", "DR1725028", "DR175202B", "DR1752 0Z8", "D R-1752O28", "RD175202"]
)
def test_the_nearest_number_is_the_likeliest(written: str) -> None:
    assert likeliest(written, NUMBERS) == "DR1752028"


@pytest.mark.parametrize("written", ["DR181234", "DR181234X", "DR1234", "DR9999999", "", "D R"])
def test_there_is_none_where_two_are_equally_near_or_none_is_near_enough(written: str) -> None:
    assert likeliest(written, NUMBERS) is None
    assert likeliest(written, []) is None
