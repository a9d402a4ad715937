"""`wamon --help` stays quick: it loads what speaks to the shell, and nothing that works."""

from __future__ import annotations

import subprocess
import sys

import pytest

_LOADED = """
import atexit, sys
before = set(sys.modules)
atexit.register(lambda: print(*sorted(set(sys.modules) - before), file=sys.stderr))
from wamon.__main__ import main
main()
"""
TYPER = {"annotated_doc", "shellingham", "typer", "typing_extensions"}
TYPER_ON_OPTIONS = {"annotated_types", "pydantic", "pydantic_core", "typing_inspection"}
OURS = {"wamon", "wamon.__main__", "wamon.cli", "wamon.errors", "wamon.log"}
WORK = {"apscheduler", "psycopg", "re2", "rich", "sqlite3", "watchdog", "yaml"}


def loaded(*words: str) -> set[str]:
    """The modules that this command loads."""
    done = subprocess.run([sys.executable, "-c", _LOADED, *words], check=True, capture_output=True, text=True)
    assert done.stdout.startswith("Usage: ")
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
