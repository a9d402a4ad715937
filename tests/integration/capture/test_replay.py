"""Replay adds what today's rules find in history, and changes nothing else."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.bridges import PROJECTS, VeryGoodPlugins
from tests.support.clock import first_morning
from tests.support.office import Office

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LAWLEY, VELO, *_ = PROJECTS


@pytest.fixture
def bridge(tmp_path: Path) -> Iterator[VeryGoodPlugins]:
    with VeryGoodPlugins(tmp_path / "messages.db", durable=False) as store:
        yield store


@pytest.fixture
def office(tmp_path: Path, dsn: str, bridge: VeryGoodPlugins) -> Office:
    return Office(tmp_path / "office", dsn, bridge.path)


def replay(office: Office, *words: str) -> dict[str, Any]:
    answer = office.run("replay", "--json", *words)
    assert answer.returncode == 0, answer.stderr
    result: dict[str, Any] = json.loads(answer.stdout)
    return result


def added(answer: dict[str, Any]) -> dict[str, int]:
    kinds: dict[str, int] = {}
    for group in answer["groups"]:
        for kind, count in group["added"].items():
            kinds[kind] = kinds.get(kind, 0) + count
    return {kind: count for kind, count in kinds.items() if count}


def test_a_widened_pattern_finds_in_history_what_it_did_not_know(office: Office, bridge: VeryGoodPlugins) -> None:
    bridge.post(LAWLEY, "FT1752028 and DR1752034")
    office.scan()
    office.set(drops={"pattern": "(DR|FT)[0-9]{6,8}"})
    assert added(replay(office)) == {"new": 1}
    assert office.query("SELECT drop_number FROM wamon.drops ORDER BY 1") == ["DR1752034", "FT1752028"]
    assert office.query("SELECT drop_number FROM public.qa_photo_reviews ORDER BY 1") == ["DR1752034", "FT1752028"]
    assert office.verify().clean


def test_messages_before_a_groups_start_are_found_and_stay_found(office: Office, bridge: VeryGoodPlugins) -> None:
    bridge.post(LAWLEY, "DR1752028")
    office.set(scan={"start": "now"})
    office.scan()
    assert office.query("SELECT drop_number FROM wamon.drops") == []
    assert added(replay(office, "--group", "Lawley")) == {"new": 1}
    office.sweep()
    office.scan()
    assert office.query("SELECT drop_number FROM wamon.drops") == ["DR1752028"]
    assert office.verify().clean


def test_a_narrowed_pattern_takes_nothing_away(office: Office, bridge: VeryGoodPlugins) -> None:
    bridge.post(LAWLEY, "DR1752028 DR175203")
    office.scan()
    before = office.everything()
    office.set(drops={"pattern": "DR[0-9]{7}"})
    assert added(replay(office)) == {"near_miss": 1}
    assert office.everything() == before


def test_a_replay_run_again_finds_nothing_and_no_old_message_counts_as_posted_again(
    office: Office, bridge: VeryGoodPlugins
) -> None:
    bridge.post(LAWLEY, "FT1752028")
    bridge.post(LAWLEY, "FT1752028 again")
    office.scan()
    office.set(drops={"pattern": "(DR|FT)[0-9]{6,8}"})
    assert added(replay(office)) == {"new": 1, "resubmission": 1}
    assert office.query("SELECT resubmitted FROM public.qa_photo_reviews") == [False]
    before = office.everything()
    assert added(replay(office)) == {}
    assert office.everything() == before


def test_a_review_that_people_finished_stays_finished(office: Office, bridge: VeryGoodPlugins) -> None:
    bridge.post(LAWLEY, "DR1752028")
    bridge.post(LAWLEY, "FT1752028 DR1752028")
    office.scan()
    office.query("UPDATE public.qa_photo_reviews SET completed = true, feedback_sent = now(), comment = 'fine'")
    rows = office.query("SELECT * FROM public.qa_photo_reviews ORDER BY drop_number")
    office.set(drops={"pattern": "(DR|FT)[0-9]{6,8}"})
    replay(office)
    assert office.query("SELECT * FROM public.qa_photo_reviews WHERE drop_number LIKE 'DR%%'") == rows


def test_a_rehearsal_shows_the_same_and_writes_nothing(office: Office, bridge: VeryGoodPlugins) -> None:
    bridge.post(LAWLEY, "FT1752028")
    bridge.post(VELO, "FT1752034")
    office.scan()
    office.set(drops={"pattern": "(DR|FT)[0-9]{6,8}"})
    before = office.everything()
    rehearsed = replay(office, "--dry-run")
    assert office.everything() == before
    assert added(rehearsed) == {"new": 2}
    assert replay(office)["groups"] == rehearsed["groups"]


def test_only_what_was_selected_is_replayed(office: Office, bridge: VeryGoodPlugins) -> None:
    bridge.post(LAWLEY, "FT1752028")
    bridge.post(LAWLEY, "FT1752034")
    bridge.post(VELO, "FT1752028")
    office.scan()
    office.set(drops={"pattern": "(DR|FT)[0-9]{6,8}"})
    assert added(replay(office, "--until", f"{first_morning() - timedelta(days=1):%Y-%m-%d}")) == {}
    assert added(replay(office, "--group", "Lawley", "--drop", "ft 1752028")) == {"new": 1}
    assert office.query("SELECT project, drop_number FROM wamon.drops") == [("Lawley", "FT1752028")]


def test_an_edit_that_no_pass_has_seen_and_what_people_discarded_are_left_alone(
    office: Office, bridge: VeryGoodPlugins
) -> None:
    edited = bridge.post(LAWLEY, "nothing yet")
    office.scan()
    office.query("UPDATE wamon.ledger_rows SET content_hash = 1 WHERE message_id = %s", edited)
    discarded = bridge.post(VELO, "DR1752040")
    office.scan()
    office.query("DELETE FROM wamon.submission_rows WHERE message_id = %s", discarded)
    office.query(
        "UPDATE wamon.ledger_rows SET status = 'ignored', reason = 'discarded' WHERE message_id = %s", discarded
    )
    assert added(replay(office)) == {}


def test_one_message_that_cannot_be_recorded_keeps_back_no_other(office: Office, bridge: VeryGoodPlugins) -> None:
    for number in ("FT6666666", "FT1752028", "FT1752034"):
        bridge.post(LAWLEY, number)
    office.scan()
    office.set(drops={"pattern": "(DR|FT)[0-9]{6,8}"})
    with office.refusing("FT6666666"):
        assert added(replay(office)) == {"new": 2}
    assert added(replay(office)) == {"new": 1}


@pytest.mark.parametrize("action", ["kill", "raise"])
def test_ended_before_it_commits_it_has_added_nothing_and_the_next_one_adds_it(
    office: Office, bridge: VeryGoodPlugins, action: str
) -> None:
    bridge.post(LAWLEY, "FT1752028")
    office.scan()
    office.set(drops={"pattern": "(DR|FT)[0-9]{6,8}"})
    assert office.run("replay", WAMON_FAILPOINT=f"record.replayed:1:{action}").returncode != 0
    assert office.query("SELECT drop_number FROM wamon.drops") == []
    assert added(replay(office)) == {"new": 1}
