"""Every command explains itself: a sentence, and an example to copy."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import pytest
import typer
import typer.main
from typer.core import TyperCommand, TyperGroup

from tests.acceptance.conftest import Run
from wamon.cli.main import app
from wamon.cli.usage import BLOCKS
from wamon.render import page

PROJECT = Path(__file__).parents[2]

ROOT = typer.main.get_command(app)


def inner(command: object) -> dict[str, TyperCommand]:
    commands = command.commands if isinstance(command, TyperGroup) else {}
    return {name: cast("TyperCommand", one) for name, one in commands.items()}


def paths(command: object, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, one in inner(command).items():
        yield (*words, name)
        yield from paths(one, (*words, name))


ALL = sorted(paths(ROOT))


def test_the_commands_are_those_of_the_contract() -> None:
    assert {
        ("scan",),
        ("verify",),
        ("groups",),
        ("init",),
        ("demo",),
        ("replay",),
        ("run",),
        ("restart",),
        ("hygiene",),
        ("status",),
        ("doctor",),
        ("gaps",),
        *(("alerts", name) for name in ("list", "test")),
        *(("hooks", name) for name in ("list", "test")),
        *(("dead", name) for name in ("list", "show", "retry", "discard")),
        *(("report", name) for name in ("daily", "weekly")),
        *(("service", name) for name in ("install", "show", "uninstall")),
        *(("state", name) for name in ("show", "rewind", "adopt", "adopt-store")),
        *(("drops", name) for name in ("list", "show", "near", "export")),
        *(("drops", "allow", name) for name in ("import", "list", "missing", "strangers", "export", "clear")),
        *(("config", name) for name in ("check", "show", "example")),
        ("help",),
        *(("db", name) for name in ("url", "migrate", "dump", "restore", "stop")),
    } <= set(ALL)


@pytest.mark.parametrize("words", ALL, ids=" ".join)
def test_a_commands_help_has_a_sentence_and_an_example(words: tuple[str, ...]) -> None:
    command = inner(ROOT)[words[0]]
    for word in words[1:]:
        command = inner(command)[word]
    text = command.get_help(typer.Context(command, info_name=words[-1]))
    _, _, body = text.partition("\n\n")
    assert re.match(r"  [A-Z][^.]*(?:\.[^. ][^.]*)*\.(?:\s|$)", body), body
    assert re.search(rf"^ +wamon {' '.join(words)}\b", body, re.MULTILINE), body


def test_help_comes_from_the_real_command(wamon: Run) -> None:
    for words in (["--help"], ["drops", "-h"], ["db", "dump", "--help"]):
        done = wamon(*words)
        assert done.returncode == 0
        assert done.stdout.startswith("Usage: ")
        assert done.stderr == ""


def test_help_lists_every_command_once_with_a_whole_sentence_in_80_columns(wamon: Run) -> None:
    listed = [name for names in BLOCKS.values() for name in names]
    assert sorted(listed) == sorted(name for name, one in inner(ROOT).items() if not one.hidden)
    said = wamon("--help", COLUMNS="80").stdout
    assert [title for title in BLOCKS if f"\n{title}:\n" not in said] == []
    assert max(map(len, said.splitlines())) <= 80
    assert "..." not in said.partition("Options:")[2]


def test_every_page_can_be_read_without_a_checkout(wamon: Run) -> None:
    listed = wamon("help")
    pages = {path.stem: path.read_text("utf-8") for path in (PROJECT / "docs").glob("*.md")}
    for name, text in pages.items():
        assert f" {name} " in listed.stdout
        assert wamon("help", name).stdout == text
    assert wamon("help", "drops", "list").stdout == wamon("drops", "list", "--help").stdout
    unknown = wamon("help", "nothing")
    assert (unknown.returncode, unknown.stdout) == (2, "")
    assert unknown.stderr.startswith("Nothing is called 'nothing'. ")


def test_on_a_terminal_a_page_is_formatted(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    page("# Title\n\nA `word` in **bold**.\n")
    plain = re.sub(r"\x1b\[[\d;]*m", "", capsys.readouterr().out)
    assert "\nA word in bold." in plain


def test_version_names_all_that_must_fit_together(wamon: Run) -> None:
    done = wamon("--version")
    assert re.fullmatch(r"wamon \S+ · schema \d+ · Python 3\.\d+\.\S+ · PostgreSQL 18\.\d+ \(embedded\)\n", done.stdout)


@pytest.fixture
def offered(wamon: Run) -> Callable[[str], list[str]]:
    """What the shell offers for the last of some words. It asks no database: there is none."""

    def ask(words: str) -> list[str]:
        asked = {"_WAMON_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(len(words.split(" ")) - 1)}
        done = wamon(**asked, WAMON_DATABASE_URL="postgresql://127.0.0.1:1/nowhere")
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout.split("\n")[:-1]

    return ask


def test_the_shell_completes_groups_projects_and_hooks_from_the_config(
    offered: Callable[[str], list[str]], tmp_path: Path
) -> None:
    config = tmp_path / "config/wamon.yaml"
    config.parent.mkdir()
    hooks = 'hooks: [{name: wati, provider: wati, secret: ""}, {name: wa-2, provider: waha, secret: ""}]\n'
    config.write_text((PROJECT / "config/wamon.yaml").read_text("utf-8").replace("hooks: []\n", hooks), "utf-8")
    assert offered("wamon scan --group M") == ["Mamelodi", "Mohadin"]
    assert offered("wamon drops list --project Vel") == ["Velo Test"]
    assert offered("wamon init --bot --project La") == ["Lawley"]
    assert offered("wamon hooks test wa") == ["wa-2", "wati"]
    config.write_text("timezone: Moon\n", "utf-8")
    assert "".join(offered("wamon scan --group M")) == ""
    assert "".join(offered("wamon hooks test wa")) == ""


def test_the_shell_completes_providers_and_help_topics(offered: Callable[[str], list[str]]) -> None:
    assert offered("wamon init --bot --provider wa") == ["wacli", "waha", "wati"]
    assert offered("wamon help re") == ["recovery", "replay", "replies", "report", "restart"]
    assert offered("wamon help drops allow ") == ["clear", "export", "import", "list", "missing", "strangers"]
    assert "".join(offered("wamon help failp")) == ""
    assert "".join(offered("wamon help nothing ")) == ""


@pytest.mark.parametrize("words", [(), *ALL], ids=" ".join)
def test_no_line_of_a_help_is_cut_or_longer_than_80_columns(
    words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    command, context = ROOT, typer.Context(ROOT, info_name="wamon")
    for word in words:
        command = inner(command)[word]
        context = typer.Context(command, info_name=word, parent=context)
    _, _, said = command.get_help(context).partition("\n\n")
    assert [line for line in said.splitlines() if len(line) > 80 or line.endswith(("...", "…"))] == []
    assert not re.search(r"<(?:str|int|path|list)\b", said), "a type of Python's is no word of a user's"
