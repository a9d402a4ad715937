"""Posts as spreadsheet programs open them."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import openpyxl
import pytest

from wamon.bridge.people import NOBODY
from wamon.privacy import Directory
from wamon.reports.posts import Post
from wamon.spreadsheets.posts import csv_text, lines, write

AT = datetime(2026, 11, 20, 6, tzinfo=UTC)
ZONE = ZoneInfo("Africa/Johannesburg")


def post(text: str = "", review: dict[str, object] | None = None) -> Post:
    names = ("DR1752028", "Lawley", AT, "new", "27820000001", False, "Lawley", "1203@g.us", "ID", text)
    return Post(*names, review)


def as_csv(posts: Post, **columns: str) -> dict[str, str]:
    """The row of a post under its headings."""
    opened = io.StringIO(newline="")
    csv_text(opened, lines([posts], Directory(NOBODY, "names"), ZONE, columns), [*columns])
    (row,) = csv.DictReader(io.StringIO(opened.getvalue(), newline=""))
    return row


@pytest.mark.parametrize(
    "text",
    [
        *("=1", "+1", "-1", "@x", "\t=1", "\r=1", "\n=1", "\n\nx", " =1", "\u00a0=1", "\u200b=1", "\ufeff=1", "\x00=1"),
        *("\uff1d1", "\uff0b1", "\uff0d1", "\uff20x", "\ufe66" + "1", "\n\uff1d1", "\u3000=1", "\u2028=1"),
    ],
)
def test_no_text_opens_as_a_formula(text: str) -> None:
    assert as_csv(post(text))["Text"] == f"'{text}"


@pytest.mark.parametrize("text", ["", " ", "DR1752028 = done", "'=1", "*DR1752028*", "\u2014 x", "é=", "1=1"])
def test_other_text_stays_as_it_is(text: str) -> None:
    assert as_csv(post(text))["Text"] == text


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        ("timestamp with time zone", "2026-11-20T22:30:00.5+00:00", "2026-11-21 00:30:00"),
        ("timestamp without time zone", "2026-11-20T22:30:00.5", "2026-11-20 22:30:00"),
        ("timestamp with time zone", "infinity", "infinity"),
        ("date", "2026-11-20", "2026-11-20"),
        ("date", "20261-11-20", "20261-11-20"),
        ("boolean", True, "TRUE"),
        ("numeric", 1.5, "1.5"),
        ("text", "=1", "'=1"),
        ("jsonb", {"a": [1]}, '{"a": [1]}'),
        ("text[]", [], "[]"),
        ("text", None, ""),
    ],
)
def test_a_review_column_is_told_in_the_zone_and_as_spreadsheets_know_it(kind: str, value: object, text: str) -> None:
    assert as_csv(post(review={"x": value}), x=kind)["x"] == text


def test_the_people_of_a_review_are_shown_as_the_config_says() -> None:
    review: dict[str, object] = {"user_name": "27820000001", "submitted_by": None}
    row = as_csv(post(review=review), user_name="text", submitted_by="text")
    assert (row["user_name"], row["submitted_by"]) == ("…0001", "")


def test_what_a_spreadsheet_can_not_hold_as_it_is_becomes_text(tmp_path: Path) -> None:
    review: dict[str, object] = {"old": "1899-12-31", "long": 10**20, "day": "2026-11-20"}
    columns = {"old": "date", "long": "numeric", "day": "date"}
    write(tmp_path / "x.xlsx", lines([post(review=review)], Directory(NOBODY, "names"), ZONE, columns), [*columns])
    cells = list(openpyxl.load_workbook(tmp_path / "x.xlsx")["Drops"].rows)[1][-3:]
    assert [(cell.data_type, str(cell.value)) for cell in cells] == [
        ("s", "1899-12-31"),
        ("s", str(10**20)),
        ("d", "2026-11-20 00:00:00"),
    ]
