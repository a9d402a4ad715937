"""Near misses are kept beside the drops that they were meant to be, and never are one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.bridges import PROJECTS, VeryGoodPlugins
from tests.support.clock import CLOCK
from tests.support.office import Office

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LAWLEY = next(iter(PROJECTS))


@pytest.fixture
def bridge(tmp_path: Path) -> Iterator[VeryGoodPlugins]:
    with VeryGoodPlugins(tmp_path / "messages.db", durable=False) as store:
        yield store


@pytest.fixture
def office(tmp_path: Path, dsn: str, bridge: VeryGoodPlugins) -> Office:
    return Office(tmp_path / "office", dsn, bridge.path)


def near(office: Office) -> list[tuple[Any, ...]]:
    return office.query("SELECT written, reason, likely, live FROM wamon.near_misses ORDER BY written")


@pytest.mark.parametrize("first", [True, False], ids=["in a cold catch-up", "where messages are known"])
def test_they_are_recorded_with_their_message_and_are_no_drops(
    office: Office, bridge: VeryGoodPlugins, *, first: bool
) -> None:
    if not first:
        bridge.redeliver(bridge.post(LAWLEY, "hello"))
        office.scan()
    message = bridge.post(LAWLEY, "RD1752028 done")
    bridge.post(LAWLEY, "DR1752034 and DR1234")
    office.scan()
    assert near(office) == [
        ("DR1234", "too-short", None, True),
        ("RD1752028", "letters-swapped", "DR1752028", True),
    ]
    assert office.query("SELECT drop_number FROM wamon.drops") == ["DR1752034"]
    told = office.query("SELECT status, reason, text FROM wamon.ledger_rows WHERE message_id = %s", message)
    assert told == [("ignored", "near-miss", "RD1752028 done")]
    assert office.verify().clean


def test_an_edit_that_corrects_one_ends_it_and_one_that_brings_it_back_revives_it(
    office: Office, bridge: VeryGoodPlugins
) -> None:
    message = bridge.post(LAWLEY, "RD1752028")
    office.scan()
    bridge.edit(message, "DR1752028")
    office.scan()
    assert [live for *_, live in near(office)] == [False]
    assert office.query("SELECT drop_number FROM wamon.drops") == ["DR1752028"]
    bridge.edit(message, "RD1752028")
    office.scan()
    assert [live for *_, live in near(office)] == [True]
    assert office.verify().clean


def test_a_replay_finds_those_of_before_and_each_once(office: Office, bridge: VeryGoodPlugins) -> None:
    bridge.post(LAWLEY, "RD1752028")
    office.scan()
    office.query("DELETE FROM wamon.near_miss_rows")
    assert office.run("replay").returncode == 0
    once = near(office)
    assert office.run("replay").returncode == 0
    assert near(office) == once != []


def test_they_are_forgotten_with_the_texts(office: Office, bridge: VeryGoodPlugins) -> None:
    bridge.post(LAWLEY, "RD1752028")
    office.scan()
    with office.opened() as pipeline:
        from wamon.ledger.retention import prune_texts

        prune_texts(pipeline.source.db, keep=office.database_now() - CLOCK.now())
    assert near(office) == []
