"""`wamon gaps`: what can't be proven is said."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.bridges import LAWLEY, MOHADIN, VeryGoodPlugins
from tests.support.clock import HOST, Standing
from tests.support.office import Office

WEEKS = 6
NOW = HOST.now().replace(second=0, microsecond=0)  # PostgreSQL tells when rows vanished
QUIET_FROM, QUIET_TO = NOW - timedelta(hours=30), NOW - timedelta(hours=24)


@pytest.fixture
def bridge(tmp_path: Path) -> Iterator[VeryGoodPlugins]:
    with VeryGoodPlugins(tmp_path / "messages.db", durable=False) as bridge:
        yield bridge


@pytest.fixture
def office(open_office: Callable[..., Office], bridge: VeryGoodPlugins) -> Office:
    office = open_office(bridge.path, groups=[{"name": "Lawley", "jid": LAWLEY}, {"name": "Mohadin", "jid": MOHADIN}])
    office.clock = Standing(NOW)
    return office


def talk(bridge: VeryGoodPlugins, jid: str, *, silent: bool) -> None:
    """A message each half hour for seven weeks, but for six hours of yesterday."""
    at = NOW - timedelta(weeks=WEEKS + 1)
    with bridge.batch():
        while at < NOW:
            if not (silent and QUIET_FROM < at < QUIET_TO):
                bridge.post(jid, "Good morning team", at=at)
            at += timedelta(minutes=30)


def gaps(office: Office, *words: str) -> list[dict[str, Any]]:
    return list(office.answer("gaps", *words)["gaps"])


def moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def near(text: str, moment: datetime) -> bool:
    return abs(datetime.fromisoformat(text) - moment) <= timedelta(minutes=30)


def test_a_group_that_was_silent_against_its_rhythm_is_a_gap(bridge: VeryGoodPlugins, office: Office) -> None:
    talk(bridge, LAWLEY, silent=True)
    talk(bridge, MOHADIN, silent=False)
    office.scan()
    (gap,) = gaps(office)
    assert (gap["kind"], gap["group"]) == ("silence", "Lawley")
    assert near(gap["start"], QUIET_FROM)
    assert near(gap["end"], QUIET_TO)
    assert gaps(office, "--group", "Mohadin") == []
    assert gaps(office, "--since", "12h") == []


def test_where_every_group_was_silent_it_is_the_bridge(bridge: VeryGoodPlugins, office: Office) -> None:
    talk(bridge, LAWLEY, silent=True)
    talk(bridge, MOHADIN, silent=True)
    office.scan()
    (gap,) = gaps(office)
    assert (gap["kind"], gap["group"]) == ("bridge", None)
    assert near(gap["start"], QUIET_FROM)
    said = office.run("gaps", COLUMNS="80").stdout
    assert "the bridge may have been down" in " ".join(said.split())
    assert max(map(len, said.splitlines())) <= 80
    assert "all" in said


@pytest.mark.fault("F83")
def test_a_silence_that_began_long_before_is_a_gap_while_it_lasts_and_after_it(
    bridge: VeryGoodPlugins, office: Office
) -> None:
    silent_from = NOW - timedelta(days=31)
    with bridge.batch():
        for hours in range(0, 24 * 66, 2):
            at = NOW - timedelta(days=66) + timedelta(hours=hours)
            bridge.post(MOHADIN, "Good morning team", at=at)
            if at <= silent_from:
                bridge.post(LAWLEY, "Good morning team", at=at)
    office.scan()
    day = f"{NOW - timedelta(days=3):%Y-%m-%d}"
    reports = [("report", "daily"), ("report", "daily", "--date", day), ("report", "weekly", "--date", day)]

    def silences() -> set[Any]:
        answers = [office.answer(*words)["gaps"] for words in (("gaps",), ("gaps", "--since", "1h"), *reports)]
        return {tuple((gap["group"], moment(gap["start"]), moment(gap["end"])) for gap in answer) for answer in answers}

    assert silences() == {(("Lawley", silent_from, None),)}
    bridge.post(LAWLEY, "Good morning team", at=NOW)
    office.scan()
    assert silences() == {(("Lawley", silent_from, NOW),)}


def test_rows_that_vanished_are_a_gap_with_their_number(bridge: VeryGoodPlugins, office: Office) -> None:
    for n in range(3):
        bridge.post(LAWLEY, f"DR175202{n}", message_id=f"GONE{n}", at=NOW - timedelta(minutes=n))
    bridge.post(MOHADIN, "DR1752030", at=NOW)
    office.scan()
    bridge.delete("GONE0")
    bridge.delete("GONE1")
    office.sweep()
    office.scan()
    (gap,) = [gap for gap in gaps(office) if gap["kind"] == "gone"]
    assert (gap["group"], gap["detail"]) == ("Lawley", "2 recorded messages")
    assert ("Lawley", "DR1752020") in office.drops()


def test_a_store_that_was_made_anew_is_a_gap(bridge: VeryGoodPlugins, office: Office) -> None:
    with bridge.batch():
        for _ in range(600):
            bridge.post(LAWLEY, "Good morning team", at=NOW)
    office.scan()
    bridge.close()
    for file in bridge.path.parent.glob("messages.db*"):
        file.unlink()
    with VeryGoodPlugins(bridge.path, durable=False) as anew:
        anew.post(LAWLEY, "DR1752028", at=NOW)
    office.scan()
    assert "replaced" in [gap["kind"] for gap in gaps(office)]


def test_photos_without_captions_are_counted_by_day(bridge: VeryGoodPlugins, office: Office) -> None:
    for n in range(3):
        bridge.post(LAWLEY, "", media="image", at=NOW - timedelta(seconds=n))
    bridge.post(LAWLEY, "DR1752028", media="image", at=NOW)
    office.scan()
    (gap,) = gaps(office)
    assert (gap["kind"], gap["group"], gap["detail"]) == ("captions", "Lawley", "3 photos or videos")


def test_without_a_gap_it_says_so(bridge: VeryGoodPlugins, office: Office) -> None:
    bridge.post(LAWLEY, "DR1752028", at=NOW)
    office.scan()
    assert office.run("gaps").stdout.startswith("No gap")
