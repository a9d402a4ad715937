"""What pages tell of one group, drop, message or person, and how a search finds them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.support.bridges import LAWLEY, MOHADIN, PROJECTS, VeryGoodPlugins
from tests.support.clock import CLOCK
from tests.support.office import Office
from tests.support.people import write_people
from tests.support.published import noon, published, seen
from tests.support.truth import Field
from wamon.views.document import as_json
from wamon.views.drop_page import DropPage, drop_page
from wamon.views.find import find, person_page
from wamon.views.group_pages import GroupPage, group_page, groups_page
from wamon.views.message_page import message_page
from wamon.views.watched import Wanted

Open = Callable[..., Office]
UTC = ZoneInfo("UTC")
REVIEWS = "qa_photo_reviews"
PATTERN = "DR[0-9]{6,8}"
PHONE = "27820001234"


@pytest.fixture
def field(tmp_path: Path) -> Iterator[Field]:
    with Field(VeryGoodPlugins(tmp_path / "messages.db", durable=False)) as field:
        yield field


@pytest.fixture
def office(field: Field, open_office: Open, tmp_path: Path) -> Office:
    now = CLOCK.now()
    write_people(tmp_path, names={f"{PHONE}@s.whatsapp.net": "Thabo"})
    field.post(LAWLEY, "DR1000001 done", sender=PHONE, message_id="FIRST", at=now - timedelta(seconds=90))
    field.post(LAWLEY, "DR1000001", sender=PHONE, message_id="AGAIN", at=now - timedelta(seconds=60))
    field.post(MOHADIN, "hello", message_id="HELLO", at=now - timedelta(days=5))
    office = open_office(field.path, timezone=noon(now.hour))
    published(office)
    return office


def chat(office: Office, jid: str) -> int:
    found: list[int] = office.query("SELECT chat FROM wamon.groups WHERE jid = %s", jid)
    return found[0]


def group(office: Office, jid: str) -> GroupPage:
    found = seen(office, group_page, UTC, chat(office, jid))
    assert found is not None
    assert found.failed == ()
    return found


def drop(office: Office, number: str) -> DropPage:
    found = seen(office, drop_page, UTC, number, REVIEWS)
    assert found.failed == ()
    return found


def test_groups_are_listed_page_by_page(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wamon.views.group_pages.PAGE_ROWS", 3)
    first = seen(office, groups_page, UTC, Wanted())
    rest = seen(office, groups_page, UTC, Wanted(after=first.after))
    assert [one.project for one in (*first.groups, *rest.groups)] == sorted(PROJECTS.values())
    assert (len(first.groups), rest.after) == (3, None)
    assert [one.project for one in seen(office, groups_page, UTC, Wanted(part="moh")).groups] == ["Mohadin"]
    assert {one.state for one in seen(office, groups_page, UTC, Wanted(state="warn")).groups} == {"warn"}


def test_a_silent_group_says_whether_it_is_the_bridge(office: Office) -> None:
    found = group(office, MOHADIN)
    assert found.silence.sentence == "Silent for 5 d; what is usual isn't known yet."
    assert found.silence.reasons[0].endswith("1 other group talks, so it isn't the bridge.")
    office.query("UPDATE wamon.group_status SET newest_at = newest_at - interval '2 days'")
    assert group(office, MOHADIN).silence.reasons[0].endswith("no other group talks either: it may be the bridge.")


def test_a_group_shows_who_posts_and_when(office: Office) -> None:
    found = group(office, LAWLEY)
    assert found.silence.sentence.startswith("Not silent for long: the newest message came ")
    assert [(one.shown, one.has_posted) for one in found.posters] == [("Thabo …1234", True)]
    assert [day.posts for day in found.days] == [0] * 13 + [2]
    assert sum(found.days[-1].hours.values()) == 2


def test_a_group_that_isnt_there_has_no_page(office: Office) -> None:
    assert seen(office, group_page, UTC, 999_999) is None


@pytest.mark.parametrize(
    ("change", "state", "words"),
    [
        ("completed = true, resubmitted = false", "completed", "completed."),
        ("incomplete = true", "again", "must be done again."),
        ("incomplete = false", "waiting", "waits for review."),
    ],
)
def test_a_drops_story_says_how_its_review_stands(office: Office, change: str, state: str, words: str) -> None:
    office.query(f"UPDATE public.qa_photo_reviews SET {change}, step_01_house_photo = true")
    found = drop(office, "DR1000001")
    (project,) = found.projects
    assert (project.project, project.posts, project.review, project.submitted_by) == ("Lawley", 2, state, "Thabo …1234")
    assert project.sentence.endswith(f"in Lawley by Thabo …1234; posted 2 times; {words}")
    assert [(step.name, step.done) for step in project.steps][:2] == [
        ("House photo", True),
        ("Cable from pole", False),
    ]
    happened = [step.what for step in found.events]
    assert [what for what in happened if not what.startswith("review")] == [
        "posted",
        "posted",
        "recorded",
        "recorded",
        "new",
        "resubmission",
    ]


def test_a_drop_that_nobody_posted_names_near_ones(office: Office) -> None:
    found = drop(office, "DR1000002")
    assert found.projects == ()
    assert found.sentence == "No message posted DR1000002. Near ones: DR1000001."


def test_a_message_is_told_from_its_post_to_its_edit_and_no_text_with_it(office: Office, field: Field) -> None:
    field.edit("FIRST", "DR1000009 instead")
    office.scan()
    found = seen(office, message_page, UTC, "FIRST", REVIEWS)
    assert found is not None
    assert found.drop_numbers == ("DR1000009",)
    assert [step.what for step in found.steps if step.what in {"posted", "recorded", "edited"}] == [
        "posted",
        "recorded",
        "edited",
    ]
    assert "instead" not in as_json(found)
    assert seen(office, message_page, UTC, "NEVER", REVIEWS) is None


@pytest.mark.parametrize(
    ("typed", "path"),
    [
        ("dr 1000001", "/drop/DR1000001"),
        ("DR-9999999", "/drop/DR9999999"),
        ("1000001", "/drop/DR1000001"),
        ("HELLO", "/message/HELLO"),
        ("lawley", "/group/"),
        (MOHADIN, "/group/"),
        ("082 000 1234", "/person/"),
        ("+27 82 000 1234", "/person/"),
        ("thabo", "/person/"),
    ],
)
def test_a_search_leads_to_the_page_that_is_meant(office: Office, typed: str, path: str) -> None:
    (target,) = seen(office, find, typed, PATTERN)
    assert target.path.startswith(path)
    assert PHONE not in target.path


@pytest.mark.parametrize("typed", ["", "nobody", "0820009999", "%", "' OR true --"])
def test_a_search_for_nothing_finds_nothing(office: Office, typed: str) -> None:
    assert seen(office, find, typed, PATTERN) == ()


def test_a_persons_posts_are_theirs_alone(office: Office, field: Field) -> None:
    field.post(MOHADIN, "DR1000007", sender="27820005678", at=CLOCK.now() - timedelta(seconds=30))
    published(office)
    (target,) = seen(office, find, PHONE, PATTERN)
    found = seen(office, person_page, UTC, target.path.removeprefix("/person/"))
    assert found is not None
    assert (found.shown, [post.message_id for post in found.posts]) == ("Thabo …1234", ["AGAIN", "FIRST"])
    assert PHONE not in as_json(found)


def test_the_command_tells_the_same_steps(office: Office) -> None:
    told = office.answer("trace", "dr 1000001")
    found = drop(office, "DR1000001")
    assert told["id"] == "DR1000001"
    assert [step["what"] for step in told["steps"]] == [step.what for step in found.events]
    unknown = office.run("trace", "NEVER")
    assert (unknown.returncode, unknown.stdout) == (1, "")
    assert unknown.stderr.startswith("Nothing knows NEVER.")
