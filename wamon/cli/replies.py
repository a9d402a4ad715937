"""`wamon replies`: what is said in groups and to persons, and the switch that ends it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from wamon.cli.clusters import name_database
from wamon.cli.options import ConfigOption, JsonLinesOption, JsonOption, said
from wamon.cli.usage import Commands

if TYPE_CHECKING:
    from collections.abc import Sequence
    from zoneinfo import ZoneInfo

    from wamon.cli.options import Said
    from wamon.config.schema import Config
    from wamon.replies.queue import Switches
    from wamon.views.replies import Reply

commands = typer.Typer(cls=Commands, no_args_is_help=True, rich_markup_mode=None)

_DAYS_LISTED = 7


def add_to(app: typer.Typer) -> None:
    app.add_typer(
        commands,
        name="replies",
        help="""Look after what is said, to posts and in conversations, and end it all at once.

        \b
        wamon replies list
        wamon replies off
        """,
    )


@commands.command("list")
def list_(
    ctx: typer.Context, config: ConfigOption = None, json: JsonOption = False, jsonl: JsonLinesOption = False
) -> None:
    """List the replies of the last seven days, the last that changed first, and why one wasn't sent.

    Answers of conversations are of the kind burst, or digest where several late ones are answered at once. One that is
    due waits to be sent. One that is unknown was perhaps sent, and isn't sent again: look into the chat, then settle it
    with `wamon replies resend`, or leave it. One that failed was never taken; one that was skipped wasn't tried.

    \b
    wamon replies list
    wamon replies list --json
    """
    from datetime import timedelta

    from wamon.app.database import ledger
    from wamon.privacy import people_of
    from wamon.replies.queue import listed, switches
    from wamon.views import replies as view

    options = said(ctx, config, json, jsonl)
    settings = options.config()
    with ledger(settings) as db:
        since = options.clock.now() - timedelta(days=_DAYS_LISTED)
        found = [one for source in settings.all_sources for one in listed(db, source, since)]
        now = switches(db, *settings.all_sources)
    found.sort(key=lambda reply: reply.changed_at, reverse=True)
    answer = view.replies(found, people_of(settings).shown, now, enabled=settings.replies.enabled)
    if options.json:
        options.say_list(answer)
    else:
        _show(answer.replies, settings.timezone)
        name_database(settings)
        _say_whether_on(settings, now)


AgentOption = Annotated[
    bool, typer.Option("--agent", help="Only what the agent says; templates are sent all the same.")
]


@commands.command()
def off(ctx: typer.Context, agent: AgentOption = False, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Say nothing from now on, to posts or in conversations, whatever the config says: a daemon asks before each.

    Those that are due are skipped, and aren't sent when they are on again.

    \b
    wamon replies off
    wamon replies off --agent
    """
    _switch(said(ctx, config, json), of_agent=agent, off=True)


@commands.command()
def on(ctx: typer.Context, agent: AgentOption = False, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Take `wamon replies off` back. Replies, or conversations, must be enabled in the config, too.

    \b
    wamon replies on
    wamon replies on --agent
    """
    _switch(said(ctx, config, json), of_agent=agent, off=False)


@commands.command()
def discard(
    ctx: typer.Context,
    message_id: Annotated[str, typer.Argument(metavar="MESSAGE-ID", help="As `wamon replies list` shows it.")],
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Never send what waits to answer this message.

    \b
    wamon replies discard 3EB0C767D0D1A2B3C4D5
    """
    from wamon.app.database import ledger
    from wamon.errors import UsageError
    from wamon.render import say
    from wamon.replies import queue
    from wamon.views.document import as_json
    from wamon.views.replies import Discarded

    options = said(ctx, config, json)
    settings = options.config()
    with ledger(settings) as db:
        discarded = queue.discard(db, settings.all_sources, message_id, options.clock.now())
    if not discarded:
        raise UsageError(
            f"No reply waits to answer a message {message_id}.",
            hint="`wamon replies list` shows those that are due; one that is being sent can't be held back.",
        )
    if options.json:
        say(as_json(Discarded(message_id, tuple(discarded))))
    else:
        say(f"Discarded: {', '.join(discarded)}.")


@commands.command()
def resend(
    ctx: typer.Context,
    reply: Annotated[int, typer.Argument(metavar="ID", help="The number in `wamon replies list`.")],
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Send a reply once more of which nobody knows whether it was sent. Look into the chat first.

    Naming its number is the confirmation. It is noted among what operators did, and in the list until it is sent.

    \b
    wamon replies resend 1412
    """
    from wamon.app.database import ledger
    from wamon.render import say
    from wamon.replies import queue
    from wamon.views.document import as_json
    from wamon.views.replies import Resent

    options = said(ctx, config, json)
    settings = options.config()
    with ledger(settings) as db:
        source = queue.resend(db, settings, reply, options.clock.now(), "command")
    if options.json:
        say(as_json(Resent(reply, source)))
    else:
        say(f"Reply {reply} is sent again by `wamon run`, within its time.")


def _switch(options: Said, *, of_agent: bool, off: bool) -> None:
    from wamon.app.database import ledger
    from wamon.render import say
    from wamon.replies.queue import switch, switch_agent, switches
    from wamon.views.document import as_json
    from wamon.views.replies import Switch

    settings = options.config()
    with ledger(settings) as db:
        for source in settings.all_sources:
            (switch_agent if of_agent else switch)(db, source, off=off)
        now = switches(db, *settings.all_sources)
    if options.json:
        say(as_json(Switch(settings.replies.enabled, *now)))
    else:
        _say_whether_on(settings, now)


def _say_whether_on(settings: Config, now: Switches) -> None:
    from wamon.health.conversations import lacks_of_answers
    from wamon.render import paragraph, say

    talks, posts = settings.conversations.enabled, settings.replies.enabled
    lacking = [] if now.off or not talks else lacks_of_answers(settings)
    if now.off:
        say("Replies are off: `wamon replies on` lets them be sent again.")
    elif posts:
        say("Replies are on.")
    elif talks and not lacking:
        say("Conversations are answered; replies to posts are off: replies.enabled in the config is false.")
    else:
        say("Replies are off: replies.enabled in the config is false, or WAMON_REPLIES is off.")
    for lack in lacking:
        paragraph(f"{lack.sentence} {lack.hint}")
    if now.agent_off:
        say("The agent is off: `wamon replies on --agent` has it asked again.")
    elif settings.conversations.agent.enabled:
        say("The agent is on.")


def _show(found: Sequence[Reply], zone: ZoneInfo) -> None:
    from wamon.render import local, table

    columns = ("ID", "Message", "About", "Project", "Kind", "State", "Tries", "Changed", "Why")
    rows = [
        (
            r.reply,
            r.message_id,
            r.about if r.person is None else r.person,
            r.project,
            r.kind,
            r.state,
            r.attempts,
            local(r.changed_at, zone),
            r.reason,
        )
        for r in found
    ]
    table(columns, rows, right=("ID", "Tries"), state="State")
