"""Which column holds the drop numbers, and that none stand elsewhere: a list isn't read in part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from wamon.errors import UsageError
from wamon.spreadsheets.cell import NumberReader
from wamon.spreadsheets.columns import columns
from wamon.spreadsheets.sheets import Row, Sheet

Cells = Sequence[Sequence[str]]


def found(sheets: Mapping[str | None, Cells] | Cells, named: str | None = None) -> list[str]:
    """The columns of sheets, such as `B of Zone 1`. Rows alone are a CSV."""
    by_name = sheets if isinstance(sheets, Mapping) else {None: sheets}
    made = [
        Sheet(name, [Row(number, tuple(cells)) for number, cells in enumerate(rows, 1) if any(cells)], has_formats=True)
        for name, rows in by_name.items()
    ]
    reader = NumberReader("DR[0-9]{6,8}")
    return [f"{one.letter()} of {one.sheet.name}" for one in columns(Path("list"), made, reader, named)]


ZONE = [["Drop", "Home"], ["DR1752028", "a"]]


@pytest.mark.parametrize(
    ("second", "where"),
    [
        ([["DR1752034", "b"], ["DR1752040", "c"]], "A1"),
        ([["Nommer", "Huis"], ["1752034", "b"], ["1752040", "c"]], "A2"),
        ([["1752034"], ["1752040"]], "A1"),
        ([["", "x"], ["", ""], ["", "", "dr 1752034"]], "C3"),
    ],
    ids=["no heading", "another heading", "digits", "one cell"],
)
@pytest.mark.parametrize("named", [None, "Home"])
def test_a_second_sheet_whose_numbers_would_not_be_read_is_refused(
    second: list[list[str]], where: str, named: str | None
) -> None:
    first = [[*reversed(row)] for row in ZONE] if named is None else [["Home"], ["DR1752028"]]
    with pytest.raises(UsageError, match=f"in {where} of sheet Zone 2, and the list is column . of sheet Zone 1"):
        found({"Zone 1": first, "Zone 2": second}, named)


def test_sheets_without_further_numbers_are_passed_over() -> None:
    notes = [["Call 0820001234"], ["DR1752028"], ["see DR1752029 and DR1752030"], ["17"]]
    assert found({"Notes": notes, "Zone 1": ZONE, "Empty": []}) == ["A of Zone 1"]
    assert found({"Zone 1": ZONE, "Zone 2": [["Home", "Drop no"], ["a", "DR1752034"]]}) == [
        "A of Zone 1",
        "B of Zone 2",
    ]


@pytest.mark.parametrize(
    ("rows", "where"),
    [
        ([["Drop", "Home", "Drop", "Home"], ["DR1752028", "a", "DR1752034", "b"]], "C2"),
        ([["Drop", "Home", "Drop"], ["1752028", "a", "1752034"], ["1752029", "b"]], "C2"),
        ([["Drop", "Home", "", "Nommer"], ["1752028", "a", "", "1752034"]], "D2"),
        ([["Nommer", "", "Home", "Drop"], ["1752028", "", "a", "1752034"]], "A2"),
        ([["Drop", "Home"], ["DR1752028", "a"], ["DR1752034", "12 Main Rd", "DR1752040"]], "C3"),
        ([["1752028", "x"], ["Drop", "Home"], ["1752034", "a"]], "A1"),
    ],
    ids=["headed", "headed, digits", "apart", "apart on the left", "shifted", "above the heading"],
)
def test_two_blocks_side_by_side_are_refused_with_the_place(rows: list[list[str]], where: str) -> None:
    with pytest.raises(UsageError, match=f"would not be read: in {where}, and the list is column"):
        found(rows)


def test_a_column_that_is_named_is_the_one_that_is_meant() -> None:
    rows = [["Drop", "Home", "Old"], ["DR1752028", "a", "DR1752034"]]
    assert found(rows, "Drop") == ["A of None"]
    assert found([["Drop", "Drop"], ["DR1752028", "DR1752034"]], "B") == ["B of None"]
    with pytest.raises(UsageError, match=r"The columns A and B of list are headed Drop\."):
        found([["Drop", "Drop"], ["DR1752028", "DR1752034"]], "Drop")


def test_numbers_that_stand_in_the_column_too_may_stand_beside_it() -> None:
    assert found([["Drop", "Label", "", "Print"], ["DR1752028", "dr 1752028", "", "1752028"]]) == ["A of None"]


def test_digits_beside_the_column_may_be_poles() -> None:
    assert found([["Pole", "Drop", "Erf"], ["1000001", "DR1752028", "1000003"]]) == ["B of None"]


@pytest.mark.parametrize(
    "cell",
    ["Unit 5\nDR1752034,6 Main Rd\nDR1752040,7", "Unit 5;DR1752034\ny;7", "5\r\n1752034\t6 Main Rd"],
)
def test_a_quote_that_takes_further_rows_in_is_refused_with_its_row(cell: str) -> None:
    with pytest.raises(UsageError, match="a quote in row 2 takes further rows in"):
        found([["Drop", "Home"], ["DR1752028", cell], ["DR1752046", "b"]])


def test_a_cell_of_several_lines_is_one_cell() -> None:
    assert found([["Drop", "Home"], ["DR1752028", "Unit 5, Main Rd\nwas DR1752034, once"]]) == ["A of None"]
    assert found({"A": [["Drop", "Home"], ["DR1752028", "Unit 5\nDR1752034, once"]]}) == ["A of A"]
