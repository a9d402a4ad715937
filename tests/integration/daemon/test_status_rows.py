"""What `wamon run` publishes for a page: soon, of its own source alone, and no more of people than may be seen."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.support.bridges import LAWLEY, MOHADIN, PROJECTS, VeryGoodPlugins
from tests.support.clock import CLOCK
from tests.support.office import Office, eventually, run_while
from tests.support.people import write_people
from tests.support.published import noon, published
from tests.support.truth import Field
from wamon.app.configured import configured
from wamon.daemon.monitor import passes_check
from wamon.daemon.published import Publisher
from wamon.errors import WamonError
from wamon.health.facts import Subject
from wamon.postgres.connection import connected
from wamon.privacy import typed_phone_hash
from wamon.service.checks import restarts_of
from wamon.service.restart_log import note_planned

Open = Callable[..., Office]
JIDS = {name: jid for jid, name in PROJECTS.items()}


@pytest.fixture
def field(tmp_path: Path) -> Iterator[Field]:
    with Field(VeryGoodPlugins(tmp_path / "messages.db", durable=False)) as field:
        yield field


@pytest.fixture
def office(field: Field, open_office: Open) -> Office:
    field.post(LAWLEY, "DR1000001", at=CLOCK.now() - timedelta(seconds=90))
    return open_office(field.path, scan={"interval": "1s"}, timezone=noon(CLOCK.now().hour))


def source(office: Office, *columns: str) -> Any:
    rows = office.query(f"SELECT {', '.join(columns)} FROM wamon.source_status")
    return rows[0] if rows else None


def counts(office: Office, project: str = "Lawley") -> Any:
    rows = office.query(
        "SELECT new, again, rejected, near FROM wamon.group_status JOIN wamon.groups USING (chat) WHERE jid = %s",
        JIDS[project],
    )
    return rows[0] if rows else None


def test_a_run_says_how_it_is_and_a_groups_counts_follow_its_posts(
    office: Office, field: Field, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wamon.daemon.status_rows.EVERY_SECONDS", 3600)  # the posts alone have it count

    def posts() -> None:
        eventually("looked at", lambda: source(office, "jsonb_array_length(checks)") not in {None, 1})
        assert counts(office) == (1, 0, 0, 0)
        field.post(LAWLEY, "DR1000002 and DR1000001", at=CLOCK.now() - timedelta(seconds=30))
        eventually("counted", lambda: counts(office) == (2, 1, 0, 0))
        eventually("its hours are told", lambda: sum(source(office, "hours")) == 2)  # in a transaction of their own

    run_while(office, posts)
    assert counts(office, "Mohadin") == (0, 0, 0, 0)
    assert source(office, "alerts->'rules'->0->>'name'") == "lag"
    state, day, hours = source(office, "by", "day", "hours")
    assert (state, sum(hours), len(hours)) == ("run", 2, 24)
    assert day == CLOCK.now().astimezone(ZoneInfo(office.settings["timezone"])).date()


def test_an_edit_takes_its_number_out_of_the_counts(office: Office, field: Field) -> None:
    def edits() -> None:
        second = field.post(LAWLEY, "DR1000002", at=CLOCK.now() - timedelta(seconds=30))
        eventually("counted", lambda: counts(office) == (2, 0, 0, 0))
        field.edit(second, "sorry, not yet")
        eventually("counted again", lambda: counts(office) == (1, 0, 0, 0))

    run_while(office, edits)


def test_its_end_is_told_and_why(office: Office) -> None:
    run_while(office, lambda: eventually("published", lambda: source(office, "state") not in {None, "stopped"}))
    assert source(office, "state", "sentence", "last_restart->>'reason'") == ("stopped", "stopped", "stopped")


def test_a_planned_restart_is_told_as_one(office: Office) -> None:
    def restarts() -> None:
        eventually("published", lambda: source(office, "state") not in {None, "stopped"})
        note_planned(office.state_path.parent, CLOCK)

    run_while(office, restarts)
    state, sentence, why = source(office, "state", "sentence", "last_restart->>'reason'")
    assert (state, sentence[:16], why) == ("stopped", "planned restart ", "planned")


def test_who_lost_the_lease_publishes_nothing_more(office: Office, field: Field) -> None:
    def loses() -> None:
        eventually("published", lambda: source(office, "state") not in {None, "stopped"})
        office.query("UPDATE wamon.leases SET holder = gen_random_uuid(), expires_at = now() + interval '1 hour'")
        office.query("UPDATE wamon.source_status SET host = 'the other'")
        field.post(LAWLEY, "DR1000002", at=CLOCK.now() - timedelta(seconds=30))
        eventually("recorded", lambda: ("Lawley", "DR1000002") in office.drops())

    run_while(office, loses)
    assert counts(office) == (1, 0, 0, 0)
    assert source(office, "host") == "the other"
    assert source(office, "state") != "stopped"


def test_a_scan_publishes_where_a_page_is_served_and_never_over_a_run_that_lives(office: Office) -> None:
    office.answer("scan")  # the command
    assert source(office, "by") is None
    office.query("UPDATE wamon.instance SET page_served_at = now() - interval '25 hours'")
    office.answer("scan")
    assert source(office, "by") is None
    office.query("UPDATE wamon.instance SET page_served_at = now() - interval '23 hours'")
    office.answer("scan")
    assert source(office, "by", "every_seconds") == ("scan", 0)
    assert counts(office) == (1, 0, 0, 0)

    def scans() -> None:
        eventually("published", lambda: source(office, "by") == "run")
        published(office)

    run_while(office, scans)
    assert source(office, "by") == "run"


def test_where_nothing_happens_a_sign_of_life_is_all_that_is_written(office: Office) -> None:
    published(office)
    with publisher_of(office) as publisher:
        publisher.begin_day()
        publisher.count_if_moved()
        publisher.sign([], {}, None)
        before = office.query("SELECT xmin::text FROM wamon.group_status ORDER BY chat")
        (at,) = office.query("SELECT published_at FROM wamon.source_status")
        assert not publisher.count_if_moved()
        publisher.sign([], {}, None)
    assert office.query("SELECT xmin::text FROM wamon.group_status ORDER BY chat") == before
    assert office.query("SELECT published_at > %s FROM wamon.source_status", at) == [True]


def test_a_sign_of_life_leaves_no_garbage_behind(office: Office) -> None:
    """There is one after each pass, and circles of objects stay until the collector comes, after very many of them."""
    published(office)
    with publisher_of(office) as publisher:
        publisher.sign([passes_check(None)], {"newest_at": None}, None)
        gc.collect()
        publisher.sign([passes_check(None)], {"newest_at": None}, None)
        assert gc.collect() == 0


@contextmanager
def publisher_of(office: Office) -> Iterator[Publisher]:
    config = configured(office.config_path, {})
    with connected(office.dsn) as db:
        subject = Subject(config, None, "main", CLOCK)
        yield Publisher(db, subject, CLOCK.now(), restarts_of(config.state.dir, CLOCK), None)


def test_that_postgresql_refuses_while_people_are_shown_was_foreseen(office: Office) -> None:
    office.scan()
    office.query("ALTER TABLE wamon.instance RENAME person_key TO key")
    with publisher_of(office) as publisher, pytest.raises(WamonError):
        publisher.show_people()


def test_what_is_usual_is_cumulated_over_the_day_by_half_hours(field: Field, open_office: Open) -> None:
    now = CLOCK.now()
    many = "DR2000001 DR2000002 DR2000003"
    for week, text in enumerate([many, many, "DR2000006"], 1):
        field.post(LAWLEY, text, at=now - timedelta(weeks=week))
    office = open_office(field.path, timezone=noon(CLOCK.now().hour))
    published(office)
    (usual,) = office.query("SELECT usual FROM wamon.group_status WHERE usual IS NOT NULL")
    place = usual.index(1.0)
    assert usual == [0.0] * place + [1.0] * (48 - place)
    assert 22 <= place <= 27
    hours = source(office, "usual_hours")
    assert (hours.index(1.0), sum(hours)) == (place // 2, 1.0)


def test_yesterdays_counts_are_none_of_today(office: Office) -> None:
    published(office)
    office.query("UPDATE wamon.source_status SET day = day - 1")
    office.query("UPDATE wamon.group_status SET day = day - 1, new = 7")
    published(office)
    assert counts(office) == (1, 0, 0, 0)
    days: list[date] = office.query("SELECT day FROM wamon.group_status UNION SELECT day FROM wamon.source_status")
    assert len(days) == 1


@pytest.mark.parametrize(("show", "found"), [("names", 1), ("none", 0)])
def test_people_are_published_as_they_may_be_seen_and_found_by_any_form_of_their_number(
    field: Field, open_office: Open, tmp_path: Path, show: str, found: int
) -> None:
    write_people(tmp_path, lids={"123456789012345": "27820001234"}, names={"27820001234@s.whatsapp.net": "Thabo"})
    field.post(LAWLEY, "DR1000001")
    office = open_office(field.path, privacy={"show": show})
    office.scan()
    office.query("UPDATE wamon.submission_rows SET sender = '123456789012345@lid'")
    published(office)
    (key,) = office.query("SELECT person_key FROM wamon.instance")
    for typed in ("+27 82 000 1234", "082 000 1234", "0027820001234", "820001234"):
        hashed = typed_phone_hash(key, typed)
        rows = office.query("SELECT shown FROM wamon.people_shown WHERE phone_hashes @> ARRAY[%s]", hashed)
        assert rows == ["Thabo …1234"] * found
    assert not any("27820001234" in str(row) for row in office.query("SELECT * FROM wamon.people_shown"))


def test_a_group_that_is_silent_says_why(office: Office, field: Field) -> None:
    field.post(MOHADIN, "DR1000009", at=CLOCK.now() - timedelta(days=5))
    published(office)
    rows = office.query(
        "SELECT rank, state, why, sentence <> '' FROM wamon.group_status JOIN wamon.groups USING (chat) WHERE jid = %s",
        MOHADIN,
    )
    assert rows == [(1, "warn", "group", True)]
