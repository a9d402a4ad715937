"""Where hooks bring all messages and no store is read, each command answers for what there is, or says so."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.conftest import Run
from tests.acceptance.test_help import ALL
from tests.support.bridges import LAWLEY, VeryGoodPlugins
from tests.support.deliveries import GOWA, WATI
from tests.support.intake import hook, in_lawley, keep, take_in
from tests.support.office import Office
from wamon.app.configured import configured
from wamon.app.intake import brought_sources
from wamon.app.run import broken_promises
from wamon.cli.main import command
from wamon.daemon.stopping import Stopping
from wamon.daemon.upkeep import BroughtUpkeep, Upkeep
from wamon.errors import WamonError

NO_STORE = "No bridge's store is read here: hooks bring the messages, so there is none to look at."
OF_A_STORE: dict[tuple[str, ...], tuple[str, ...]] = {
    ("groups",): (),
    ("replay",): (),
    ("state", "show"): (),
    ("state", "rewind"): ("--group", "Lawley", "--to", "beginning"),
    ("state", "adopt"): ("old.json",),
    ("state", "adopt-store"): (),
}
"""What only a store can be asked, each with what it needs."""
ANSWERING: dict[tuple[str, ...], tuple[str, ...]] = {
    ("alerts", "list"): (),
    ("config", "check"): (),
    ("config", "show"): (),
    ("db", "dump"): ("backup",),
    ("db", "migrate"): (),
    ("db", "url"): (),
    ("dead", "list"): (),
    ("dead", "show"): ("event:{unread}",),
    ("dead", "retry"): ("--all",),
    ("dead", "discard"): ("event:{unread}",),
    ("doctor",): (),
    ("drops", "allow", "import"): ("numbers.csv", "--project", "Lawley"),
    ("drops", "allow", "list"): (),
    ("drops", "allow", "missing"): ("--project", "Lawley"),
    ("drops", "allow", "strangers"): ("--project", "Lawley"),
    ("drops", "allow", "export"): ("list.csv", "--project", "Lawley"),
    ("drops", "allow", "clear"): ("--project", "Lawley", "--yes"),
    ("drops", "list"): (),
    ("drops", "near"): (),
    ("drops", "show"): ("DR1752028",),
    ("drops", "export"): ("drops.csv",),
    ("failpoints",): (),
    ("gaps",): ("--group", "Lawley"),
    ("hooks", "list"): (),
    ("hooks", "replay"): ("{unread}",),
    ("hooks", "test"): ("wati",),
    ("hygiene",): (),
    ("replies", "list"): (),
    ("replies", "off"): (),
    ("replies", "on"): (),
    ("report", "daily"): (),
    ("report", "weekly"): (),
    ("scan",): (),
    ("service", "prepare"): (),
    ("service", "show"): (),
    ("status",): (),
    ("trace",): ("wamid.QUJD",),
    ("verify",): (),
    ("web", "link"): (),
}
"""Others that end by themselves, each when it has something to tell. One that isn't named is tried bare."""
ELSEWHERE = {
    ("alerts", "test"), ("replies", "discard"), ("run",), ("web",), ("demo",), ("init",), ("restart",), ("db", "serve"),
    ("db", "stop"), ("db", "restore"), ("db", "prune"), ("service", "install"), ("service", "uninstall"),
    ("service", "stopped"),
}  # fmt: skip
"""Those that serve, send, or change the host or its server."""


@pytest.fixture
def office(tmp_path: Path, open_office: Callable[..., Office], monkeypatch: pytest.MonkeyPatch) -> Office:
    """One without a store, to which two hooks brought a message each, and something that can't be read."""
    office = open_office(tmp_path / "no-store.db", hooks=[hook("wati", project="Lawley"), hook("gowa")])
    office.set(bridge={"path": None}, groups=[{"name": "Lawley", "jid": LAWLEY}])
    keep(office, "wati", WATI)
    keep(office, "gowa", in_lawley(GOWA, "DR1750001", "M1"))
    keep(office, "wati", b"no JSON")
    take_in(office)
    monkeypatch.chdir(tmp_path)
    Path("numbers.csv").write_text("drop_number\nDR1752028\n")
    Path("old.json").write_text("{}")
    return office


def said(office: Office, *words: str) -> tuple[int, str]:
    """How a command ends, in this process, and what it says."""
    talk = StringIO()
    with redirect_stdout(talk), redirect_stderr(talk):
        try:
            command()(["--config", str(office.config_path), *words], prog_name="wamon", obj=office.clock)
        except WamonError as error:
            return error.exit_code, error.paragraph()
        except SystemExit as end:
            return int(end.code or 0), talk.getvalue()
    pytest.fail(f"{words} came back")


def test_what_only_a_store_can_be_asked_says_that_none_is_read(office: Office) -> None:
    for words, more in OF_A_STORE.items():
        code, told = said(office, *words, *more)
        assert (code, NO_STORE in told) == (2, True), (words, told)


def test_every_other_command_answers_for_what_there_is(office: Office) -> None:
    """Ending with what it means: 1 where a thing isn't well, never with a fault of the config or of ours."""
    (unread,) = office.query("SELECT max(event) FROM wamon.webhook_events")
    bare = {path: () for path in ALL if not {path[:1], path[:2], path} & {*OF_A_STORE, *ELSEWHERE, *ANSWERING}}
    for words, more in {**ANSWERING, **bare}.items():
        code, told = said(office, *words, *(one.format(unread=unread) for one in more))
        assert code in {0, 1} or (words in bare and told.startswith("Usage: ")), (words, code, told)
        assert "Set bridge.path" not in told, (words, told)
    drops = json.loads(said(office, "drops", "list", "--json")[1])["drops"]
    assert {drop["drop_number"] for drop in drops} == {"DR1752028", "DR1750001"}
    for words in (("dead", "retry", "X1"), ("dead", "show", "X1"), ("gaps", "--group", "X1")):
        code, told = said(office, *words)
        assert (code, told.startswith("There is no ")) == (2, True), told


def test_the_proof_is_made_once_a_day_noted_for_each_source_and_told(office: Office) -> None:
    config = configured(office.config_path, {})
    upkeep = BroughtUpkeep(partial(brought_sources, config), partial(broken_promises, config, office.clock))

    def noted() -> list[Any]:
        upkeep.run(Stopping())
        return office.query("SELECT last_verify_clean FROM wamon.sources WHERE source IN ('wati', 'gowa')")

    assert noted() == [True, True]
    office.query("DELETE FROM wamon.ledger_rows WHERE message_id = 'M1'")
    assert noted() == [True, True]  # a day hasn't gone by
    office.query("UPDATE wamon.sources SET last_verify_at = now() - interval '2 days' WHERE source = 'gowa'")
    assert noted() == [False, False]
    assert "and found something wrong" in said(office, "doctor")[1]

    assert said(office, "verify", "--repair")[0] == 0
    assert office.query("SELECT last_verify_clean FROM wamon.sources WHERE source = 'gowa'") == [True]
    assert "and found all in order" in said(office, "doctor")[1]


def test_beside_a_store_a_delivery_that_is_not_proven_makes_the_noted_proof_unclean(
    tmp_path: Path, open_office: Callable[..., Office]
) -> None:
    with VeryGoodPlugins(tmp_path / "messages.db", durable=False) as bridge:
        bridge.chat(LAWLEY, "Lawley")
        office = open_office(bridge.path, hooks=[hook("wati", project="Lawley")])
        office.scan()
    keep(office, "wati", WATI)
    take_in(office)
    office.query("DELETE FROM wamon.ledger_rows")
    broken = partial(broken_promises, configured(office.config_path, {}), office.clock)

    Upkeep(office.opened, broken).run(Stopping())
    by_day = office.query("SELECT last_verify_clean FROM wamon.sources WHERE source = 'main'")
    office.query("UPDATE wamon.sources SET last_verify_clean = NULL")
    code, told = said(office, "verify")

    assert (by_day, code) == ([False], 1), told
    assert office.query("SELECT last_verify_clean FROM wamon.sources WHERE source = 'main'") == [False]


@pytest.mark.parametrize("how", [(), ("--plain",)], ids=["screen", "plain"])
def test_of_what_nobody_has_begun_no_status_says_that_all_is_well(
    wamon: Run, tmp_path: Path, how: tuple[str, ...]
) -> None:
    hooks = "hooks: [{name: wati, provider: wati, secret: a-secret-of-the-hook}]"
    (tmp_path / "wamon.yaml").write_text(f"state: {{dir: state}}\n{hooks}\n", "utf-8")
    said = wamon("--config", "wamon.yaml", "status", *how).stdout
    assert "All is well." not in said
    assert "Nothing is recorded yet.\n" in said
    assert said.endswith("`wamon scan` begins, and `wamon run` stays.\n")
