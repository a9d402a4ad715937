"""`wamon status`: one screen that says how things are."""

from __future__ import annotations

import re
import sys
import time
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from wamon.cli.options import BridgeOption, ConfigOption, JsonOption, said

if TYPE_CHECKING:
    from collections.abc import Callable

    from wamon.health.facts import Facts

_SECONDS_BETWEEN_LOOKS = 5.0
_LINES_BESIDE_GROUPS = 22
_FEWEST_GROUPS = 4


def add_to(app: typer.Typer) -> None:
    app.command()(status)


def status(
    ctx: typer.Context,
    watch: Annotated[
        bool, typer.Option("--watch", help="Stay, and show it anew every few seconds; Ctrl-C ends it.")
    ] = False,
    plain: Annotated[
        bool,
        typer.Option("--plain", help="As sentences, without a table: for a screen reader. With --watch, what is news."),
    ] = False,
    bridge: BridgeOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Show on one screen how things are: each group, today's drops, the daemon, and what needs a look.

    Today is the day in the configured zone; a post counts on the day on which it was sent. Usual is how many drops
    were new by this hour of the same weekday, the median of the last six weeks. Nothing is changed.

    \b
    wamon status
    wamon status --watch
    wamon status --plain
    wamon status --watch --json | jq .today
    """
    from wamon.app.configured import bridge_of
    from wamon.app.look import looking
    from wamon.cli import status_screen
    from wamon.health.checks import check_all
    from wamon.render import say
    from wamon.views import status as view
    from wamon.views.document import as_json

    options = said(ctx, config, json)
    settings = options.config()
    found = None if settings.has_hooks_alone and bridge is None else bridge_of(settings, bridge)
    with looking(settings, found, options.clock) as look:
        if watch:
            if options.json:
                _watch(look, _watch_as_json)
            else:
                _watch(look, _watch_as_lines if plain or not sys.stdout.isatty() else _watch_on_screen)
            return
        facts = look()
    checks = check_all(facts)
    if options.json:
        say(as_json(view.status(facts, checks)))
    elif plain:
        say("\n".join(status_screen.sentences(facts, checks)))
    else:
        status_screen.show(facts, checks)


def _watch(look: Callable[[], Facts], how: Callable[[Callable[[], Facts]], None]) -> None:
    """Until Ctrl-C."""
    with suppress(KeyboardInterrupt):
        how(look)


def _watch_as_json(look: Callable[[], Facts]) -> None:
    """An object a line, whatever has changed: for scripts."""
    from wamon.health.checks import check_all
    from wamon.render import say
    from wamon.views.document import as_json_line
    from wamon.views.status import status

    while True:
        facts = look()
        say(as_json_line(status(facts, check_all(facts))))
        sys.stdout.flush()
        time.sleep(_SECONDS_BETWEEN_LOOKS)


def _watch_on_screen(look: Callable[[], Facts]) -> None:
    from wamon.cli.status_screen import show
    from wamon.health.checks import check_all
    from wamon.render import height, screen

    with screen() as showing:
        while True:
            facts = look()
            showing(partial(show, facts, check_all(facts), max(_FEWEST_GROUPS, height() - _LINES_BESIDE_GROUPS)))
            time.sleep(_SECONDS_BETWEEN_LOOKS)


def _watch_as_lines(look: Callable[[], Facts]) -> None:
    """What is said first, and then what is news: that something has become older is none."""
    from wamon.cli.status_screen import sentences
    from wamon.health.checks import check_all
    from wamon.render import say

    said_before: set[str] = set()
    while True:
        facts = look()
        told = {_without_ages(sentence): sentence for sentence in sentences(facts, check_all(facts))}
        for what, sentence in told.items():
            if what not in said_before:
                say(sentence)
        sys.stdout.flush()
        said_before = set(told)
        time.sleep(_SECONDS_BETWEEN_LOOKS)


def _without_ages(sentence: str) -> str:
    return re.sub(r"\b\d[\d,]* (?:s|min|h|d)\b", "", sentence)
