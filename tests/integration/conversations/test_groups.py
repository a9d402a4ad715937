"""Technicians' groups: one acknowledgement a burst, by whichever way its posts came; a group's past opens nothing."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.support.bridges import LAWLEY, VeryGoodPlugins
from tests.support.clock import HOST
from tests.support.deliveries import GOWA
from tests.support.intake import hook, in_lawley, keep, take_in
from tests.support.office import Office
from tests.support.people import write_people
from tests.support.replies import answer
from tests.support.send_api import StandIn, send_api
from tests.support.talk import SETTLE, Desk, advance, conversations, desk, replies, turns
from wamon.app.configured import configured
from wamon.conversations.orphans import make_due
from wamon.conversations.worker import Worker
from wamon.model import USUAL_SIZES
from wamon.postgres.connection import transaction

Opened = Callable[..., Office]
TALKING = {"enabled": True, "groups": True, "percentage": 100, "group": SETTLE}
PHONES = [f"2782000{n:04}" for n in range(1, 41)]


@pytest.fixture
def bridge(tmp_path: Path) -> Iterator[VeryGoodPlugins]:
    with VeryGoodPlugins(tmp_path / "messages.db", durable=False) as bridge:
        bridge.chat(LAWLEY, "Lawley")
        yield bridge


@pytest.fixture
def office(bridge: VeryGoodPlugins, open_office: Opened) -> Office:
    office = open_office(bridge.path, conversations=TALKING, replies={"enabled": True})
    office.clock = HOST  # as PostgreSQL's, by which bursts are due
    return office


@pytest.fixture
def api() -> Iterator[StandIn]:
    with send_api() as api:
        yield api


def post(bridge: VeryGoodPlugins, text: str, *, by: str = PHONES[0], ago: float = 0) -> str:
    return bridge.post(LAWLEY, text, at=HOST.now() - timedelta(seconds=ago), sender=by)


def work(at: Desk) -> None:
    """As a worker, until nothing is due."""
    config = configured(at.office.config_path, {})
    while Worker(at.turns, config, HOST).work():
        pass


def work_once_settled(office: Office) -> None:
    """Record what was posted, let it settle, and work it."""
    office.scan()
    advance(office, 35)
    with desk(office, "main") as at:
        work(at)


def test_requirement_23_a_post_gets_its_own_or_its_burst_s_answer_never_both(
    bridge: VeryGoodPlugins, office: Office
) -> None:
    for text in ("DR1752028", "a photo follows", "DR1752029 and DR1752028", "D R1752030"):
        post(bridge, text)
    office.scan()
    assert replies(office) == []
    assert conversations(office, "state, last_seq") == [("settling", 4)]
    advance(office, 35)
    with desk(office, "main") as at:
        work(at)
    ((kind, body, state),) = replies(office)
    assert (kind, state) == ("burst", "due")
    assert body.splitlines() == [
        "✓ 1752028 recorded for Lawley.",
        "✓ 1752029 recorded for Lawley.",
        "✗ No drop number can be read there. Please post it once more, letters and digits together.",
    ]


def test_at_most_ten_numbers_of_a_burst_are_named(bridge: VeryGoodPlugins, office: Office) -> None:
    for n in range(13):
        post(bridge, f"DR17520{n:02}")
    work_once_settled(office)
    lines = replies(office, "body")[0].splitlines()
    assert (len(lines), lines[-1]) == (11, "… and 3 more")


def test_a_burst_s_answer_goes_as_long_as_any_of_its_posts_stands(
    bridge: VeryGoodPlugins, office: Office, api: StandIn
) -> None:
    posts = [post(bridge, text) for text in ("DR1752028", "DR1752029")]
    office.set(replies=api.replies)
    work_once_settled(office)
    api.behaviours = ["away", "sent"]
    answer(office, "main")
    bridge.edit(posts[1], "sorry")
    office.scan()
    advance(office, 60)
    answer(office, "main")
    assert replies(office, "state") == ["sent"]


def test_a_burst_whose_posts_are_all_taken_back_is_not_answered(
    bridge: VeryGoodPlugins, office: Office, api: StandIn
) -> None:
    posts = [post(bridge, text) for text in ("DR1752028", "DR1752029")]
    office.set(replies=api.replies)
    work_once_settled(office)
    for one in posts:
        bridge.edit(one, "sorry")
    office.scan()
    answer(office, "main")
    assert (api.asked, replies(office, "reason")) == ([], ["the message says it no longer"])


def test_talk_opens_no_burst_and_a_group_that_isn_t_answered_has_none(bridge: VeryGoodPlugins, office: Office) -> None:
    post(bridge, "good morning")
    office.scan()
    assert conversations(office) == []
    office.set(conversations={"groups": False})
    post(bridge, "DR1752028")
    office.scan()
    assert conversations(office) == []
    assert len(replies(office)) == 1


def test_a_group_that_is_no_longer_answered_has_its_bursts_closed_in_silence(
    bridge: VeryGoodPlugins, office: Office
) -> None:
    post(bridge, "DR1752028")
    office.scan()
    office.set(conversations={"groups": False})
    advance(office, 35)
    with desk(office, "main") as at:
        work(at)
    assert (turns(office), replies(office)) == ([(1, 1, "silent")], [])


@pytest.mark.parametrize("backlog", [False, True])
def test_case_10_a_group_s_first_year_opens_no_turn_and_is_one_count(
    bridge: VeryGoodPlugins, open_office: Opened, caplog: pytest.LogCaptureFixture, backlog: bool
) -> None:
    """By either way of a pass: the rows are the same."""
    with bridge.batch():
        for n in range(60):
            post(bridge, f"DR17520{n:02}", ago=86_400 * 6 + n)
        post(bridge, "DR1752099")
    sizes = replace(USUAL_SIZES, page_rows=20, long_backlog_rows=30 if backlog else 50_000)
    office = open_office(bridge.path, sizes, conversations=TALKING)
    with caplog.at_level(logging.INFO, "wamon"):
        office.scan()
    assert conversations(office, "state, last_seq") == [("settling", 1)]
    kept = office.query("SELECT role, count(*) FROM wamon.conversation_messages GROUP BY role ORDER BY role")
    assert kept == [("history", 60), ("person", 1)]
    told = [record for record in caplog.records if "as history" in record.getMessage()]
    assert sum(getattr(record, "messages", 0) for record in told) == 60
    advance(office, 35)
    with desk(office, "main") as at:
        work(at)
    assert turns(office) == [(1, 1, "answered")]


def test_case_10_late_bursts_of_a_group_are_told_together(bridge: VeryGoodPlugins, office: Office) -> None:
    with bridge.batch():
        for n, phone in enumerate(PHONES):
            post(bridge, f"DR17520{n:02}", by=phone)
    office.scan()
    advance(office, 300)
    with desk(office, "main") as at:
        work(at)
    ((kind, body, _),) = replies(office)
    assert kind == "digest"
    assert body.startswith("✓ 40 posts recorded for Lawley.")
    assert body.endswith("… and 20 more")
    assert [outcome for *_, outcome in turns(office)] == ["digest"] * 40
    office.query("UPDATE wamon.replies SET state = 'sent', tried_at = now()")
    told = office.query("SELECT count(*), count(answered_at), count(DISTINCT person) FROM wamon.bursts")
    assert told == [(40, 40, 40)]


def test_case_10_late_bursts_that_a_sweep_made_due_are_told_together(bridge: VeryGoodPlugins, office: Office) -> None:
    """It hides nothing of their lateness: one claim takes all of the group, late as they are."""
    with bridge.batch():
        for n, phone in enumerate(PHONES[:5]):
            post(bridge, f"DR17520{n:02}", by=phone)
    office.scan()
    advance(office, 300)
    with desk(office, "main") as at:
        with transaction(at.db) as db:
            assert len(make_due(db)) == 5
        claimed = at.claim(1).turns
    assert [(turn.late, turn.in_digest) for turn in claimed] == [(True, True)] * 5


def test_three_late_bursts_of_a_group_are_told_each(bridge: VeryGoodPlugins, office: Office) -> None:
    for n, phone in enumerate(PHONES[:3]):
        post(bridge, f"DR17520{n:02}", by=phone)
    office.scan()
    advance(office, 300)
    with desk(office, "main") as at:
        work(at)
    assert replies(office, "kind, late") == [("burst", True)] * 3


@pytest.mark.parametrize("order", ["webhook first", "store first", "webhook alone"])
def test_case_14_a_post_by_webhook_and_store_is_one_turn(bridge: VeryGoodPlugins, office: Office, order: str) -> None:
    office.set(hooks=[hook("gowa", of="main")])
    office.scan()
    body = in_lawley(GOWA, "DR1752028", "M1")
    if order == "store first":
        bridge.post(LAWLEY, "DR1752028", at=HOST.now(), message_id="M1")
        office.scan()
    keep(office, "gowa", body, ago=timedelta(seconds=61 if order == "webhook alone" else 0))
    take_in(office)
    if order == "webhook first":
        bridge.post(LAWLEY, "DR1752028", at=HOST.now(), message_id="M1")
        office.scan()
    messages = office.query("SELECT count(*) FROM wamon.conversation_messages")
    assert messages == [1]
    assert office.query("SELECT via FROM wamon.ledger WHERE message_id = 'M1'") == [
        "webhook" if order == "webhook alone" else "both" if order == "store first" else "store"
    ]


def test_a_lid_and_its_phone_are_one_person(bridge: VeryGoodPlugins, office: Office) -> None:
    write_people(bridge.path.parent, lids={"990000000000001": PHONES[0]})
    post(bridge, "DR1752028", by="990000000000001")
    post(bridge, "DR1752029")
    office.scan()
    assert conversations(office, "last_seq") == [2]
    assert sorted(office.query("SELECT kind FROM wamon.aliases")) == ["lid", "phone"]


def test_a_parked_post_s_retry_opens_a_burst(bridge: VeryGoodPlugins, office: Office) -> None:
    with office.refusing("DR1752028"):
        post(bridge, "DR1752028")
        post(bridge, "DR1752029")
        post(bridge, "DR1752027")
        office.scan()
        assert conversations(office, "last_seq") == [2]
    office.query("UPDATE wamon.dead_letters SET next_try_at = now()")
    office.scan()
    assert conversations(office, "last_seq") == [3]


def test_what_stood_before_a_group_s_start_is_history(bridge: VeryGoodPlugins, office: Office) -> None:
    office.set(scan={"start": "now"})
    post(bridge, "DR1752028")
    office.scan()
    assert office.query("SELECT role, seq FROM wamon.conversation_messages") == [("history", None)]
    assert conversations(office, "state") == ["idle"]


def test_a_message_that_is_recorded_again_opens_nothing_a_second_time(bridge: VeryGoodPlugins, office: Office) -> None:
    post(bridge, "DR1752028")
    office.scan()
    office.query("DELETE FROM wamon.ledger")
    office.sweep()
    office.scan()
    assert conversations(office, "last_seq") == [1]
