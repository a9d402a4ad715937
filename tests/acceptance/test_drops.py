"""`wamon drops list|show`: what was found, as people ask for it."""

from __future__ import annotations

import json
import re

import pytest

from tests.support.clock import first_morning
from tests.support.office import Office
from wamon.postgres.connection import connected
from wamon.reports import posts
from wamon.reports.posts import Selection

MORNING = first_morning()
DAY = f"{MORNING:%Y-%m-%d}"


def test_each_drop_stands_once_with_the_newest_posts_first(scanned: Office) -> None:
    answer = scanned.answer("drops", "list")
    assert answer["total"] == 4
    assert answer["drops"][1] == {
        "project": "Lawley",
        "drop_number": "DR1752028",
        "kind": "resubmission",
        "first_seen_at": f"{DAY}T06:00:07Z",
        "last_seen_at": f"{DAY}T06:00:28Z",
        "submissions": 2,
        "submitted_by": "…0001",
    }
    assert [drop["drop_number"] for drop in answer["drops"]] == ["DR1760002", "DR1752028", "DR1752034", "DR1752040"]
    assert {(drop["project"], drop["drop_number"]) for drop in answer["drops"]} == scanned.drops()


def test_as_lines_it_has_each_drop_on_one_and_nothing_else(scanned: Office) -> None:
    lines = scanned.run("drops", "list", "--jsonl").stdout.splitlines()
    assert [json.loads(line) for line in lines] == scanned.answer("drops", "list")["drops"]
    nothing = scanned.run("dead", "list", "--jsonl")
    assert (nothing.returncode, nothing.stdout) == (0, "")


@pytest.mark.parametrize(
    ("words", "rows"),
    [
        (("trace", "DR1752028"), "steps"),
        (("drops", "allow", "missing"), "missing"),
        (("drops", "allow", "strangers"), "strangers"),
    ],
    ids=str,
)
def test_each_command_that_answers_with_one_list_prints_it_by_lines(
    scanned: Office, words: tuple[str, ...], rows: str
) -> None:
    (scanned.folder / "list.csv").write_text("DR1752034\nDR1799999\n")
    assert scanned.run("drops", "allow", "import", f"{scanned.folder}/list.csv", "--project", "Lawley").returncode == 0
    found = scanned.answer(*words)[rows]
    assert found
    assert [json.loads(line) for line in scanned.run(*words, "--jsonl").stdout.splitlines()] == found


def test_both_kinds_of_json_at_once_are_refused(scanned: Office) -> None:
    for words in (("--json", "drops", "list", "--jsonl"), ("gaps", "--jsonl", "--json")):
        done = scanned.run(*words)
        assert (done.returncode, done.stdout) == (2, "")
        assert "can't be said together" in done.stderr


def test_the_filters_narrow_it(scanned: Office) -> None:
    words = ("--project", "Lawley", "--since", DAY, "--until", DAY, "--kind", "new", "--limit", "2")
    answer = scanned.answer("drops", "list", *words)
    assert (answer["total"], len(answer["drops"])) == (3, 2)
    assert {drop["kind"] for drop in answer["drops"]} == {"new"}


@pytest.mark.parametrize(
    ("selection", "numbers"),
    [
        (Selection(project="Mohadin"), ["DR1760002"]),
        (Selection(kind="resubmission"), ["DR1752028"]),
        (Selection(kind="new"), ["DR1760002", "DR1752034", "DR1752040", "DR1752028"]),
        (Selection(kind="rejected"), []),
        (Selection(since=MORNING.replace(second=15)), ["DR1760002", "DR1752028"]),
        (Selection(until=MORNING.replace(second=14)), ["DR1752028"]),
        (Selection(limit=1), ["DR1760002"]),
    ],
)
def test_a_selection_is_of_posts_by_the_messages_own_time(
    scanned: Office, selection: Selection, numbers: list[str]
) -> None:
    with connected(scanned.dsn) as db:
        every = list(posts.every_drop(db, selection))
        assert [drop.drop_number for drop, _ in every] == numbers
        assert posts.newest_drops(db, selection, 50)[: selection.limit] == [drop for drop, _ in every]


def test_what_is_asked_for_wrongly_is_said(scanned: Office) -> None:
    wrong = scanned.run("drops", "list", "--since", "Tuesday")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert re.search(r"a time such as \d{4}-\d\d-\d\dT\d\d:\d\d", wrong.stderr)
    unknown = scanned.run("drops", "list", "--project", "Lawly")
    assert unknown.returncode == 2
    assert "Lawley" in unknown.stderr


def test_the_table_says_how_many(scanned: Office) -> None:
    text = scanned.run("drops", "list", "--limit", "2").stdout
    assert "newest 2 of 4 drops" in text
    assert f"{DAY} 08:00" in text
    assert "27820000001" not in text


def test_a_drops_story_has_its_posts_edits_and_review(scanned: Office) -> None:
    answer = scanned.answer("drops", "show", "dr-1752028")
    (lawley,) = answer["projects"]
    assert [(post["message_id"], post["kind"], post["live"]) for post in lawley["submissions"]] == [
        ("FIRST", "new", True),
        ("AGAIN", "resubmission", True),
    ]
    assert [text["text"] for text in lawley["submissions"][1]["texts"]] == ["dr 1752028 again"]
    assert lawley["reviews"][0]["resubmitted"] is True
    assert lawley["reviews"][0]["submitted_by"] == "…0001"
    shown = scanned.run("drops", "show", "dr", "1752028").stdout
    assert "posted again" in shown
    assert "0 of 12 steps done, resubmitted" in shown


def test_a_retracted_number_keeps_its_story(scanned: Office) -> None:
    answer = scanned.answer("drops", "show", "DR1760001")
    (post,) = answer["projects"][0]["submissions"]
    assert post["live"] is False
    assert [(text["revision"], text["text"]) for text in post["texts"]] == [(1, "DR1760001"), (2, "DR1760002")]
    shown = scanned.run("drops", "show", "DR1760001").stdout
    assert "retracted" in shown
    assert "edited; before:" in shown


def test_an_unknown_number_names_near_ones(scanned: Office) -> None:
    done = scanned.run("drops", "show", "DR1752082")
    assert (done.returncode, done.stdout) == (1, "")
    assert "DR1752028" in done.stderr
    with connected(scanned.dsn) as db:
        for slip in ("DR1752029", "DR175028", "DR17520028", "RD1752028"):
            assert "DR1752028" in posts.near(db, slip)
        assert posts.near(db, "DR9999999") == []
    assert scanned.run("drops", "show", "hello").returncode == 2


def test_people_are_shown_as_the_config_says(office: Office) -> None:
    office.scan()
    for show, seen in {"phones": "27820000001", "none": None}.items():
        office.set(privacy={"show": show})
        (lawley,) = office.answer("drops", "show", "DR1752034")["projects"]
        assert lawley["submissions"][0]["submitted_by"] == seen
        assert lawley["reviews"][0]["user_name"] == seen


def test_a_review_table_of_another_shape_is_shown_as_it_is(office: Office) -> None:
    office.query("CREATE TABLE public.checks (drop_number varchar PRIMARY KEY, verdict text DEFAULT 'open')")
    office.set(database={"review_table": "checks"})
    office.scan()
    (lawley,) = office.answer("drops", "show", "DR1752034")["projects"]
    assert lawley["reviews"] == [{"drop_number": "DR1752034", "verdict": "open"}]
    office.set(database={"review_table": ""})
    assert office.answer("drops", "show", "DR1752034")["projects"][0]["reviews"] == []
