"""`wamon drops near`: what was meant as a drop number, why it is none, and which was likely meant."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from tests.support.bridges import LAWLEY, MOHADIN
from tests.support.clock import CLOCK, Standing
from tests.support.office import Office

NOW = CLOCK.now().replace(microsecond=0)


@pytest.fixture
def missed(office: Office) -> Office:
    """An office with near misses of two projects: one corrected by hand, one long ago, one of an edited message."""
    office.clock = Standing(NOW)
    office.scan()
    miss(office, LAWLEY, "N1", "RD1752034", "letters-swapped", likely="DR1752034")
    miss(office, LAWLEY, "N2", "DR17520400", "too-long", age=timedelta(hours=1))
    miss(office, MOHADIN, "N3", "DR99", "too-short", age=timedelta(hours=2))
    miss(office, MOHADIN, "N4", "DR98", "too-short", age=timedelta(days=8))
    miss(office, MOHADIN, "N5", "DR97", "too-short", live=False)
    return office


def miss(
    office: Office,
    jid: str,
    message_id: str,
    written: str,
    reason: str,
    *,
    likely: str | None = None,
    age: timedelta = timedelta(),
    live: bool = True,
) -> None:
    office.query(
        "INSERT INTO wamon.near_miss_rows (chat, live, sent_at, message_id, written, reason, likely, project, sender)"
        " SELECT chat, %s, %s, %s, %s, %s, %s, project, '27820000001' FROM wamon.groups WHERE jid = %s",
        live,
        NOW - age,
        message_id,
        written,
        reason,
        likely,
        jid,
    )


def test_near_misses_of_the_last_week_are_listed_the_newest_first(missed: Office) -> None:
    found = missed.answer("drops", "near")["near_misses"]
    assert [one["message_id"] for one in found] == ["N1", "N2", "N3"]
    assert found[0] == {
        "sent_at": f"{NOW:%Y-%m-%dT%H:%M:%SZ}",
        "project": "Lawley",
        "submitted_by": "…0001",
        "written": "RD1752034",
        "reason": "letters-swapped",
        "likely": "DR1752034",
        "source": "main",
        "jid": LAWLEY,
        "message_id": "N1",
    }


def test_a_project_and_a_time_narrow_them(missed: Office) -> None:
    def ids(*words: str) -> list[str]:
        return [one["message_id"] for one in missed.answer("drops", "near", *words)["near_misses"]]

    assert ids("--project", "Mohadin") == ["N3"]
    assert ids("--since", "9d", "--project", "Mohadin") == ["N3", "N4"]
    assert ids("--since", "30m") == ["N1"]
    assert ids("--until", "30m") == ["N2", "N3"]
    unknown = missed.run("drops", "near", "--project", "Lawly")
    assert unknown.returncode == 2
    assert "Lawley" in unknown.stderr


def test_the_likely_number_is_of_the_projects_list_else_of_what_was_posted_lately(missed: Office) -> None:
    def likely() -> Any:
        return next(one["likely"] for one in missed.answer("drops", "near")["near_misses"] if one["message_id"] == "N2")

    missed.query("UPDATE wamon.submission_rows SET sent_at = %s", NOW - timedelta(days=31))
    assert likely() is None
    missed.query("UPDATE wamon.submission_rows SET sent_at = %s", NOW - timedelta(days=29))
    assert likely() == "DR1752040"
    missed.query("INSERT INTO wamon.allow_lists (project) VALUES ('Lawley')")
    missed.query("INSERT INTO wamon.allowed_numbers VALUES ('Lawley', 'DR1752041')")
    assert likely() == "DR1752041"
    missed.query("UPDATE wamon.allowed_numbers SET drop_number = 'DR1999999'")
    assert likely() is None


def test_the_table_says_why_in_words_and_fits_a_terminal(missed: Office) -> None:
    shown = missed.run("drops", "near", COLUMNS="80").stdout
    assert "letters swapped" in shown
    assert "too long" in shown
    assert "3 near misses; none is recorded as a drop." in shown
    assert "27820000001" not in shown
    assert max(map(len, shown.splitlines())) <= 80
    missed.set(privacy={"show": "none"})
    assert "0001" not in missed.run("drops", "near").stdout
    assert "No near misses in this time." in missed.run("drops", "near", "--until", "20d", "--since", "30d").stdout


def shown(office: Office, asked: str) -> tuple[int, list[str], list[str]]:
    """The status of `drops show`, the projects that it tells of, and the messages of its near misses."""
    done = office.run("drops", "show", asked, "--json")
    answer = json.loads(done.stdout)
    assert done.returncode == 0 or "No message posted" in done.stderr
    near = [one["message_id"] for one in answer["near_misses"]]
    return done.returncode, [one["project"] for one in answer["projects"]], near


def test_a_drop_is_shown_with_what_was_written_so_and_then_with_what_was_likely_meant_as_it(missed: Office) -> None:
    miss(missed, LAWLEY, "N6", "DR1888888DONE", "glued", likely="DR1888888", age=timedelta(hours=3))
    miss(missed, LAWLEY, "N7", "RD1888888", "letters-swapped", likely="DR1888888", age=timedelta(hours=1))
    miss(missed, LAWLEY, "N8", "DR / 1888888", "next-line", likely="DR1888888", age=timedelta(hours=2))
    miss(missed, LAWLEY, "N9", "RD1888888DONE", "glued", likely="RD1888888", age=timedelta(minutes=1))
    assert shown(missed, "dr-1888888") == (1, [], ["N7", "N8", "N6"])
    assert shown(missed, "Dr1888888done") == (1, [], ["N6"])
    assert shown(missed, "DR\n1888888") == (1, [], ["N8"])
    assert shown(missed, "rd 1888888") == (1, [], ["N7", "N9"])


def test_a_drop_that_was_posted_is_shown_with_its_near_misses_too(missed: Office) -> None:
    assert shown(missed, "DR1752034") == (0, ["Lawley"], ["N1"])
    assert shown(missed, "DR1752040") == (0, ["Lawley"], ["N2"])  # the nearest of those that were posted


def test_what_nobody_posted_nor_meant_is_said(missed: Office) -> None:
    done = missed.run("drops", "show", "RD1752034")
    assert (done.returncode, "letters swapped" in done.stdout) == (1, True)
    assert "No message posted RD1752034" in done.stderr
    assert "wamon drops show DR1752034" in done.stderr
    for number in ("DR97", "DR1999999"):
        done = missed.run("drops", "show", number)
        assert (done.returncode in {1, 2}, done.stdout) == (True, "")
