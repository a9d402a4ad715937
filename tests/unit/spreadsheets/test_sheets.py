"""Files as spreadsheet programs save them: what they show is read whole, or the place is named at which they aren't."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.support.spreadsheets import Rows, alter, save
from wamon.errors import UsageError
from wamon.spreadsheets.sheet_row import MOST_ROWS
from wamon.spreadsheets.sheets import Row, read_sheets

SHEET = "xl/worksheets/sheet1.xml"
TWO = [["DR1752028"], ["DR1752034"]]


@contextmanager
def unseen(what: str, total: int) -> Iterator[Callable[[int], None]]:
    yield lambda _: None


def rows(path: Path) -> dict[str | None, list[Row]]:
    return {sheet.name: sheet.rows for sheet in read_sheets(path, unseen)}


def csv(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "x.csv"
    path.write_text(text)
    return path


@pytest.mark.parametrize("ending", ["xlsx", "ods", "xls"])
def test_the_visible_sheets_of_each_program_read_alike(tmp_path: Path, ending: str) -> None:
    sheets: dict[str, Rows] = {
        "Zone 1": [["Drop", "Straße"], [], ["DR1752028", None, "x"], [1752034]],
        "Old": TWO,
        "Zone 2": TWO,
    }
    assert rows(save(tmp_path / f"x.{ending}", sheets, hidden="Old")) == {
        "Zone 1": [Row(1, ("Drop", "Straße")), Row(3, ("DR1752028", "", "x")), Row(4, ("1752034",))],
        "Zone 2": [Row(1, ("DR1752028",)), Row(2, ("DR1752034",))],
    }


@pytest.mark.parametrize("ending", ["xlsx", "ods"])
def test_cells_count_as_they_show(tmp_path: Path, ending: str) -> None:
    path = save(tmp_path / f"x.{ending}", {"A": [[(752028, "0000000"), 752028]]})
    assert rows(path) == {"A": [Row(1, ("0752028", "752028"))]}


def test_what_stands_beside_a_cells_text_in_ods_is_not_its_text(tmp_path: Path) -> None:
    path = save(tmp_path / "x.ods", {"A": TWO})
    note = "<office:annotation><text:p>an aside</text:p></office:annotation>"
    text = "<text:p>DR<text:s text:c='2'/><text:span>17</text:span>52<text:tab/>028</text:p><text:p>x</text:p>"
    alter(path, "content.xml", "<text:p>DR1752028</text:p>", note + text)
    alter(path, "content.xml", "<text:p>DR1752034</text:p>", "")
    alter(path, "content.xml", 'office:value-type="string"></table', 'office:value="1752034"></table')
    assert rows(path) == {"A": [Row(1, ("DR  1752\t028\nx",)), Row(2, ("1752034",))]}


def test_repeated_rows_and_columns_of_ods_are_counted(tmp_path: Path) -> None:
    path = save(tmp_path / "x.ods", {"A": [[None, "a"], [], ["b"], []]})
    alter(path, "content.xml", "<table:table-cell/>", '<table:table-cell table:number-columns-repeated="2"/>')
    alter(path, "content.xml", "<table:table-row></", '<table:table-row table:number-rows-repeated="1048000"></')
    alter(path, "content.xml", "<table:table-row><table:table-cell office", REPEATED_ROW)
    assert rows(path) == {"A": [Row(1, ("", "", "a")), Row(1048002, ("b",)), Row(1048003, ("b",))]}


REPEATED_ROW = '<table:table-row table:number-rows-repeated="2"><table:table-cell office'


def test_rows_of_xlsx_whose_numbers_do_not_rise_are_read(tmp_path: Path) -> None:
    path = save(tmp_path / "x.xlsx", {"A": [*TWO, ["DR1752040"]]})
    alter(path, SHEET, '<row r="2"><c r="A2"', '<row r="9"><c r="A9"')
    assert rows(path) == {"A": [Row(1, ("DR1752028",)), Row(9, ("DR1752034",)), Row(3, ("DR1752040",))]}


def test_characters_that_xlsx_writes_as_numbers_are_read_as_what_they_are(tmp_path: Path) -> None:
    path = alter(save(tmp_path / "x.xlsx", {"A": TWO}), SHEET, "DR1752028", "DR1752028_x000D_")
    assert rows(path)["A"][0] == Row(1, ("DR1752028",))


def test_an_xlsx_whose_sheets_its_reader_does_not_know_is_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "x.xlsx", {"A": TWO})
    alter(path, "xl/workbook.xml", "schemas.openxmlformats.org/spreadsheetml/2006", "purl.oclc.org/ooxml/spreadsheetml")
    relations = "schemas.openxmlformats.org/officeDocument/2006"
    alter(path, "xl/workbook.xml", relations, "purl.oclc.org/ooxml/officeDocument")
    with pytest.raises(UsageError, match="it is none of the usual workbooks"):
        rows(path)


def test_a_formula_of_xlsx_without_its_result_is_no_empty_cell(tmp_path: Path) -> None:
    assert rows(save(tmp_path / "x.xlsx", {"A": [["=1+1"]]})) == {"A": [Row(1, ("=",))]}


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        (
            '<row r="2"><c r="A2"',
            f'<row r="{MOST_ROWS + 1}"><c r="A{MOST_ROWS + 1}"',
            "row 1048577 of sheet A is beyond",
        ),
        ('<c r="A2"', '<c r="ZZZ2"', "row 2 of sheet A has a column beyond any sheet"),
        ("</sheetData>", "</sheetDatum>", "damaged .ParseError"),
    ],
    ids=["row", "column", "damaged"],
)
def test_an_xlsx_that_no_program_writes_is_refused(tmp_path: Path, old: str, new: str, why: str) -> None:
    path = alter(save(tmp_path / "x.xlsx", {"A": TWO}), SHEET, old, new)
    with pytest.raises(UsageError, match=why):
        rows(path)


def test_a_file_that_is_too_large_unpacked_is_refused_unread(tmp_path: Path) -> None:
    path = save(tmp_path / "x.xlsx", {"A": TWO})
    with ZipFile(path) as archive:
        size = archive.getinfo(SHEET).file_size
    path.write_bytes(path.read_bytes().replace(struct.pack("<I", size), struct.pack("<I", 1 << 29)))
    with pytest.raises(UsageError, match="unpacked it is larger than 256 MiB"):
        rows(path)


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        (
            "<table:table-row>",
            '<table:table-row table:number-rows-repeated="1048577">',
            "row 1048577 of sheet A is beyond",
        ),
        ("<table:table-cell ", '<table:table-cell table:number-columns-repeated="10485779" ', "a column beyond any"),
        ("DR1752034", "x" * 40_000, "row 2 of sheet A has a cell of more than 32,767 characters"),
        (TWO[0][0], f"{'x' * 30_000}</text:p></table:table-cell>{'<table:table-cell/>'}<table:table-cell><text:p>", ""),
    ],
    ids=["row", "column", "cell", "fits"],
)
def test_an_ods_that_no_program_writes_is_refused(tmp_path: Path, old: str, new: str, why: str) -> None:
    path = alter(save(tmp_path / "x.ods", {"A": TWO}), "content.xml", old, new)
    if why:
        with pytest.raises(UsageError, match=why):
            rows(path)
    else:
        assert len(rows(path)["A"]) == 2


def test_an_ods_with_a_password_is_refused(tmp_path: Path) -> None:
    path = alter(save(tmp_path / "x.ods", {"A": TWO}), "META-INF/manifest.xml", "<manifest/>", "<encryption-data/>")
    with pytest.raises(UsageError, match="it has a password"):
        rows(path)


def test_a_damaged_xls_is_one_paragraph_however_its_reader_breaks_down(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = save(tmp_path / "x.xls", {"A": [[f"DR{number}"] for number in range(1000000, 1000600)]})
    whole = path.read_bytes()
    for content in (whole[:-1000], whole[:9000], whole[:600], whole[:8]):
        path.write_bytes(content)
        with pytest.raises(UsageError, match="can't be read whole: it is damaged"):
            rows(path)
    assert capfd.readouterr() == ("", "")


def test_a_sheet_that_memory_can_not_hold_ends_its_reader_alone(tmp_path: Path) -> None:
    path = save(tmp_path / "x.xls", {"A": [["DR1752028"], *[[]] * 65_533, [*[None] * 65_534, "x"]]})
    with pytest.raises(UsageError, match="can't be read whole"):
        rows(path)


def test_a_file_larger_than_any_list_is_refused_unread(tmp_path: Path) -> None:
    path = csv(tmp_path, "")
    os.truncate(path, (1 << 26) + 1)
    with pytest.raises(UsageError, match="it is larger than 64 MiB"):
        rows(path)


@pytest.mark.parametrize("ending", ["", "\n", "\r\n"])
@pytest.mark.parametrize("rest", ["", "x", "x\nDR1752040,y"])
def test_a_quote_that_is_never_closed_is_told_with_its_row(tmp_path: Path, rest: str, ending: str) -> None:
    path = csv(tmp_path, f'drop,a\n"DR1752028","two\nlines"\nDR1752034,"{rest}{ending}')
    with pytest.raises(UsageError, match="a quote in row 3 is never closed"):
        rows(path)


def test_a_quote_that_swallows_more_than_a_cell_holds_is_told_with_its_row(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"row 3 isn't CSV .*a quote may never be closed"):
        rows(csv(tmp_path, 'drop,a\nDR1752028,b\nDR1752034,"' + "x\n" * 100_000))


def test_quotes_within_a_csvs_cells_are_read(tmp_path: Path) -> None:
    text = 'drop,a\nDR1752028,19" pipe\nDR1752034,"Unit ""5"""\n'
    assert rows(csv(tmp_path, text)) == {
        None: [Row(1, ("drop", "a")), Row(2, ("DR1752028", '19" pipe')), Row(3, ("DR1752034", 'Unit "5"'))]
    }
