"""Reads .ods: beside each value the file has the text that the cell shows, which is what counts here."""

from __future__ import annotations

from itertools import pairwise
from typing import IO, TYPE_CHECKING
from xml.etree.ElementTree import Element, iterparse
from zipfile import ZipFile

from wamon.spreadsheets.sheet_row import LONGEST_CELL, SheetRow, Unreadable, check_place, trimmed

if TYPE_CHECKING:
    from collections.abc import Iterator

_OFFICE, _STYLE, _TABLE, _TEXT = (
    f"{{urn:oasis:names:tc:opendocument:xmlns:{name}:1.0}}" for name in ("office", "style", "table", "text")
)
_ROW, _CELLS = f"{_TABLE}table-row", {f"{_TABLE}table-cell", f"{_TABLE}covered-table-cell"}
_VALUES = [f"{_OFFICE}{name}" for name in ("string-value", "value", "date-value", "time-value", "boolean-value")]
_BREAKS = {f"{_TEXT}tab": "\t", f"{_TEXT}line-break": "\n"}
_ASIDE = {f"{_OFFICE}annotation", f"{_TEXT}note"}


def rows(file: IO[bytes]) -> Iterator[SheetRow]:
    """The rows of the visible sheets. Raises Unreadable, and whatever a damaged file makes the libraries raise."""
    with ZipFile(file) as archive:
        if b"encryption-data" in archive.read("META-INF/manifest.xml"):
            raise Unreadable("it has a password")
        with archive.open("content.xml") as content:
            yield from _rows(content)


def _rows(content: IO[bytes]) -> Iterator[SheetRow]:
    hidden: set[str | None] = set()
    path: list[Element] = []
    number = 0
    for event, element in iterparse(content, ("start", "end")):  # noqa: S314 - what it may take is bounded
        if event == "start":
            path.append(element)
            number = 0 if element.tag == f"{_TABLE}table" else number
            continue
        path.pop()
        if element.tag == f"{_STYLE}style" and _is_hidden(element):
            hidden.add(element.get(f"{_STYLE}name"))
        elif element.tag == _ROW:
            times = int(element.get(f"{_TABLE}number-rows-repeated", "1"))
            if sheet := _sheet(path, hidden):
                yield from _repeated(sheet, number, times, element)
            number += times
            path[-1].remove(element)


def _is_hidden(style: Element) -> bool:
    properties = style.find(f"{_STYLE}table-properties")
    return properties is not None and properties.get(f"{_TABLE}display") == "false"


def _sheet(path: list[Element], hidden: set[str | None]) -> str | None:
    """The name of the visible sheet in which these elements stand; None in another, and in a copy that a link keeps."""
    for outer, element in pairwise(path):
        if element.tag == f"{_TABLE}table":
            shows = outer.tag == f"{_OFFICE}spreadsheet" and element.get(f"{_TABLE}style-name") not in hidden
            return element.get(f"{_TABLE}name", "") if shows else None
    return None


def _repeated(sheet: str, number: int, times: int, row: Element) -> Iterator[SheetRow]:
    """A row as often as it stands there: once, or not at all, where it is empty."""
    if cells := _cells(sheet, number + 1, row):
        check_place(sheet, number + times, len(cells))
        yield from (SheetRow(sheet, number + further, cells) for further in range(1, times + 1))


def _cells(sheet: str, number: int, row: Element) -> tuple[str, ...]:
    texts: list[str] = []
    column = 0
    for cell in row:
        if cell.tag not in _CELLS:
            continue
        text, times = _shown(cell).strip(), int(cell.get(f"{_TABLE}number-columns-repeated", "1"))
        column += times
        if text:
            check_place(sheet, number, column)
            texts += [""] * (column - times - len(texts)) + [text] * times
    return trimmed(texts)


def _shown(cell: Element) -> str:
    """The text that a cell shows. Some programs leave it out; then its value."""
    paragraphs = [_text(paragraph) for paragraph in cell if paragraph.tag == f"{_TEXT}p"]
    return "\n".join(paragraphs) if paragraphs else next(filter(None, map(cell.get, _VALUES)), "")


def _text(element: Element) -> str:
    parts = [element.text or ""]
    for inner in element:
        if inner.tag == f"{_TEXT}s":
            parts.append(" " * min(int(inner.get(f"{_TEXT}c", "1")), LONGEST_CELL))
        elif inner.tag not in _ASIDE:
            parts.append(_BREAKS.get(inner.tag) or _text(inner))
        parts.append(inner.tail or "")
    return "".join(parts)
