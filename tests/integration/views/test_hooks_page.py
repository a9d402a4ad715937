"""What comes to hooks, as the page, the verdict and the checks tell it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.support.bridges import LAWLEY, VeryGoodPlugins
from tests.support.deliveries import GOWA, PHONE, WATI, meta_body, meta_message
from tests.support.intake import hook, in_lawley, keep, take_in
from tests.support.office import Office
from tests.support.published import published, seen
from tests.support.truth import Field
from wamon.app.configured import configured
from wamon.health.delivery_facts import HookFacts, delivery_facts
from wamon.postgres.connection import connected
from wamon.views.home import Home, home
from wamon.views.hooks_page import HooksPage, hooks_page
from wamon.views.lists import dead_page
from wamon.webhooks.counts import Counts, write
from wamon.webhooks.retention import prune_events

ZONE = ZoneInfo("Africa/Johannesburg")
AGO = timedelta(minutes=5)


@pytest.fixture
def office(tmp_path: Path, open_office: Callable[..., Office]) -> Office:
    with Field(VeryGoodPlugins(tmp_path / "messages.db", durable=False)) as field:
        field.post(LAWLEY, "DR1750001", message_id="S1")
    hooks = [hook("gowa", of="main"), hook("wati", project="Lawley"), hook("meta", project="Lawley")]
    office = open_office(tmp_path / "messages.db", hooks=hooks)
    office.scan()
    return office


def counted(office: Office, name: str, *, source: str = "", **counts: Any) -> None:
    """As `wamon web` counts about once a second."""
    with connected(office.dsn) as db:
        write(db, {name: Counts(source or name, **counts)}, ZONE)


def page(office: Office) -> HooksPage:
    return seen(office, hooks_page, configured(office.config_path, {}).hooks, ZONE)


def first_page(office: Office) -> Home:
    return seen(office, home, ZONE, configured(office.config_path, {}).hooks)


def facts(office: Office, name: str) -> HookFacts:
    with connected(office.dsn) as db:
        (now,) = office.query("SELECT now()")
        return delivery_facts(db, now, ZONE).hooks[name]


def test_the_page_lists_what_the_command_lists_with_what_each_hook_s_store_lacks(office: Office) -> None:
    counted(office, "gowa", source="main", came=True, stored=2, refused=1, tests=3)
    keep(office, "gowa", in_lawley(GOWA, "DR1750002", "S2"), ago=AGO)
    keep(office, "wati", b"no JSON")
    take_in(office)
    keep(office, "wati", WATI)
    listed = office.answer("hooks", "list")["hooks"]
    gowa, wati, meta = page(office).hooks
    assert [one["name"] for one in listed] == [gowa.name, wati.name, meta.name] == ["gowa", "wati", "meta"]
    assert (gowa.provider, gowa.source, gowa.stored_today, gowa.refused_today, gowa.tests_today) == (
        "gowa", "main", 2, 1, 3,
    )  # fmt: skip
    assert (gowa.store_missed, wati.store_missed, wati.waiting) == (1, 0, 2)
    assert (gowa.refused_at, gowa.last_at, meta.last_at) == (gowa.last_at, gowa.refused_at, None)
    assert [one["store_missed"] for one in listed] == [1, 0, 0]
    assert first_page(office).hooks == (gowa, wati, meta)


def test_the_verdict_tells_of_deliveries_that_nobody_takes_in_and_of_those_that_can_t_be_recorded(
    office: Office,
) -> None:
    published(office)
    assert first_page(office).verdict.sentence == "All recorded."
    keep(office, "meta", meta_body(meta_message(id=7), meta_message()))
    take_in(office)
    told = first_page(office)
    assert told.verdict.sentence == "All recorded but 1 delivery, kept and listed below."
    assert [(need.kind, need.detail) for need in told.needs] == [("dead-event", "it has no id")]
    assert told.dead == 1
    for _ in range(2):
        keep(office, "wati", WATI, ago=AGO)
    waiting = first_page(office).verdict
    assert (waiting.sentence, waiting.next) == (
        "2 deliveries wait to be recorded, the oldest for 5 min.",
        "`wamon run`",
    )


def test_what_is_wrong_with_a_hook_stands_on_its_page_and_in_a_line_of_the_first(office: Office) -> None:
    counted(office, "wati", refused=12)
    published(office)
    assert [check.name for check in page(office).checks] == ["hooks.refusing", "hooks.refused"]
    assert next((line.sentence, line.path) for line in first_page(office).look if line.path == "/hooks") == (
        "wati refused 10 deliveries, or more, in the last 10 min.",
        "/hooks",
    )


def test_a_hook_whose_deliveries_hold_nothing_that_is_read_is_named(office: Office) -> None:
    counted(office, "wati", came=True, stored=10)
    for n in range(10):
        keep(office, "wati", {"type": "message", "from": PHONE, "text": f"of another product {n}"})
    take_in(office)
    assert facts(office, "wati").empty == 10
    published(office)
    (check,) = [check for check in page(office).checks if check.name == "hooks.empty"]
    assert check.sentence == "None of the last 10 deliveries to wati held a message that counts."
    assert check.sentence in office.run("doctor").stdout
    assert check.sentence in office.run("hooks", "list").stdout
    keep(office, "wati", WATI)
    take_in(office)
    assert facts(office, "wati").empty == 0
    assert "None of the last" not in office.run("hooks", "list").stdout


def test_the_dead_list_has_deliveries_and_their_parts(office: Office) -> None:
    event = keep(office, "meta", meta_body(meta_message(id=7)))
    take_in(office)
    found = seen(office, dead_page, ZONE)
    assert [(one.message_id, one.jid, one.project) for one in found.letters] == [
        (f"event:{event}#0", "direct", "Lawley")
    ]


def test_ten_refusals_count_as_many_within_ten_minutes_alone(office: Office) -> None:
    for refused in (4, 5):
        counted(office, "wati", refused=refused)
    assert facts(office, "wati").refused_lately == 9
    counted(office, "wati", refused=25)
    assert facts(office, "wati").refused_lately == 10
    office.query("UPDATE wamon.hook_status SET refused_at[1] = now() - interval '10 min 1 s'")
    own = facts(office, "wati")
    assert (own.refused_lately, own.refused_today) == (9, 34)


def test_what_is_usual_at_this_hour_is_told_by_the_weeks_before(office: Office) -> None:
    counted(office, "wati", came=True, stored=1)
    assert facts(office, "wati").usual_seconds is None
    hear(office, [week * 7 * 24 + hours for week in (1, 2, 3) for hours in (2, -3)])
    assert facts(office, "wati").usual_seconds == 5 * 3600
    with connected(office.dsn) as db:
        office.query(
            "UPDATE wamon.hook_heard SET last_at = last_at - interval '50 days' WHERE last_at < now() - %s", AGO
        )
        prune_events(db)
    assert office.query("SELECT count(*) FROM wamon.hook_heard") == [1]


def hear(office: Office, hours_ago: Sequence[float]) -> None:
    """A delivery to the hook `wati` so long ago each."""
    office.query(
        "INSERT INTO wamon.hook_heard SELECT 'wati', date_bin('30 min', at, 'epoch'), at, at"
        " FROM (SELECT now() - n * interval '1 hour' AS at FROM unnest(%s::float[]) AS n) AS known",
        list(hours_ago),
    )
