"""`wamon drops allow`: the office keeps the lists of its projects' numbers."""

from __future__ import annotations

import os
import pty
import re
import subprocess
from pathlib import Path

import pytest
from openpyxl import load_workbook

from tests.support.environment import program
from tests.support.office import Office
from tests.support.spreadsheets import save


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    path = tmp_path / "plan.csv"
    path.write_text("Pole;Drop No\nP1;DR1752028\nP2;1752034\nP3;\nP4;ask Thandi\nP5;dr 1752028\n", "utf-8-sig")
    return path


def test_a_file_becomes_a_list_and_what_it_lacks_is_said(office: Office, plan: Path) -> None:
    done = office.run("drops", "allow", "import", str(plan), "--project", "Lawley")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Lawley accepts 2 numbers now: 2 new, from column B." in done.stdout
    assert "Rows that repeat a number: 1." in done.stdout
    assert "Rows without a drop number, left out: 2. B4 is empty, B5 is no drop number." in done.stdout
    assert "Thandi" not in done.stdout
    assert "no group of Lawley has `validate: true`" in done.stdout
    assert office.query("SELECT project, drop_number FROM wamon.allowed_numbers ORDER BY 2") == [
        ("Lawley", "DR1752028"),
        ("Lawley", "DR1752034"),
    ]


def test_an_import_adds_a_replacement_takes_off(office: Office, plan: Path, tmp_path: Path) -> None:
    office.answer("drops", "allow", "import", str(plan), "--project", "Lawley")
    more = tmp_path / "more.csv"
    more.write_text("DR1752034\nDR1752040\n")
    added = office.answer("drops", "allow", "import", str(more), "--project", "Lawley")
    assert (added["added"], added["removed"], added["numbers"], added["bad"]) == (1, 0, 3, [])
    replaced = office.answer("drops", "allow", "import", str(more), "--project", "Lawley", "--replace", "--yes")
    assert (replaced["added"], replaced["removed"], replaced["numbers"]) == (0, 1, 2)


def test_an_import_says_how_many_rejected_posts_come_in(office: Office, plan: Path) -> None:
    office.scan()
    office.set(groups=[{**group, "validate": True} for group in office.settings["groups"]])
    office.query("UPDATE wamon.submission_rows SET rejected = true WHERE drop_number IN ('DR1752028', 'DR1752040')")
    done = office.run("drops", "allow", "import", str(plan), "--project", "Lawley")
    assert "`validate: true`" not in done.stdout
    assert "2 posts that were rejected are admitted at the next pass." in done.stdout
    (row,) = office.answer("drops", "allow", "list")["lists"]
    assert (row["project"], row["numbers"], row["rejected"]) == ("Lawley", 2, 3)


def test_a_file_without_a_number_changes_nothing(office: Office, plan: Path, tmp_path: Path) -> None:
    office.answer("drops", "allow", "import", str(plan), "--project", "Lawley")
    empty = tmp_path / "empty.csv"
    empty.write_text("drop\nnone yet\n")
    done = office.run("drops", "allow", "import", str(empty), "--project", "Lawley", "--replace")
    assert (done.returncode, done.stdout) == (2, "")
    assert "holds no drop number" in done.stderr
    assert office.query("SELECT count(*) FROM wamon.allowed_numbers") == [2]


@pytest.mark.parametrize(
    "words",
    [("import", "FILE"), ("import", "nowhere.csv"), ("export",), ("clear", "--yes")],
    ids=" ".join,
)
def test_a_project_that_nobody_knows_is_refused_and_the_known_ones_are_named(
    office: Office, plan: Path, words: tuple[str, ...]
) -> None:
    said = [str(plan) if word == "FILE" else word for word in words]
    done = office.run("drops", "allow", *said, "--project", "Lawly")
    assert (done.returncode, done.stdout) == (2, "")
    assert "There is no project Lawly." in done.stderr
    assert "Lawley, Mamelodi, Mohadin, Velo Test" in done.stderr


def test_lists_are_told_and_a_project_that_lacks_one(office: Office, plan: Path) -> None:
    groups = [{**group, "validate": group["name"] != "Velo Test"} for group in office.settings["groups"]]
    office.set(groups=groups)
    assert "No project has a list." in office.run("drops", "allow", "list").stdout
    office.answer("drops", "allow", "import", str(plan), "--project", "Lawley")
    shown = office.run("drops", "allow", "list").stdout
    assert "Mohadin has `validate: true` and no list: its posts pass unchecked." in shown
    assert "Velo Test" not in shown
    answer = office.answer("drops", "allow", "list")
    assert (answer["lists"][0]["validate"], answer["lacking"]) == (True, ["Mamelodi", "Mohadin"])


def test_a_list_is_exported_as_csv_xlsx_or_to_standard_output(office: Office, plan: Path, tmp_path: Path) -> None:
    office.answer("drops", "allow", "import", str(plan), "--project", "Lawley")
    numbers = ["drop_number", "DR1752028", "DR1752034"]
    assert office.run("drops", "allow", "export", "--project", "Lawley").stdout.split() == numbers
    for name in ("x.csv", "x.xlsx"):
        done = office.run("drops", "allow", "export", str(tmp_path / name), "--project", "Lawley")
        assert f"Wrote 2 numbers to {tmp_path / name}." in done.stdout
    assert (tmp_path / "x.csv").read_text().split() == numbers
    assert [row[0].value for row in load_workbook(tmp_path / "x.xlsx").worksheets[0].rows] == numbers
    again = office.answer("drops", "allow", "import", str(tmp_path / "x.xlsx"), "--project", "Mohadin")
    assert again["added"] == 2
    none = office.run("drops", "allow", "export", "--project", "Mamelodi")
    assert (none.returncode, none.stdout) == (2, "")
    assert "Mamelodi has no list." in none.stderr


def test_a_replacement_shows_what_it_takes_off_and_asks(office: Office, plan: Path, tmp_path: Path) -> None:
    office.answer("drops", "allow", "import", str(plan), "--project", "Lawley")
    fewer = tmp_path / "fewer.csv"
    fewer.write_text("DR1752034\nDR1752040\n")
    words = ("import", str(fewer), "--replace")
    unasked = office.run("drops", "allow", *words, "--project", "Lawley")
    assert (unasked.returncode, unasked.stdout) == (2, "")
    assert "Take 1 number off the list of Lawley: DR1752028? Nobody can be asked here. Pass --yes." in unasked.stderr
    assert answered("n", office, *words) == 1
    assert office.query("SELECT drop_number FROM wamon.allowed_numbers ORDER BY 1") == ["DR1752028", "DR1752034"]
    assert answered("y", office, *words) == 0
    assert office.query("SELECT drop_number FROM wamon.allowed_numbers ORDER BY 1") == ["DR1752034", "DR1752040"]
    assert office.answer("drops", "allow", *words, "--project", "Lawley")["removed"] == 0


def test_a_list_that_is_read_in_part_is_refused_with_the_place_and_changes_nothing(
    office: Office, plan: Path, tmp_path: Path
) -> None:
    office.answer("drops", "allow", "import", str(plan), "--project", "Lawley")
    torn = tmp_path / "torn.csv"
    torn.write_text('drop,home\nDR1752034,"6 Main Rd\nDR1752040,7 Main Rd\n')
    done = office.run("drops", "allow", "import", str(torn), "--project", "Lawley", "--replace", "--yes")
    assert (done.returncode, done.stdout) == (2, "")
    assert (
        "torn.csv can't be read whole: a quote in row 2 is never closed. Close the quote, or remove it." in done.stderr
    )
    assert office.query("SELECT count(*) FROM wamon.allowed_numbers") == [2]


def test_zeros_that_a_spreadsheet_dropped_are_said(office: Office, tmp_path: Path) -> None:
    office.scan()
    path = save(tmp_path / "x.xls", {"Zone": [["drop"], ["DR0752028"], [752034], [1752040]]})
    done = office.run("drops", "allow", "import", str(path), "--project", "Lawley")
    assert "Lawley accepts 2 numbers now" in done.stdout
    assert (
        "Rows that seem to have lost leading zeros, left out: 1. A3 has fewer digits than usual (sheet Zone)."
        in done.stdout
    )
    assert "Have the column show leading zeros (number format 0000000)" in done.stdout
    assert "Zeros that 1 number may begin with aren't seen" in done.stdout
    path = save(tmp_path / "x.ods", {"Zone": [["drop"], [752034]]})
    refused = office.run("drops", "allow", "import", str(path), "--project", "Lawley")
    assert (refused.returncode, "fewer digits than the project's other numbers" in refused.stderr) == (2, True)


def test_what_is_planned_and_not_posted_is_listed(office: Office, plan: Path) -> None:
    none = office.run("drops", "allow", "missing")
    assert (none.returncode, "No project has a list." in none.stderr) == (2, True)
    office.scan()
    office.answer("drops", "allow", "import", str(plan), "--project", "Lawley")
    office.query("INSERT INTO wamon.allowed_numbers VALUES ('Lawley', 'DR1760001'), ('Lawley', 'DR1999999')")
    answer = office.answer("drops", "allow", "missing")
    assert answer["planned"] == 4
    assert answer["missing"][-2:] == [
        {"project": "Lawley", "drop_number": "DR1760001", "posted_in": ["Mohadin"]},
        {"project": "Lawley", "drop_number": "DR1999999", "posted_in": []},
    ]
    shown = office.run("drops", "allow", "missing", "--project", "Lawley", "--limit", "1").stdout
    assert f"These are the first 1 of {len(answer['missing'])}; --limit shows more." in shown
    assert f"{len(answer['missing'])} of 4 numbers planned and not posted." in shown
    assert office.run("drops", "allow", "missing", "--project", "Mohadin").returncode == 2


def test_what_is_posted_and_not_planned_is_listed_with_the_number_that_was_likely_meant(
    office: Office, plan: Path
) -> None:
    office.scan()
    office.answer("drops", "allow", "import", str(plan), "--project", "Lawley")
    office.query("INSERT INTO wamon.allow_lists (project) VALUES ('Mohadin')")
    office.query("INSERT INTO wamon.allowed_numbers VALUES ('Lawley', 'DR1752404'), ('Mohadin', 'DR1752040')")
    (stranger,) = (
        one for one in office.answer("drops", "allow", "strangers")["strangers"] if one["drop_number"] == "DR1752040"
    )
    posted = {"first_seen_at": stranger["first_seen_at"], "last_seen_at": stranger["last_seen_at"]}
    assert stranger == posted | {
        "project": "Lawley",
        "drop_number": "DR1752040",
        "rejected": False,
        "submissions": 1,
        "submitted_by": "…0001",
        "planned_in": ["Mohadin"],
        "likely": "DR1752404",
    }
    shown = office.run("drops", "allow", "strangers", "--project", "Lawley").stdout
    assert re.search("DR1752040 +Lawley .* accepted .* DR1752404 +Mohadin", shown)
    assert "posted and not planned." in shown


def test_clearing_asks_first(office: Office, plan: Path) -> None:
    office.answer("drops", "allow", "import", str(plan), "--project", "Lawley")
    unasked = office.run("drops", "allow", "clear", "--project", "Lawley")
    assert unasked.returncode == 2
    assert "--yes" in unasked.stderr
    assert answered("n", office, "clear") == 1
    assert office.query("SELECT count(*) FROM wamon.allow_lists") == [1]
    assert answered("y", office, "clear") == 0
    assert office.query("SELECT count(*) FROM wamon.allow_lists") == [0]
    office.answer("drops", "allow", "import", str(plan), "--project", "Lawley")
    assert office.answer("drops", "allow", "clear", "--project", "Lawley", "--yes")["removed"] == 2


def answered(answer: str, office: Office, *command: str) -> int:
    """The exit code of a command about Lawley's list that is answered so on a terminal."""
    ours, theirs = pty.openpty()
    words = ["--config", str(office.config_path), "drops", "allow", *command, "--project", "Lawley"]
    with subprocess.Popen([*program(), *words], stdin=theirs, stdout=theirs, stderr=theirs) as asked:
        os.close(theirs)
        os.write(ours, f"{answer}\n".encode())
        asked.wait(timeout=60)
    os.close(ours)
    return asked.returncode
