"""Words for states are in colour on a terminal that takes colours, and nowhere else."""

from __future__ import annotations

import io
import os
import pty
from collections.abc import Callable
from contextlib import redirect_stdout, suppress

import pytest

from wamon.render import coloured, say, table

GREEN, YELLOW, RED, DIM, END = "\x1b[32m", "\x1b[33m", "\x1b[31m", "\x1b[2m", "\x1b[0m"
WORDS = {"ok": GREEN, "warn": YELLOW, "bad": RED, "unknown": DIM}


@pytest.fixture(autouse=True)
def _terminal_with_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")


def tell() -> None:
    for word in WORDS:
        say(f"{coloured(word)} it is")
    table(("Name", "State", "Why"), [("ok", word, "bad") for word in WORDS], state="State")


def on_a_terminal(act: Callable[[], None]) -> str:
    ours, theirs = pty.openpty()
    with open(theirs, "w", encoding="utf-8") as terminal, redirect_stdout(terminal):  # noqa: PTH123 - a descriptor
        act()
    said = b""
    with suppress(OSError):  # the terminal's other end is closed
        while piece := os.read(ours, 65_536):
            said += piece
    os.close(ours)
    return said.decode().replace("\r\n", "\n")


def in_a_pipe(act: Callable[[], None]) -> str:
    with redirect_stdout(io.StringIO()) as pipe:
        act()
    return pipe.getvalue()


def test_on_a_terminal_a_states_word_has_the_colour_of_its_meaning() -> None:
    said = on_a_terminal(tell)
    assert [word for word, colour in WORDS.items() if said.count(f"{colour}{word}{END}") != 2] == []


def test_only_the_column_of_states_is_in_colour() -> None:
    said = on_a_terminal(lambda: table(("Name", "State"), [("ok", "idle")], state="State"))
    assert GREEN not in said


@pytest.mark.parametrize("environ", [{"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=["NO_COLOR", "dumb"])
def test_where_colours_are_not_wanted_no_code_is_written_and_all_stands_where_it_stood(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    said = on_a_terminal(tell)
    assert "\x1b" not in said
    assert said == in_a_pipe(tell)


def test_an_empty_no_color_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "")
    assert on_a_terminal(lambda: say(coloured("ok"))) == f"{GREEN}ok{END}\n"


def test_without_a_terminal_there_is_no_code_also_where_colours_are_forced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b" not in in_a_pipe(tell)
