"""docs/json.md against what the commands print: each field, and each field's type."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from tests.acceptance.conftest import Run, edit_store, write_store
from tests.support.bridges import LAWLEY, MOHADIN, VeryGoodPlugins
from tests.support.clock import CLOCK, first_morning
from tests.support.conversations import PHONE, Talks
from tests.support.deliveries import SECRET, WATI
from tests.support.hooks import deliver
from tests.support.hosts import Host
from tests.support.intake import hook, keep
from tests.support.json_page import VIEWS
from tests.support.machine import Machine
from tests.support.office import Office
from tests.support.receivers import hooks
from tests.support.web import serving
from wamon.alerts.notifier import notifier
from wamon.app.clusters import found
from wamon.app.configured import configured
from wamon.health.check import Check, State
from wamon.service.restart_log import note_start
from wamon.views.db import Clusters, Pruned
from wamon.views.document import as_json, from_json

PAGE = Path(__file__).parents[2] / "docs/json.md"
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
NEAR_MISS = """
    INSERT INTO wamon.near_miss_rows (chat, sent_at, message_id, written, reason, likely, project, sender)
    SELECT chat, sent_at, message_id, 'DR 17', 'too-short', 'DR1752028', project, sender
    FROM wamon.submission_rows WHERE message_id = 'FIRST'
"""
TYPES: dict[str, Callable[[Any], bool]] = {
    "text": lambda value: isinstance(value, str),
    "whole number": lambda value: type(value) is int,
    "number": lambda value: type(value) in {int, float},
    "yes/no": lambda value: isinstance(value, bool),
    "time": lambda value: isinstance(value, str) and TIME.fullmatch(value) is not None,
    "anything": lambda _: True,
}


def documented() -> dict[str, dict[str, str]]:
    """For each command of the page: its fields and their types."""
    commands = PAGE.read_text("utf-8").partition("\n## `/")[0]
    sections = re.split(r"^## `wamon (.+)`$", commands, flags=re.MULTILINE)[1:]
    row = re.compile(r"^\| `([^`]+)` \| ([^|]+) \| [^|]+ \|$", re.MULTILINE)
    return {command: dict(row.findall(text)) for command, text in zip(sections[::2], sections[1::2], strict=True)}


DOCUMENTED = documented()


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every value that isn't a list or a mapping, with its path; a list's and a mapping's place where it is empty."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for inner in value:
            yield from leaves(inner, f"{path}[]")
    else:
        yield path, value


def field_of(path: str, fields: dict[str, str]) -> str | None:
    if path in fields:
        return path
    return next((field for field in fields if field.endswith("*") and path.startswith(field[:-1])), None)


def fits(value: Any, kind: str) -> bool:
    kind, _, null = kind.strip().partition(" or ")
    return (value is None and (null == "null" or kind == "anything")) or TYPES[kind](value)


@pytest.fixture(scope="module")
def answers() -> dict[str, list[Any]]:
    """What each command answered."""
    return defaultdict(list)


@pytest.fixture
def fresh_dsn(dsn: str) -> str:
    """A database without a schema."""
    with psycopg.connect(dsn, autocommit=True) as db:
        db.execute("DROP SCHEMA wamon CASCADE")
    return dsn


@pytest.fixture
def ask(office: Office, answers: dict[str, list[Any]]) -> Callable[..., Any]:
    def asked(command: str, *words: str, status: int | None = 0) -> None:
        done = office.run(*command.split(), *words, "--json")
        assert status in {None, done.returncode}, done.stderr
        answers[command].append(json.loads(done.stdout))

    return asked


def written(path: Path) -> Path:
    path.write_text("drop\nDR1752028\nnone\n")
    return path


def test_an_office_answers(office: Office, ask: Callable[..., None], tmp_path: Path) -> None:
    ask("state show")
    ask("scan")
    office.query("DELETE FROM public.qa_photo_reviews WHERE drop_number = 'DR1760001'")
    ask("replay")
    edit_store(office.store)
    office.scan()
    ask("state show")
    ask("state rewind", "--group", "Lawley", "--to", "beginning")
    ask("drops list")
    ask("drops export", str(tmp_path / "x.csv"))
    office.query("UPDATE wamon.submission_rows SET rejected = true WHERE message_id = 'TWO'")
    office.query(NEAR_MISS)
    for kind in ("daily", "weekly"):
        ask(f"report {kind}", "--date", f"{first_morning():%Y-%m-%d}")
        office.set(bridge={"path": str(tmp_path / "away.db")})
        ask(f"report {kind}", "--date", f"{first_morning():%Y-%m-%d}")
        office.set(bridge={"path": str(office.store)})
    office.query("DELETE FROM wamon.ledger WHERE message_id = 'FIRST'")
    office.query("UPDATE wamon.ledger_rows SET gone_at = now() WHERE message_id = 'TYPO'")
    ask("drops show", "DR1760001")
    ask("drops show", "DR1752028")
    ask("drops allow import", str(written(tmp_path / "x.csv")), "--project", "Lawley")
    ask("drops allow list")
    office.query("INSERT INTO wamon.allow_lists (project) VALUES ('Mohadin')")
    office.query(
        "INSERT INTO wamon.allowed_numbers"
        " VALUES ('Lawley', 'DR1760002'), ('Lawley', 'DR1999999'), ('Mohadin', 'DR1752034')"
    )
    ask("drops allow missing")
    ask("drops allow strangers")
    ask("drops allow export", "--project", "Lawley")
    ask("drops allow export", str(tmp_path / "y.xlsx"), "--project", "Lawley")
    ask("drops allow clear", "--project", "Lawley", "--yes")
    office.query(
        "INSERT INTO wamon.near_miss_rows (chat, sent_at, message_id, written, reason, project, sender)"
        " SELECT chat, now(), 'N', 'DR99', 'too-short', project, '27820000001' FROM wamon.groups"
    )
    ask("drops near")
    ask("verify", status=1)
    ask("status")
    ask("gaps", "--since", "60d")
    ask("trace", "DR1752028")
    ask("doctor", status=None)  # it may have something to say about this machine
    ask("groups", "--all")
    ask("db url")
    ask("db dump", str(tmp_path / "x.dump"))
    ask("db restore", str(tmp_path / "x.dump"), "--force")
    ask("db stop")
    ask("failpoints")
    validating = [{**group, "validate": True} for group in office.settings["groups"]]
    office.set(groups=validating)
    ask("drops allow list")
    office.set(scan={"ignore_senders": ["27820000001"]})
    ask("config show")
    ask("web link")
    ask("config check")


def test_an_office_with_dead_letters_answers(office: Office, ask: Callable[..., None]) -> None:
    with VeryGoodPlugins(office.store, seed=3, durable=False) as bridge, office.refusing("DR66%"):
        bridge.post(LAWLEY, "DR6600001", message_id="POISON1")
        bridge.post(LAWLEY, "DR6600002", message_id="POISON2")
        office.scan()
        ask("dead list")
        ask("dead show", "POISON1")
        ask("dead retry", "POISON1", status=1)
        ask("dead discard", "POISON2")
    ask("dead retry", "--all")


def test_an_office_that_is_new_answers(
    wamon: Run, tmp_path: Path, fresh_dsn: str, answers: dict[str, list[Any]], embedded_in: Callable[..., Path]
) -> None:
    office = Office(tmp_path / "new", fresh_dsn, write_store(tmp_path / "messages.db"))
    answers["db migrate"].append(office.answer("db", "migrate"))
    legacy = tmp_path / "old.json"
    legacy.write_text(json.dumps({LAWLEY: "FIRST", MOHADIN: "NONE"}))
    answers["state adopt-store"] += [office.answer("state", "adopt-store") for _ in range(2)]
    answers["state adopt"].append(office.answer("state", "adopt", str(legacy)))
    init = ("init", "--bridge", str(office.store), "--output", str(tmp_path / "x.yaml"), "--json")
    answers["init"].append(json.loads(wamon(*init).stdout))
    (tmp_path / "bot.yaml").write_text("conversations: {enabled: true}\n", "utf-8")
    bot = ("init", "--bot", "--output", str(tmp_path / "bot.yaml"), "--json")
    answers["init"].append(json.loads(wamon(*bot).stdout))
    embedded_in(tmp_path / "demo/state")
    answers["demo"].append(json.loads(wamon("demo", "--dir", str(tmp_path / "demo"), "--json").stdout))


def test_a_host_with_embedded_servers_answers(host: Host, answers: dict[str, list[Any]]) -> None:
    host.cluster("state")
    servers = tuple(one.view() for one in found(host.config(dir=str(host.folder / "state")), {}))
    answers["db list"].append(json.loads(as_json(Clusters(servers))))
    answers["db prune"].append(json.loads(as_json(Pruned(servers, 1, servers))))


def test_an_office_with_alerts_answers(office: Office, ask: Callable[..., None]) -> None:
    crashed = {"SERVICE_RESULT": "watchdog"}
    with hooks() as hook:
        office.set(alerts={"channels": hook.channels, "reports": {"daily": "06:30"}})
        ask("alerts list")
        ask("alerts test")
        hook.status = 500
        ask("alerts test", status=1)
        office.run("service", "stopped", **crashed)
        silent = Check("bridge.freshness", State.WARN, "x", "", "Lawley", LAWLEY, {"age_seconds": 9999.0})
        notifier(configured(office.config_path, {}), CLOCK).evaluate([silent])
        ask("alerts list")


def test_an_office_that_replies_answers(office: Office, ask: Callable[..., None]) -> None:
    office.set(replies={"enabled": True, "url": "http://127.0.0.1:1/", "quiet_hours": "20:00-06:00", "token": "x" * 16})
    office.set(web={"hosts": ["wamon.example.com"]})
    shared: dict[str, object] = {"secret": SECRET, "of": "main", "account": "a", "project": "Lawley"}
    meta = hook("meta", verify_token=SECRET, numbers=["900222"], send={"url": "http://localhost/", "token": SECRET})
    office.set(hooks=[meta | shared])
    ask("config show")
    office.set(hooks=[hook("wati")], conversations={"enabled": True, "percentage": 100})
    ask("config check", "--against-sample")
    office.set(conversations={})
    ask("hooks replay", str(keep(office, "wati", WATI)), "0")
    office.set(hooks=[])
    with VeryGoodPlugins(office.store, seed=3, durable=False) as bridge:
        bridge.post(LAWLEY, "DR7700001", message_id="ASKED", at=CLOCK.now())
    office.scan()
    office.query("UPDATE wamon.replies SET reason = 'x', tried_at = now(), reply_id = 'x'")
    ask("replies list")
    ask("replies discard", "ASKED")
    [reply] = office.query("UPDATE wamon.replies SET state = 'unknown' RETURNING reply")
    ask("replies resend", str(reply))
    ask("replies off")
    ask("replies on")
    ask("replies list")


def test_an_office_with_hooks_answers(office: Office, ask: Callable[..., None]) -> None:
    office.set(hooks=[hook("gowa", of="main", secret=SECRET)])
    with serving(office) as site:
        deliver(site, "gowa")
        ask("hooks test", "gowa")
        ask("hooks list")
    ask("hooks test", "gowa", status=1)


def test_an_office_with_conversations_answers(office: Office, ask: Callable[..., None]) -> None:
    office.set(conversations={"enabled": True, "users": [PHONE]})
    ask("config show")
    talks, correlation_id = Talks(office.dsn), uuid4()
    thabo, group = talks.person(), talks.chat(jid=LAWLEY, project="Lawley", kind="group")
    talks.conversation(thabo, talks.chat(), overdue=90, last_out_at=CLOCK.now(), human_until=CLOCK.now())
    talks.conversation(talks.person("27820000002"), talks.chat())
    talk = talks.conversation(thabo, group, "idle", answered=1)
    talks.messages(talk, 1)
    talks.turn(
        talk, 1, 1, 1, "failed",
        error="TimeoutError", missed=2, gap_seconds=300, correlation_id=correlation_id, tokens=330,
    )  # fmt: skip
    talks.turn(talk, 2, 1, 1, "stale")
    talks.reply(talk, 1, 2, "skipped")
    talks.transition(talk, None, "settling", "message")
    talks.transition(talk, "settling", "processing", "due")
    ask("conversations list")
    ask("conversations show", PHONE)
    ask("conversations orphans")
    ask("conversations rescue", PHONE)
    another = talks.conversation(talks.person("27820000003"), group, "idle", answered=1)
    talks.burst(another, 1, first_morning(), after=61)
    for kind in ("daily", "weekly"):
        ask(f"report {kind}", "--date", f"{first_morning():%Y-%m-%d}")


def test_a_service_answers(machine: Machine, answers: dict[str, list[Any]]) -> None:
    def ask(command: str, *words: str) -> None:
        done = machine.wamon("--json", *words, *command.split())
        assert done.returncode == 0, done.stderr
        answers[command].append(json.loads(done.stdout))

    config = ("--config", str(machine.office.config_path))
    ask("service install", *config)
    machine.install("--cron")
    ask("service show")
    machine.systemctl("start", "wamon.service")
    ask("restart")
    ask("hygiene", *config)
    note_start(machine.state_dir, CLOCK)
    ask("hygiene")
    ask("service uninstall")
    ask("hygiene", *config)


@pytest.mark.parametrize("command", DOCUMENTED)
def test_the_page_lists_every_field_that_is_printed_and_no_other(command: str, answers: dict[str, list[Any]]) -> None:
    fields = DOCUMENTED[command]
    assert fields, "the page has no table of its fields"
    seen = {path: value for answer in answers[command] for path, value in leaves(answer)}
    unlisted = {path for path in seen if field_of(path, fields) is None}
    assert not unlisted
    never = {"applied[]"} if command == "db restore" else set()  # only an older wamon's backup is migrated
    printed = {field_of(path, fields) for path in seen}
    if command == "dead discard":
        never = {"still_dead[]"}  # where even that fails
    assert {field for field in fields if not field.endswith("*")} - printed == never, "listed, and not printed by any"
    for answer in answers[command]:
        for path, value in leaves(answer):
            assert fits(value, fields[field_of(path, fields) or ""]), (path, value)


def alike(text: str) -> str:
    """JSON as text, with 3 and 3.0 alike, but not 1 and true, nor fields in another order."""
    return json.dumps(json.loads(text, parse_int=float))


@pytest.mark.parametrize("command", VIEWS)
def test_an_answer_is_read_back_as_the_view_that_was_printed(command: str, answers: dict[str, list[Any]]) -> None:
    for answer in answers[command]:
        (view,) = (view for view in VIEWS[command] if [field.name for field in fields(view)] == list(answer))
        text = json.dumps(answer)
        assert alike(as_json(from_json(view, text))) == alike(text)
