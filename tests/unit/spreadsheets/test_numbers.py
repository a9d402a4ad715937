"""Files of drop numbers: every form in which spreadsheet programs save them, and which column is meant."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from openpyxl import Workbook, load_workbook

from tests.support.spreadsheets import save
from wamon.errors import UsageError
from wamon.spreadsheets.numbers import Bad, Listed, read, write

PATTERN = "DR[0-9]{6,8}"
NUMBERS = ("DR1752028", "DR1752034")


@contextmanager
def unseen(what: str, total: int) -> Iterator[Callable[[int], None]]:
    yield lambda _: None


def listed(path: Path, column: str | None = None, pattern: str = PATTERN, usual_length: int = 0) -> Listed:
    return read(path, pattern, column, usual_length, unseen)


@pytest.fixture
def saved(tmp_path: Path) -> Callable[..., Path]:
    """Save a text as a CSV file."""

    def save(text: str, encoding: str = "utf-8") -> Path:
        path = tmp_path / "drops.csv"
        path.write_bytes(text.encode(encoding))
        return path

    return save


@pytest.fixture
def workbook(tmp_path: Path) -> Callable[..., Path]:
    """Save sheets of rows as an XLSX file."""

    def save(**sheets: list[list[object]]) -> Path:
        book = Workbook()
        book.remove(book.worksheets[0])
        for name, rows in sheets.items():
            sheet = book.create_sheet(name)
            for row in rows:
                sheet.append(row)
        path = tmp_path / "drops.xlsx"
        book.save(path)
        return path

    return save


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_a_csv_is_read_however_it_was_saved(
    saved: Callable[..., Path], encoding: str, delimiter: str, ending: str
) -> None:
    rows = [["Café", "Drop Number", "Zone"], ["né", "DR1752028", "1, north; x"], ["é", "1752034", "2"]]
    lines = [delimiter.join(f'"{cell}"' for cell in row) for row in rows]
    assert listed(saved(ending.join(lines), encoding)).numbers == NUMBERS


@pytest.mark.parametrize(
    "heading",
    ["drop", "Drops", "DROP NUMBER", "drop_number", "Drop-No.", "Drop nr", "DR", "dr no", "DR Number", "\u00a0Drop #"],
)
def test_the_column_is_found_by_its_heading(saved: Callable[..., Path], heading: str) -> None:
    path = saved(f"Drops of Lawley\n\nPole,{heading},Erf\n1000001,DR1752028,1000003\n1000004,1752034,1000006\n")
    assert listed(path).numbers == NUMBERS
    assert listed(path).columns == ("column B",)


@pytest.mark.parametrize(
    "cell",
    ["DR1752028", " dr 1752028 ", "1752028", "1752028.0", "DR-1752028", "'1752028", '="DR1752028"', "\uff24R1752028"],
)
def test_a_number_is_read_however_it_is_written(saved: Callable[..., Path], cell: str) -> None:
    quoted = cell.replace('"', '""')
    assert listed(saved(f'drop\n"{quoted}"\n')).numbers == ("DR1752028",)


def test_a_workbooks_numbers_are_read_as_texts_and_as_numbers(workbook: Callable[..., Path]) -> None:
    path = workbook(Drops=[["Plan"], [None, "DR"], ["a", 1752028], ["b", 1752034.0], [], ["c", " dr 1752028 "]])
    assert listed(path) == Listed(("column B of sheet Drops",), NUMBERS, 1, (), 0)


def test_every_sheet_with_such_a_column_counts_and_a_hidden_one_does_not(
    workbook: Callable[..., Path], tmp_path: Path
) -> None:
    path = workbook(
        Notes=[["Call me"]],
        North=[["Drop"], ["DR1752028"]],
        Old=[["Drop"], ["DR1000000"]],
        South=[["x", "Drop"], [1, 1752034]],
    )
    import openpyxl

    book = openpyxl.load_workbook(path)
    book["Old"].sheet_state = "hidden"
    book.save(path)
    assert listed(path).numbers == NUMBERS
    assert listed(path).columns == ("column A of sheet North", "column B of sheet South")


def test_rows_without_a_number_are_told_with_their_place_and_not_what_they_hold(
    saved: Callable[..., Path], workbook: Callable[..., Path]
) -> None:
    found = listed(saved("drop,name\nDR1752028,a\n0820001234,b\n,c\nDR1752028 and DR1752029,d\n\nDR1752034,e\n"))
    assert found.numbers == NUMBERS
    assert found.bad == (
        Bad(None, 3, "A3 is no drop number", False),
        Bad(None, 4, "A4 is empty", False),
        Bad(None, 5, "A5 is no drop number", False),
    )
    path = workbook(Zone=[["drop"], ["DR1752028"], ["?"]])
    assert listed(path).bad == (Bad("Zone", 3, "A3 is no drop number", False),)


def test_a_formula_without_its_result_is_a_row_without_a_number(workbook: Callable[..., Path]) -> None:
    path = workbook(Zone=[["drop"], ["DR1752028"], ['="DR"&1752034']])
    assert listed(path).bad == (Bad("Zone", 3, "A3 is a formula that was saved without its result", False),)


def test_a_number_is_the_one_that_its_format_shows(workbook: Callable[..., Path]) -> None:
    path = workbook(Zone=[["drop"], [752028], [1752034]])
    book = load_workbook(path)
    book["Zone"]["A2"].number_format = "0000000"
    book["Zone"]["A3"].number_format = '"DR"0'
    book.save(path)
    assert listed(path).numbers == ("DR0752028", "DR1752034")


def test_a_list_that_shows_thousands_apart_is_read(saved: Callable[..., Path]) -> None:
    assert listed(saved("drop\n1 752 028\n1\u00a0752\u00a0034\n")).numbers == NUMBERS
    assert listed(saved("drop;x\n1,752,028;1\n1'752'034;2\n")).numbers == NUMBERS
    assert listed(saved("drop;x\n752,028;1\nDR1752034;2\n")).numbers == NUMBERS[1:]


def test_a_number_of_fewer_digits_than_usual_has_lost_its_zeros_and_is_left_out(saved: Callable[..., Path]) -> None:
    found = listed(saved("drop\n752028\nDR752034\n1752028\n12\n1752034\n"))
    assert found.numbers == ("DR752034", *NUMBERS)
    assert found.bad == (
        Bad(None, 2, "A2 has fewer digits than usual", True),
        Bad(None, 5, "A5 has fewer digits than usual", True),
    )


def test_one_long_number_among_many_takes_no_zero_from_the_others(saved: Callable[..., Path]) -> None:
    text = "drop\n" + "".join(f"{number}\n" for number in range(1752000, 1752010))
    assert len(listed(saved(f"{text}17520280\n")).numbers) == 11


def test_numbers_that_have_all_lost_their_zeros_are_known_by_what_is_posted(saved: Callable[..., Path]) -> None:
    path = saved("drop\n752028\n752034\n")
    assert len(listed(path).numbers) == 2
    with pytest.raises(UsageError, match="holds no drop number") as refused:
        listed(path, usual_length=len("DR1752028"))
    assert "fewer digits than the project's other numbers" in refused.value.hint


@pytest.mark.parametrize(("ending", "unseen_zeros"), [("xls", 1), ("xlsx", 0), ("ods", 0)])
def test_zeros_that_a_file_does_not_tell_are_counted(tmp_path: Path, ending: str, unseen_zeros: int) -> None:
    path = save(tmp_path / f"x.{ending}", {"A": [["drop"], [1752028], ["DR1752034"]]})
    assert (listed(path).numbers, listed(path).unseen_zeros) == (NUMBERS, unseen_zeros)


@pytest.mark.parametrize("ending", ["xlsx", "ods", "xls"])
def test_a_list_is_the_same_whichever_program_saved_it(tmp_path: Path, ending: str) -> None:
    numbers = [f"DR{number}" if number % 2 else number for number in range(1000000, 1001000)]
    path = save(tmp_path / f"x.{ending}", {"Zone": [["drop", "Home"], *[[number, "x"] for number in numbers]]})
    found = listed(path)
    assert found.numbers == tuple(f"DR{number}" for number in range(1000000, 1001000))
    assert (found.columns, found.bad) == (("column A of sheet Zone",), ())


def test_a_title_below_the_first_number_is_no_heading(saved: Callable[..., Path]) -> None:
    assert listed(saved("DR1752028,Mrs,Nkosi\nDR1752034,Dr,Naidoo\n")).numbers == NUMBERS


def test_without_a_heading_the_only_column_of_numbers_is_taken(saved: Callable[..., Path]) -> None:
    assert listed(saved("DR1752028\nDR1752034\n")).numbers == NUMBERS
    assert listed(saved("Plan,Home\n9000001,DR1752028\n9000002,DR1752034\n")).numbers == NUMBERS
    assert listed(saved("1752028\n12\n1752034\n")).bad == (Bad(None, 2, "A2 has fewer digits than usual", True),)
    for text in ("DR1752028,DR1752034\n", "1752028;1752034\n1752030;1752031\n"):
        with pytest.raises(UsageError, match="could all be the drop numbers"):
            listed(saved(text))


@pytest.mark.parametrize("column", ["Home 2", " home 2 ", "B", "b", "2"])
def test_a_column_is_named_by_its_heading_letter_or_number(saved: Callable[..., Path], column: str) -> None:
    path = saved("Drop,Home 2\nDR1000001,DR1752028\nDR1000002,DR1752034\n")
    assert listed(path, column).numbers == NUMBERS


@pytest.mark.parametrize("column", ["C", "3", "0", "Home 3", "", "ABCD", "-1"])
def test_a_column_that_is_not_there_is_said(saved: Callable[..., Path], column: str) -> None:
    with pytest.raises(UsageError, match="has no column"):
        listed(saved("Drop,Home 2\nDR1000001,DR1752028\n"), column)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "no column of drop numbers"),
        (b"name\nThandi\n", "no column of drop numbers"),
        (b"drop\nDR12\n", "holds no drop number that fits"),
        (b"PK\x03\x04 torn", "can't be read whole: it is damaged"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "damaged, or has a password"),
        (b"drop\nDR1752028\n\0\0\0 x", "neither CSV nor a spreadsheet"),
        (b'drop\n"' + b"x" * 200_000, "row 2 isn't CSV"),
    ],
)
def test_a_file_without_a_usable_number_is_refused(tmp_path: Path, content: bytes, why: str) -> None:
    path = tmp_path / "list"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=why):
        listed(path)


def test_a_file_that_is_not_there_or_a_folder_is_said(tmp_path: Path) -> None:
    for path in (tmp_path / "none.csv", tmp_path):
        with pytest.raises(UsageError, match="can't be read"):
            listed(path)


def test_excels_own_first_line_names_the_delimiter(saved: Callable[..., Path]) -> None:
    assert listed(saved("sep=;\r\ndrop;a,b\r\nDR1752028;1,5\r\nDR1752034;2,5\r\n")).numbers == NUMBERS


@pytest.mark.parametrize("name", ["x.csv", "x.xlsx", "x.XLSX"])
def test_what_is_written_reads_the_same(tmp_path: Path, name: str) -> None:
    write(tmp_path / name, NUMBERS)
    assert listed(tmp_path / name).numbers == NUMBERS


def test_what_can_not_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="ends in neither"):
        write(tmp_path / "x.pdf", NUMBERS)
    with pytest.raises(UsageError, match="can't be written"):
        write(tmp_path / "none" / "x.csv", NUMBERS)


def test_another_patterns_letters_are_given_to_bare_digits(saved: Callable[..., Path]) -> None:
    assert listed(saved("drop\n1234567\n"), pattern="FTTH[0-9]{7}").numbers == ("FTTH1234567",)
