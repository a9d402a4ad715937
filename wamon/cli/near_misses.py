"""`wamon drops near`: what was meant as a drop number and isn't one."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wamon.cli.options import ConfigOption, JsonOption, said

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from wamon.config.schema import Config
    from wamon.ledger.allow_list import Missed
    from wamon.postgres.connection import Database
    from wamon.privacy import Directory

_USUAL_SPAN = "7d"
_RECENT = timedelta(days=30)
_WORDS = {
    "too-short": "too few digits",
    "too-long": "too many digits",
    "letters-apart": "letters apart",
    "letters-swapped": "letters swapped",
    "letter-missing": "letter missing",
    "letter-doubled": "letter doubled",
    "letter-in-digits": "letter in digits",
    "split": "digits divided",
    "separator": "odd separator",
}


def add_to(app: typer.Typer) -> None:
    app.command()(near)


def near(
    ctx: typer.Context,
    project: Annotated[str | None, typer.Option("--project", metavar="NAME", help="Only this project's.")] = None,
    since: Annotated[str, typer.Option("--since", metavar="TIME", help="Only posts from then on.")] = _USUAL_SPAN,
    until: Annotated[
        str | None, typer.Option("--until", metavar="TIME", help="Only posts before then; a day counts whole.")
    ] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """List what was meant as a drop number and isn't one, such as DR1234, the newest first.

    None of them is recorded as a drop. The likely number is what undoing the slip gives, else the nearest one on the
    project's list, else among its numbers of the last 30 days; none where two are equally near.

    \b
    wamon drops near
    wamon drops near --project Lawley --since today
    wamon drops near --since 2026-11-01 --until 2026-11-30 --json
    """
    from wamon.app.commands import ledger
    from wamon.cli import times
    from wamon.clock import Clock
    from wamon.render import as_json

    options = said(ctx, config, json)
    settings = options.config()
    zone, now = settings.timezone, Clock().now()
    first, last = times.since(since, zone, now), times.until(until, zone, now)
    with ledger(settings) as db:
        answer = _answer(db, settings, project, (first, last), now)
    if options.json:
        as_json({"near_misses": answer})
    else:
        _show(answer, settings)


def _answer(
    db: Database, config: Config, project: str | None, span: tuple[datetime | None, datetime | None], now: datetime
) -> list[dict[str, Any]]:
    from wamon.cli.allow import require_project
    from wamon.ledger.allow_list import near_misses
    from wamon.privacy import people_of

    if project is not None:
        require_project(db, config, project)
    likely, people = _likely(db, now), people_of(config)
    return [_told(miss, likely(miss), people) for miss in near_misses(db, project, *span)]


def _likely(db: Database, now: datetime) -> Callable[[Missed], str | None]:
    """Which number each was meant as; what projects accept or posted is read once."""
    from functools import cache

    from wamon.drops.likely import likeliest
    from wamon.ledger import allow_list

    @cache
    def numbers_of(project: str) -> Sequence[str]:
        return allow_list.numbers(db, project) or allow_list.recent_numbers(db, project, now - _RECENT)

    return lambda miss: miss.likely or likeliest(miss.written, numbers_of(miss.project))


def _told(miss: Missed, likely: str | None, people: Directory) -> dict[str, Any]:
    return {
        "sent_at": miss.sent_at,
        "project": miss.project,
        "submitted_by": people.shown(miss.sender),
        "written": miss.written,
        "reason": miss.reason,
        "likely": likely,
        "source": miss.source,
        "jid": miss.jid,
        "message_id": miss.message_id,
    }


def _show(answer: list[dict[str, Any]], config: Config) -> None:
    from wamon.render import local, say, table

    rows = [
        (
            local(miss["sent_at"], config.timezone),
            miss["project"],
            miss["submitted_by"],
            miss["written"],
            _WORDS.get(miss["reason"], miss["reason"]),
            miss["likely"],
        )
        for miss in answer
    ]
    table(("When", "Project", "By", "Written", "Why", "Likely"), rows, whole=("When", "Written", "Likely"))
    if rows:
        say(f"{len(rows):,} near miss{'' if len(rows) == 1 else 'es'}; none is recorded as a drop.")
    else:
        say("No near misses in this time.")
