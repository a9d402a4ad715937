"""`wamon drops near`: what was meant as a drop number and isn't one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from wamon.cli.clusters import name_database
from wamon.cli.options import ConfigOption, JsonLinesOption, JsonOption, ProjectOption, said

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wamon.config.schema import Config
    from wamon.views.near_misses import NearMiss, NearMisses

_USUAL_SPAN = "7d"


def add_to(app: typer.Typer) -> None:
    app.command()(near)


def near(
    ctx: typer.Context,
    project: ProjectOption = None,
    since: Annotated[str, typer.Option("--since", metavar="TIME", help="Only posts from then on.")] = _USUAL_SPAN,
    until: Annotated[
        str | None, typer.Option("--until", metavar="TIME", help="Only posts before then; a day counts whole.")
    ] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
    jsonl: JsonLinesOption = False,
) -> None:
    """List what was meant as a drop number and isn't one, such as DR1234, the newest first.

    None of them is recorded as a drop. The likely number is what undoing the slip gives, else the nearest one on the
    project's list, else among its numbers of the last 30 days; none where two are equally near.

    \b
    wamon drops near
    wamon drops near --project Lawley --since today
    wamon drops near --since 2026-11-01 --until 2026-11-30 --json
    """
    from wamon.app.database import ledger
    from wamon.cli import times
    from wamon.privacy import people_of
    from wamon.views import near_misses as view
    from wamon.views.projects import require_project

    options = said(ctx, config, json, jsonl)
    settings = options.config()
    zone, now = settings.timezone, options.clock.now()
    span = times.span(since, until, zone, now)
    with ledger(settings) as db:
        if project is not None:
            require_project(db, settings, project)
        answer = view.near_misses(db, people_of(settings), project, span, now)
    if options.json:
        options.say_list(answer)
    else:
        _show(answer, settings)
        name_database(settings)


def _show(answer: NearMisses, config: Config) -> None:
    from wamon.render import say

    show_table(answer.near_misses, config)
    if number := len(answer.near_misses):
        say(f"{counted(number)}; none is recorded as a drop.")
    else:
        say("No near misses in this time.")


def show_table(near_misses: Sequence[NearMiss], config: Config) -> None:
    """What was written, by whom, and why it is no number; nothing where nothing was."""
    from wamon.render import local, table
    from wamon.words import SLIPS

    rows = [
        (
            local(miss.sent_at, config.timezone),
            miss.project,
            miss.submitted_by,
            miss.written,
            SLIPS.get(miss.reason, miss.reason),
            miss.likely,
        )
        for miss in near_misses
    ]
    table(("When", "Project", "By", "Written", "Why", "Likely"), rows, whole=("When", "Written", "Likely"))


def counted(number: int) -> str:
    return f"{number:,} near miss{'' if number == 1 else 'es'}"
