"""`wamon hygiene`: uptime, memory, and restarts with their reasons."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer  # noqa: TC002 - typer reads the types of a command as it runs

from wamon.cli.options import ConfigOption, JsonOption, said
from wamon.cli.service import ROOT, InstanceOption, RootOption

if TYPE_CHECKING:
    from pathlib import Path
    from zoneinfo import ZoneInfo

    from wamon.cli.options import Said
    from wamon.service.hygiene import Hygiene
    from wamon.service.units import Service

_MOST_SHOWN = 20


def add_to(app: typer.Typer) -> None:
    app.command()(hygiene)


def hygiene(
    ctx: typer.Context,
    instance: InstanceOption = None,
    root: RootOption = ROOT,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Show how long wamon has been up, its memory, its restarts of the last days with their reasons, and the next one.

    It looks at the installed service's state; with --config, at that of the config.

    \b
    wamon hygiene
    wamon hygiene --instance prod --json
    """
    from wamon.render import say
    from wamon.service.hygiene import collect
    from wamon.service.systemd import Systemd
    from wamon.service.units import Service
    from wamon.views import hygiene as view
    from wamon.views.document import as_json

    options = said(ctx, config, json)
    service = Service(root, instance)
    found = collect(service, Systemd(root), _state_dir(options, service), options.clock)
    if options.json:
        say(as_json(view.hygiene(service, found)))
    else:
        _show(service, found, _zone(options, found))


def _state_dir(options: Said, service: Service) -> Path:
    from pathlib import Path

    from wamon.service.units import installed

    unit = None if options.config_path else installed(service)
    named = unit.environ.get("WAMON_STATE_DIR") if unit else None
    return Path(named) if named else options.config().state.dir


def _zone(options: Said, found: Hygiene) -> ZoneInfo:
    return found.nightly.schedule.zone if found.nightly.schedule else options.config().timezone


def _show(service: Service, found: Hygiene, zone: ZoneInfo) -> None:
    from wamon.render import local, paragraph, table
    from wamon.service.hygiene import DAYS

    paragraph(_running(service, found))
    paragraph(_night(found, zone))
    if found.next_at:
        paragraph(f"The next planned restart is at {local(found.next_at, zone)} ({zone}).")
    if not found.restarts:
        paragraph(f"No restart in the last {DAYS} days.")
        return
    shown = found.restarts[-_MOST_SHOWN:]
    rows = [(local(one.at, zone), one.reason, one.detail, local(one.back_at, zone)) for one in reversed(shown)]
    table(("Stopped", "Why", "Detail", "Ready again"), rows)
    if len(shown) < len(found.restarts):
        paragraph(f"{len(found.restarts):,} restarts in the last {DAYS} days; --json has them all.")


def _running(service: Service, found: Hygiene) -> str:
    from wamon.words import size, span

    unit = service.unit if found.installed else "wamon (which isn't installed as a service)"
    if found.running is None:
        return f"{unit} doesn't run."
    up = f"{unit} has been up for {span(found.running.uptime_seconds)}, as process {found.running.pid}"
    if found.running.memory_bytes is None:
        return f"{up}."
    at_start = found.running.memory_at_start_bytes
    then = f", {size(at_start)} at its start" if at_start is not None else ""
    return f"{up}; its memory is {size(found.running.memory_bytes)}{then}."


def _night(found: Hygiene, zone: ZoneInfo) -> str:
    from wamon.render import local

    if found.nightly.off:
        return f"The nightly restart is switched off: {found.nightly.off}."
    if found.night is None:
        return "No nightly restart is planned: `wamon service install` plans one."
    said = f"The last planned restart ({local(found.night.due_at, zone)})"
    if found.night.happened is None:
        return f"{said} lies before it was planned, or before anything that is kept."
    if not found.night.happened:
        return f"{said} did not happen."
    return f"{said} happened; wamon was back at {local(found.night.back_at, zone)}."
