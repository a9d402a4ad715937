"""`wamon service stopped`: what systemd runs after each stop. It needs no config: that may be what was wrong."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import typer  # noqa: TC002 - typer reads the types of a command as it runs

from wamon.cli.options import ConfigOption, JsonOption, said

if TYPE_CHECKING:
    from wamon.cli.options import Said
    from wamon.config import Alerts

_SECONDS_TO_ALERT = 6.0


def stopped(ctx: typer.Context, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Keep why the service stopped: systemd runs this after each stop, and says the reason in the environment.

    What nobody meant is alerted: tried at once, else left for the daemon that starts next.

    \b
    wamon service stopped
    """
    from wamon.clock import Clock
    from wamon.log import configure, logger, tolerantly, under_systemd
    from wamon.service.history import reason
    from wamon.service.restarts import note_stop

    options = said(ctx, config, json)
    state_dir = _state_dir(options)
    event = note_stop(state_dir, Clock(), os.environ)
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

    from wamon.alerts.file import AlertsFile
    from wamon.alerts.rules import RULES
    from wamon.alerts.teller import Teller
    from wamon.clock import Clock
    from wamon.config import Alerts
    from wamon.health import Check, State
    from wamon.log import tolerantly

    settings, source = _alerts(options)
    if settings is not None and not settings.channels.named:
        return
    teller = Teller(AlertsFile(state_dir), settings or Alerts(), source, Clock())
    hint = "`wamon hygiene` lists its restarts, the journal says what came before."
    why = Check("service.stopped", State.BAD, sentence, hint)
    teller.take([why], [rule for rule in RULES if rule.name == "service"])
    if settings is not None:
        sending = Thread(target=tolerantly, args=("alert", teller.send), daemon=True)
        sending.start()
        sending.join(_SECONDS_TO_ALERT)


def _alerts(options: Said) -> tuple[Alerts | None, str]:
    """What the config says of alerts, and its source's name; None where not even that can be read."""
    from wamon import config as configs
    from wamon.errors import ConfigError

    try:
        settings = options.config()
    except ConfigError:
        with suppress(ConfigError):
            path = configs.find(options.config_path, os.environ)
            return (configs.load_alerts(path, os.environ) if path else None), "?"
        return None, "?"
    return settings.alerts, settings.bridge.name


def _state_dir(options: Said) -> Path:
    """Where the unit keeps its state; the config, which may be what was wrong, is asked only without one."""
    named = os.environ.get("WAMON_STATE_DIR") or os.environ.get("STATE_DIRECTORY", "").partition(":")[0]
    return Path(named) if named and options.config_path is None else options.config().state.dir
