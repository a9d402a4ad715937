"""`wamon report`: the day and the week, for people."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from wamon.cli.options import ConfigOption, JsonOption, ProjectOption, said
from wamon.cli.usage import Commands

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date, datetime
    from zoneinfo import ZoneInfo

    from wamon.cli.options import Said
    from wamon.clock import Clock
    from wamon.config.schema import Config
    from wamon.reports.period import Period
    from wamon.reports.report import Report


commands = typer.Typer(cls=Commands, no_args_is_help=True, rich_markup_mode=None)


class Format(StrEnum):
    """How a report is written."""

    text = "text"
    html = "html"


DateOption = Annotated[
    str | None,
    typer.Option("--date", metavar="DATE", help="A day; today, unless said. A week is the one that holds it."),
]
FormatOption = Annotated[Format, typer.Option("--format", help="Text for a terminal, or a page for a browser.")]
OutputOption = Annotated[Path | None, typer.Option("--output", metavar="FILE", help="Write it there, not to stdout.")]


class Wish(NamedTuple):
    """What the user asked for."""

    project: str | None
    day: str | None
    format: Format
    output: Path | None


def add_to(app: typer.Typer) -> None:
    app.add_typer(
        commands,
        name="report",
        help="""Sum up a day or a week: what was posted, by whom, what must be done again, and what can't be proven.

        \b
        wamon report daily --date yesterday
        wamon report weekly --format html --output week.html
        """,
    )


@commands.command()
def daily(
    ctx: typer.Context,
    project: ProjectOption = None,
    day: DateOption = None,
    form: FormatOption = Format.text,
    output: OutputOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Sum up one day, beside what is usual on its weekday. A post counts on the day on which it was sent.

    \b
    wamon report daily
    wamon report daily --date yesterday --project Lawley
    wamon report daily --date 2026-11-20 --format html --output friday.html
    """
    from wamon.reports import period

    _report(said(ctx, config, json), period.daily, Wish(project, day, form, output))


@commands.command()
def weekly(
    ctx: typer.Context,
    project: ProjectOption = None,
    day: DateOption = None,
    form: FormatOption = Format.text,
    output: OutputOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Sum up a week from Monday to Sunday, beside the week before it.

    \b
    wamon report weekly --date 2026-11-16
    wamon report weekly --format html --output week.html
    """
    from wamon.reports import period

    _report(said(ctx, config, json), period.weekly, Wish(project, day, form, output))


def _report(options: Said, make: Callable[[date, ZoneInfo, datetime], Period], wish: Wish) -> None:
    from wamon.cli import times

    settings = options.config()
    zone, now = settings.timezone, options.clock.now()
    period = make(times.day("--date", "today" if wish.day is None else wish.day, zone, now), zone, now)
    _write(_collected(settings, options.clock, period, wish.project), options, wish)


def _collected(settings: Config, clock: Clock, period: Period, project: str | None) -> Report:
    from wamon.app.database import ledger
    from wamon.app.report import summed
    from wamon.cli.filters import require_project
    from wamon.reports import posts

    with ledger(settings) as db:
        if project is not None:
            require_project(project, posts.projects(db))
        return summed(db, settings, clock, period, project)


def _write(report: Report, options: Said, wish: Wish) -> None:
    from wamon.cli.report_text import text
    from wamon.render import say
    from wamon.reports.html import html
    from wamon.spreadsheets.posts import output_file
    from wamon.views import report as view
    from wamon.views.document import as_json

    if options.json:
        say(as_json(view.report(report)))
        return
    written = html(report) if wish.format == Format.html else text(report)
    if wish.output is None:
        sys.stdout.write(written)
        return
    with output_file(wish.output) as beside:
        beside.write_text(written, "utf-8")
    say(f"The report is in {wish.output}.")
