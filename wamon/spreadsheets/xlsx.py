"""Reads .xlsx: values by openpyxl, shown as their number formats show them."""

from __future__ import annotations

import warnings
from functools import cache
from typing import IO, TYPE_CHECKING, Any

from openpyxl import load_workbook
from openpyxl.cell.read_only import ReadOnlyCell
from openpyxl.utils.escape import unescape
from openpyxl.worksheet._reader import FORMULA_TAG, WorkSheetParser

from wamon.spreadsheets.number_format import shown
from wamon.spreadsheets.sheet_row import FORMULA, SheetRow, Unreadable, check_place, trimmed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from xml.etree.ElementTree import Element


def rows(file: IO[bytes]) -> Iterator[SheetRow]:
    """The rows of the visible sheets. Raises Unreadable, and whatever a damaged file makes openpyxl raise."""
    warnings.simplefilter("ignore")  # of styles and the like, which we don't read
    book = load_workbook(file, read_only=True, data_only=True, keep_links=False)
    if not book.worksheets:
        raise Unreadable("it is none of the usual workbooks (a Strict one, say)")
    for sheet in book.worksheets:
        if sheet.sheet_state == "visible":
            yield from _rows(sheet)


class _Parser(WorkSheetParser):
    """What a sheet's public methods use. They pass over rows whose numbers don't rise, and what formulas lack."""

    def parse_cell(self, element: Element) -> dict[str, Any]:
        cell: dict[str, Any] = super().parse_cell(element)
        is_empty_text = element.get("t") == "str"
        if cell["value"] is None and not is_empty_text and element.find(FORMULA_TAG) is not None:
            cell["value"] = FORMULA
        return cell


def _rows(sheet: Any) -> Iterator[SheetRow]:  # noqa: ANN401 - the stubs lack what is private
    text = _texts(sheet)
    with sheet._get_source() as source:  # noqa: SLF001
        for number, cells in _parser(sheet, source).parse():
            width = max((cell["column"] for cell in cells), default=0)
            check_place(sheet.title, number, width)
            row = [""] * width
            for cell in cells:
                row[cell["column"] - 1] = text(cell)
            yield SheetRow(sheet.title, number, trimmed(row))


def _parser(sheet: Any, source: IO[bytes]) -> _Parser:  # noqa: ANN401
    book = sheet.parent
    return _Parser(
        source,
        sheet._shared_strings,  # noqa: SLF001
        data_only=True,
        epoch=book.epoch,
        date_formats=book._date_formats,  # noqa: SLF001
        timedelta_formats=book._timedelta_formats,  # noqa: SLF001
    )


def _texts(sheet: Any) -> Callable[[dict[str, Any]], str]:  # noqa: ANN401
    """What a cell of the sheet shows."""

    @cache
    def code(style: int) -> str:
        return str(ReadOnlyCell(sheet, 1, 1, None, style_id=style).number_format)

    def text(cell: dict[str, Any]) -> str:
        value = cell["value"]
        if isinstance(value, int | float) and not isinstance(value, bool):
            return shown(value, code(cell["style_id"]))
        if isinstance(value, str):
            return str(unescape(value))  # `_x000D_`, a carriage return
        return "" if value is None else str(value)

    return text
