"""Pages that list: what must be redone, what couldn't be recorded or said, what can't be proven, and rates."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.support.bridges import LAWLEY, MOHADIN, VeryGoodPlugins
from tests.support.clock import CLOCK
from tests.support.office import Office
from tests.support.people import write_people
from tests.support.published import noon, published, seen
from tests.support.truth import Field
from wamon.views.find import find, person_page
from wamon.views.lists import dead_page, gaps_page, replies_page
from wamon.views.rates import rates_page
from wamon.views.redo import redo_page

Open = Callable[..., Office]
UTC = ZoneInfo("UTC")
REVIEWS = "qa_photo_reviews"
PHONE = "27820001234"


@pytest.fixture
def field(tmp_path: Path) -> Iterator[Field]:
    with Field(VeryGoodPlugins(tmp_path / "messages.db", durable=False)) as field:
        yield field


@pytest.fixture
def office(field: Field, open_office: Open, tmp_path: Path) -> Office:
    now = CLOCK.now()
    write_people(tmp_path, names={f"{PHONE}@s.whatsapp.net": "Thabo"})
    field.post(LAWLEY, "DR1000001", sender=PHONE, at=now - timedelta(seconds=90))
    field.post(LAWLEY, "DR1000001", sender=PHONE, at=now - timedelta(seconds=60))
    field.post(MOHADIN, "DR100000O", sender=PHONE, at=now - timedelta(seconds=50))
    return open_office(field.path, timezone=noon(now.hour))


def test_a_person_sees_what_they_must_do_again(office: Office) -> None:
    published(office)
    office.query(
        "UPDATE public.qa_photo_reviews SET incomplete = true, step_01_house_photo = true, comment = %s", "a\nlast"
    )
    found = seen(office, redo_page, UTC, REVIEWS)
    (thabo,) = found.people
    assert (thabo.shown, [item.why for item in thabo.items]) == (
        "Thabo …1234",
        ["incomplete", "posted-again", "near-miss"],
    )
    incomplete = thabo.items[0]
    assert (incomplete.number, incomplete.detail, len(incomplete.missing)) == ("DR1000001", "last", 11)
    assert "House photo" not in incomplete.missing
    (elsewhere,) = seen(office, redo_page, UTC, REVIEWS, "Mohadin").people
    assert [item.why for item in elsewhere.items] == ["near-miss"]


def test_dead_letters_are_those_of_the_command_page_by_page(
    office: Office, field: Field, monkeypatch: pytest.MonkeyPatch
) -> None:
    with office.refusing("DR99%"):
        for n in range(3):
            field.post(LAWLEY, f"DR990000{n}", at=CLOCK.now() - timedelta(seconds=30))
            published(office)
    monkeypatch.setattr("wamon.views.lists.PAGE_ROWS", 2)
    first = seen(office, dead_page, UTC)
    second = seen(office, dead_page, UTC, first.after)
    listed = [letter["message_id"] for letter in office.answer("dead", "list")["letters"]]
    assert [letter.message_id for letter in (*first.letters, *second.letters)] == listed
    assert (first.total, second.after) == (3, None)


def test_replies_are_listed_whatever_became_of_them(office: Office) -> None:
    published(office)
    office.query(
        "INSERT INTO wamon.replies (chat, message_id, about, kind, state, project, sent_at, queued_at, changed_at,"
        " next_try_at) SELECT chat, message_id, drop_number, 'new', 'unknown', project, sent_at, now(), now(), now()"
        " FROM wamon.submission_rows"
    )
    found = seen(office, replies_page, UTC)
    assert (found.total, {reply.state for reply in found.replies}) == (2, {"unknown"})


def test_gaps_are_those_that_the_database_tells(office: Office) -> None:
    published(office)
    office.query("UPDATE wamon.ledger_rows SET gone_at = now() WHERE chat = (SELECT min(chat) FROM wamon.groups)")
    found = seen(office, gaps_page, UTC)
    told = [gap for gap in office.answer("gaps", "--since", "7d")["gaps"] if gap["kind"] != "captions"]
    assert [gap.kind for gap in found.gaps] == [gap["kind"] for gap in reversed(told)] == ["gone"]


def test_rates_count_days_and_how_soon_posts_were_recorded(office: Office) -> None:
    office.scan()
    office.query("UPDATE wamon.groups SET joined_at = now() - interval '1 hour'")
    office.query("UPDATE wamon.ledger_rows SET seen_at = sent_at + interval '2 seconds'")
    published(office)
    found = seen(office, rates_page, UTC)
    assert found.failed == ()
    (lawley,) = found.projects
    assert (lawley.project, len(found.days), sum(lawley.posts)) == ("Lawley", 30, 2)
    assert [(one.within, one.posts, one.p50_seconds, one.p99_seconds) for one in found.latency] == [
        (within, 2, 2.0, 2.0) for within in ("24 h", "7 d", "30 d")
    ]
    assert sum(hour.new for hour in found.hours) == 1


def test_a_persons_posts_come_page_by_page(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    published(office)
    monkeypatch.setattr("wamon.views.find.PAGE_ROWS", 1)
    (target,) = seen(office, find, "thabo", "DR[0-9]{6,8}")
    hashed = target.path.removeprefix("/person/")
    first = seen(office, person_page, UTC, hashed)
    assert first is not None
    second = seen(office, person_page, UTC, hashed, first.after)
    assert second is not None
    kinds = [post.kind for post in (*first.posts, *second.posts)]
    assert (kinds, second.after) == (["resubmission", "new"], None)
