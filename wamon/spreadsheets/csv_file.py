"""Reads CSV in every encoding and with every delimiter that spreadsheet programs save it in."""

from __future__ import annotations

import csv
import io
import re
from itertools import chain
from typing import TYPE_CHECKING

from wamon.spreadsheets.sheet_row import SheetRow, Unreadable, place, trimmed

if TYPE_CHECKING:
    from collections.abc import Iterator

DELIMITERS = ",;\t|"
_SAMPLE = 50  # lines by which the delimiter is chosen
_END = "\0"
"""A line of its own after the last: where it isn't read as one, a quote is still open."""
_HINT = "Close the quote, or remove it."


def rows(content: bytes) -> Iterator[SheetRow]:
    """The rows. Raises Unreadable for what is no text, and where a quote isn't closed."""
    text = _decoded(content)
    if "\0" in text:
        raise Unreadable("it is neither CSV nor a spreadsheet program's file")
    declared = re.match(r"\s*sep=(.)\r?\n", text)  # Excel's own
    delimiter = declared[1] if declared else _delimiter(text)
    text = text[declared.end() :] if declared else text
    number = 0
    try:
        for cells in csv.reader(chain(io.StringIO(f"{text}\n", newline=""), [_END]), delimiter=delimiter):
            number += 1
            if cells == [_END]:
                return
            if cells and cells[-1].endswith(_END):
                raise Unreadable(f"a quote in {place(None, number)} is never closed", hint=_HINT)
            yield SheetRow(None, number, trimmed(cells))
    except csv.Error as error:
        where = place(None, number + 1)
        raise Unreadable(f"{where} isn't CSV ({error}); a quote may never be closed", hint=_HINT) from None


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
    return max(DELIMITERS, key=lambda one: (sum(one in line for line in lines), sum(line.count(one) for line in lines)))
