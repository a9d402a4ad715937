"""Commands start quickly: each loads what it needs, and `wamon --help` nothing that works."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import wamon
from tests.support.bridges import LAWLEY, VeryGoodPlugins
from tests.support.office import Office

PACKAGE = Path(wamon.__file__).parent
_LOADED = """
import atexit, sys
before = set(sys.modules)
atexit.register(lambda: print(*sorted(set(sys.modules) - before), file=sys.stderr))
from wamon.__main__ import main
main()
"""
TYPER = {"annotated_doc", "shellingham", "typer", "typing_extensions"}
TYPER_ON_OPTIONS = {"annotated_types", "pydantic", "pydantic_core", "typing_inspection"}
OURS = {"wamon", "wamon.__main__", "wamon.cli", "wamon.clock", "wamon.errors", "wamon.log"}
WORK = {"apscheduler", "psycopg", "re2", "rich", "sqlite3", "watchdog", "yaml"}
A_SCAN = {"cython_runtime", "psycopg", "psycopg_binary", "rich", "yaml"}
NO_SCAN = {
    "alerts",
    "app.look",
    "app.run",
    "daemon.loop",
    "daemon.monitor",
    "replies.queue",
    "replies.sender",
    "reports",
}


def test_what_is_asynchronous_stands_in_web_and_events_nats_alone() -> None:
    found = {
        file
        for file in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.AsyncFunctionDef)
    }
    rooms = {file.relative_to(PACKAGE).parts[0] for file in found if file != PACKAGE / "events/nats.py"}
    assert rooms == {"web"}


def loaded(*words: str | Path, says: str = "Usage: ") -> set[str]:
    """The modules that this command loads."""
    done = subprocess.run([sys.executable, "-c", _LOADED, *words], check=True, capture_output=True, text=True)
    assert says in done.stdout
    return set(done.stderr.split())


def packages(modules: set[str]) -> set[str]:
    """Their packages that aren't Python's own. Some builds of Python come with a module named for the machine."""
    found = {module.partition(".")[0] for module in modules}
    return {name for name in found - sys.stdlib_module_names if not name.startswith("_")}


def test_help_loads_the_command_line_and_nothing_that_works() -> None:
    modules = loaded("--help")
    assert packages(modules) <= {"wamon", *TYPER}
    assert {module for module in modules if module.startswith("wamon") and ".cli." not in module} <= OURS
    assert modules.isdisjoint({*WORK, "asyncio", "concurrent", "email", "http", "socket"})


@pytest.mark.parametrize("words", [["scan", "--help"], ["drops", "list", "--help"]], ids=" ".join)
def test_a_commands_help_loads_no_more_than_typer_wants_for_its_options(words: list[str]) -> None:
    modules = loaded(*words)
    assert packages(modules) <= {"wamon", *TYPER, *TYPER_ON_OPTIONS}
    assert modules.isdisjoint(WORK)


def test_a_scan_loads_neither_the_daemon_nor_who_tells_people(
    tmp_path: Path, open_office: Callable[..., Office]
) -> None:
    with VeryGoodPlugins(tmp_path / "messages.db", durable=False) as bridge:
        bridge.post(LAWLEY, "DR1752028")
    office = open_office(bridge.path)
    modules = loaded("--config", office.config_path, "scan", says="1 messages read and recorded")
    assert packages(modules) <= {"wamon", *TYPER, *TYPER_ON_OPTIONS, *A_SCAN}
    assert modules.isdisjoint({f"wamon.{room}" for room in NO_SCAN})
    assert modules.isdisjoint({"http", "smtplib", "wamon.postgres.backup"})


@pytest.mark.parametrize(
    ("words", "left_out"),
    [
        (["groups"], {"psycopg", "wamon.capture", "wamon.ledger", "wamon.webhooks"}),
        (["drops", "list"], {"wamon.capture", "wamon.ledger.recording", "wamon.webhooks"}),
        (["report", "daily"], {"wamon.webhooks"}),
        (["gaps"], {"wamon.webhooks"}),
    ],
    ids=lambda words: "-".join(words) if isinstance(words, list) else "",
)
def test_what_only_looks_loads_nothing_that_it_leaves_alone(
    words: list[str], left_out: set[str], tmp_path: Path, open_office: Callable[..., Office]
) -> None:
    with VeryGoodPlugins(tmp_path / "messages.db", durable=False) as bridge:
        bridge.post(LAWLEY, "DR1752028")
    office = open_office(bridge.path)
    office.scan()
    assert loaded("--config", office.config_path, *words, says="") & left_out == set()
