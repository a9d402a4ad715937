"""`wamon run`: the daemon."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Annotated, cast

import typer

from wamon.cli.options import ConfigOption, JsonOption, said

if TYPE_CHECKING:
    from wamon.cli.usage import AllCommands


def add_to(app: typer.Typer) -> None:
    app.command()(run)


def run(
    ctx: typer.Context,
    standby: Annotated[
        bool, typer.Option("--standby", help="Wait where another wamon works on this source, and take over from it.")
    ] = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Watch the bridge's store and record each drop within a second of its message, for years.

    SIGTERM ends it after the batch in hand, SIGHUP reads the config again. A second one on the same source ends with
    75, or waits with --standby. --json has its log in JSON, as it is under systemd in any case.

    \b
    wamon run
    wamon run --standby
    """
    cast("AllCommands", ctx.find_root().command).forget()
    from wamon.app.run import plan
    from wamon.daemon.loop import Daemon
    from wamon.host.memory import share_one_arena
    from wamon.log import WITH_TIME, configure, under_systemd

    share_one_arena()
    options = said(ctx, config, json)
    configure(logging.INFO, as_json=options.json or under_systemd(), form=WITH_TIME)
    Daemon(plan(options.config, options.clock), options.clock, standby=standby).run()
