"""Reads a file of rows, whatever saved it: CSV, .xlsx, .xls or .ods."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, NamedTuple

from wamon.errors import UsageError
from wamon.spreadsheets import csv_file, workbook
from wamon.spreadsheets.sheet_row import Unreadable, within_bounds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from wamon.spreadsheets.sheet_row import SheetRow

    Progress = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]

_MOST_BYTES = 1 << 26


class Row(NamedTuple):
    """One row that isn't empty; its number counts from 1, as a spreadsheet program shows it."""

    number: int
    cells: tuple[str, ...]


class Sheet(NamedTuple):
    """A table; a CSV file's has no name."""

    name: str | None
    rows: list[Row]
    has_formats: bool  # its cells are as people see them, leading zeros and all


def read_sheets(path: Path, progress: Progress) -> list[Sheet]:
    """The visible sheets that hold anything, in order. Raises UsageError, with the place, for what can't be read."""
    sheets: dict[str | None, list[Row]] = {}
    try:
        with path.open("rb") as file, progress(f"Reading {path.name}", 0) as tell:
            content = file.read(_MOST_BYTES + 1)
            for done, row in enumerate(_rows(file, content), 1):
                if row.cells:
                    sheets.setdefault(row.sheet, []).append(Row(row.number, row.cells))
                tell(done)
    except Unreadable as error:
        raise UsageError(f"{path} can't be read whole: {error}.", hint=error.hint) from None
    except OSError as error:
        raise UsageError(
            f"{path} can't be read: {error.strerror or error}.", hint="Correct the path, or see to its rights."
        ) from None
    return [Sheet(name, rows, not workbook.is_xls(content)) for name, rows in sheets.items()]


def _rows(file: IO[bytes], content: bytes) -> Iterator[SheetRow]:
    if len(content) > _MOST_BYTES:
        raise Unreadable(f"it is larger than {_MOST_BYTES >> 20} MiB")
    if workbook.is_zip(content) or workbook.is_xls(content):
        file.seek(0)
        return workbook.rows(file)
    return within_bounds(csv_file.rows(content))
