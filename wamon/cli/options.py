"""The options that every command takes, before or after its name, and how a command reads them."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wamon.cli.output import escape_for_json
from wamon.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from _typeshed import DataclassInstance

    from wamon.clock import Clock
    from wamon.config.schema import Config

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="The config, instead of $WAMON_CONFIG or config/wamon.yaml."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Answer in JSON; `wamon help json` lists the fields.")]
JsonLinesOption = Annotated[
    bool, typer.Option("--jsonl", help="Answer in JSON, each object of the list on a line of its own.")
]
BridgeOption = Annotated[
    Path | None, typer.Option("--bridge", metavar="FILE", help="Read this store instead of the configured one.")
]


_SECONDS_FOR_A_TAB = 2


def complete_project(ctx: typer.Context, incomplete: str) -> list[str]:
    """The projects of the config that begin so, for the shell; none where the config can't be read."""
    config = _config_to_complete(ctx)
    return starting(incomplete, [group.name for group in config.groups] if config else [])


def complete_hook(ctx: typer.Context, incomplete: str) -> list[str]:
    """The hooks of the config that begin so; none where the config can't be read."""
    config = _config_to_complete(ctx)
    return starting(incomplete, [hook.name for hook in config.hooks] if config else [])


def complete_letter(ctx: typer.Context, incomplete: str) -> list[str]:
    """The dead letters whose ids begin so, where PostgreSQL runs and answers at once; else none."""
    from contextlib import suppress

    from wamon.errors import WamonError

    config = _config_to_complete(ctx)
    if config is None:
        return []
    from wamon.app.letters import ids_at_hand

    signal.signal(signal.SIGALRM, lambda *_: os._exit(0))
    signal.alarm(_SECONDS_FOR_A_TAB)
    with suppress(WamonError):
        return starting(incomplete, ids_at_hand(config))
    return []


def starting(incomplete: str, names: Iterable[str]) -> list[str]:
    """Those that begin so, each once, in order."""
    return sorted({name for name in names if name.startswith(incomplete)})


def _config_to_complete(ctx: typer.Context) -> Config | None:
    """Nothing is started: who presses Tab waits for no database."""
    from wamon.config import load as configs
    from wamon.errors import ConfigError

    given = next((path for each in (ctx, ctx.find_root()) if (path := each.params.get("config"))), None)
    try:
        path = configs.find(given, os.environ)
        return configs.load(path, os.environ) if path else None
    except ConfigError:
        return None


GroupOption = Annotated[
    list[str] | None,
    typer.Option(
        "--group", metavar="NAME|JID", help="Only this group; may be given again.", autocompletion=complete_project
    ),
]

ProjectOption = Annotated[
    str | None,
    typer.Option("--project", metavar="NAME", help="Only this project's.", autocompletion=complete_project),
]


def _show_version(asked: bool) -> None:
    if not asked:
        return
    from wamon.views.version import version

    typer.echo(version().line())
    raise typer.Exit


VersionOption = Annotated[
    bool,
    typer.Option("--version", callback=_show_version, is_eager=True, help="Show whose versions these are, and exit."),
]


@dataclass(frozen=True, slots=True)
class Said:
    """What the user said before and after the command's name."""

    config_path: Path | None
    json: bool
    clock: Clock  # the process's
    jsonl: bool = False  # of JSON, a list's objects alone, each on a line

    def config(self) -> Config:
        """The config that holds. Raises ConfigError."""
        from wamon.app.configured import configured
        from wamon.config import load as configs
        from wamon.log import logger

        path = configs.find(self.config_path, os.environ)
        logger.info("The config is %s.", path or "none, so the defaults hold", extra={"action": "config.read"})
        return configured(path, os.environ)

    def say_list(self, answer: DataclassInstance) -> None:
        """Print a view with one list in JSON, as it was asked for."""
        from wamon.render import say, say_in_parts
        from wamon.views.document import in_parts, rows

        if not self.jsonl:
            say_in_parts(in_parts(answer))
            return
        for row in rows(answer):
            say(row)


def said(ctx: typer.Context, config: Path | None, json: bool, jsonl: bool = False) -> Said:
    """The common options, wherever they stood. Raises UsageError for both kinds of JSON at once."""
    before: Said = ctx.obj
    json = json or before.json
    if json and jsonl:
        raise UsageError(
            "--json and --jsonl can't be said together.",
            hint="--json prints one document, --jsonl each object of its list on a line.",
        )
    if json or jsonl:
        escape_for_json()
    return Said(config or before.config_path, json or jsonl, before.clock, jsonl)
