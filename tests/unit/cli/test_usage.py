"""A value that an option can't have is refused in one plain sentence that says what it may be."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Any, get_args, get_type_hints

import pytest
import typer
from typer.testing import CliRunner

from tests.support.clock import CLOCK
from wamon.cli.main import app


def chosen(within: Any, path: tuple[str, ...] = ()) -> Iterator[Any]:
    """Every option and argument that isn't free text: the words before it, a wrong value, and what it may be."""
    for name, command in within.commands.items():
        words = (*path, name)
        if hasattr(command, "commands"):
            yield from chosen(command, words)
        hints = get_type_hints(command.callback, include_extras=False) if command.callback else {}
        for parameter in command.params:
            kinds = {
                one
                for hint in get_args(hints.get(parameter.name)) or [hints.get(parameter.name)]
                for one in (hint, *get_args(hint))
            }
            option = [parameter.opts[0]] if parameter.param_type_name == "option" else []
            for kind in kinds:
                if isinstance(kind, type) and issubclass(kind, StrEnum):
                    yield pytest.param(
                        (*words, *option, "nonsense"), [str(one) for one in kind], id=" ".join((*words, *option))
                    )
                elif kind is int:
                    yield pytest.param((*words, *option, "x"), ["a whole number"], id=" ".join((*words, *option)))


EVERY = list(chosen(typer.main.get_command(app)))


@pytest.mark.parametrize(("words", "may_be"), EVERY)
def test_a_wrong_value_is_refused_by_what_it_may_be(words: tuple[str, ...], may_be: list[str]) -> None:
    done = CliRunner().invoke(app, list(words), obj=CLOCK)
    said = done.output.rpartition("\nError: ")[2].strip()
    *others, last = may_be
    expected = f"{', '.join(others)} or {last}" if others else last
    assert (done.exit_code, said.partition(": ")[2]) == (2, f"should be {expected}.")


def test_there_are_such_values() -> None:
    assert len(EVERY) > 8


@pytest.mark.parametrize(("minutes", "may_be"), [("0", "1 or more"), ("2000", "1440 or less")])
def test_a_number_out_of_bounds_is_refused_by_its_bound(minutes: str, may_be: str) -> None:
    done = CliRunner().invoke(app, ["web", "link", "--minutes", minutes], obj=CLOCK)
    assert done.output.strip().endswith(f"Error: Invalid value for '--minutes': should be {may_be}.")
