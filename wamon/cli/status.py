"""`wamon status`: one screen that says how things are."""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wamon.cli.options import BridgeOption, ConfigOption, JsonOption, said

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wamon.health.check import Check
    from wamon.health.facts import Facts, GroupFacts

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

    Today is the day in the configured zone; a post counts on the day on which it was sent. Usual is what was posted by
    this hour of the same weekday, in the median of the last six weeks. Nothing is changed.

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
    from wamon.render import as_json

    options = said(ctx, config, json)
    settings = options.config()
    with looking(settings, bridge_of(settings, bridge)) as look:
        if watch:
            _watch(look, plain=plain or options.json or not sys.stdout.isatty())
            return
        facts = look()
    checks = check_all(facts)
    if options.json:
        as_json(_answer(facts, checks))
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


def _answer(facts: Facts, checks: Sequence[Check]) -> dict[str, Any]:
    from wamon.cli.doctor import described
    from wamon.cli.status_screen import total
    from wamon.health.check import Absent, State, worst

    past = None if isinstance(facts.vitals, Absent) else facts.vitals.past
    by_name = {(check.name, check.jid): check for check in checks}
    return {
        "at": facts.now,
        "state": worst(checks),
        "source": facts.subject.source,
        "bridge": str(facts.subject.store.path) if facts.subject.store else None,
        "groups": [_group(group, by_name["bridge.freshness", group.jid], facts) for group in facts.groups],
        "today": {
            "new": total(g.new for g in facts.groups),
            "resubmission": total(g.resubmissions for g in facts.groups),
        },
        "daemon": _daemon(by_name["recording.daemon", None]),
        "last_sweep_at": past and past.last_sweep_at,
        "last_verify_at": past and past.last_verify_at,
        "last_verify_clean": past and past.last_verify_clean,
        "dead": total(group.dead for group in facts.groups),
        "retry": total(group.retry for group in facts.groups),
        "latest": [post._asdict() for post in facts.latest],
        "checks": [described(check) for check in checks if check.state is not State.OK],
    }


def _group(group: GroupFacts, freshness: Check, facts: Facts) -> dict[str, Any]:
    from wamon.words import age

    lag = group.lag
    return {
        "name": group.name,
        "jid": group.jid,
        "messages": group.messages,
        "last_message_at": group.newest_at,
        "lag": {
            "messages": lag and lag.messages,
            "seconds": lag and lag.seconds,
            "more": lag and lag.more,
        },
        "freshness": {
            "state": freshness.state,
            "age_seconds": group.newest_at and age(group.newest_at, facts.now),
            "usual_seconds": group.usual_seconds,
        },
        "today": {"new": group.new, "resubmission": group.resubmissions, "usual": group.usual_posts},
        "dead": group.dead,
    }


def _daemon(check: Check) -> dict[str, Any]:
    numbers = check.numbers
    return {
        "state": check.state,
        **{name: numbers.get(name) for name in ("running", "host", "pid", "since", "renewed_at")},
    }
