"""Finds the column of drop numbers in each sheet, and refuses a file that holds more of them beside it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from openpyxl.utils import column_index_from_string, get_column_letter

from wamon.drops.normalization import normalise
from wamon.errors import UsageError
from wamon.spreadsheets.csv_file import DELIMITERS
from wamon.spreadsheets.sheet_row import place

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from wamon.spreadsheets.cell import NumberReader
    from wamon.spreadsheets.sheets import Row, Sheet

HEADING = "drop_number"
_HEADINGS = {"drop", "drops"} | {f"{of}{what}" for of in ("drop", "dr") for what in ("no", "nr", "num", "number", "id")}
_MOST = 0.5
"""Of a column's cells: then it may be the list."""
_HEADED_WITHIN = 20  # rows; a title or two may stand above the headings


class Column(NamedTuple):
    """Where a sheet holds its drop numbers."""

    sheet: Sheet
    place: int  # counting from 0
    headed: Sequence[int]  # every column with such a heading
    above: Sequence[Row]  # the rows as far as the heading
    rows: Sequence[Row]

    def letter(self) -> str:
        return letter(self.place)


def columns(path: Path, sheets: Sequence[Sheet], reader: NumberReader, named: str | None) -> list[Column]:
    """The column of each sheet that has one; `named` is its heading, letter or number, where the user said so.

    Raises UsageError where there is none, or drop numbers stand elsewhere, too: a list isn't read in part.
    """
    find = _headed if named is None else lambda sheet, reader: _named(path, sheet, reader, named)
    found = [column for sheet in sheets if (column := find(sheet, reader))]
    if not found and named is None:
        found = [column for sheet in sheets if (column := _alike(path, sheet, reader))]
    if not found:
        what = "no column of drop numbers" if named is None else f"no column {named}"
        raise UsageError(f"{path} has {what}.", hint=hint(named))
    _refuse_swallowed(path, sheets, reader)
    _refuse_others(path, sheets, found, reader, named)
    return found


def letter(index: int) -> str:
    return str(get_column_letter(index + 1))


def cell(row: Row, index: int) -> str:
    return row.cells[index] if index < len(row.cells) else ""


def hint(named: str | None) -> str:
    if named is None:
        return f"Give the column the heading {HEADING}, or name it with --column: its heading, letter or number."
    return "--column takes a heading, a letter such as B, or a number from 1."


# Which column


def _headed(sheet: Sheet, reader: NumberReader) -> Column | None:
    """The column whose heading says so; of several, the one with the most numbers. Below a number stands no heading."""
    headings = _HEADINGS | {reader.prefix.lower()} - {""}
    for at, row in enumerate(sheet.rows[:_HEADED_WITHIN]):
        indexes = [n for n, text in enumerate(row.cells) if re.sub(r"[\W_]", "", normalise(text)).lower() in headings]
        if indexes:
            below = sheet.rows[at + 1 :]
            index = max(indexes, key=lambda index: _count(below, index, reader))
            return Column(sheet, index, indexes, sheet.rows[: at + 1], below)
        if any(reader.number(text) and not reader.is_bare(text) for text in row.cells):
            return None
    return None


def _named(path: Path, sheet: Sheet, reader: NumberReader, named: str) -> Column | None:
    """The column with this heading, else of this letter or number."""
    wanted = named.strip().casefold()
    for at, row in enumerate(sheet.rows[:_HEADED_WITHIN]):
        indexes = [n for n, text in enumerate(row.cells) if text.casefold() == wanted and not reader.number(text)]
        if len(indexes) > 1:
            which = " and ".join(map(letter, indexes))
            raise UsageError(f"The columns {which} of {path}{_of(sheet)} are headed {named}.", hint="Name a letter.")
        if indexes:
            return Column(sheet, indexes[0], indexes, sheet.rows[: at + 1], sheet.rows[at + 1 :])
    index = _index(named.strip())
    return None if index is None or index >= _width(sheet) else _below_heading(sheet, index)


def _alike(path: Path, sheet: Sheet, reader: NumberReader) -> Column | None:
    """The one column that holds drop numbers in most of its cells; letters and all, where there are such."""
    fitting = [index for index in range(_width(sheet)) if _share(sheet, index, reader) > _MOST]
    lettered = [index for index in fitting if any(map(str.isalpha, "".join(cell(r, index) for r in sheet.rows[1:])))]
    found = lettered or fitting
    if len(found) > 1:
        which = " and ".join(map(letter, found))
        raise UsageError(f"The columns {which} of {path}{_of(sheet)} could all be the drop numbers.", hint=hint(None))
    return _below_heading(sheet, found[0]) if found else None


def _below_heading(sheet: Sheet, index: int) -> Column:
    """A first cell without a digit is a heading, whatever it says."""
    at = 1 if sheet.rows and not re.search("[0-9]", cell(sheet.rows[0], index)) else 0
    return Column(sheet, index, [index], sheet.rows[:at], sheet.rows[at:])


def _count(rows: Iterable[Row], index: int, reader: NumberReader) -> int:
    return sum(1 for row in rows if reader.number(cell(row, index)))


def _share(sheet: Sheet, index: int, reader: NumberReader) -> float:
    """How many of a column's cells that hold anything hold drop numbers, from 0 to 1."""
    return _count(sheet.rows, index, reader) / max(sum(1 for row in sheet.rows if cell(row, index)), 1)


def _width(sheet: Sheet) -> int:
    return max((len(row.cells) for row in sheet.rows), default=0)


def _index(named: str) -> int | None:
    """Counting from 0, of a number from 1 or a spreadsheet's letters."""
    if re.fullmatch("[0-9]{1,5}", named):
        return int(named) - 1 if int(named) else None
    if not re.fullmatch("[A-Za-z]{1,2}", named):
        return None
    return column_index_from_string(named) - 1


def _of(sheet: Sheet) -> str:
    return f" of sheet {sheet.name}" if sheet.name else ""


# Nothing is read in part


def _refuse_swallowed(path: Path, sheets: Sequence[Sheet], reader: NumberReader) -> None:
    """Refuse a CSV whose quoted cell holds rows: its quote was meant for a character, and another one closed it."""
    for row in (row for sheet in sheets if sheet.name is None for row in sheet.rows):
        for line in "\n".join(text for text in row.cells if "\n" in text or "\r" in text).splitlines():
            pieces = re.split(f"[{DELIMITERS}]", line)
            if len(pieces) > 1 and any(map(reader.number, pieces)):
                raise UsageError(
                    f"{path} can't be read whole: a quote in {place(None, row.number)} takes further rows in.",
                    hint="Remove that quote, or write it twice, within quotes.",
                )


def _refuse_others(
    path: Path, sheets: Sequence[Sheet], found: Sequence[Column], reader: NumberReader, named: str | None
) -> None:
    """Refuse numbers outside the found columns, unless they stand within them, too."""
    taken = {None} | {reader.number(cell(row, column.place)) for column in found for row in column.rows}
    by_sheet = {column.sheet.name: column for column in found}
    for sheet in sheets:
        column = by_sheet.get(sheet.name)
        for row, index in _elsewhere(sheet, column, reader, named):
            if reader.number(cell(row, index)) not in taken:
                raise UsageError(
                    f"{path} holds drop numbers that would not be read: in {letter(index)}{row.number}{_of(sheet)},"
                    f" and the list is {' and '.join(f'column {one.letter()}{_of(one.sheet)}' for one in found)}.",
                    hint=_remedy(column, named),
                )


def _remedy(column: Column | None, named: str | None) -> str:
    if column is not None and named is None:
        return "Name the column that is meant with --column, or have all numbers stand in one, below its heading."
    return "Give its column the same heading, or hide what isn't meant."


def _elsewhere(
    sheet: Sheet, column: Column | None, reader: NumberReader, named: str | None
) -> Iterator[tuple[Row, int]]:
    """The cells with drop numbers that aren't below the column's heading.

    Where the user named the column, the sheet's others aren't meant.
    """
    if column is not None:
        yield from ((row, column.place) for row in column.above)
    if column is None or named is None:
        block = set() if column is None else _block(sheet, column)
        for index in set(range(_width(sheet))) - ({column.place} if column else set()):
            is_beside = index in block or _share(sheet, index, reader) < _MOST
            yield from ((row, index) for row in sheet.rows if not (is_beside and reader.is_bare(cell(row, index))))


def _block(sheet: Sheet, column: Column) -> set[int]:
    """The columns around one without an empty one between, and without its heading: there, digits may be a pole's."""
    filled = {index for row in sheet.rows for index, text in enumerate(row.cells) if text}
    first = last = column.place
    while first - 1 in filled:
        first -= 1
    while last + 1 in filled:
        last += 1
    return set(range(first, last + 1)) - set(column.headed)
