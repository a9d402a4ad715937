"""How commands explain themselves: in blocks, and of a value that an option can't have, what it may be."""

from __future__ import annotations

import gc
import re
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperGroup

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_WORDS: Sequence[tuple[re.Pattern[str], Callable[[re.Match[str]], str]]] = (
    (re.compile(r"is not one of (.+?)\.?$"), lambda found: f"should be {_either(found[1])}."),
    (re.compile(r"valid integer"), lambda _: "should be a whole number."),
    (re.compile(r"greater than or equal to (\d+)"), lambda found: f"should be {found[1]} or more."),
    (re.compile(r"less than or equal to (\d+)"), lambda found: f"should be {found[1]} or less."),
)
"""What typer says, and what we say instead."""


BLOCKS: Mapping[str, tuple[str, ...]] = {
    "Recording": ("scan", "run", "replay", "verify", "state", "dead"),
    "Looking": ("status", "doctor", "web", "drops", "report", "groups", "gaps", "trace", "events", "hygiene"),
    "Conversations": ("hooks", "conversations", "replies"),
    "Setting up": ("init", "config", "alerts", "db", "service", "restart", "demo", "help"),
}
"""Which commands belong together, in the order in which `--help` lists them."""


class Commands(TyperGroup):
    """Commands, listed with whole sentences; wherever one refuses a value, it is in our words.

    Beside an argument's name typer shows its Python type, `<list[str]>`, which tells nobody what to say: ours don't.
    """

    def __init__(self, **said: Any) -> None:  # noqa: ANN401 - as typer's own takes it
        super().__init__(**said)
        params: Any = [param for command in self.commands.values() for param in command.params]
        for argument in (param for param in params if param.param_type_name == "argument"):
            argument.display_type_rich = lambda ctx: None  # noqa: ARG005 - as typer calls it

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401 - typer gives no names to its own
        said = {
            name: _sentence(command.help or "")
            for name in self.list_commands(ctx)
            if (command := self.get_command(ctx, name)) and not command.hidden
        }
        for title, names in self.blocks(tuple(said)).items():
            with formatter.section(title):
                formatter.write_dl([(name, said[name]) for name in names])

    def blocks(self, names: tuple[str, ...]) -> Mapping[str, tuple[str, ...]]:
        return {"Commands": names}

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 - typer's own, which it doesn't give to others
        try:
            return super().invoke(ctx)
        except typer.BadParameter as error:
            error.message = plain(error.message)
            raise


class AllCommands(Commands):
    """Those of wamon itself, in their blocks."""

    def forget(self) -> None:
        """Let go of the commands, once one runs that lasts for years: what parses and explains them takes 1 MB."""
        self.commands.clear()
        gc.collect()  # so that what is loaded next takes its place

    def blocks(self, names: tuple[str, ...]) -> Mapping[str, tuple[str, ...]]:  # noqa: ARG002 - all of them have one
        return BLOCKS


def _sentence(text: str) -> str:
    """The first sentence of a command's help, without its full stop."""
    return " ".join(re.split(r"\.(?:\s|$)", text.strip(), maxsplit=1)[0].split())


def plain(said: str) -> str:
    """What typer said, in our words; as it is where we have none."""
    found = ((pattern.search(said), word) for pattern, word in _WORDS)
    return next((word(match) for match, word in found if match), said)


def _either(choices: str) -> str:
    *others, last = re.findall("'([^']*)'", choices)
    return f"{', '.join(others)} or {last}" if others else last
