"""Posts as a file for a spreadsheet program: CSV or XLSX, a row at a time, so that any number fits in little memory."""

from __future__ import annotations

import csv
import os
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, NamedTuple

from wamon.errors import UsageError
from wamon.host.files import replacing
from wamon.words import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime
    from pathlib import Path
    from zoneinfo import ZoneInfo

    from openpyxl.cell import Cell
    from openpyxl.workbook.workbook import Workbook
    from openpyxl.worksheet.worksheet import Worksheet

    from wamon.privacy import Directory
    from wamon.reports.posts import Post

_COLUMNS = {
    "Drop": 13,
    "Project": 16,
    "Posted": 20,
    "What": 13,
    "By": 28,
    "Text": 60,
    "Group": 16,
    "Message": 36,
    "Chat": 30,
}
"""Headings, and how wide a spreadsheet shows them, in characters."""

_ROWS_A_SHEET = 1_000_000
"""Spreadsheet programs show 1,048,576."""
_LONGEST_CELL = 32_767
_STARTS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_ALLOWED_CONTROLS = "\t\n\r"


class Line(NamedTuple):
    """A post as a row: times are the zone's own, without a zone, since spreadsheets know none."""

    drop: str
    project: str
    posted: datetime
    what: str
    by: str
    text: str
    group: str
    message: str
    chat: str


def lines(posts: Iterable[Post], people: Directory, zone: ZoneInfo) -> Iterator[Line]:
    """Each post as a row."""
    for post in posts:
        posted = post.sent_at.astimezone(zone).replace(tzinfo=None, microsecond=0)
        what = f"{KINDS[post.kind]}, not checked" if post.unchecked else KINDS[post.kind]
        by = people.shown(post.sender) or ""
        yield Line(
            post.drop_number, post.project, posted, what, by, post.text or "", post.group, post.message_id, post.jid
        )


def write(file: Path, rows: Iterable[Line]) -> None:
    """Write a .csv or .xlsx file whole: who reads it meanwhile sees the former one. Raises UsageError."""
    writers = {".csv": _csv_file, ".xlsx": _xlsx_file}
    if file.suffix.lower() not in writers:
        raise UsageError(f"{file.name} is no name for an export.", hint="End it in .csv or .xlsx.")
    with output_file(file) as beside:
        writers[file.suffix.lower()](beside, rows)


@contextmanager
def output_file(file: Path) -> Iterator[Path]:
    """A file beside this one, to be written, which takes its place at the end. Raises UsageError where it can't."""
    try:
        with replacing(file, mode=0o666) as beside:
            yield beside
            if file.exists():
                beside.chmod(file.stat().st_mode & 0o777)
    except OSError as error:
        why = os.strerror(error.errno) if error.errno else type(error).__name__
        raise UsageError(
            f"{file} can't be written: {why}.", hint="Name a file in a folder that you may write."
        ) from None


def _csv_file(file: Path, rows: Iterable[Line]) -> None:
    with file.open(
        "w", encoding="utf-8-sig", newline=""
    ) as opened:  # the mark tells spreadsheet programs that it is UTF-8
        csv_text(opened, rows)


def csv_text(opened: IO[str], rows: Iterable[Line]) -> None:
    """Write rows as CSV (RFC 4180)."""
    writer = csv.writer(opened)
    writer.writerow(_COLUMNS)
    for row in rows:
        writer.writerow([_harmless(cell) if isinstance(cell, str) else cell.isoformat(" ") for cell in row])


def _harmless(text: str) -> str:
    """Text that no spreadsheet program takes for a formula."""
    return f"'{text}" if text.startswith(_STARTS_A_FORMULA) else text


def _xlsx_file(file: Path, rows: Iterable[Line]) -> None:
    from openpyxl import Workbook

    book = Workbook(write_only=True)
    sheet = _sheet(book)
    for number, row in enumerate(rows):
        if number and number % _ROWS_A_SHEET == 0:
            sheet = _sheet(book)
        sheet.append(_cells(sheet, row))
    book.save(file)


def _sheet(book: Workbook) -> Worksheet:
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.styles import Font

    sheet: Worksheet = book.create_sheet(f"Drops {len(book.worksheets) + 1}" if book.worksheets else "Drops")
    sheet.freeze_panes = "A2"
    for place, width in enumerate(_COLUMNS.values()):
        sheet.column_dimensions["ABCDEFGHI"[place]].width = width
    heads = [WriteOnlyCell(sheet, heading) for heading in _COLUMNS]
    for head in heads:
        head.font = Font(bold=True)
    sheet.append(heads)
    return sheet


def _cells(sheet: Worksheet, row: Line) -> list[Cell | str]:
    from openpyxl.cell import WriteOnlyCell

    posted = WriteOnlyCell(sheet, row.posted)
    posted.number_format = "yyyy-mm-dd hh:mm:ss"
    return [posted if cell is row.posted else _text_cell(sheet, str(cell)) for cell in row]


def _text_cell(sheet: Worksheet, text: str) -> Cell | str:
    """Text as text: what begins with `=` isn't a formula, and what XML can't hold is a blank."""
    from openpyxl.cell import WriteOnlyCell

    if not text.isprintable():
        text = "".join(c if (c >= " " and c not in "\ufffe\uffff") or c in _ALLOWED_CONTROLS else " " for c in text)
    text = text[:_LONGEST_CELL]
    if not text.startswith("="):
        return text
    cell = WriteOnlyCell(sheet, text)
    cell.data_type = "s"
    return cell
