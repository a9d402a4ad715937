"""Before something is taken away: a question on a terminal, or --yes."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")]


def confirm(question: str) -> None:
    """Ask, and end the command where the answer is no. Raises UsageError where nobody can be asked."""
    from wamon.errors import UsageError

    if not sys.stdin.isatty():
        raise UsageError(f"{question} Nobody can be asked here.", hint="Pass --yes.")
    typer.confirm(question, abort=True, err=True)
