"""`wamon conversations`: who waits for an answer, and what became of what they wrote."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from wamon.cli.clusters import name_database
from wamon.cli.options import ConfigOption, JsonLinesOption, JsonOption, said
from wamon.cli.usage import Commands

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from wamon.views.conversations import Conversations, Orphans, Person, Rescued, Story

commands = typer.Typer(cls=Commands, no_args_is_help=True, rich_markup_mode=None)


def add_to(app: typer.Typer) -> None:
    app.add_typer(
        commands,
        name="conversations",
        help="""Look after who waits for an answer.

        \b
        wamon conversations list
        wamon conversations show 082 000 0001
        wamon conversations orphans --dry-run
        """,
    )


@commands.command("list")
def list_(
    ctx: typer.Context, config: ConfigOption = None, json: JsonOption = False, jsonl: JsonLinesOption = False
) -> None:
    """List who waits for an answer, the oldest first; what is in work; what a colleague took; what got no answer.

    \b
    wamon conversations list
    wamon conversations list --json
    """
    from wamon.app.database import ledger
    from wamon.views.conversations import conversations

    options = said(ctx, config, json, jsonl)
    settings = options.config()
    with ledger(settings) as db:
        answer = conversations(db, settings.privacy.show)
    if options.json:
        options.say_list(answer)
    else:
        _list(answer, settings.timezone)
        name_database(settings)


@commands.command()
def show(
    ctx: typer.Context,
    person: Annotated[
        list[str],
        typer.Argument(metavar="PERSON", help="A number in any form, a hash of the log, or a conversation's uid."),
    ],
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Tell what became of what a person wrote: turns, answers and changes of state. Texts aren't told.

    \b
    wamon conversations show 082 000 0001
    wamon conversations show 1f0c9a2b7d3e
    """
    from wamon.app.database import ledger
    from wamon.render import say
    from wamon.views import conversations as view
    from wamon.views.document import as_json

    options = said(ctx, config, json)
    settings = options.config()
    with ledger(settings) as db:
        answer = view.person(db, " ".join(person), settings.privacy.show)
    if options.json:
        say(as_json(answer))
    else:
        _show(answer, settings.timezone)
        name_database(settings)


@commands.command()
def orphans(
    ctx: typer.Context,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only look: nothing is made due.")] = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Find what waits for an answer and is over a minute overdue, and make it due now.

    It answers as /debug/check-orphaned-messages does. A second call finds nothing more.

    \b
    wamon conversations orphans --dry-run
    wamon conversations orphans
    """
    from wamon.app.database import ledger
    from wamon.render import say
    from wamon.views import conversations as view
    from wamon.views.document import as_json

    options = said(ctx, config, json)
    settings = options.config()
    answer = view.NO_ORPHANS
    if settings.conversations.enabled:
        with ledger(settings) as db:
            answer = view.orphans(db, settings.privacy.show, dry_run=dry_run)
    if options.json:
        say(as_json(answer))
    else:
        _orphans(answer)


@commands.command()
def rescue(
    ctx: typer.Context,
    person: Annotated[
        list[str],
        typer.Argument(metavar="PERSON", help="A number in any form, a hash of the log, or a conversation's uid."),
    ],
    late: Annotated[bool, typer.Option("--late", help="Also what is older than answer_within.")] = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Make due again what a person wrote and nobody answered: what was given up, or too old when its turn came.

    Ends with 1 where nothing was made due.

    \b
    wamon conversations rescue 082 000 0001
    wamon conversations rescue 1f0c9a2b7d3e --late
    """
    from wamon.app import conversations as app
    from wamon.render import say
    from wamon.views.document import as_json

    options = said(ctx, config, json)
    answer = app.rescue(options.config(), " ".join(person), late=late)
    if options.json:
        say(as_json(answer))
    else:
        _rescued(answer)
    raise typer.Exit(0 if answer.rescued else 1)


def _list(answer: Conversations, zone: ZoneInfo) -> None:
    from wamon.render import local, paragraph, table

    if not answer.conversations:
        paragraph("Nobody waits for an answer. `wamon conversations show NUMBER` tells what a person was answered.")
        return
    rows = [
        (local(c.oldest_at, zone), c.person, c.group or "one-to-one", c.outcome or c.state, c.pending,
         local(c.due_at, zone), c.attempts)
        for c in answer.conversations
    ]  # fmt: skip
    columns = ("Since", "Person", "Where", "State", "Messages", "Due", "Failed")
    table(columns, rows, right=("Messages", "Failed"), whole=("Person",), state="State")


def _show(answer: Person, zone: ZoneInfo) -> None:
    from wamon.render import say

    number = "" if answer.person in answer.hashes else f"{answer.person}. "
    say(f"{number}The log says: {', '.join(answer.hashes) or 'nothing'}.")
    for story in answer.conversations:
        _story(story, zone)


def _story(story: Story, zone: ZoneInfo) -> None:
    from wamon.render import local, say, table
    from wamon.words import amount

    one = story.conversation
    waits = f", {amount(one.pending, 'message')} since {local(one.oldest_at, zone)}" if one.pending else ""
    say(f"\n{one.group or 'One-to-one'}, source {one.source}: {one.outcome or one.state}{waits}. {one.uid}")
    turns = [
        (local(t.started_at, zone), local(t.ended_at, zone), t.reason, t.messages, t.outcome or "in work", t.reply,
         t.missed, t.tokens, t.error)
        for t in story.turns
    ]  # fmt: skip
    table(
        ("Begun", "Ended", "Why", "Messages", "Outcome", "Answer", "Missed", "Tokens", "Error"),
        turns,
        right=("Messages", "Missed", "Tokens"),
    )
    changes = [(local(t.at, zone), t.before or "new", t.after, t.reason) for t in story.transitions]
    table(("When", "From", "To", "Why"), changes)


def _orphans(answer: Orphans) -> None:
    from wamon.render import say

    waiting = f" {len(answer.buffered_wa_ids):,} wait in time." if answer.buffered_wa_ids else ""
    say(f"{answer.message}{': ' + ', '.join(answer.orphaned_wa_ids) if answer.orphaned_wa_ids else ''}.{waiting}")


def _rescued(answer: Rescued) -> None:
    from wamon.render import say
    from wamon.words import amount

    too_old = f" {answer.too_old:,} too old: `--late` answers them, too." if answer.too_old else ""
    if answer.rescued:
        say(f"{amount(answer.rescued, 'burst')} of {answer.person} due now.{too_old}")
    else:
        say(f"Nothing of {answer.person} was made due.{too_old or ' Nothing was left unanswered.'}")
