"""`wamon service stopped`: what systemd runs after each stop. It needs no config: that may be what was wrong."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import typer  # noqa: TC002 - typer reads the types of a command as it runs

from wamon.cli.options import ConfigOption, JsonOption, said

if TYPE_CHECKING:
    from wamon.alerts.notifier import Notifier
    from wamon.cli.options import Said

_SECONDS_TO_ALERT = 6.0


def stopped(ctx: typer.Context, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Keep why the service stopped: systemd runs this after each stop, and says the reason in the environment.

    What nobody meant is alerted: tried at once, else left for the daemon that starts next.

    \b
    wamon service stopped
    """
    from wamon.log import configure, logger, tolerantly, under_systemd
    from wamon.service.history import reason
    from wamon.service.restart_log import note_stop

    options = said(ctx, config, json)
    state_dir = _state_dir(options)
    event = note_stop(state_dir, options.clock, os.environ)
    why = reason(event.said)
    if why != "stopped":
        configure(as_json=options.json or under_systemd())
        detail = " ".join(map(str, event.said.values())) or "no reason"
        logger.error(
            "wamon's service stopped: %s (%s).", why, detail, extra={"action": "service.stopped", "reason": why}
        )
        tolerantly("alert", lambda: _alert(options, state_dir, f"wamon's service stopped: {why} ({detail})."))


def _alert(options: Said, state_dir: Path, sentence: str) -> None:
    """Have people told that the service stopped, within a few seconds if that can be."""
    from threading import Thread

    from wamon.alerts.rules import RULES
    from wamon.health.check import Check, State
    from wamon.log import tolerantly

    notifier = _notifier(options, state_dir)
    if notifier is None:
        return
    hint = "`wamon hygiene` lists its restarts, the journal says what came before."
    why = Check("service.stopped", State.BAD, sentence, hint)
    notifier.evaluate([why], [rule for rule in RULES if rule.name == "service"])
    if notifier.config.channels.named:
        sending = Thread(target=tolerantly, args=("alert", notifier.send), daemon=True)
        sending.start()
        sending.join(_SECONDS_TO_ALERT)


def _notifier(options: Said, state_dir: Path) -> Notifier | None:
    """Who tells, as far as the config can be read; None where it names no channel.

    Where not even its alerts can be read, the channels are unknown: then the alert waits for the next start.
    """
    from wamon.alerts.notifier import Notifier, notifier
    from wamon.alerts.state_file import AlertsFile
    from wamon.config import load as configs
    from wamon.config.alerts import Alerts
    from wamon.errors import ConfigError

    file = AlertsFile(state_dir)
    try:
        settings = options.config()
    except ConfigError:
        alerts = Alerts()
        with suppress(ConfigError):
            path = configs.find(options.config_path, os.environ)
            alerts = configs.load_alerts(path, os.environ) if path else alerts
        return Notifier(file, alerts, "?", options.clock)
    return notifier(settings, options.clock, file) if settings.alerts.channels.named else None


def _state_dir(options: Said) -> Path:
    """Where the unit keeps its state; the config, which may be what was wrong, is asked only without one."""
    named = os.environ.get("WAMON_STATE_DIR") or os.environ.get("STATE_DIRECTORY", "").partition(":")[0]
    return Path(named) if named and options.config_path is None else options.config().state.dir
