"""`wamon config`: whether the config can be used, and what follows from it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from wamon.cli.options import ConfigOption, JsonOption, Said, said
from wamon.cli.usage import Commands

if TYPE_CHECKING:
    from pathlib import Path

    from wamon.config.schema import Config
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
def check(
    ctx: typer.Context,
    no_look: Annotated[bool, typer.Option("--no-look", help="Only read the config: it may be another host's.")] = False,
    against_sample: Annotated[
        bool, typer.Option("--against-sample", help="List the keys of the sample config that this one doesn't name.")
    ] = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Say whether the config can be used here, and everything that is wrong with it.

    It looks whether the store that it names is there, and whether alerts may go where they are to; nothing is started,
    no database asked. Ends with 0 where it is fine, with 78 where it isn't or there is none.

    --against-sample tells what an upgrade brought: each key with its value in the sample and what it does, a section
    that is lacking in one line. What a list holds isn't compared.

    \b
    wamon config check
    wamon config check --no-look
    wamon config check --against-sample
    wamon config check --config /etc/wamon/wamon.yaml
    """
    from wamon.config import load as configs
    from wamon.config.sample import new_keys
    from wamon.drops.reading import Rules
    from wamon.render import paragraph, say
    from wamon.views import config as view
    from wamon.views.document import as_json

    options = said(ctx, config, json)
    path = _found(options)
    content = configs.content(path)  # once: it may come by a pipe
    settings = configs.parsed(content, path, os.environ, check_pattern=Rules)
    if not no_look:
        _look(path, settings)
    answer = view.checked(path, settings, new_keys(content, _sample()) if against_sample else ())
    if options.json:
        say(as_json(answer))
    else:
        paragraph(_sentence(answer))
        if against_sample:
            _tell_new(answer)


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
    from wamon.render import say

    say(_sample().rstrip())


def _sample() -> str:
    from wamon.host.shipped import shipped

    return shipped("docs/wamon.yaml", "config/wamon.yaml").read_text("utf-8")


def _tell_new(answer: Checked) -> None:
    from wamon.render import say, table

    if not answer.new_keys:
        say("It names every key of the sample config.")
    rows = [(new.key, _shown(new.default), new.comment) for new in answer.new_keys]
    table(("Not named", "In the sample", "What it does"), rows, whole=("Not named",))


def _shown(default: str | None) -> str:
    return "…" if default is None else default or "(empty)"


def _look(path: Path, settings: Config) -> None:
    """Raises ConfigError for what the config names and this host hasn't."""
    from wamon.errors import ConfigError
    from wamon.health.config import wrong_on_this_host

    if wrong := wrong_on_this_host(settings):
        hint = "`wamon config check --no-look` doesn't look: for a config of another host."
        raise ConfigError("\n".join(f"{path}: {sentence.removesuffix('.')}" for sentence in wrong), hint=hint)


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
    from wamon.words import amount

    disabled = answer.groups - answer.enabled
    said = [
        amount(answer.groups, "group") + (f" ({disabled} not enabled)" if disabled else ""),
        *([amount(answer.hooks, "hook")] if answer.hooks else []),
        f"the bridge's store {answer.bridge}" if answer.bridge else "no bridge",
        "the embedded PostgreSQL" if answer.embedded else "the PostgreSQL of database.url",
    ]
    mute = f" Bursts can't be answered, for want of a way to send: {', '.join(answer.mute)}." if answer.mute else ""
    return f"{answer.path} is fine: {', '.join(said)}.{mute}"
