"""`wamon run` takes deliveries in beside its passes, and without any store."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.bridges import LAWLEY, VeryGoodPlugins
from tests.support.clock import HOST
from tests.support.deliveries import WATI
from tests.support.intake import hook, keep
from tests.support.office import Office, eventually
from tests.support.truth import Field

FIRST = {("Lawley", "DR1752028")}


@pytest.fixture
def without_store(tmp_path: Path, open_office: Callable[..., Office]) -> Office:
    """An office that WATI alone feeds."""
    bridge = {"bridge": {"path": None}, "groups": []}
    return open_office(tmp_path / "messages.db", hooks=[hook("wati", project="Lawley")], **bridge)


def test_without_a_store_run_takes_in_and_status_and_verify_say_so(without_store: Office) -> None:
    office = without_store
    office.clock = HOST  # which health compares with PostgreSQL's
    with office.running() as daemon:
        keep(office, "wati", WATI)
        eventually("the drop", lambda: office.drops() == FIRST, said=daemon.said)
        clean = "SELECT last_verify_clean FROM wamon.sources"
        eventually("the first proof", lambda: office.query(clean) == [True], said=daemon.said)
        second = office.run("run")
        assert (second.returncode, "works on source wati" in second.stderr) == (75, True)
        status = office.answer("status")
        assert "No store is read: hooks bring the messages." in office.run("status").stdout
        assert daemon.end() == 0
    assert [check["name"] for check in status["checks"]] == []
    assert office.query("SELECT source FROM wamon.sources") == ["wati"]
    verified = office.answer("verify")
    assert (verified["clean"], verified["events"]) == (True, 1)


def test_without_a_store_scan_takes_in_until_nothing_is_new(without_store: Office) -> None:
    keep(without_store, "wati", WATI)
    assert without_store.answer("scan")["events"] == 1
    assert without_store.answer("scan")["events"] == 0
    assert without_store.drops() == FIRST


@pytest.mark.fault("F115")
def test_of_two_daemons_with_one_hook_one_takes_in_and_the_other_once_that_is_gone(
    tmp_path: Path, dsn: str, open_office: Callable[..., Office]
) -> None:
    with Field(VeryGoodPlugins(tmp_path / "messages.db", durable=False)) as field:
        field.post(LAWLEY, "DR1750001")
    hooks = [hook("wati", project="Lawley")]
    prod = open_office(field.path, hooks=hooks)
    dev = Office(tmp_path / "dev", dsn, field.path, bridge={"path": str(field.path), "name": "dev"}, hooks=hooks)
    with prod.running() as first:
        eventually("a lease", lambda: prod.query("SELECT pid FROM wamon.leases WHERE source = 'wati'"), said=first.said)
        with dev.running() as second:
            eventually("its standing by", lambda: "This one stands by" in second.said(), said=second.said)
            keep(prod, "wati", WATI)
            eventually("the drop", lambda: prod.drops() > FIRST, said=first.said)
            assert "Took in" not in second.said()
            assert first.end() == 0
            keep(prod, "wati", {**WATI, "whatsappMessageId": "wamid.2", "text": "DR1752029"})
            eventually("the next", lambda: ("Lawley", "DR1752029") in prod.drops(), said=second.said)
            assert second.end() == 0


@pytest.mark.fault("F117")
def test_deliveries_that_wait_while_postgresql_is_away_are_taken_in_once_it_is_back(without_store: Office) -> None:
    office = without_store
    with office.running() as daemon:
        keep(office, "wati", WATI)
        eventually("the drop", lambda: office.drops() == FIRST, said=daemon.said)
        others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
        office.query(f"{others} AND pid <> pg_backend_pid()")
        keep(office, "wati", {**WATI, "whatsappMessageId": "wamid.2", "text": "DR1752029"})
        eventually("the next", lambda: len(office.drops()) == 2, said=daemon.said)
        assert daemon.end() == 0
