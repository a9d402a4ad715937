"""Files of drop numbers, CSV or XLSX: which of their columns holds the numbers, and every row that holds none."""

from __future__ import annotations

import csv
import io
import re
import warnings
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from wamon.drops.extraction import Extractor, candidates, normalise
from wamon.drops.near import prefix_of
from wamon.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    Progress = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]

HEADING = "drop_number"
_HEADINGS = {"drop", "drops"} | {f"{of}{what}" for of in ("drop", "dr") for what in ("no", "nr", "num", "number", "id")}
_HEADED_WITHIN = 20  # rows; a title or two may stand above the headings
_DELIMITERS = ",;\t|"
_SAMPLE = 50  # lines by which the delimiter is chosen


class Row(NamedTuple):
    """One row that isn't empty; its number counts from 1, as a spreadsheet program shows it."""

    number: int
    cells: tuple[str, ...]


class Sheet(NamedTuple):
    """A table; a CSV file's has no name."""

    name: str | None
    rows: list[Row]


class Bad(NamedTuple):
    """A row that holds no usable number. What it holds instead isn't told: it may be anything."""

    sheet: str | None
    row: int
    why: str  # `B17 is no drop number`


class Listed(NamedTuple):
    """What a file lists."""

    columns: tuple[str, ...]  # where they stand, such as `column B of sheet Zone 1`
    numbers: tuple[str, ...]  # canonical, each once
    repeated: int  # rows whose number stood above already
    bad: tuple[Bad, ...]


class NumberReader:
    """Reads a cell as a drop number of one pattern."""

    def __init__(self, pattern: str) -> None:
        self._is_number = Extractor(pattern).is_number
        self.prefix = prefix_of(pattern)

    def number(self, cell: str) -> str | None:
        """The number that a cell holds, and nothing beside it; digits alone get the pattern's own letters."""
        plain = re.sub(r"^(\d+)\.0+$", r"\1", normalise(cell).strip(" \t'\"="))
        whole = "".join(filter(str.isalnum, plain)).upper()
        number = self.prefix + whole if whole.isdigit() and " ".join(plain.split()) == whole else whole
        is_one = candidates(plain) == (whole,) or number != whole
        return number if is_one and self._is_number(number) else None


def read(path: Path, pattern: str, column: str | None, progress: Progress) -> Listed:
    """The numbers of a file. Raises UsageError where it can't be read, or no column of it is the one."""
    reader = NumberReader(pattern)
    numbers: Counter[str] = Counter()
    bad: list[Bad] = []
    placed = _placed(path, _sheets(path, progress), reader, column)
    for sheet, index, rows in placed:
        for row in rows:
            if number := reader.number(_cell(row, index)):
                numbers[number] += 1
            else:
                why = "is no drop number" if _cell(row, index) else "is empty"
                bad.append(Bad(sheet.name, row.number, f"{_letter(index)}{row.number} {why}"))
    if not numbers:
        raise UsageError(f"{path} holds no drop number that fits {pattern!r}.", hint=_hint(column))
    columns = tuple(f"column {_letter(index)}{_of(sheet)}" for sheet, index, _ in placed)
    return Listed(columns, tuple(numbers), sum(numbers.values()) - len(numbers), tuple(bad))


def _of(sheet: Sheet) -> str:
    return f" of sheet {sheet.name}" if sheet.name else ""


# Which column


def _placed(
    path: Path, sheets: Sequence[Sheet], reader: NumberReader, column: str | None
) -> list[tuple[Sheet, int, list[Row]]]:
    """For each sheet that has the column: its index there, and the rows that should hold a number."""
    find = _headed if column is None else lambda sheet, reader: _named(sheet, reader, column)
    placed = [(sheet, *found) for sheet in sheets if (found := find(sheet, reader))]
    if not placed and column is None:
        placed = [(sheet, *found) for sheet in sheets if (found := _alike(path, sheet, reader))]
    if not placed:
        what = "no column of drop numbers" if column is None else f"no column {column}"
        raise UsageError(f"{path} has {what}.", hint=_hint(column))
    return placed


def _headed(sheet: Sheet, reader: NumberReader) -> tuple[int, list[Row]] | None:
    """The column whose heading says so; of several, the one with the most numbers. Below a number stands no heading."""
    headings = _HEADINGS | {reader.prefix.lower()} - {""}
    for at, row in enumerate(sheet.rows[:_HEADED_WITHIN]):
        indexes = [n for n, cell in enumerate(row.cells) if re.sub(r"[\W_]", "", normalise(cell)).lower() in headings]
        if indexes:
            below = sheet.rows[at + 1 :]
            return max(indexes, key=lambda index: _count(below, index, reader)), below
        if any(reader.number(cell) and not cell.isdigit() for cell in row.cells):
            return None
    return None


def _named(sheet: Sheet, reader: NumberReader, column: str) -> tuple[int, list[Row]] | None:
    """The column with this heading, else of this letter or number."""
    wanted = column.strip().casefold()
    for at, row in enumerate(sheet.rows[:_HEADED_WITHIN]):
        for index, cell in enumerate(row.cells):
            if cell.strip().casefold() == wanted and not reader.number(cell):
                return index, sheet.rows[at + 1 :]
    place = _index(column.strip())
    width = max((len(row.cells) for row in sheet.rows), default=0)
    return None if place is None or place >= width else (place, _below_heading(sheet.rows, place))


def _alike(path: Path, sheet: Sheet, reader: NumberReader) -> tuple[int, list[Row]] | None:
    """The one column that holds drop numbers in most of its cells; letters and all, where there are such."""
    width = max((len(row.cells) for row in sheet.rows), default=0)
    filled = [sum(1 for row in sheet.rows if _cell(row, index)) for index in range(width)]
    fitting = [index for index in range(width) if _count(sheet.rows, index, reader) * 2 > filled[index]]
    lettered = [index for index in fitting if any(map(str.isalpha, "".join(_cell(r, index) for r in sheet.rows[1:])))]
    found = lettered or fitting
    if len(found) > 1:
        named = " and ".join(map(_letter, found))
        raise UsageError(f"The columns {named} of {path} could all be the drop numbers.", hint=_hint(None))
    return (found[0], _below_heading(sheet.rows, found[0])) if found else None


def _below_heading(rows: list[Row], index: int) -> list[Row]:
    """A first cell without a digit is a heading, whatever it says."""
    return rows[1:] if rows and not re.search("[0-9]", _cell(rows[0], index)) else rows


def _count(rows: Iterable[Row], index: int, reader: NumberReader) -> int:
    return sum(1 for row in rows if reader.number(_cell(row, index)))


def _cell(row: Row, index: int) -> str:
    return row.cells[index] if index < len(row.cells) else ""


def _index(column: str) -> int | None:
    """Counting from 0, of a number from 1 or a spreadsheet's letters."""
    if re.fullmatch("[0-9]{1,5}", column):
        return int(column) - 1 if int(column) else None
    if not re.fullmatch("[A-Za-z]{1,3}", column):
        return None
    index = 0
    for letter in column.upper():
        index = index * 26 + ord(letter) - ord("A") + 1
    return index - 1


def _letter(index: int) -> str:
    return (_letter(index // 26 - 1) if index >= 26 else "") + chr(ord("A") + index % 26)


def _hint(column: str | None) -> str:
    if column is None:
        return f"Give the column the heading {HEADING}, or name it with --column: its heading, letter or number."
    return "--column takes a heading, a letter such as B, or a number from 1."


# Files


def _sheets(path: Path, progress: Progress) -> list[Sheet]:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(
            f"{path} can't be read: {error.strerror}.", hint="Correct the path, or see to its rights."
        ) from None
    if content.startswith(b"\xd0\xcf\x11\xe0"):
        raise UsageError(f"{path} is an old Excel file, or has a password.", hint="Save it as XLSX or CSV without one.")
    return _from_xlsx(path, content, progress) if content.startswith(b"PK") else [_from_csv(path, content, progress)]


def _from_xlsx(path: Path, content: bytes, progress: Progress) -> list[Sheet]:
    from openpyxl import load_workbook

    try:
        with warnings.catch_warnings(action="ignore"):  # of styles and the like, which we don't read
            book = load_workbook(io.BytesIO(content), read_only=True, data_only=True)
            shown = [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"]
            with progress(f"Reading {path.name}", sum(sheet.max_row or 0 for sheet in shown)) as tell:
                return [Sheet(sheet.title, _rows(_values(sheet), tell)) for sheet in shown]
    except Exception as error:  # noqa: BLE001 - there is no end to what a damaged workbook makes openpyxl raise
        raise UsageError(f"{path} is no XLSX file that can be read ({type(error).__name__}).", hint=_SAVE) from None


_SAVE = "Open it in a spreadsheet program and save it as XLSX or CSV."


def _values(sheet: object) -> Iterable[Sequence[object]]:
    sheet.reset_dimensions()  # type: ignore[attr-defined]  # some programs write a wrong size, which would be believed
    return sheet.iter_rows(values_only=True)  # type: ignore[attr-defined,no-any-return]


def _rows(values: Iterable[Sequence[object]], tell: Callable[[int], None]) -> list[Row]:
    rows = []
    for number, cells in enumerate(values, 1):
        row = tuple(map(_text, cells))
        if any(row):
            rows.append(Row(number, row))
        tell(number)
    return rows


def _text(cell: object) -> str:
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell).strip()


def _from_csv(path: Path, content: bytes, progress: Progress) -> Sheet:
    text = _decoded(content)
    if "\0" in text:
        raise UsageError(f"{path} is neither CSV nor XLSX.", hint=_SAVE)
    declared = re.match(r"\s*sep=(.)\r?\n", text)  # Excel's own
    delimiter = declared[1] if declared else _delimiter(text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    rows = []
    try:
        with progress(f"Reading {path.name}", text.count("\n") + 1) as tell:
            for cells in reader:
                if any(map(str.strip, cells)):
                    rows.append(Row(reader.line_num, tuple(map(str.strip, cells))))
                tell(reader.line_num)
    except csv.Error as error:
        raise UsageError(f"{path} is no CSV that can be read: line {reader.line_num}, {error}.", hint=_SAVE) from None
    return Sheet(None, rows[1:] if declared else rows)


def _decoded(content: bytes) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", "replace")
    for half, encoding in ((content[1::2], "utf-16-le"), (content[::2], "utf-16-be")):
        if half.count(0) * 2 > len(half):
            return content.decode(encoding, "replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace")


def _delimiter(text: str) -> str:
    """The one that stands in most of the first lines, and there most often."""
    lines = text.splitlines()[:_SAMPLE]
    return max(
        _DELIMITERS, key=lambda one: (sum(one in line for line in lines), sum(line.count(one) for line in lines))
    )


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
    try:
        path.write_bytes(content)
    except OSError as error:
        raise UsageError(f"{path} can't be written: {error.strerror}.", hint="See to its folder and rights.") from None


def _as_xlsx(numbers: Sequence[str]) -> bytes:
    from openpyxl import Workbook

    book = Workbook(write_only=True)
    sheet = book.create_sheet("Drops")
    for number in (HEADING, *numbers):
        sheet.append([number])
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()
