"""docs/conversations.md by doing: every command in it runs as it stands there, and prints what it says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from tests.support.clock import CLOCK
from tests.support.conversations import Talks
from tests.support.intake import hook
from tests.support.office import Office
from tests.support.pages import Step, beside, pattern, sections
from wamon.cli.main import app

PAGE = (Path(__file__).parents[2] / "docs/conversations.md").read_text("utf-8")
SECTIONS = sections(PAGE)
CORRELATION_ID = "00000000-0000-0000-0000-000000000001"


@pytest.fixture(autouse=True)
def _by_postgresqls_clock() -> Iterator[None]:
    """By which their messages came."""
    with CLOCK.as_hosts():
        yield


@pytest.fixture
def talks(dsn: str) -> Talks:
    return Talks(dsn)


@pytest.fixture
def office(dsn: str, tmp_path: Path, talks: Talks) -> Office:
    """One was answered, and then got none; another waits."""
    office = Office(tmp_path / "office", dsn, tmp_path / "none.db", groups=[], conversations={"enabled": True})
    office.set(bridge={"path": None}, hooks=[hook("wati", send={"url": "http://127.0.0.1:1/", "token": "x" * 20})])
    chat = talks.chat("wati")
    first, second = talks.person(account="wati"), talks.person("27820000002", account="wati")
    talk = talks.conversation(first, chat, "idle", last=3, answered=3, source="wati")
    talks.messages(talk, 1, 2, 3, age=7200)
    talks.turn(talk, 1, 1, 2, ago=7000)
    talks.reply(talk, 2, 1)
    talks.turn(talk, 2, 3, 3, "stale", ago=3600)
    talks.transition(talk, "processing", "idle", "stale")
    talks.messages(talks.conversation(second, chat, overdue=90, began=150, source="wati"), 1, age=150)
    for table in ("conversation_messages", "conversation_state_transitions"):
        talks.run(f"UPDATE wamon.{table} SET correlation_id = %(uid)s", uid=CORRELATION_ID)
    return office


def type_in(office: Office, step: Step) -> None:
    """Type a command of the page; it prints what stands below it."""
    before, _, words = step.command.rpartition("wamon ")
    environ = dict(one.split("=", 1) for one in before.split())
    done = office.run(*words.split(), COLUMNS="120", **environ)
    assert done.returncode in {0, 1} if words == "doctor" else done.returncode == 0, (step.command, done.stderr)
    assert re.fullmatch(pattern(step.said), done.stdout.strip(), re.DOTALL), (step.command, done.stdout)


@pytest.mark.parametrize("heading", [heading for heading, blocks in SECTIONS.items() if blocks])
def test_commands_do_what_the_page_says(office: Office, heading: str) -> None:
    for block in SECTIONS[heading]:
        for step in block:
            type_in(office, step)


def test_the_roll_out_has_its_heading_and_every_command_in_the_text_is_one() -> None:
    known: Any = get_command(app)
    assert "Roll-out" in SECTIONS
    assert {command.split()[1] for command in beside(PAGE)} <= set(known.commands)
