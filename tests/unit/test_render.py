"""Words for states are in colour on a terminal that takes colours, and nowhere else."""

from __future__ import annotations

import io
import os
import pty
from collections.abc import Callable
from contextlib import redirect_stdout, suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.environment import examples
from wamon import render
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


NARROW_CELLS = st.one_of(st.none(), st.integers(-(10**6), 10**6), st.text("a B-—…éß \t\0.", max_size=30))
CELLS = st.one_of(NARROW_CELLS, st.text(st.characters(codec="utf-8"), max_size=12), st.text("ab \n", max_size=9))


@settings(max_examples=examples(1000))
@given(st.data())
def test_a_plain_table_is_drawn_as_rich_draws_it(data: st.DataObject) -> None:
    columns = data.draw(st.lists(st.text("Aa b", min_size=1, max_size=9), min_size=1, max_size=5, unique=True))
    cells = data.draw(st.sampled_from([NARROW_CELLS, CELLS]))
    rows = data.draw(st.lists(st.lists(cells, min_size=1, max_size=len(columns) + 1), min_size=1, max_size=6))
    right = data.draw(st.lists(st.sampled_from(columns), unique=True))
    width = data.draw(st.integers(10, 120))
    drawn = render._drawn(columns, rows, width, right)
    assert drawn in (None, render._drawn_by_rich(columns, rows, width, right, ()))


def test_a_plain_table_that_fits_is_filled_up() -> None:
    rows = [("Lawley", 12, "—"), ("Mohadin", 3)]
    drawn = render._drawn(("Project", "New", "Before"), rows, 24, ("New", "Before"))
    assert drawn
    assert drawn.splitlines() == [
        "                        ",
        " Project   New   Before ",
        " ────────────────────── ",
        " Lawley     12        — ",
        " Mohadin     3          ",
        "                        ",
    ]


def test_where_the_encoding_has_no_lines_the_table_has_none() -> None:
    pipe = io.TextIOWrapper(io.BytesIO(), "ascii")
    with redirect_stdout(pipe):
        table(("Name", "New"), [("Lawley", 12)])
    pipe.flush()
    assert b"Lawley" in pipe.buffer.getvalue()
