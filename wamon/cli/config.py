"""`wamon config`: whether the config can be used, and what follows from it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import typer

from wamon.cli.options import ConfigOption, JsonOption, Said, said
from wamon.cli.usage import Commands

if TYPE_CHECKING:
    from pathlib import Path

    from wamon.views.config import Checked

commands = typer.Typer(cls=Commands, no_args_is_help=True, rich_markup_mode=None)


def add_to(app: typer.Typer) -> None:
    app.add_typer(
        commands,
        name="config",
        help="""Check the config, show every value that holds, or a sample.

        \b
        wamon config check
        wamon config show --json
        wamon config example
        """,
    )


@commands.command()
def check(ctx: typer.Context, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Say whether the config can be used, and everything that is wrong with it.

    Nothing is opened or started. Ends with 0 where it is fine, with 78 where it isn't or there is none.

    \b
    wamon config check
    wamon config check --config /etc/wamon/wamon.yaml
    """
    from wamon.render import paragraph, say
    from wamon.views import config as view
    from wamon.views.document import as_json

    options = said(ctx, config, json)
    path = _found(options)
    answer = view.checked(path, options.config())
    if options.json:
        say(as_json(answer))
    else:
        paragraph(_sentence(answer))


@commands.command()
def show(ctx: typer.Context, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Show every value that holds, from the file, the environment and the defaults, with secrets masked.

    \b
    wamon config show
    wamon config show --json
    """
    from wamon.config.show import as_yaml
    from wamon.render import say
    from wamon.views import config as view
    from wamon.views.document import as_json

    options = said(ctx, config, json)
    settings = options.config()
    if options.json:
        say(as_json(view.effective(settings)))
    else:
        say(as_yaml(settings).rstrip())


@commands.command()
def example() -> None:
    """Print the sample config, in which every key stands with its default and what it does.

    \b
    wamon config example > wamon.yaml
    """
    from wamon.host.shipped import shipped
    from wamon.render import say

    say(shipped("docs/wamon.yaml", "config/wamon.yaml").read_text("utf-8").rstrip())


def _found(options: Said) -> Path:
    from wamon.config.load import find
    from wamon.errors import ConfigError

    path = find(options.config_path, os.environ)
    if path is None:
        raise ConfigError(
            "There is no config to check: neither config/wamon.yaml nor /etc/wamon/wamon.yaml is there.",
            hint="`wamon init` writes one. Until then the defaults hold; `wamon config show` shows them.",
        )
    return path


def _sentence(answer: Checked) -> str:
    groups, disabled = answer.groups, answer.groups - answer.enabled
    said = [
        f"{groups} group{'' if groups == 1 else 's'}" + (f" ({disabled} not enabled)" if disabled else ""),
        f"the bridge's store {answer.bridge}" if answer.bridge else "no bridge",
        "the embedded PostgreSQL" if answer.embedded else "the PostgreSQL of database.url",
    ]
    mute = f" Bursts can't be answered, for want of a way to send: {', '.join(answer.mute)}." if answer.mute else ""
    return f"{answer.path} is fine: {', '.join(said)}.{mute}"
