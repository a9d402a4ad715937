"""How much commands talk: `-q` and `-v`, which every command takes before and after its name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from wamon.log import is_quiet, talk

if TYPE_CHECKING:
    from collections.abc import Iterator

_STEPS = "wamon.talk"
"""Where the context keeps how often -v was said, before the command's name and after it."""


def _quiet(asked: bool) -> None:
    if asked:
        talk(-1)


def _verbose(ctx: typer.Context, times: int) -> None:
    if not times:
        return
    if is_quiet():
        raise typer.BadParameter("can't be said together with --quiet.")
    steps = ctx.meta[_STEPS] = ctx.meta.get(_STEPS, 0) + times
    talk(steps)


def _both(
    quiet: Annotated[
        bool,
        typer.Option(
            "--quiet",
            "-q",
            callback=_quiet,
            expose_value=False,
            is_eager=True,
            help="Say nothing but warnings, errors and what you ask for; no progress.",
        ),
    ] = False,
    verbose: Annotated[
        int,
        typer.Option(
            "--verbose",
            "-v",
            callback=_verbose,
            count=True,
            show_default=False,
            expose_value=False,
            help="Also say what is done; twice, in detail.",
        ),
    ] = 0,
) -> None:
    """Both options, as typer reads them."""


def add_to(root: Any) -> None:  # noqa: ANN401 - typer gives no name to its own
    """Give both options to each of these commands."""
    own = typer.Typer(add_completion=False)
    own.command()(_both)
    params = typer.main.get_command(own).params
    for command in _all(root):
        command.params += params


def _all(command: Any) -> Iterator[Any]:  # noqa: ANN401
    yield command
    for inner in getattr(command, "commands", {}).values():
        yield from _all(inner)
