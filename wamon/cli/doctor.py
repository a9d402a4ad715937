"""`wamon doctor`: every check, with what to do."""

from __future__ import annotations

import os
from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING

import typer

from wamon.cli.options import BridgeOption, ConfigOption, JsonOption, said

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from wamon.app.configured import Bridge
    from wamon.cli.options import Said
    from wamon.config.schema import Config
    from wamon.health import check as health
    from wamon.views.doctor import Check

_TITLES = {
    "config": "Config",
    "bridge": "Bridge",
    "recording": "Recording",
    "database": "Database",
    "files": "Files",
    "clock": "Clock",
    "hooks": "Hooks",
    "conversations": "Conversations",
    "events": "Events",
    "service": "Service",
    "alerts": "Alerts",
}
_MOST_ALIKE = 8
"""Of so many groups each is shown; of more, only those that aren't well, and of these the first."""


def add_to(app: typer.Typer) -> None:
    app.command()(doctor)


def doctor(
    ctx: typer.Context, bridge: BridgeOption = None, config: ConfigOption = None, json: JsonOption = False
) -> None:
    """Check everything that wamon needs, and say what to do about what isn't well.

    Nothing is changed. What can't be looked at is said to be unknown, and the rest is checked all the same. Ends with 1
    where something is bad, else with 0.

    \b
    wamon doctor
    wamon doctor --bridge /opt/whatsapp-bridge/store/messages.db
    wamon doctor --json
    """
    from wamon.health.check import State
    from wamon.render import say
    from wamon.views import doctor as view
    from wamon.views.document import as_json

    options = said(ctx, config, json)
    found = view.doctor(_checks(options, bridge))
    if options.json:
        say(as_json(found))
    else:
        _show(found.checks)
    raise typer.Exit(1 if found.state == State.BAD else 0)


def _checks(options: Said, bridge: Path | None) -> list[health.Check]:
    from wamon.alerts.checks import told
    from wamon.alerts.state_file import AlertsFile
    from wamon.app.look import looked_at
    from wamon.bridge.doorbell import why_silent
    from wamon.config import load as configs
    from wamon.errors import ConfigError
    from wamon.health.bridge import doorbell
    from wamon.health.checks import check_all
    from wamon.health.config import broken, people, readable
    from wamon.service.checks import sound

    try:
        settings = options.config()
        path = configs.find(options.config_path, os.environ)
    except ConfigError as error:
        return broken(error)
    named = _bridge(settings, bridge)
    found = check_all(looked_at(settings, named, options.clock))
    if named is not None:
        found.append(doorbell(why_silent(named.path)))
    alerts = told(settings.alerts, AlertsFile(settings.state.dir), settings.timezone)
    return [readable(settings, path), *found, *people(settings), *sound(settings, options.clock), *alerts]


def _bridge(settings: Config, override: Path | None) -> Bridge | None:
    from wamon.app.configured import bridge_of
    from wamon.errors import ConfigError

    try:
        return bridge_of(settings, override)
    except ConfigError:
        return None  # the check of the store says so


def _show(checks: Sequence[Check]) -> None:
    from wamon.health.check import State
    from wamon.render import coloured, say

    for section, title in _TITLES.items():
        own = [check for check in checks if _section(check) == section]
        if own:
            say(f"{title}\n" + "\n".join(_lines(_folded(_without_crowds(own)))))
    counts = {state: sum(check.state == state for check in checks) for state in State}
    say("\n" + ", ".join(f"{n} {coloured(state)}" for state, n in counts.items() if n) + ".")


def _section(check: Check) -> str:
    return check.name.partition(".")[0]


def _without_crowds(checks: Sequence[Check]) -> list[Check]:
    """The checks without those of groups that are well, where there are very many."""
    from wamon.health.check import State

    names = [check.name for check in checks]
    crowds = {name for name in names if names.count(name) > _MOST_ALIKE}
    return [check for check in checks if check.name not in crowds or check.state != State.OK]


def _folded(checks: Iterable[Check]) -> list[Check]:
    """One instead of neighbours that say the same: of several groups, or of what can't be looked at."""
    return [_as_one(list(alike)) for _, alike in groupby(checks, key=_what_is_said)]


def _what_is_said(check: Check) -> tuple[str, ...]:
    from wamon.health.check import NOT_LOOKED_AT

    _, unlooked, why = check.sentence.partition(NOT_LOOKED_AT)
    if unlooked:
        return (check.state, why, check.hint)
    sentence = check.sentence.replace(check.group, "…") if check.group else check.sentence
    return (check.state, sentence, check.hint, check.name)


def _as_one(alike: Sequence[Check]) -> Check:
    from wamon.health.check import NOT_LOOKED_AT
    from wamon.words import listing

    first, *others = alike
    if not others:
        return first
    _, unlooked, why = first.sentence.partition(NOT_LOOKED_AT)
    if unlooked:
        titles = "; ".join(check.sentence.partition(NOT_LOOKED_AT)[0] for check in alike)
        return replace(first, sentence=f"{why} So these aren't looked at: {titles}.")
    groups = listing([check.group or "" for check in others], _MOST_ALIKE)
    rest = " `wamon doctor --json` names them all." if len(others) > _MOST_ALIKE else ""
    return replace(first, sentence=f"{first.sentence} The same of {groups}.{rest}")


def _lines(checks: Iterable[Check]) -> list[str]:
    """What was found; of neighbours that are alike the first ones, and what to do about them once."""
    lines = []
    for _, alike in groupby(checks, key=lambda check: (check.name, check.state, check.hint)):
        first, *others = alike
        for check in [first, *others][:_MOST_ALIKE]:
            lines += beside_state(f"  {check.state:<7} ", check)
        if (more := 1 + len(others) - _MOST_ALIKE) > 0:
            lines += wrapped(" " * 10, f"… and {more:,} more like these: `wamon doctor --json` has them all.")
        lines += wrapped(" " * 10, first.hint) if first.hint and first.state != "ok" else []
    return lines


def beside_state(start: str, check: Check | health.Check) -> list[str]:
    """A check's sentence beside its state, with which the line starts, in lines that fit the terminal."""
    from wamon.render import coloured

    first, *others = wrapped(start, check.sentence)
    return [first.replace(check.state, coloured(check.state), 1), *others]


def wrapped(start: str, text: str) -> list[str]:
    """Lines that fit the terminal, all beginning where the first one's text does."""
    from shutil import get_terminal_size
    from textwrap import wrap

    width = min(get_terminal_size((80, 24)).columns, 100)
    lines = [
        line
        for part in text.splitlines()
        for line in wrap(part, max(width - len(start), 30), break_long_words=False, break_on_hyphens=False)
    ]
    return [(start if n == 0 else " " * len(start)) + line for n, line in enumerate(lines)]
