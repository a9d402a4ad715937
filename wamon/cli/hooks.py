"""`wamon hooks`: what providers deliver by themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from wamon.cli.clusters import name_database
from wamon.cli.options import ConfigOption, JsonLinesOption, JsonOption, complete_hook, said
from wamon.cli.usage import Commands

if TYPE_CHECKING:
    from collections.abc import Sequence
    from zoneinfo import ZoneInfo

    from wamon.views.hooks import Hook

commands = typer.Typer(cls=Commands, no_args_is_help=True, rich_markup_mode=None)


def add_to(app: typer.Typer) -> None:
    app.add_typer(
        commands,
        name="hooks",
        help="""Look after the addresses at which providers deliver messages by themselves.

        \b
        wamon hooks list
        wamon hooks test wati
        wamon hooks replay --since 3h
        """,
    )


@commands.command("list")
def list_(
    ctx: typer.Context, config: ConfigOption = None, json: JsonOption = False, jsonl: JsonLinesOption = False
) -> None:
    """List the hooks of the config: what came today, what was refused, when the last came, what waits.

    \b
    wamon hooks list
    wamon hooks list --json
    """
    from wamon.app.database import ledger
    from wamon.views.hooks import hooks

    options = said(ctx, config, json, jsonl)
    settings = options.config()
    with ledger(settings) as db:
        answer = hooks(db, settings.hooks, settings.timezone)
    if options.json:
        options.say_list(answer)
    else:
        _show(answer.hooks, settings.timezone)
        name_database(settings)


@commands.command("test")
def deliver_sample(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="A hook of the config.", autocompletion=complete_hook)],
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Deliver a proven sample to a hook by its real address, through whatever proxy stands before it.

    It carries the header `Wamon-Test: 1`, so that it is only counted. Ends with 1 where it wasn't taken.

    \b
    wamon hooks test wati
    """
    from wamon.app.hooks import deliver_sample as delivered
    from wamon.render import say
    from wamon.views.document import as_json

    options = said(ctx, config, json)
    answer = delivered(options.config(), name)
    if options.json:
        say(as_json(answer))
    else:
        say(f"{answer.url}: {answer.sentence} {answer.hint}".rstrip())
    raise typer.Exit(0 if answer.taken else 1)


@commands.command()
def replay(
    ctx: typer.Context,
    events: Annotated[
        list[int] | None, typer.Argument(metavar="EVENT", help="The number of a delivery, such as 12 of event:12.")
    ] = None,
    since: Annotated[str | None, typer.Option("--since", metavar="TIME", help="All that came from then on.")] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Take kept deliveries in once more: what the ledger lacks of them is recorded, and nothing twice.

    A body is kept for a day once it was taken in, for 90 where a part of it couldn't be read.

    \b
    wamon hooks replay 12 13
    wamon hooks replay --since 3h
    """
    from wamon.app.intake import take_in_again, taken_in_since
    from wamon.cli import times
    from wamon.errors import UsageError
    from wamon.render import say
    from wamon.views.document import as_json
    from wamon.views.hooks import ReplayedEvents

    if bool(events) == (since is not None):
        raise UsageError("Say which.", hint="Name deliveries by their numbers, or pass --since TIME.")
    options = said(ctx, config, json)
    settings, now = options.config(), options.clock.now()
    chosen = events or []
    if since is not None:
        chosen = taken_in_since(settings, times.since(since, settings.timezone, now) or now, options.clock)
    taken = take_in_again(settings, chosen, options.clock)
    answer = ReplayedEvents(tuple(taken), tuple(event for event in chosen if event not in taken))
    if options.json:
        say(as_json(answer))
    else:
        say(f"{len(answer.events):,} of {len(chosen):,} deliveries taken in again.")


def _show(hooks: Sequence[Hook], zone: ZoneInfo) -> None:
    from wamon.health.hooks import TELLING
    from wamon.health.hooks import empty as without_messages
    from wamon.render import local, paragraph, table

    if not hooks:
        paragraph("No hook is configured. `wamon help webhooks` says how one is set up, provider by provider.")
        return
    columns = ("Hook", "Provider", "Source", "Today", "Refused", "Lost", "Last", "Waiting", "Dead")
    rows = [
        (h.name, h.provider, h.source, h.stored_today, h.refused_today, h.lost_today,
         local(h.last_at, zone) if h.last_at else "never", h.waiting, h.dead)
        for h in hooks
    ]  # fmt: skip
    table(columns, rows, right=("Today", "Refused", "Lost", "Waiting", "Dead"))
    for hook in hooks:
        if not hook.open:
            paragraph(f"{hook.name} has no secret, so /hooks/{hook.name} doesn't exist.")
        if hook.empty >= TELLING:
            paragraph(without_messages(hook.name, hook.empty).sentence)
