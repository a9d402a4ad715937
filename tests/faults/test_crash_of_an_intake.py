"""An intake that is ended at any step boundary, and begun again, ends like one that nothing disturbed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.bridges import LAWLEY, VeryGoodPlugins
from tests.support.deliveries import GOWA, MANYCHAT, WATI, meta_body, meta_message
from tests.support.intake import MISPLACED, hook, in_lawley, keep, messages, take_in
from tests.support.office import Office
from tests.support.stages import disturbed
from tests.support.truth import Field

ENDS = [
    "event.parsed:1:kill", "event.claimed:1:kill", "identity.joined:1:kill", "record.ledger:1:raise",
    "event.recorded:1:kill", "event.recorded:2:kill", "event.recorded:2:raise",
]  # fmt: skip
"""One after the other: what was rolled back is there for the next one."""
LATE = timedelta(minutes=2)


def _delivered(office: Office) -> None:
    """New messages, repeated and edited ones, twins, joins, a broken part, what the store lacks, and what it holds."""
    keep(office, "meta", meta_body(meta_message(id="wamid.1", from_user_id=None), contacts=[]))
    keep(office, "meta", meta_body(meta_message(**{"id": "wamid.4", "from": None}), contacts=[]))
    take_in(office)
    keep(office, "meta", meta_body(*[meta_message(id=f"wamid.{n}", text={"body": f"DR175000{n}"}) for n in (1, 2)]))
    keep(office, "meta", meta_body(meta_message(id="wamid.3"), meta_message(id=7)))
    for _ in range(2):
        keep(office, "wati", WATI)
        keep(office, "manychat", MANYCHAT)
        keep(office, "gowa", in_lawley(GOWA, "DR1750001", "S1"), ago=LATE)
        keep(office, "gowa", in_lawley(GOWA, "DR1750002", "S2"), ago=LATE)
    keep(office, "wati", b"no JSON")


def _outcome(office: Office) -> dict[str, Any]:
    return {
        "messages": [row[:6] for row in messages(office) if not row[2].startswith("event:")],
        "nameless": office.query("SELECT count(*) FROM wamon.ledger WHERE message_id LIKE 'event:%%'"),
        "drops": office.query("SELECT * FROM wamon.drops ORDER BY 1, 2"),
        "people": office.query("SELECT count(*), count(merged_into) FROM wamon.people"),
        "events": office.query("SELECT state, messages, reason, attempts FROM wamon.webhook_events ORDER BY event"),
        "letters": office.query("SELECT reason, attempts FROM wamon.dead_letters ORDER BY 1"),
        "missed": office.query("SELECT message_id FROM wamon.store_missed"),
        "counts": office.query("SELECT jid, messages FROM wamon.groups WHERE messages > 0 ORDER BY 1, 2"),
        "status": office.query("SELECT hook, twins, duplicates FROM wamon.hook_status ORDER BY 1"),
    }


@pytest.fixture
def begun(tmp_path: Path, open_office: Callable[..., Office]) -> Callable[[], Office]:
    with Field(VeryGoodPlugins(tmp_path / "messages.db", durable=False)) as field:
        field.post(LAWLEY, "DR1750001", message_id="S1")
    hooks = [hook("meta", project="Lawley"), hook("wati", project="Lawley"), hook("manychat"), hook("gowa", of="main")]

    def begin() -> Office:
        office = open_office(field.path, hooks=hooks)
        tables = office.query("SELECT tablename FROM pg_tables WHERE schemaname = 'wamon'")
        emptied = ", ".join(f"wamon.{name}" for name in tables if name not in {"migrations", "instance"})
        office.query(f"TRUNCATE {emptied} RESTART IDENTITY CASCADE")
        office.scan()
        _delivered(office)
        return office

    return begin


@pytest.mark.fault("F110")
def test_an_intake_ended_at_a_boundary_and_begun_again_ends_as_if_undisturbed(begun: Callable[[], Office]) -> None:
    office = begun()
    take_in(office)
    end = _outcome(office)
    assert (end["people"], end["missed"], end["nameless"]) == ([(5, 1)], ["S2"], [1])
    office = begun()
    for failpoint in ENDS:
        assert disturbed(lambda: take_in(office), failpoint), f"who meets {failpoint}?"
        assert office.query(MISPLACED) == []
    take_in(office)
    assert _outcome(office) == end
