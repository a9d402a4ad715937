"""What a person is told of the drop numbers that they name: what is recorded for their project, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.support.bridges import LAWLEY, MOHADIN, VeryGoodPlugins
from tests.support.clock import HOST
from tests.support.intake import hook
from tests.support.office import Office
from tests.support.talk import advance, desk, replies, talking, write
from wamon.app.configured import configured
from wamon.conversations.worker import Worker

QUIET = timedelta(seconds=35)
TWO_DAYS_AGO = HOST.now() - timedelta(days=2)


@pytest.fixture
def bridge(tmp_path: Path) -> Iterator[VeryGoodPlugins]:
    with VeryGoodPlugins(tmp_path / "messages.db", durable=False) as bridge:
        bridge.chat(LAWLEY, "Lawley")
        bridge.chat(MOHADIN, "Mohadin")
        yield bridge


@pytest.fixture
def office(bridge: VeryGoodPlugins, open_office: Callable[..., Office]) -> Office:
    office = talking(open_office(bridge.path), templates={"fallback": "We call back."})
    office.set(hooks=[hook("wati", project="Lawley")])
    return office


def told(office: Office, text: str) -> str:
    """What somebody is told who writes this."""
    write(office, text)
    advance(office, QUIET)
    with desk(office) as at:
        while Worker(at.turns, configured(office.config_path, {}), HOST).work():
            pass
    return str(replies(office, "body")[-1])


def test_whether_a_drop_was_received_is_answered_by_since_when_it_is_recorded(
    bridge: VeryGoodPlugins, office: Office
) -> None:
    bridge.post(LAWLEY, "DR1752028", at=TWO_DAYS_AGO)
    office.scan()
    since = (TWO_DAYS_AGO - QUIET).astimezone(ZoneInfo("Africa/Johannesburg"))
    assert told(office, "was DR1752028 received?") == f"1752028: recorded since {since:%Y-%m-%d %H:%M} (Lawley)."


def test_of_another_project_s_drop_nothing_is_told(bridge: VeryGoodPlugins, office: Office) -> None:
    bridge.post(MOHADIN, "DR1752028", at=TWO_DAYS_AGO)
    office.scan()
    assert told(office, "was DR1752028 received?") == "1752028: recorded now (Lawley)."
    assert told(office, "and D R 1752029?") == "1752029 isn't recorded for Lawley."


def test_of_the_number_that_a_near_miss_likely_means_is_told_what_is_recorded(
    bridge: VeryGoodPlugins, office: Office
) -> None:
    bridge.post(LAWLEY, "DR1752028", at=TWO_DAYS_AGO)
    bridge.post(MOHADIN, "DR1752029", at=TWO_DAYS_AGO)
    office.scan()
    assert told(office, "D R 1752028").startswith("1752028: recorded since ")
    assert told(office, "D R 1752029") == "1752029 isn't recorded for Lawley."


def test_who_names_no_number_is_told_of_none(office: Office) -> None:
    assert told(office, "was mine received?") == "We call back."
