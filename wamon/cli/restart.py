"""`wamon restart`: a restart that loses nothing, and says so."""

from __future__ import annotations

import typer  # noqa: TC002 - typer reads the types of a command as it runs

from wamon.cli.options import ConfigOption, JsonOption, said
from wamon.cli.service import ROOT, InstanceOption, RootOption


def add_to(app: typer.Typer) -> None:
    app.command()(restart)


def restart(
    ctx: typer.Context,
    instance: InstanceOption = None,
    root: RootOption = ROOT,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Restart wamon's service between two batches, and wait until it passes over the store again.

    It first looks that PostgreSQL holds the position, as the service's own account, and restarts nothing where that
    can't be seen. Run it as root. Without systemd it does nothing and ends with 69.

    \b
    wamon restart
    wamon restart --instance prod --json
    """
    from wamon.log import logger
    from wamon.render import say
    from wamon.service.restart import restart as restarted_now
    from wamon.service.systemd import Systemd
    from wamon.service.units import Service
    from wamon.views import restart as view
    from wamon.views.document import as_json

    options = said(ctx, config, json)
    done = restarted_now(Service(root, instance), Systemd(root), options.clock)
    if not done.position.mirrored:
        logger.warning("The state file was behind; nothing depends on it, and it is written anew.")
    if options.json:
        say(as_json(view.restart(done)))
        return
    at = done.position
    say(f"Everything up to position {at.seq:,} of source {at.source} was recorded before the restart.")
    say(f"{done.unit} works again after {done.seconds} s, as process {done.after.pid}. {done.after.status}")
