"""One row of a sheet on its way out of a file, and the bounds within which files are read. Pure: no I/O, no clock."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MOST_ROWS = 1_048_576
MOST_COLUMNS = 16_384
LONGEST_CELL = 32_767  # characters
"""A spreadsheet program has no more."""
_MOST_CELLS = 10_000_000
_MOST_CHARACTERS = 100_000_000
"""Of a whole file: some hundred times an office's list, and still less than a gigabyte of memory."""


FORMULA = "="
"""Stands for what a cell shows whose formula was saved without its result."""


class Unreadable(Exception):
    """Why a file can't be read whole, with the place; to be said after the file's name."""

    def __init__(
        self, why: str, *, hint: str = "Open it in a spreadsheet program, and save it as XLSX or CSV."
    ) -> None:
        super().__init__(why)
        self.hint = hint


class SheetRow(NamedTuple):
    """A row; its number counts from 1, as a spreadsheet program shows it. A CSV file's sheet has no name."""

    sheet: str | None
    number: int
    cells: tuple[str, ...]  # what each shows, without white space around it


def within_bounds(rows: Iterable[SheetRow]) -> Iterator[SheetRow]:
    """The same rows. Raises Unreadable at the first one beyond the bounds."""
    cells = characters = 0
    for row in rows:
        check_place(row.sheet, row.number, len(row.cells))
        longest = max(map(len, row.cells), default=0)
        if longest > LONGEST_CELL:
            raise Unreadable(f"{place(row.sheet, row.number)} has a cell of more than {LONGEST_CELL:,} characters")
        cells += len(row.cells)
        characters += sum(map(len, row.cells))
        if cells > _MOST_CELLS or characters > _MOST_CHARACTERS:
            raise Unreadable(f"by {place(row.sheet, row.number)} it holds more than any list of drop numbers")
        yield row


def check_place(sheet: str | None, row: int, column: int) -> None:
    """Raise Unreadable for a place that no sheet has."""
    if not 1 <= row <= MOST_ROWS:
        raise Unreadable(f"{place(sheet, row)} is beyond any sheet")
    if column > MOST_COLUMNS:
        raise Unreadable(f"{place(sheet, row)} has a column beyond any sheet")


def place(sheet: str | None, row: int) -> str:
    """A row's place in words."""
    return f"row {row}{f' of sheet {sheet}' if sheet else ''}"


def trimmed(cells: Iterable[str]) -> tuple[str, ...]:
    """The cells without white space around them, as far as the last one that holds anything."""
    stripped = [cell.strip() for cell in cells]
    while stripped and not stripped[-1]:
        stripped.pop()
    return tuple(stripped)
