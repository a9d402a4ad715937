"""`wamon drops export` and the filters, as spreadsheet programs and people in a terminal see them."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import openpyxl
import pytest

from tests.support.bridges import LAWLEY, MOHADIN, VeryGoodPlugins
from tests.support.clock import first_morning
from tests.support.office import Office

DAY = f"{first_morning():%Y-%m-%d}"
HEADINGS = ["Drop", "Project", "Posted", "What", "By", "Text", "Group", "Message", "Chat"]


@pytest.fixture
def office(tmp_path: Path, open_office: Callable[..., Office]) -> Office:
    """Texts that a spreadsheet program would take for formulas, one rejected post and one taken back."""
    with VeryGoodPlugins(tmp_path / "messages.db", seed=1, durable=False) as bridge:
        bridge.chat(LAWLEY, "Lawley")
        bridge.chat(MOHADIN, "Mohadin")
        for message_id, text in {
            "PLAIN": "DR1752028 klaar, sê hy",
            "FORMULA": "=HYPERLINK(DR1752028)",
            "PLUS": "+ DR1752034\x07 done",
            "REJECTED": "DR1752040",
            "TYPO": "DR1752041",
        }.items():
            bridge.post(LAWLEY, text, message_id=message_id)
        bridge.post(MOHADIN, "DR1760001", message_id="ELSEWHERE", sender="27820000002")
    office = open_office(tmp_path / "messages.db")
    office.scan()
    office.query("UPDATE wamon.submission_rows SET rejected = true WHERE message_id = 'REJECTED'")
    office.query("UPDATE wamon.submission_rows SET live = false WHERE message_id = 'TYPO'")
    return office


def rows(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline="")))


def test_csv_is_what_spreadsheet_programs_read(office: Office) -> None:
    file = office.folder / "x.csv"
    done = office.run("drops", "export", str(file))
    assert (done.returncode, done.stdout) == (0, f"6 posts in {file}.\n")
    raw = file.read_bytes()
    assert raw.startswith(b"\xef\xbb\xbfDrop,")
    headings, *found = rows(raw.decode("utf-8-sig"))
    assert headings == HEADINGS
    assert found[0] == [
        *("DR1752028", "Lawley", f"{DAY} 08:00:07", "new", "…0001", "DR1752028 klaar, sê hy"),
        *("Lawley", "PLAIN", LAWLEY),
    ]
    assert [row[3] for row in found] == ["new", "posted again", "new", "rejected", "retracted", "new"]
    assert [row[5][:2] for row in found[1:3]] == ["'=", "'+"]
    assert rows(office.run("drops", "export").stdout) == [headings, *found]


def test_xlsx_holds_real_dates_and_no_formula(office: Office) -> None:
    file = office.folder / "x.xlsx"
    assert office.answer("drops", "export", str(file)) == {"path": str(file), "posts": 6}
    book = openpyxl.load_workbook(file)
    sheet = book["Drops"]
    found = list(sheet.iter_rows())
    assert [cell.value for cell in found[0]] == HEADINGS
    assert sheet.freeze_panes == "A2"
    assert sheet.column_dimensions["F"].width == 60
    assert sheet.auto_filter.ref == "A1:I7"
    assert (sheet.print_title_rows, sheet.page_setup.orientation) == ("$1:$1", "landscape")
    assert sheet.sheet_properties.pageSetUpPr
    assert (sheet.sheet_properties.pageSetUpPr.fitToPage, sheet.page_setup.fitToHeight) == (True, 0)
    assert str(found[1][2].value) == f"{DAY} 08:00:07"
    assert found[1][2].data_type == "d"
    assert [(row[5].value, row[5].data_type) for row in found[2:4]] == [
        ("=HYPERLINK(DR1752028)", "s"),
        ("+ DR1752034  done", "s"),
    ]
    book.close()


def test_an_export_carries_the_review_tables_columns(office: Office) -> None:
    office.query(
        "ALTER TABLE public.qa_photo_reviews ADD COLUMN score integer, ADD COLUMN visit date,"
        " ADD COLUMN phoned timestamp, DROP COLUMN incomplete"
    )
    office.query(
        "UPDATE public.qa_photo_reviews SET completed = true, score = 7, comment = '=1+1', visit = %s::date,"
        " phoned = %s::timestamp, feedback_sent = %s::timestamptz WHERE drop_number = 'DR1752028'",
        *(DAY, f"{DAY} 09:30", f"{DAY} 01:30+02"),
    )
    office.query("DELETE FROM public.qa_photo_reviews WHERE drop_number = 'DR1752040'")
    headings, *found = rows(office.run("drops", "export", "--review").stdout)
    assert headings[: len(HEADINGS)] == HEADINGS
    assert {"id", "drop_number", "project", "incomplete"}.isdisjoint(headings)
    by_id = {row[7]: dict(zip(headings, row, strict=True)) for row in found}
    told = {
        "completed": "TRUE",
        "resubmitted": "TRUE",
        "step_01_house_photo": "FALSE",
        "feedback_sent": f"{DAY} 01:30:00",
        "comment": "'=1+1",
        "submitted_by": "…0001",
        "score": "7",
        "visit": DAY,
        "phoned": f"{DAY} 09:30:00",
    }
    assert {name: by_id["PLAIN"][name] for name in told} == told
    assert by_id["FORMULA"]["completed"] == "TRUE"
    assert {by_id["REJECTED"][name] for name in told} == {""}

    file = office.folder / "x.xlsx"
    office.answer("drops", "export", str(file), "--review")
    sheet = list(openpyxl.load_workbook(file)["Drops"].iter_rows())
    cells = dict(zip(headings, sheet[1], strict=True))
    assert [cell.value for cell in sheet[0]] == headings
    assert {name: str(cells[name].value) for name in ("completed", "visit", "feedback_sent", "score", "comment")} == {
        "completed": "True",
        "visit": f"{DAY} 00:00:00",
        "feedback_sent": f"{DAY} 01:30:00",
        "score": "7",
        "comment": "=1+1",
    }
    assert [cells[name].data_type for name in ("completed", "visit", "score", "comment")] == ["b", "d", "n", "s"]


def test_an_export_without_a_review_table_says_so(office: Office) -> None:
    office.set(database={"review_table": "qa.nowhere"})
    done = office.run("drops", "export", "--review")
    assert (done.returncode, done.stdout) == (2, "")
    assert "There is no review table: the database has no qa.nowhere." in done.stderr
    office.set(database={"review_table": ""})
    assert "database.review_table is empty" in office.run("drops", "export", "--review").stderr


def test_a_file_that_exists_stays_whole_where_an_export_fails(office: Office) -> None:
    file = office.folder / "x.csv"
    file.write_text("the former one")
    office.query("ALTER TABLE wamon.ledger_rows RENAME COLUMN text TO words")
    assert office.run("drops", "export", str(file)).returncode == 69
    assert file.read_text() == "the former one"
    assert [path.name for path in office.folder.iterdir() if path.suffix == ".tmp"] == []


def test_what_cant_be_written_is_said(office: Office) -> None:
    for name, why in {"x.ods": ".xlsx", "missing/x.csv": "No such file"}.items():
        done = office.run("drops", "export", str(office.folder / name))
        assert (done.returncode, done.stdout) == (2, "")
        assert why in done.stderr
    assert office.run("drops", "export", "--json").returncode == 2


@pytest.mark.parametrize(
    ("words", "ids"),
    [
        (("--kind", "retracted"), ["TYPO"]),
        (("--kind", "rejected", "--project", "Lawley"), ["REJECTED"]),
        (("--text", "KLAAR"), ["PLAIN"]),
        (("--text", "100%"), []),
        (("--sender", "0002"), ["ELSEWHERE"]),
        (("--day", DAY, "--kind", "resubmission"), ["FORMULA"]),
        (("--day", f"{first_morning() - timedelta(days=1):%Y-%m-%d}"), []),
        (("--until", f"{DAY}T08:00:08"), ["PLAIN"]),
    ],
    ids=["retracted", "rejected", "text", "percent sign", "sender", "day and kind", "day before", "until"],
)
def test_an_export_is_filtered_as_a_list_is(office: Office, words: tuple[str, ...], ids: list[str]) -> None:
    assert [row[7] for row in rows(office.run("drops", "export", *words).stdout)[1:]] == ids
    assert len(office.answer("drops", "list", *words)["drops"]) == len(ids)


def test_the_same_message_in_two_sources_is_one_row(office: Office) -> None:
    office.set(bridge={"name": "second"}, state={"dir": "state2"})
    office.scan()
    assert len(office.query("SELECT 1 FROM wamon.submission_rows")) == 12
    assert len(rows(office.run("drops", "export").stdout)) == 1 + 6
    assert "DR1752034 in Lawley: posted once\n" in office.run("drops", "show", "DR1752034").stdout


@pytest.mark.parametrize("width", [60, 80, 200])
def test_a_list_fits_the_terminal(office: Office, width: int) -> None:
    shown = office.run("drops", "list", COLUMNS=str(width)).stdout.splitlines()
    assert all(len(line) <= width for line in shown[:-2])
    assert any("DR1752028" in line and "posted again" in line and f"{DAY} 08:00" in line for line in shown)
    assert any("1 post was rejected" in line for line in shown)
    told = office.run("drops", "show", "DR1752028", COLUMNS=str(width)).stdout.splitlines()
    assert all(len(line) <= width for line in told if not line.startswith("Review:"))


def test_a_story_tells_what_was_rejected_and_taken_back(office: Office) -> None:
    assert "DR1752040 in Lawley: no drop; 1 rejected" in office.run("drops", "show", "DR1752040").stdout
    assert "DR1752041 in Lawley: no drop; 1 retracted" in office.run("drops", "show", "DR1752041").stdout
    office.query("UPDATE wamon.submission_rows SET unchecked = true WHERE message_id = 'PLAIN'")
    shown = office.run("drops", "show", "DR1752028").stdout
    assert "DR1752028 in Lawley: posted 2 times" in shown
    assert "not checked against the list" in shown
    assert office.run("drops", "list", "--day", "today", "--since", "24h").returncode == 2
