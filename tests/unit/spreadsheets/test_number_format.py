"""What cells show of numbers, as spreadsheet programs show them."""

from __future__ import annotations

import pytest

from wamon.spreadsheets.number_format import UNKNOWN, shown


@pytest.mark.parametrize(
    ("value", "code", "text"),
    [
        (1752028, "General", "1752028"),
        (1752028.0, "", "1752028"),
        (1752028.5, "General", "1752028.5"),
        (1752028, "@", "1752028"),
        (752028, "0000000", "0752028"),
        (1752028, "00000", "1752028"),
        (752028, '"DR"0000000', "DR0752028"),
        (752028, r"\D\R0000000", "DR0752028"),
        (752028, '"DR" 0000000;;', "DR 0752028"),
        (752028, "[Red]0000000;[Blue]-0", "0752028"),
        (752028, "[$-409]0000000", "0752028"),
        (752028, "[$R-1C09] 0", "R 752028"),
        (752028, "_-* 0000000_-", " 0752028 "),
        (752028, "000-0000", "075-2028"),
        (752028, 'General" ;"', "752028 ;"),
        (1752028, "#,##0", "1752028"),
        (1752028, "#,##0.00", "1752028.00"),
        (1752028.6, "0", "1752029"),
        (12, "#-??00", "-  12"),
        (-5, "0", "-5"),
        (-5, "0;(0)", "(5)"),
        (0, "0000000", "0000000"),
        (0, '0;-0;"none"', "none"),
        (5, ";;", ""),
    ],
)
def test_a_number_is_shown_as_its_format_says(value: float, code: str, text: str) -> None:
    assert shown(value, code) == text


@pytest.mark.parametrize("code", ["0%", "0.00E+00", "# ?/?", "0,", "[>1000]0000000", "*00", "yyyy"])
def test_what_a_format_shows_is_unknown_and_not_guessed(code: str) -> None:
    assert shown(1752028, code) == UNKNOWN


@pytest.mark.parametrize("value", [float("inf"), float("nan"), 1e300, -1e15])
def test_a_number_that_no_cell_shows_whole_is_unknown(value: float) -> None:
    assert shown(value, "0") == UNKNOWN
