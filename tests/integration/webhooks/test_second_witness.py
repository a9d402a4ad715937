"""A hook of a polled store is a second witness: what the store lacks is recorded from the hook, and told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.support.bridges import LAWLEY, MOHADIN, VeryGoodPlugins
from tests.support.clock import CLOCK
from tests.support.deliveries import GOWA, PHONE, VGP
from tests.support.intake import events, hook, in_lawley, keep, take_in
from tests.support.office import Office, eventually
from tests.support.truth import Field
from wamon.app.configured import configured
from wamon.app.intake import intakes

LATE = timedelta(seconds=61)
VIA = "SELECT message_id, via FROM wamon.ledger ORDER BY 1"


@pytest.fixture(autouse=True)
def _by_postgresqls_clock() -> Iterator[None]:
    """By which deliveries come."""
    with CLOCK.as_hosts():
        yield


@pytest.fixture
def field(tmp_path: Path) -> Iterator[Field]:
    with Field(VeryGoodPlugins(tmp_path / "messages.db", durable=False)) as field:
        field.post(LAWLEY, "DR1750001", message_id="S1")
        yield field


@pytest.fixture
def office(field: Field, open_office: Callable[..., Office]) -> Office:
    office = open_office(field.path, hooks=[hook("gowa", of="main", project="Lawley")])
    office.scan()
    return office


def test_what_both_know_is_known_by_both_whichever_comes_first(office: Office, field: Field) -> None:
    keep(office, "gowa", in_lawley(GOWA, "DR1750001", "S1"))
    keep(office, "gowa", in_lawley(GOWA, "DR1750002", "S2"), ago=LATE)
    take_in(office)
    assert office.query(VIA) == [("S1", "both"), ("S2", "webhook")]
    field.post(LAWLEY, "DR1750002", message_id="S2")
    office.scan()
    assert office.query(VIA) == [("S1", "both"), ("S2", "both")]
    assert office.drops() == {("Lawley", "DR1750001"), ("Lawley", "DR1750002")}
    assert office.verify().clean


def test_the_store_says_what_a_message_says_and_a_hook_s_form_of_it_changes_nothing(office: Office) -> None:
    keep(office, "gowa", in_lawley(GOWA, "DR1750009", "S1"))
    take_in(office)
    assert office.drops() == {("Lawley", "DR1750001")}
    assert office.query("SELECT revision FROM wamon.ledger") == [1]


def test_a_store_has_a_minute_to_hold_what_a_hook_brought(office: Office, field: Field) -> None:
    keep(office, "gowa", in_lawley(GOWA, "DR1750002", "S2"))
    taken = take_in(office)
    assert (taken.awaited, office.drops(), events(office)) == (1, {("Lawley", "DR1750001")}, [("new", None)])
    field.post(LAWLEY, "DR1750002", message_id="S2")
    office.scan()
    office.query("UPDATE wamon.deliveries SET received_at = received_at - interval '61 s'")
    office.query("UPDATE wamon.delivery_queue SET next_try_at = now()")
    take_in(office)
    assert (office.query(VIA)[1], events(office)) == (("S2", "both"), [("done", 1)])


def test_one_to_one_what_no_pass_reads_is_recorded_without_an_id_too(
    field: Field, open_office: Callable[..., Office]
) -> None:
    office = open_office(field.path, hooks=[hook("vgp", of="main", project="Lawley")])
    keep(office, "vgp", VGP | {"chatJID": f"{PHONE}@s.whatsapp.net", "content": "DR1750009"})
    take_in(office)
    assert office.drops() == {("Lawley", "DR1750009")}


@pytest.mark.fault("F114")
def test_what_a_bridge_drops_is_recorded_from_the_hook_and_named_until_it_comes(office: Office, field: Field) -> None:
    keep(office, "gowa", in_lawley(GOWA, "DR1750002", "S2"), ago=LATE)
    assert take_in(office).missed == 1
    assert office.drops() == {("Lawley", "DR1750001"), ("Lawley", "DR1750002")}
    office.sweep()
    office.scan()
    assert office.query("SELECT gone_at FROM wamon.ledger WHERE message_id = 'S2'") == [None]
    found = [gap for gap in office.answer("gaps")["gaps"] if gap["kind"] == "store-missed"]
    assert [(gap["group"], gap["detail"]) for gap in found] == [("Lawley", "1 message that a hook brought")]
    checks = {check["name"]: check["sentence"] for check in office.answer("status")["checks"]}
    assert checks["bridge.dropped"] == "The bridge's store lacks 1 message of the last day that a hook brought."
    verified = office.answer("verify")
    assert (verified["clean"], verified["store_missed"]) == (True, 1)
    field.post(LAWLEY, "DR1750002", message_id="S2")
    office.scan()
    assert not [gap for gap in office.answer("gaps")["gaps"] if gap["kind"] == "store-missed"]
    assert office.answer("verify")["store_missed"] == 0


def test_what_a_group_brings_that_the_passes_take_in_later_waits_for_them_and_is_recorded(
    field: Field, open_office: Callable[..., Office]
) -> None:
    office = open_office(field.path, hooks=[hook("gowa", of="main")], groups=[{"name": "Lawley", "jid": LAWLEY}])
    office.scan()
    office.set(groups=[*office.settings["groups"], {"name": "Mohadin", "jid": MOHADIN}])
    with intakes(configured(office.config_path, {}), office.clock) as (_, (intake,)):
        body = {**GOWA, "payload": {**GOWA["payload"], "chat_id": MOHADIN, "body": "DR1760001", "id": "M1"}}
        keep(office, "gowa", body, ago=LATE)
        assert (intake.take_in().events, events(office)) == (0, [("new", None)])
        office.scan()
        office.query("UPDATE wamon.delivery_queue SET next_try_at = now()")
        intake.take_in()
    assert (("Mohadin", "DR1760001") in office.drops(), events(office)) == (True, [("done", 1)])


def test_direct_messages_of_a_hook_of_a_store_are_recorded_at_once(office: Office) -> None:
    direct = {**GOWA, "payload": {**GOWA["payload"], "chat_id": f"{PHONE}@s.whatsapp.net", "body": "DR1750005"}}
    keep(office, "gowa", direct)
    take_in(office)
    assert ("Lawley", "DR1750005") in office.drops()
    with office.opened() as pipeline:
        assert pipeline.source.some_messages(10) == [(LAWLEY, "S1")], "by these a store is known again that moved"
    office.sweep()
    office.scan()
    assert office.query("SELECT count(*) FROM wamon.ledger WHERE gone_at IS NOT NULL") == [0]
    assert office.verify().clean


def test_a_running_daemon_takes_in_and_a_hook_rings_its_pass(office: Office) -> None:
    with office.running() as daemon:
        keep(office, "gowa", in_lawley(GOWA, "DR1750002", "S2"), ago=LATE)
        eventually("the hook's message", lambda: len(office.drops()) == 2, said=daemon.said)
        eventually("its name", lambda: "store lacks 1 message" in daemon.said(), said=daemon.said)
        assert daemon.end() == 0


@pytest.mark.fault("F118")
def test_what_an_older_wamon_does_to_a_chat_that_it_doesn_t_know_is_undone_and_nothing_is_lost(
    office: Office, field: Field
) -> None:
    """It disables a chat that its config doesn't name, calls its messages gone, and gives up letters."""
    direct = {**GOWA, "payload": {**GOWA["payload"], "chat_id": f"{PHONE}@s.whatsapp.net", "body": "DR1750005"}}
    keep(office, "gowa", direct)
    keep(office, "gowa", b"no JSON")
    keep(office, "gowa", in_lawley(GOWA, "DR1750002", "S2"), ago=LATE)
    take_in(office)
    office.query("INSERT INTO wamon.cursors (source, tail) VALUES ('main', 'direct')")
    office.query("UPDATE wamon.groups SET enabled = false, tail = 'direct' WHERE jid = 'direct'")
    office.query("UPDATE wamon.ledger_rows SET gone_at = now() WHERE via = 'webhook'")
    office.query("UPDATE wamon.dead_letters SET next_try_at = NULL, reason = 'its row has vanished from the store'")
    field.post(LAWLEY, "DR1750002", message_id="S2")
    office.query("UPDATE wamon.ledger_rows SET gone_at = NULL WHERE message_id = 'S2'")  # its pass met it
    keep(office, "gowa", {**direct, "payload": {**direct["payload"], "id": "D2", "body": "DR1750006"}})
    office.query("UPDATE wamon.delivery_queue SET next_try_at = now() - interval '1 s'")
    take_in(office)
    office.sweep()
    office.scan()
    assert office.query(VIA) == [("3EB0AA", "webhook"), ("D2", "webhook"), ("S1", "store"), ("S2", "both")]
    assert office.query("SELECT gone_at FROM wamon.ledger WHERE gone_at IS NOT NULL") == []
    assert office.query("SELECT enabled, tail FROM wamon.groups WHERE jid = 'direct'") == [(True, "main")]
    assert office.query("SELECT attempts, next_try_at IS NULL FROM wamon.dead_letters") == [(2, False)]
    assert office.verify().clean
