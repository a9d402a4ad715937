"""`wamon failpoints`: for whoever writes a test."""

from __future__ import annotations

import typer  # noqa: TC002 - it reads the annotations when the command is made

from wamon.cli.options import ConfigOption, JsonOption, said


def add_to(app: typer.Typer) -> None:
    app.command(hidden=True)(failpoints)


def failpoints(ctx: typer.Context, config: ConfigOption = None, json: JsonOption = False) -> None:
    """List the step boundaries at which WAMON_FAILPOINT can end, break or stop a process.

    One a line, in the order in which a first pass meets them.

    \b
    wamon failpoints
    WAMON_FAILPOINT=record.cursor:1:kill wamon scan
    """
    from wamon.failpoints import NAMES
    from wamon.render import say
    from wamon.views.document import as_json
    from wamon.views.failpoints import Failpoints

    if said(ctx, config, json).json:
        say(as_json(Failpoints(NAMES)))
    else:
        say("\n".join(NAMES))
