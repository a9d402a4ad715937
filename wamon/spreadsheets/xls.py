"""Reads .xls, by calamine: values without their number formats, which it doesn't give."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING

from python_calamine import CalamineError, CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

from wamon.spreadsheets.number_format import shown
from wamon.spreadsheets.sheet_row import SheetRow, Unreadable, trimmed

if TYPE_CHECKING:
    from collections.abc import Iterator


def rows(file: IO[bytes]) -> Iterator[SheetRow]:
    """The rows of the visible sheets. A damaged file may end the whole process."""
    try:
        book = CalamineWorkbook.from_filelike(file)
    except CalamineError:
        raise Unreadable("it is damaged, or has a password") from None
    for index, sheet in enumerate(book.sheets_metadata):
        if sheet.visible == SheetVisibleEnum.Visible and sheet.typ == SheetTypeEnum.WorkSheet:
            rows = book.get_sheet_by_index(index).to_python(skip_empty_area=False)
            for number, cells in enumerate(rows, 1):
                yield SheetRow(sheet.name, number, trimmed(map(_text, cells)))


def _text(value: object) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return shown(value, "General")
    return str(value)
