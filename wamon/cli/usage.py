"""What a command says of a value that an option can't have: what it may be, in one plain sentence."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperGroup

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_WORDS: Sequence[tuple[re.Pattern[str], Callable[[re.Match[str]], str]]] = (
    (re.compile(r"is not one of (.+?)\.?$"), lambda found: f"should be {_either(found[1])}."),
    (re.compile(r"valid integer"), lambda _: "should be a whole number."),
    (re.compile(r"greater than or equal to (\d+)"), lambda found: f"should be {found[1]} or more."),
    (re.compile(r"less than or equal to (\d+)"), lambda found: f"should be {found[1]} or less."),
)
"""What typer says, and what we say instead."""


class Commands(TyperGroup):
    """All commands: wherever one refuses a value, it is in our words."""

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 - typer's own, which it doesn't give to others
        try:
            return super().invoke(ctx)
        except typer.BadParameter as error:
            error.message = plain(error.message)
            raise


def plain(said: str) -> str:
    """What typer said, in our words; as it is where we have none."""
    found = ((pattern.search(said), word) for pattern, word in _WORDS)
    return next((word(match) for match, word in found if match), said)


def _either(choices: str) -> str:
    *others, last = re.findall("'([^']*)'", choices)
    return f"{', '.join(others)} or {last}" if others else last
