"""`wamon run` answers bursts beside its passes: what is written, and what a former one left behind."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from tests.support.bridges import LAWLEY, VeryGoodPlugins
from tests.support.clock import HOST
from tests.support.deliveries import PHONE
from tests.support.intake import hook, keep
from tests.support.models import asking, model_server
from tests.support.office import Office, eventually
from tests.support.send_api import TOKEN, send_api
from tests.support.talk import advance, conversations, desk, replies, said, talking, turns, write

Opened = Callable[..., Office]
AT_ONCE = {"settle": "1s", "max_wait": "1s", "answer_within": "30m"}


@pytest.fixture
def office(tmp_path: Path, open_office: Opened) -> Office:
    office = talking(open_office(tmp_path / "messages.db"), direct=AT_ONCE, templates={"fallback": "We call back."})
    office.set(bridge={"path": ""}, groups=[])
    return office


def test_a_run_answers_what_hooks_bring(office: Office) -> None:
    with send_api(TOKEN) as api:
        api.says = {"message": {"local_message_id": "L1"}}
        office.set(hooks=[hook("wati", send={"url": api.replies["url"], "token": TOKEN})])
        with office.running() as daemon:
            keep(office, "wati", said("hello"))
            eventually("it is answered", lambda: replies(office, "state") == ["sent"], said=daemon.said)
            daemon.end()
    assert api.asked == [{"target": PHONE, "text": "We call back."}]
    assert replies(office, "kind, body") == [("burst", "We call back.")]
    said_of_it = daemon.said()
    for line in (
        "[BUFFER] Timer for",
        "[BUFFER] Sending combined prompt for",
        "no orphaned messages",
        "[STARTUP]",
        "[BUFFER] Successfully processed",
    ):
        assert line in said_of_it
    assert "27820000001" not in said_of_it
    assert "hello" not in said_of_it


def test_a_run_has_the_agent_asked_and_says_how_long_its_instructions_are(office: Office) -> None:
    """And nothing of what they, the person or the model say."""
    instructions = office.folder / "desk.txt"
    instructions.write_text("You work for a canary.")
    with send_api(TOKEN) as api, model_server() as model:
        api.says = {"message": {"local_message_id": "L1"}}
        office.set(hooks=[hook("wati", send={"url": api.replies["url"], "token": TOKEN})])
        asking(office, model, instructions=str(instructions))
        with office.running() as daemon:
            keep(office, "wati", said("hello"))
            eventually("it is answered", lambda: replies(office, "state") == ["sent"], said=daemon.said)
            daemon.end()
    assert api.texts == ["We come at nine."]
    assert "You work for a canary." in model.told
    logged = daemon.said()
    assert "[CONVERSATION] Loaded system instructions: 22 chars" in logged
    assert not any(private in logged for private in ("canary", "hello", "at nine", PHONE))


def test_a_group_s_burst_is_told_in_one_answer(tmp_path: Path, open_office: Opened) -> None:
    with VeryGoodPlugins(tmp_path / "messages.db", durable=False) as bridge:
        bridge.chat(LAWLEY, "Lawley")
        office = open_office(bridge.path, replies={"enabled": True})
        office.set(conversations={"enabled": True, "groups": True, "percentage": 100, "group": AT_ONCE})
        with office.running() as daemon:
            for n in range(3):
                bridge.post(LAWLEY, f"DR175202{n}", at=HOST.now())
            eventually("they are answered", lambda: replies(office, "body"), said=daemon.said)
            eventually("all is answered", lambda: conversations(office, "state") == ["idle"], said=daemon.said)
            daemon.end()
    lines = "\n".join(replies(office, "body")).splitlines()
    assert lines == [f"✓ 175202{n} recorded for Lawley." for n in range(3)]
    assert {kind for kind, *_ in replies(office)} == {"burst"}


def test_a_new_run_takes_over_at_once_what_a_killed_one_held(office: Office) -> None:
    write(office, "hello")
    advance(office, 10)
    with desk(office) as killed:
        killed.claim_one()
    with office.running() as daemon:
        eventually("it is taken over", lambda: replies(office, "body"), said=daemon.said)
        daemon.end()
    assert turns(office, "outcome, reason") == [("lost", "due"), ("answered", "takeover")]


def test_what_is_too_old_at_the_start_is_closed_and_told(office: Office) -> None:
    write(office, "hello", at=HOST.now() - timedelta(minutes=31))
    with office.running() as daemon:
        eventually("it is closed", lambda: turns(office, "outcome") == ["stale"], said=daemon.said)
        daemon.end()
    assert "[STARTUP] Too old to answer" in daemon.said() or "[BUFFER] Timer for" in daemon.said()
    assert replies(office) == []


def test_requirement_30_unconfigured_none_of_it_runs(office: Office) -> None:
    """No thread and no row, and what a run is made of imports nothing of the room."""
    office.set(conversations={"enabled": False})
    with office.running() as daemon:
        keep(office, "wati", said("hello"))
        eventually("it is taken in", lambda: office.query("SELECT message_id FROM wamon.ledger"), said=daemon.said)
        daemon.end()
    assert conversations(office) == []
    assert "[STARTUP]" not in daemon.said()
    code = "import sys, wamon.app.run; print(*[one for one in sys.modules if one.startswith('wamon.conversations.')])"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.split() == []
