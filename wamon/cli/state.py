"""`wamon state`: inspect and correct the position."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wamon.cli.clusters import name_database
from wamon.cli.options import BridgeOption, ConfigOption, GroupOption, JsonOption, complete_project, said
from wamon.cli.usage import Commands

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wamon.capture.pipeline import Pipeline
    from wamon.config.schema import Config
    from wamon.model import Place
    from wamon.views.state import Positions

commands = typer.Typer(cls=Commands, no_args_is_help=True, rich_markup_mode=None)


def add_to(app: typer.Typer) -> None:
    app.add_typer(
        commands,
        name="state",
        help="""Inspect and correct the position.

        \b
        wamon state show
        wamon state rewind --group Lawley --to beginning
        """,
    )


@commands.command()
def show(
    ctx: typer.Context,
    group: GroupOption = None,
    bridge: BridgeOption = None,
    legacy: Annotated[
        bool, typer.Option("--legacy", help="As an older monitor's state file, {jid: message id}: the way back.")
    ] = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Show how far each group is recorded, and how far it lags behind the bridge.

    \b
    wamon state show
    wamon state show --group Lawley --json
    wamon state show --legacy > state.json
    """
    from wamon.app.commands import opened
    from wamon.app.configured import bridge_of
    from wamon.render import say
    from wamon.views import state as view
    from wamon.views.document import as_json

    options = said(ctx, config, json)
    settings = options.config()
    with opened(settings, bridge_of(settings, bridge, group or []), options.clock) as pipeline:
        answer = view.positions(pipeline, group or [])
    if legacy:
        say(as_json(view.legacy(answer)))
    elif options.json:
        say(as_json(answer))
    else:
        _show(answer, settings)
        name_database(settings)


def _show(answer: Positions, settings: Config) -> None:
    from wamon.render import local, say, table

    rows = [
        (
            group.name,
            group.jid,
            group.messages,
            local(group.last_processed_at, settings.timezone),
            group.lag.messages,
        )
        for group in answer.groups
    ]
    table(("Group", "JID", "Messages", "Last one sent", "Behind"), rows, right=("Messages", "Behind"))
    say(f"State file: {answer.path}")


@commands.command()
def rewind(
    ctx: typer.Context,
    group: Annotated[
        list[str],
        typer.Option(
            "--group", metavar="NAME|JID", help="The group; may be given again.", autocompletion=complete_project
        ),
    ],
    to: Annotated[str, typer.Option("--to", metavar="beginning|TIME|MESSAGE-ID", help="Where to go back to.")],
    bridge: BridgeOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Set groups back, so that the next scan reads their messages from there again.

    What is recorded stays: the ledger absorbs what is read twice.

    \b
    wamon state rewind --group Lawley --to beginning
    wamon state rewind --group Lawley --to 2026-11-01T00:00+02:00
    wamon state rewind --group Lawley --to 3A67C0FFEE0123456789
    """
    from wamon.app.commands import opened
    from wamon.app.configured import bridge_of
    from wamon.render import say
    from wamon.views.document import as_json
    from wamon.views.state import Rewind, Rewound

    options = said(ctx, config, json)
    settings = options.config()
    with opened(settings, bridge_of(settings, bridge, group), options.clock) as pipeline:
        rewound = []
        for jid in pipeline.named(group):
            place = _place(pipeline, jid, to, settings)
            place = pipeline.retrying(pipeline.source.rewind, jid, place, f"state rewind --to {to}")
            rewound.append(Rewound(pipeline.source.groups[jid].project, jid, place.rowid))
    if options.json:
        say(as_json(Rewind(tuple(rewound))))
    else:
        for one in rewound:
            say(f"{one.name} ({one.jid}) will be read again after row {one.rowid:,} of the store.")


def _place(pipeline: Pipeline, jid: str, to: str, settings: Config) -> Place:
    from datetime import datetime

    from wamon.errors import UsageError
    from wamon.model import BEGINNING

    if to == "beginning":
        return BEGINNING
    try:
        moment = datetime.fromisoformat(to)
    except ValueError:
        place = pipeline.store.place_of(jid, to)
        if place is None:
            raise UsageError(
                f"{to} is neither `beginning`, nor a time, nor the id of a message of {jid} in the store.",
                hint="A time looks like 2026-11-01T06:00+02:00; without an offset it is in the configured zone.",
            ) from None
        return place
    return pipeline.store.place_before(moment if moment.tzinfo else moment.replace(tzinfo=settings.timezone))


@commands.command()
def adopt(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="An old monitor's state: {jid: message id}.")],
    bridge: BridgeOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Take over an older monitor's position, for groups that the ledger doesn't know yet.

    Each group's messages up to and including the one named count as done before wamon came.

    \b
    wamon state adopt /opt/old-monitor/state.json
    """
    from wamon.app.commands import adopting
    from wamon.app.configured import bridge_of
    from wamon.render import say
    from wamon.views.document import as_json
    from wamon.views.state import Adopted

    options = said(ctx, config, json)
    settings = options.config()
    jids = adopting(settings, bridge_of(settings, bridge), _legacy(file), options.clock)
    if options.json:
        say(as_json(Adopted(tuple(jids))))
    elif jids:
        say(f"Adopted {', '.join(jids)}.")
    else:
        say("Nothing to adopt: the ledger knows every group of the file already, or the config knows none of them.")


@commands.command("adopt-store")
def adopt_store(
    ctx: typer.Context,
    bridge: BridgeOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Say that the store now at bridge.path is its source's, where wamon refuses it as another's.

    A move, a restore and a renumbering need no word of yours. A bridge that was paired anew at another place does, if
    its file has none of the messages that wamon knows. What is recorded stays, also what the new file lacks.

    \b
    wamon state adopt-store
    """
    from wamon.app.commands import adopting_store
    from wamon.app.configured import bridge_of
    from wamon.render import say
    from wamon.views.document import as_json
    from wamon.views.state import store_adopted

    options = said(ctx, config, json)
    settings = options.config()
    chosen = bridge_of(settings, bridge)
    was, now = adopting_store(settings, chosen)
    if options.json:
        say(as_json(store_adopted(chosen.name, was, now)))
    else:
        say(f"The store of source {chosen.name} is {now}{f', and no longer {was}' if was not in {None, now} else ''}.")


def _legacy(file: Path) -> Mapping[str, str]:
    from wamon.capture.old_state import document_of, old_state
    from wamon.errors import UsageError
    from wamon.log import logger

    hint = "Name the old monitor's state file."
    try:
        found = old_state(document_of(file))
    except OSError as error:
        raise UsageError(f"{file} can't be read: {error.strerror}.", hint=hint) from None
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{file} can't be read as JSON: {error}.", hint=hint) from None
    if found is None:
        raise UsageError(f"{file} has not the form {{jid: message id}}.", hint=hint)
    if found.odd:
        logger.warning("Passed over, since they hold no message id: %s.", ", ".join(found.odd))
    return found.positions
