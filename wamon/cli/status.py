"""`wamon status`: one screen that says how things are."""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from wamon.cli.options import BridgeOption, ConfigOption, JsonOption, said

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

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
        typer.Option("--plain", help="As sentences, without a table: for a screen reader. With --watch, what changed."),
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
    wamon status --json
    """
    from wamon.app.commands import bridge_of
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
            _watch(look, plain=plain or options.json or not sys.stdout.isatty())
            return
        facts = look()
    checks = check_all(facts)
    if options.json:
        say(as_json(view.status(facts, checks)))
    elif plain:
        _say_news(status_screen.sentences(facts, checks), [])
    else:
        status_screen.show(facts, checks)


def _watch(look: Callable[[], Facts], *, plain: bool) -> None:
    """Until Ctrl-C: on a screen of its own, or as lines that say what changed."""
    with suppress(KeyboardInterrupt):
        (_watch_as_lines if plain else _watch_on_screen)(look)


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
    from wamon.cli.status_screen import sentences
    from wamon.health.checks import check_all

    said_before: list[str] = []
    while True:
        facts = look()
        said_before = _say_news(sentences(facts, check_all(facts)), said_before)
        time.sleep(_SECONDS_BETWEEN_LOOKS)


def _say_news(told: list[str], said_before: Sequence[str]) -> list[str]:
    from wamon.render import say

    for sentence in told:
        if sentence not in said_before:
            say(sentence)
    sys.stdout.flush()
    return told
