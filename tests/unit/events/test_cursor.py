"""A cursor is opaque: what was printed is read back, and nothing else is."""

from __future__ import annotations

import pytest

from wamon.events.cursor import Cursor, UnknownCursor


@pytest.mark.parametrize(
    "cursor", [Cursor("0123456789ab", 1, 2, 3), Cursor("f" * 12, 4294967295, 10**17, 0, in_base=True)]
)
def test_what_was_printed_is_read_back(cursor: Cursor) -> None:
    assert Cursor.parse(str(cursor)) == cursor


@pytest.mark.parametrize(
    "text",
    [
        "",
        "42",
        "0123456789ab-1-2",
        "0123456789ab-1-2-3c",
        "0123456789AB-1-2-3",
        "0123456789ab-1-2-3\n",
        "0123456789ab-1--2-3",
        "0123456789ab-1-2-٣",
        f"0123456789ab-1-{10**18}-3",
    ],
)
def test_nothing_else_is(text: str) -> None:
    with pytest.raises(UnknownCursor):
        Cursor.parse(text)
