"""What somebody types who looks for a drop."""

from __future__ import annotations

import pytest

from wamon.drops.typed import typed

PATTERN = "DR[0-9]{6,8}"


@pytest.mark.parametrize(
    "text", ["DR1752028", "dr 1752028", "Dr-1752028", "1752028", "1752 028", " 1752028 ", "DR1752028."]
)
def test_a_number_is_found_in_any_spelling_also_by_its_digits_alone(text: str) -> None:
    assert typed(text, PATTERN) == "DR1752028"


@pytest.mark.parametrize("text", ["", "DR", "12", "DR12", "123456789", "DR1752028 DR1752034", "Lawley", "XY1752028"])
def test_what_is_no_number_or_several_is_none(text: str) -> None:
    assert typed(text, PATTERN) is None


def test_digits_alone_say_nothing_where_numbers_begin_with_different_letters() -> None:
    assert typed("1752028", "(DR|XR)[0-9]{6,8}") is None
    assert typed("XR1752028", "(DR|XR)[0-9]{6,8}") == "XR1752028"
