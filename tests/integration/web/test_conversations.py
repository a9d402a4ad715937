"""Conversations as `wamon web` shows them to people and machines."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.web.test_metrics import samples
from tests.support.conversations import PHONE, Talks
from tests.support.office import Office
from tests.support.web import TOKEN, Site, serving

ORPHANS = "/debug/check-orphaned-messages"
BEARER = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture(scope="module")
def _site(tmp_path_factory: pytest.TempPathFactory, _reused_18: Any) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("talks")
    office = Office(folder / "office", _reused_18.empty(), Path("no-store.db"), privacy={"show": "phones"})
    office.set(conversations={"enabled": True})
    with serving(office, token=TOKEN) as site:
        yield site


@pytest.fixture
def talks(dsn: str) -> Talks:
    return Talks(dsn)


def test_the_orphans_check_makes_due_what_is_overdue_and_finds_nothing_more(site: Site, talks: Talks) -> None:
    direct = talks.chat()
    talks.conversation(talks.person(), direct, overdue=90)
    talks.conversation(talks.person("27820000002"), direct)

    assert site.get(f"{ORPHANS}?dry_run=1", **BEARER).json["processed"] == []
    assert site.get(ORPHANS, **BEARER).json == {
        "status": "ok",
        "orphaned_count": 1,
        "orphaned_wa_ids": [PHONE],
        "processed": [PHONE],
        "message": "Found and triggered processing for 1 orphaned conversations",
        "buffered_wa_ids": ["27820000002"],
    }
    assert site.ask("POST", ORPHANS, **BEARER).json["message"] == "No orphaned messages found"


def test_who_brings_no_proof_is_told_hashes_whatever_the_config_shows(site: Site, talks: Talks) -> None:
    talks.conversation(talks.person(), talks.chat(), overdue=90)

    assert site.get(ORPHANS).json["processed"] == [talks.hashed()]


def test_the_figures_of_conversations_are_served(site: Site, talks: Talks) -> None:
    direct = talks.chat()
    talks.conversation(talks.person("27820000002"), direct, began=90)
    talk = talks.conversation(talks.person(), direct, "idle", last=3, answered=3)
    talks.messages(talk, 1, 2, 3, age=20)
    talks.turn(talk, 1, 1, 2, "lost", seconds=2)
    talks.turn(talk, 2, 1, 2, ago=8, seconds=2, missed=4)
    talks.reply(talk, 2, 2, ago=8)
    talks.turn(talk, 3, 3, 3, "stale", follow_up=True, seconds=2)
    talks.run("INSERT INTO wamon.conversation_counts VALUES ('orphans', 7), ('turns stale', 2), ('missed', 1)")
    talks.run("INSERT INTO wamon.conversation_counts VALUES ('agent-calls failed', 3), ('agent-tokens counted', 900)")
    talks.run("INSERT INTO wamon.breakers (name, opened_until) VALUES ('agent', now() + interval '1 min')")
    talks.run("UPDATE wamon.replies SET tried_at = changed_at")
    talks.run("UPDATE wamon.conversation_messages SET seen_at = (SELECT tried_at FROM wamon.replies) - interval '12 s'")

    found = samples(site.get("/metrics").text)

    assert found["wamon_conversations"] | {("idle",): 1, ("settling",): 1} == found["wamon_conversations"]
    assert found["wamon_conversation_oldest_waiting_seconds"][()] >= 90
    turns = {outcome: n for (outcome,), n in found["wamon_turns_total"].items() if n}
    assert turns == {"answered": 1, "lost": 1, "stale": 3}
    assert found["wamon_orphans_found_total"] == {(): 7}
    assert found["wamon_follow_up_turns_total"] == {(): 1}
    assert found["wamon_missed_messages_total"] == {(): 5}
    assert found["wamon_fenced_total"] == {(): 0}
    assert found["wamon_turn_seconds"]["0.5",] == 2
    assert found["wamon_answer_wait_seconds"]["0.99",] == 12
    assert found["wamon_guard_seconds"]["0.95",] == 0.002
    assert found["wamon_switch_off"] == {("replies",): 0, ("agent",): 0}
    assert found["wamon_agent_calls_total"] == {("answered",): 0, ("failed",): 3, ("cut-off",): 0}
    assert found["wamon_agent_tokens_total"] == {("counted",): 900, ("estimated",): 0}
    assert found["wamon_breaker_open"] == {("agent",): 1}


def test_the_page_of_replies_says_whether_the_agent_is_switched_off(site: Site, talks: Talks) -> None:
    talks.chat()
    assert "main, the agent: not switched off." in site.get("/replies", **BEARER).text
    talks.run("UPDATE wamon.sources SET agent_off = true")
    assert "<code>wamon replies off --agent</code> holds" in site.get("/replies", **BEARER).text
    (source,) = site.get("/replies.json", **BEARER).json["sources"]
    assert source == {"name": "main", "off": False, "agent_off": True}


@pytest.fixture
def told(talks: Talks) -> str:
    """A conversation of one whose message was too old to answer; its uid."""
    talk = talks.conversation(talks.person(), talks.chat(), "idle", last=1, answered=1)
    talks.messages(talk, 1, body="where is my drop?")
    talks.turn(talk, 1, 1, 1, "stale")
    talks.transition(talk, "processing", "idle", "stale")
    return str(talks.uid(talk))


def test_the_pages_tell_who_waits_and_what_became_of_it(site: Site, talks: Talks, told: str) -> None:
    talks.conversation(talks.person("27820000002"), talks.chat(), overdue=90)
    talks.dead_letter(talks.chat(), "turn:7:4")

    home, listed = (site.get(f"/{name}.json", **BEARER).json for name in ("home", "conversations"))
    page, one = site.get("/conversations", **BEARER).text, site.get(f"/conversations/{told}", **BEARER).text

    waits = home["conversations"]
    assert (waits["waiting"], waits["orphans"], waits["stale"], waits["dead"]) == (1, 1, 1, 0)
    assert [(c["person"], c["outcome"]) for c in waits["first"]] == [("27820000002", None), (PHONE, "stale")]
    assert listed["conversations"] == waits["first"]
    assert "1 waits for an answer" in page
    first_page = site.get("/", **BEARER).text
    assert "Who waits for an answer" in first_page
    assert '<a href="/dead">turn:7:4</a>' in first_page
    assert f'<a href="/conversations/{told}">conversation</a>' in first_page
    assert "too old to answer" in one
    assert talks.hashed() in one


def test_texts_are_shown_to_operators_alone(site: Site, told: str) -> None:
    path = f"/conversations/{told}"
    assert "where is my drop?" in site.get(path, **site.sign_in("operator")).text
    reader = site.sign_in("reader")
    for shown in (path, f"{path}.json"):
        assert "where is my drop?" not in site.get(shown, **reader).text


@pytest.mark.parametrize("uid", ["00000000-0000-0000-0000-000000000000", "x"])
def test_a_conversation_that_there_is_not_is_no_page(site: Site, talks: Talks, uid: str) -> None:
    assert site.get(f"/conversations/{uid}", **BEARER).status == 404
    assert talks


def test_an_operator_has_it_answered_after_all_and_that_is_noted(site: Site, talks: Talks, told: str) -> None:
    operator = site.sign_in("operator")
    address = f"/act/conversation-rescue?key={told}"
    (form,) = re.findall('name="form" value="([^"]+)"', site.get(address, **operator).text)

    done = site.post("/act/conversation-rescue", f"key={told}&form={form}&reason=asked", **operator)

    assert (done.status, done.headers["location"]) == (303, "/conversations")
    (one,) = site.get("/conversations.json", **BEARER).json["conversations"]
    assert (one["state"], one["pending"], one["outcome"]) == ("settling", 1, None)
    assert talks.one("SELECT what FROM wamon.actions") == "conversation-rescue"
    assert site.get(address, **operator).status == 404


def test_a_conversation_is_found_by_number_hash_and_uid(site: Site, talks: Talks, told: str) -> None:
    for asked in ("082%20000%200001", talks.hashed(), told):
        found = site.get(f"/find?q={asked}", **BEARER)
        assert (found.status, found.headers["location"]) == (303, f"/conversations/{told}")
