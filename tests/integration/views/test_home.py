"""The home page's data: of one moment, of what is published, and honest about what it couldn't read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

import pytest

from tests.support.bridges import LAWLEY, MOHADIN, VeryGoodPlugins
from tests.support.clock import CLOCK
from tests.support.conversations import Talks
from tests.support.office import Office
from tests.support.people import write_people
from tests.support.published import noon, published, seen
from tests.support.truth import Field
from wamon.views.document import as_json, from_json
from wamon.views.home import Home, home

Open = Callable[..., Office]
UTC = ZoneInfo("UTC")


@pytest.fixture
def field(tmp_path: Path) -> Iterator[Field]:
    with Field(VeryGoodPlugins(tmp_path / "messages.db", durable=False)) as field:
        now = CLOCK.now()
        field.post(LAWLEY, "DR1000001", at=now - timedelta(seconds=90))
        field.post(LAWLEY, "DR1000001 and DR1000002", at=now - timedelta(seconds=60))
        field.post(MOHADIN, "DR100000O", at=now - timedelta(seconds=50))
        yield field


@pytest.fixture
def office(field: Field, open_office: Open) -> Office:
    return open_office(field.path, timezone=noon(CLOCK.now().hour))


def look(office: Office) -> Home:
    return seen(office, home, UTC)


def test_before_anything_was_recorded_it_says_what_to_do(office: Office) -> None:
    found = look(office)
    assert (found.verdict.state, found.verdict.next, found.groups, found.hours) == ("unknown", "`wamon run`", (), ())


def test_bursts_wait_for_a_person_until_somebody_answers_and_only_where_somebody_is_answered(office: Office) -> None:
    talks = Talks(office.dsn)
    talk = talks.conversation(talks.person(), talks.chat(), "idle", last=1, answered=1)
    talks.messages(talk, 1)
    talks.turn(talk, 1, 1, 1, "stale")
    talks.dead_letter(talks.chat(), "turn:7:4")

    def needs(answered: Literal["phones"] | None) -> list[tuple[str, str]]:
        return [(need.kind, need.message_id) for need in seen(office, home, UTC, (), answered).needs]

    assert needs(None) == []
    assert needs("phones") == [("dead-burst", "turn:7:4"), ("stale-burst", str(talks.uid(talk)))]
    talks.messages(talk, None, age=0, role="operator")
    assert needs("phones") == [("dead-burst", "turn:7:4")]


def test_it_shows_what_came_in_and_what_waits(office: Office) -> None:
    published(office)
    found = look(office)
    assert (found.verdict.sentence, found.failed, found.stale) == ("All recorded.", (), None)
    totals = found.totals
    assert (totals.groups, totals.new, totals.again, totals.near) == (4, 2, 1, 1)
    lawley = next(group for group in found.groups if group.project == "Lawley")
    assert (lawley.new, lawley.again, lawley.usual, lawley.state) == (2, 1, None, "ok")
    assert [(post.drop_number, post.kind) for post in found.posts] == [
        ("DR1000001", "resubmission"),
        ("DR1000002", "new"),
        ("DR1000001", "new"),
    ]
    assert [(need.kind, need.about, need.project) for need in found.needs] == [("near-miss", "DR100000O", "Mohadin")]
    assert sum(hour.new for hour in found.hours) == 2
    assert [source.sign for source in found.sources] == ["scan"]


def test_its_counts_are_those_of_status(office: Office) -> None:
    published(office)
    found, status = look(office), office.answer("status")
    today = {group["jid"]: (group["today"]["new"], group["today"]["resubmission"]) for group in status["groups"]}
    assert {group.jid: (group.new, group.again) for group in found.groups} == today
    assert (found.totals.new, found.totals.again) == (status["today"]["new"], status["today"]["resubmission"])


def test_a_near_miss_is_done_where_its_number_was_posted_or_somebody_said_so(office: Office, field: Field) -> None:
    published(office)
    (need,) = look(office).needs
    key = f"{need.chat} {need.message_id} {need.about}"
    office.query("INSERT INTO wamon.actions (who, what, key) VALUES ('operator', 'near-miss-done', %s)", key)
    assert look(office).needs == ()
    office.query("DELETE FROM wamon.actions")
    field.post(MOHADIN, str(need.likely), at=CLOCK.now() - timedelta(seconds=20))
    published(office)
    assert look(office).needs == ()


def test_of_a_source_that_is_down_nothing_is_known_but_as_of_when(office: Office) -> None:
    published(office)
    office.query(
        "UPDATE wamon.source_status SET by = 'run', every_seconds = 15, published_at = now() - interval '5min'"
    )
    found = look(office)
    assert found.verdict.state == "bad"
    assert found.stale == found.sources[0].published_at
    assert {group.state for group in found.groups} == {"unknown"}
    assert found.totals.new == 2


def test_a_panel_that_cant_be_read_is_marked_alone(office: Office) -> None:
    published(office)
    office.query("ALTER TABLE wamon.replies RENAME TO elsewhere")
    found = look(office)
    assert [(one.panel, one.why) for one in found.failed] == [("needs", "couldn't be read: 42P01")]
    assert found.needs == ()
    assert (found.verdict.sentence, len(found.posts)) == ("All recorded.", 3)


def test_people_stand_there_as_they_may_be_seen(field: Field, office: Office, tmp_path: Path) -> None:
    field.post(LAWLEY, "DR1000007", sender="27820001234", at=CLOCK.now() - timedelta(seconds=10))
    write_people(tmp_path, names={"27820001234@s.whatsapp.net": "Thabo"})
    published(office)
    text = as_json(look(office))
    assert "Thabo …1234" in text
    assert "27820001234" not in text
    office.set(privacy={"show": "none"})
    office.query("UPDATE wamon.source_status SET day = day - 1")
    published(office)
    assert {post.submitted_by for post in look(office).posts} == {None}


def test_what_is_usual_grows_within_a_half_hour(office: Office) -> None:
    published(office)
    office.query("UPDATE wamon.source_status SET published_at = (day + time '10:15') AT TIME ZONE zone")
    office.query(
        "UPDATE wamon.group_status SET usual = array_fill(2::real, ARRAY[20]) || array_fill(6::real, ARRAY[28])"
    )
    assert {group.usual for group in look(office).groups} == {4.0}
    assert look(office).totals.usual == 16.0


def test_it_is_read_back_from_its_json(office: Office) -> None:
    published(office)
    found = look(office)
    again = from_json(Home, as_json(found))
    assert as_json(again) == as_json(found)
