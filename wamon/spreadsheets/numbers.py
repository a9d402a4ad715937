"""Files of drop numbers: what they list, every row that holds none, and every number that lost its leading zeros."""

from __future__ import annotations

import io
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from wamon.errors import UsageError
from wamon.spreadsheets.cell import NumberReader
from wamon.spreadsheets.columns import HEADING, cell, columns, hint
from wamon.spreadsheets.posts import output_file
from wamon.spreadsheets.sheet_row import FORMULA
from wamon.spreadsheets.sheets import read_sheets

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from wamon.spreadsheets.columns import Column
    from wamon.spreadsheets.sheets import Progress, Row

_RARE = 0.1
"""Of numbers whose digits are anything, one in ten begins with zero: of the longest there are more than this."""


class Bad(NamedTuple):
    """A row that holds no usable number. What it holds instead isn't told: it may be anything."""

    sheet: str | None
    row: int
    why: str  # `B17 is no drop number`
    lost_zeros: bool  # it holds digits, and fewer than usual


class Listed(NamedTuple):
    """What a file lists."""

    columns: tuple[str, ...]  # where they stand, such as `column B of sheet Zone 1`
    numbers: tuple[str, ...]  # canonical, each once
    repeated: int  # rows whose number stood above already
    bad: tuple[Bad, ...]
    unseen_zeros: int  # numbers of a file that doesn't tell whether its cells show leading zeros


class _Cell(NamedTuple):
    column: Column
    row: Row
    text: str
    number: str | None
    lost_zeros: bool = False


def read(path: Path, pattern: str, column: str | None, usual_length: int, progress: Progress) -> Listed:
    """The numbers of a file.

    `usual_length` is how many characters the project's numbers usually have, 0 where nobody knows. Raises UsageError
    where the file can't be read whole, no column of it is the one, or it holds no number.
    """
    reader = NumberReader(pattern)
    found = columns(path, read_sheets(path, progress), reader, column)
    texts = [(one, row, cell(row, one.place)) for one in found for row in one.rows]
    cells = [_Cell(one, row, text, reader.number(text)) for one, row, text in texts]
    usual_length = max(usual_length, _longest(cells))
    cells = [
        one._replace(number=None, lost_zeros=True) if reader.padded(one.text, usual_length) else one for one in cells
    ]
    good = [one for one in cells if one.number]
    bad = tuple(_bad(one) for one in cells if not one.number)
    numbers = tuple(dict.fromkeys(one.number for one in good if one.number))
    if not numbers:
        raise UsageError(f"{path} holds no drop number that fits {pattern!r}.", hint=_why_none(bad, column))
    named = tuple(f"column {one.letter()}{f' of sheet {one.sheet.name}' if one.sheet.name else ''}" for one in found)
    return Listed(named, numbers, len(good) - len(numbers), bad, sum(1 for one in good if _is_unseen(one, reader)))


def _longest(cells: Iterable[_Cell]) -> int:
    """The longest length that isn't rare among a file's numbers."""
    lengths = Counter(len(one.number) for one in cells if one.number)
    return max((length for length, count in lengths.items() if count >= lengths.total() * _RARE), default=0)


def _is_unseen(one: _Cell, reader: NumberReader) -> bool:
    """Whether a good cell may show a zero more, for all that the file says."""
    return not one.column.sheet.has_formats and reader.padded(one.text, len(one.number or "") + 1) is not None


def _bad(one: _Cell) -> Bad:
    whys = {"": "is empty", FORMULA: "is a formula that was saved without its result"}
    why = "has fewer digits than usual" if one.lost_zeros else whys.get(one.text, "is no drop number")
    return Bad(one.column.sheet.name, one.row.number, f"{one.column.letter()}{one.row.number} {why}", one.lost_zeros)


ZEROS = "Have the column show leading zeros (number format 0000000), or write numbers with their letters."


def _why_none(bad: Iterable[Bad], column: str | None) -> str:
    if any(one.lost_zeros for one in bad):
        return f"They have fewer digits than the project's other numbers. {ZEROS}"
    return hint(column)


# What is written


def as_csv(numbers: Iterable[str]) -> str:
    """One column under its heading."""
    return "".join(f"{line}\r\n" for line in (HEADING, *numbers))


def write(path: Path, numbers: Sequence[str]) -> None:
    """Write a list as its file's ending says. Raises UsageError for another ending."""
    if path.suffix.lower() == ".xlsx":
        content = _as_xlsx(numbers)
    elif path.suffix.lower() == ".csv":
        content = as_csv(numbers).encode()
    else:
        raise UsageError(f"{path} ends in neither .csv nor .xlsx.", hint="Its ending says how it is written.")
    with output_file(path) as beside:
        beside.write_bytes(content)


def _as_xlsx(numbers: Sequence[str]) -> bytes:
    from openpyxl import Workbook

    book = Workbook(write_only=True)
    sheet = book.create_sheet("Drops")
    for number in (HEADING, *numbers):
        sheet.append([number])
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()
