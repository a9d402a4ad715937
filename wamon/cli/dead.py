"""`wamon dead`: what couldn't be recorded or answered, and what is to become of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from wamon.cli.clusters import name_database
from wamon.cli.options import ConfigOption, JsonLinesOption, JsonOption, Said, complete_letter, said
from wamon.cli.usage import Commands

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from contextlib import AbstractContextManager
    from zoneinfo import ZoneInfo

    from wamon.capture.pipeline import Pipeline
    from wamon.clock import Clock
    from wamon.config.schema import Config
    from wamon.errors import UsageError
    from wamon.ledger.dead_letters import Letter
    from wamon.views import dead as views

_WIDE = 100
"""Columns of a terminal that has room for when the last try failed, and for the reason beside it."""

commands = typer.Typer(cls=Commands, no_args_is_help=True, rich_markup_mode=None)

Ids = Annotated[
    list[str],
    typer.Argument(metavar="MESSAGE-ID", help="As `wamon dead list` shows them.", autocompletion=complete_letter),
]


def add_to(app: typer.Typer) -> None:
    app.add_typer(
        commands,
        name="dead",
        help="""Look after dead letters: what couldn't be recorded or answered, with all that is known of why.

        \b
        wamon dead list
        wamon dead retry --all
        """,
    )


@commands.command("list")
def list_(
    ctx: typer.Context, config: ConfigOption = None, json: JsonOption = False, jsonl: JsonLinesOption = False
) -> None:
    """List what couldn't be recorded or answered, the last to fail first.

    One in `retry` is tried again by itself after 1, 2 and 4 minutes; then it is `dead`, and waits for you. `event:12`
    is a delivery to a hook, `event:12#3` a part of one, `turn:7:4` a burst that no try could answer.

    \b
    wamon dead list
    wamon dead list --json
    """
    from wamon.app.database import ledger
    from wamon.app.letters import letters_without_store
    from wamon.ledger.dead_letters import letters
    from wamon.views import dead as view

    options = said(ctx, config, json, jsonl)
    settings = options.config()
    with ledger(settings) as db:
        found = [*letters(db, settings.bridge.name), *letters_without_store(settings)]
    answer = view.letters(sorted(found, key=lambda letter: letter.failed_at, reverse=True))
    if options.json:
        options.say_list(answer)
    else:
        _show_list(answer.letters, settings.timezone)
        name_database(settings)


@commands.command()
def show(
    ctx: typer.Context,
    message_id: Annotated[
        str,
        typer.Argument(metavar="MESSAGE-ID", help="As `wamon dead list` shows it.", autocompletion=complete_letter),
    ],
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Tell all that is known of one such message; what it says stays in the bridge's store, or in the delivery.

    Its correlation id is in the log beside each try. Of a burst, `wamon conversations show` tells more.

    \b
    wamon dead show 3EB0C767D0D1A2B3C4D5
    """
    from dataclasses import fields

    from wamon.app.letters import letters_without_store
    from wamon.render import local, say
    from wamon.views import dead as view
    from wamon.views.document import as_json

    options = said(ctx, config, json)
    settings = options.config()
    if delivered := [letter for letter in letters_without_store(settings) if letter.message_id == message_id]:
        answer = view.shown_letter(delivered[0], in_store=False)
    elif settings.has_hooks_alone:
        raise _unknown([message_id])
    else:
        with _opened(settings, options.clock) as pipeline:
            (letter,) = _named(pipeline, [message_id])
            stands = pipeline.store.find_one(letter.chat_jid, letter.message_id) is not None
        answer = view.shown_letter(letter, in_store=stands)
    if options.json:
        say(as_json(answer))
        return
    for name in (field.name for field in fields(answer)):
        value = getattr(answer, name)
        shown = local(value, settings.timezone) if name.endswith("_at") else value
        say(f"{name.replace('_', ' ') + ':':<16}{'yes' if value is True else 'no' if value is False else shown}")


@commands.command()
def retry(
    ctx: typer.Context,
    message_ids: Annotated[
        list[str] | None,
        typer.Argument(metavar="MESSAGE-ID", help="As `wamon dead list` shows them.", autocompletion=complete_letter),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Every one of them.")] = False,
    late: Annotated[bool, typer.Option("--late", help="Answer bursts also where they are too old by now.")] = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Try them again now. Ends with 1 where one still can't be recorded, or is too old to be answered.

    \b
    wamon dead retry 3EB0C767D0D1A2B3C4D5
    wamon dead retry --all
    """
    from functools import partial

    from wamon.app.letters import retry as retry_without_store
    from wamon.capture.scan import retry_one
    from wamon.errors import UsageError
    from wamon.views.dead import Retried

    if bool(message_ids) == every:
        raise UsageError("Say which.", hint="Name message ids as `wamon dead list` shows them, or pass --all.")
    options = said(ctx, config, json)
    recorded, still = _settle(options, message_ids or [], retry_one, partial(retry_without_store, late=late))
    _end(options, Retried(recorded, still), "recorded", len(recorded))


@commands.command()
def discard(ctx: typer.Context, message_ids: Ids, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Give them up: they count as read and ignored, and hold no drop. One that is edited later is read again.

    \b
    wamon dead discard 3EB0C767D0D1A2B3C4D5
    """
    from wamon.app.letters import discard as discard_without_store
    from wamon.capture.scan import discard as discard_one
    from wamon.views.dead import Discarded

    options = said(ctx, config, json)
    discarded, still = _settle(options, message_ids, discard_one, discard_without_store)
    _end(options, Discarded(discarded, still), "discarded", len(discarded))


def _settle(
    options: Said,
    message_ids: Sequence[str],
    act: Callable[[Pipeline, Letter], object],
    act_on_delivered: Callable[[Config, Collection[str], Clock], object],
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The ids of those that are letters no more, and of those that still are."""
    from wamon.app.letters import letters_without_store

    settings = options.config()
    delivered = [letter.message_id for letter in letters_without_store(settings)]
    chosen = [one for one in delivered if not message_ids or one in message_ids]
    if chosen:
        act_on_delivered(settings, chosen, options.clock)
    left = {letter.message_id for letter in letters_without_store(settings)} if chosen else set()
    settled, still = [one for one in chosen if one not in left], [one for one in chosen if one in left]
    of_store = [one for one in message_ids if one not in delivered]
    if of_store and settings.has_hooks_alone:
        raise _unknown(of_store)
    if of_store or not (message_ids or settings.has_hooks_alone):
        also_settled, also_still = _settle_of_store(options, of_store, act)
        settled, still = settled + also_settled, still + also_still
    return tuple(settled), tuple(still)


def _settle_of_store(
    options: Said, message_ids: Sequence[str], act: Callable[[Pipeline, Letter], object]
) -> tuple[list[str], list[str]]:
    """The same, of messages that a store holds."""
    from wamon.ledger.dead_letters import letters

    with _opened(options.config(), options.clock) as pipeline:
        chosen = _named(pipeline, message_ids)
        for letter in chosen:
            act(pipeline, letter)
        left = {(letter.chat_jid, letter.message_id) for letter in letters(pipeline.source.db, pipeline.source.name)}
    still = [letter.message_id for letter in chosen if (letter.chat_jid, letter.message_id) in left]
    return [letter.message_id for letter in chosen if letter.message_id not in still], still


def _end(options: Said, answer: views.Retried | views.Discarded, outcome: str, settled: int) -> None:
    """Say what became of them. Ends with 1 where one is still a letter."""
    from wamon.render import say
    from wamon.views.document import as_json

    still = answer.still_dead
    if options.json:
        say(as_json(answer))
    else:
        say(f"{settled} of {settled + len(still)} {outcome}.")
        if still:
            say(f"Still not: {', '.join(still)}. `wamon dead show MESSAGE-ID` says why.")
    if still:
        raise typer.Exit(1)


def _opened(settings: Config, clock: Clock) -> AbstractContextManager[Pipeline]:
    from wamon.app.commands import opened
    from wamon.app.configured import bridge_of

    return opened(settings, bridge_of(settings), clock)


def _named(pipeline: Pipeline, message_ids: Sequence[str]) -> list[Letter]:
    """The letters with these ids, all where none is given. Raises UsageError for an id that none has."""
    from wamon.ledger.dead_letters import letters

    found = letters(pipeline.source.db, pipeline.source.name)
    if unknown := sorted(set(message_ids) - {letter.message_id for letter in found}):
        raise _unknown(unknown)
    return [letter for letter in found if not message_ids or letter.message_id in message_ids]


def _unknown(message_ids: Sequence[str]) -> UsageError:
    from wamon.errors import UsageError

    return UsageError(
        f"There is no dead letter {', '.join(message_ids)}.",
        hint="`wamon dead list` lists them; one that was recorded meanwhile is none any more.",
    )


def _show_list(found: Sequence[views.Letter], zone: ZoneInfo) -> None:
    from wamon.render import local, say, screen_width, table

    if not found:
        say("No message waits here: everything that was read is recorded.")
        return
    wide = screen_width() >= _WIDE
    rows = [
        (
            letter.message_id,
            letter.project,
            letter.status,
            letter.attempts,
            local(letter.next_try_at, zone),
            *((local(letter.failed_at, zone), letter.reason) if wide else ()),
        )
        for letter in found
    ]
    columns = ("Message", "Project", "Status", "Tries", "Next try", *(("Failed", "Reason") if wide else ()))
    table(columns, rows, right=("Tries",), whole=("Message", "Next try", "Failed"), state="Status")
    for reason in [] if wide else dict.fromkeys(letter.reason for letter in found):
        say(reason)
    say("`wamon dead retry --all` tries them again; `wamon dead show MESSAGE-ID` tells more.")
