"""docs/json.md is what the views say, and every view can be published."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import is_dataclass
from typing import Any, get_args, get_origin, get_type_hints

import pytest
import typer

from tests.support.json_page import PAGE, PAGES, VIEWS, described, page
from wamon.cli.main import app

WITHOUT_AN_ANSWER = {"run", "db serve", "service stopped"}
BETWEEN_OURSELVES = {"service prepare"}  # `wamon restart` asks it
EVERY = sorted(
    {view for views in [*VIEWS.values(), *PAGES.values()] for view in views},
    key=lambda view: (view.__module__, view.__name__),
)


def within(hint: Any) -> Iterator[type]:
    """The dataclasses that a type names, and those of their fields."""
    if is_dataclass(hint):
        yield hint  # type: ignore[misc]
        for inner in get_type_hints(hint).values():
            yield from within(inner)
    for argument in get_args(hint):
        yield from within(argument)


def commands(within: Any, path: str = "", option: str = "json") -> Iterator[str]:
    """The commands that take an option, as they are typed."""
    for name, command in within.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, f"{path}{name} ", option)
        elif any(parameter.name == option for parameter in command.params):
            yield f"{path}{name}"


def test_every_command_that_answers_has_its_view() -> None:
    assert {*commands(typer.main.get_command(app))} == {*VIEWS, *WITHOUT_AN_ANSWER, *BETWEEN_OURSELVES}


def test_every_command_that_prints_lines_answers_with_one_list_of_objects() -> None:
    listing = [*commands(typer.main.get_command(app), option="jsonl")]
    assert len(listing) > 8
    for command in listing:
        (view,) = VIEWS[command]
        (row,) = (get_args(hint)[0] for hint in get_type_hints(view).values() if get_origin(hint) is tuple)
        assert is_dataclass(row), command


def test_the_page_is_what_the_views_say() -> None:
    assert PAGE.read_text("utf-8") == page(), "run: python -m tests.support.json_page"


@pytest.mark.parametrize("view", EVERY, ids=lambda view: f"{view.__module__}.{view.__name__}")
def test_a_view_is_frozen_with_all_that_is_in_it(view: type) -> None:
    assert [one.__name__ for one in within(view) if not one.__dataclass_params__.frozen] == []  # type: ignore[attr-defined]


@pytest.mark.parametrize("view", EVERY, ids=lambda view: f"{view.__module__}.{view.__name__}")
def test_every_field_of_a_view_has_its_help(view: type) -> None:
    assert [path for path, _, meaning in described(view) if not meaning] == []
