"""Posts as a file for a spreadsheet program: CSV or XLSX, a row at a time, so that any number fits in little memory."""

from __future__ import annotations

import csv
import json
import unicodedata
from contextlib import contextmanager
from datetime import date, datetime
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from wamon.errors import UsageError
from wamon.host.files import replacing
from wamon.words import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path
    from zoneinfo import ZoneInfo

    from openpyxl.cell import Cell as XlsxCell
    from openpyxl.workbook.workbook import Workbook
    from openpyxl.worksheet.worksheet import Worksheet

    from wamon.privacy import Directory
    from wamon.reports.posts import Post

    Written = XlsxCell | str | bool | int | float | None

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
_STARTS_A_FORMULA = frozenset("=+-@")
_DATE, _TIME = "yyyy-mm-dd", "yyyy-mm-dd hh:mm:ss"
_FIRST_YEAR = 1900
"""Spreadsheet programs know no earlier date,"""
_MOST_DIGITS = 10**15
"""nor a number of more digits."""
_KEYS = ("id", "drop_number", "project")
_PEOPLE = ("user_name", "submitted_by")
"""The review table's columns that hold who posted a drop."""
_ALLOWED_CONTROLS = "\t\n\r"


Cell = str | bool | int | float | date | None  # a datetime is a date


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
    review: Sequence[Cell] = ()

    def cells(self) -> tuple[Cell, ...]:
        return (*self[:-1], *self.review)


def lines(
    posts: Iterable[Post], people: Directory, zone: ZoneInfo, review_columns: Mapping[str, str]
) -> Iterator[Line]:
    """Each post as a row, with these columns of its review row, of which the type is given by name."""
    for post in posts:
        posted = post.sent_at.astimezone(zone).replace(tzinfo=None, microsecond=0)
        what = f"{KINDS[post.kind]}, not checked" if post.unchecked else KINDS[post.kind]
        by = people.shown(post.sender) or ""
        own = post.review or {}
        review = [_review_cell(name, own.get(name), kind, people, zone) for name, kind in review_columns.items()]
        yield Line(
            *(post.drop_number, post.project, posted, what, by, post.text or ""),
            *(post.group, post.message_id, post.jid, review),
        )


def exported(review_columns: Mapping[str, str]) -> dict[str, str]:
    """Those of the review table's columns that say anything which a post's own don't."""
    return {name: kind for name, kind in review_columns.items() if name not in _KEYS}


def _review_cell(name: str, value: Any, kind: str, people: Directory, zone: ZoneInfo) -> Cell:  # noqa: ANN401 - JSON's
    """A value as PostgreSQL gives it in JSON: its times as the zone's own, its people as the config shows them."""
    if name in _PEOPLE and value is not None:
        return people.shown(str(value))
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    try:
        if kind == "date" and value:
            return date.fromisoformat(value)
        if kind.startswith("timestamp") and value:
            moment = datetime.fromisoformat(value)
            return (moment.astimezone(zone) if moment.tzinfo else moment).replace(tzinfo=None, microsecond=0)
    except ValueError:  # infinity, or a year of five digits
        return str(value)
    return value if value is None or isinstance(value, int | float) else str(value)


def write(file: Path, rows: Iterable[Line], further: Sequence[str]) -> None:
    """Write a .csv or .xlsx file whole: who reads it meanwhile sees the former one. Raises UsageError.

    `further` is the headings of the rows' review columns.
    """
    writers = {".csv": _csv_file, ".xlsx": _xlsx_file}
    if file.suffix.lower() not in writers:
        raise UsageError(f"{file.name} is no name for an export.", hint="End it in .csv or .xlsx.")
    with output_file(file) as beside:
        writers[file.suffix.lower()](beside, rows, further)


@contextmanager
def output_file(file: Path) -> Iterator[Path]:
    """A file beside this one, to be written, which takes its place at the end. Raises UsageError where it can't."""
    try:
        with replacing(file, mode=0o666) as beside:
            yield beside
            if file.exists():
                beside.chmod(file.stat().st_mode & 0o777)
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise UsageError(
            f"{file} can't be written: {why}.", hint="Name a file in a folder that you may write."
        ) from None


def _csv_file(file: Path, rows: Iterable[Line], further: Sequence[str]) -> None:
    with file.open(
        "w", encoding="utf-8-sig", newline=""
    ) as opened:  # the mark tells spreadsheet programs that it is UTF-8
        csv_text(opened, rows, further)


def csv_text(opened: IO[str], rows: Iterable[Line], further: Sequence[str]) -> None:
    """Write rows as CSV (RFC 4180). `further` is the headings of their review columns."""
    writer = csv.writer(opened)
    writer.writerow([*_COLUMNS, *map(_harmless, further)])
    for row in rows:
        writer.writerow([_csv_cell(cell) for cell in row.cells()])


def _csv_cell(cell: Cell) -> str:
    if isinstance(cell, str):
        return _harmless(cell)
    if isinstance(cell, datetime):
        return cell.isoformat(" ")
    return str(cell).upper() if isinstance(cell, bool) else "" if cell is None else str(cell)


def _harmless(text: str) -> str:
    """Text that no spreadsheet program takes for a formula: what counts is the first character that can be seen.

    Programs pass over white space and what can't be seen, and take full-width and small forms for the usual ones.
    """
    first = next((char for char in text if unicodedata.category(char)[0] not in "ZC"), "")
    is_formula = unicodedata.normalize("NFKC", first)[:1] in _STARTS_A_FORMULA
    return f"'{text}" if is_formula or text.startswith(("\t", "\r", "\n")) else text


def _xlsx_file(file: Path, rows: Iterable[Line], further: Sequence[str]) -> None:
    from openpyxl import Workbook

    book = Workbook(write_only=True)
    sheet, filled = _sheet(book, further), 0
    for row in rows:
        if filled == _ROWS_A_SHEET:
            _filtered(sheet, filled)
            sheet, filled = _sheet(book, further), 0
        sheet.append([_xlsx_cell(sheet, cell) for cell in row.cells()])
        filled += 1
    _filtered(sheet, filled)
    book.save(file)


def _filtered(sheet: Worksheet, rows: int) -> None:
    """Have each heading of a sheet filter its rows, once they are written."""
    from openpyxl.utils import get_column_letter

    sheet.auto_filter.ref = f"A1:{get_column_letter(len(sheet.column_dimensions))}{rows + 1}"


def _printed(sheet: Worksheet) -> None:
    """Have it printed as wide as a page, its headings on each, and the pages numbered."""
    from openpyxl.worksheet.properties import PageSetupProperties

    sheet.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)
    sheet.page_setup.orientation = "landscape"
    sheet.page_setup.fitToHeight = 0
    sheet.print_title_rows = "1:1"
    sheet.HeaderFooter.oddFooter.center.text = "&A, &P / &N"  # type: ignore[union-attr]


def _sheet(book: Workbook, further: Sequence[str]) -> Worksheet:
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.styles import Font
    from openpyxl.utils import get_column_letter

    sheet: Worksheet = book.create_sheet(f"Drops {len(book.worksheets) + 1}" if book.worksheets else "Drops")
    sheet.freeze_panes = "A2"
    _printed(sheet)
    widths = _COLUMNS | {heading: len(heading) + 4 for heading in further}
    for place, width in enumerate(widths.values(), 1):
        sheet.column_dimensions[get_column_letter(place)].width = width
    heads = [WriteOnlyCell(sheet, heading) for heading in widths]
    for head in heads:
        head.font = Font(bold=True)
    sheet.append(heads)
    return sheet


def _xlsx_cell(sheet: Worksheet, cell: Cell) -> Written:
    from openpyxl.cell import WriteOnlyCell

    if cell is None or isinstance(cell, bool) or (isinstance(cell, int | float) and abs(cell) < _MOST_DIGITS):
        return cell
    if isinstance(cell, date) and cell.year >= _FIRST_YEAR:
        dated = WriteOnlyCell(sheet, cell)  # type: ignore[arg-type]  # the stubs forget dates
        dated.number_format = _TIME if isinstance(cell, datetime) else _DATE
        return dated
    return _text_cell(sheet, str(cell))


def _text_cell(sheet: Worksheet, text: str) -> Written:
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
