"""`wamon web`: the page and its endpoints, and the links that sign in."""

from __future__ import annotations

import logging
import os
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from wamon.cli.options import ConfigOption, JsonOption, said
from wamon.cli.usage import Commands

if TYPE_CHECKING:
    from wamon.config.web import Listen
    from wamon.web.sessions import Role
    from wamon.web.site import Only

commands = typer.Typer(cls=Commands, invoke_without_command=True, rich_markup_mode=None)


class Half(StrEnum):
    """What can be served alone."""

    page = "page"
    hooks = "hooks"


def add_to(app: typer.Typer) -> None:
    app.add_typer(commands, name="web")


@commands.callback()
def web(
    ctx: typer.Context,
    listen: Annotated[
        str | None, typer.Option("--listen", metavar="ADDRESS:PORT", help="Instead of web.listen: 127.0.0.1:8006.")
    ] = None,
    only: Annotated[
        Half | None, typer.Option("--only", help="Serve one half: the page, or the hooks with /health and /ready.")
    ] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Serve the page, /health, /ready and /metrics until SIGTERM. It knows PostgreSQL alone, and reads no store.

    Who opens a page signs in by a link that `wamon web link` prints. A port that is taken is 75, and its holder named.
    --json has its log in JSON, as it is under systemd in any case.

    \b
    wamon web
    wamon web --listen 127.0.0.1:8007
    wamon web --only page
    wamon web link --operator
    """
    from wamon.app.web import serve
    from wamon.config import load as configs
    from wamon.log import WITH_TIME, configure, under_systemd

    options = said(ctx, config, json)
    if ctx.invoked_subcommand:
        ctx.obj = options
        return
    configure(logging.INFO, as_json=options.json or under_systemd(), form=WITH_TIME)
    path = configs.find(options.config_path, os.environ)
    half: Only = only.value if only else "all"
    serve(options.config(), path, _listen(listen), half, options.clock)


@commands.command()
def link(
    ctx: typer.Context,
    operator: Annotated[
        bool,
        typer.Option("--operator", help="Sign in an operator, who may act, and reads texts."),
    ] = False,
    minutes: Annotated[
        int, typer.Option("--minutes", metavar="N", min=1, max=1440, help="For how long it can be used.")
    ] = 10,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Print a link that signs a browser in, once. It begins with web.public_url, else with web.listen's address.

    \b
    wamon web link
    wamon web link --operator --minutes 60
    """
    from wamon.app import web as root
    from wamon.render import say
    from wamon.views.document import as_json
    from wamon.views.web import Link

    options = said(ctx, config, json)
    role: Role = "operator" if operator else "reader"
    url = root.link(options.config(), role, minutes)
    say(as_json(Link(url, role, minutes)) if options.json else url)


def _listen(given: str | None) -> Listen | None:
    from wamon.config.web import address_and_port
    from wamon.errors import UsageError

    try:
        return address_and_port(given) if given is not None else None
    except ValueError as error:
        raise UsageError(f"--listen {error}.") from None
