"""`wamon trace`: what became of a message or a drop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from wamon.cli.options import ConfigOption, JsonLinesOption, JsonOption, said

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from wamon.views.trace import Trace


def add_to(app: typer.Typer) -> None:
    app.command()(trace)


def trace(
    ctx: typer.Context,
    asked: Annotated[
        str, typer.Argument(metavar="ID", help="A message id, a correlation id of the log, or a drop number.")
    ],
    config: ConfigOption = None,
    json: JsonOption = False,
    jsonl: JsonLinesOption = False,
) -> None:
    """Tell what became of a message or a drop: every step that is known, with its time.

    Ends with 1 where nothing knows it. What a message says is not told.

    \b
    wamon trace 3EB0C767D0D1A2B3C4D5
    wamon trace DR1752028 --json
    """
    from wamon.app.database import ledger
    from wamon.privacy import people_of
    from wamon.views import trace as view

    options = said(ctx, config, json, jsonl)
    settings = options.config()
    with ledger(settings) as db:
        answers = settings.conversations.enabled
        answer = view.trace(db, asked, settings.database.review_table, people_of(settings), answers=answers)
    if options.json:
        options.say_list(answer)
    else:
        _show(answer, settings.timezone)


def _show(answer: Trace, zone: ZoneInfo) -> None:
    from wamon.render import local, table

    table(("When", "What", "Where", "Detail"), [(local(s.at, zone), s.what, s.where, s.detail) for s in answer.steps])
