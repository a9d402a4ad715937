"""`wamon report`: the day and the week, for people."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from wamon.cli.options import ConfigOption, JsonOption, ProjectOption, said
from wamon.cli.usage import Commands

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import date, datetime
    from zoneinfo import ZoneInfo

    from wamon.cli.options import Said
    from wamon.clock import Clock
    from wamon.config.schema import Config
    from wamon.reports.bursts import Bursts
    from wamon.reports.period import Period
    from wamon.reports.report import Counts, Report

_WIDTH = 80
_ROWS_A_LIST = 40
_NO_GAP = "None: nothing hints at messages that never reached the bridge's store."

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
    period = make(times.day("--date", wish.day or "today", zone, now), zone, now)
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
    from wamon.render import say
    from wamon.reports.html import html
    from wamon.spreadsheets.posts import output_file
    from wamon.views import report as view
    from wamon.views.document import as_json

    if options.json:
        say(as_json(view.report(report)))
        return
    text = html(report) if wish.format == Format.html else "\n".join(_paragraphs(report))
    if wish.output is None:
        sys.stdout.write(text)
        return
    with output_file(wish.output) as beside:
        beside.write_text(text, "utf-8")
    say(f"The report is in {wish.output}.")


def _paragraphs(report: Report) -> Iterator[str]:
    from wamon.render import local

    period = report.period
    yield f"{period.kind.capitalize()} report: {period}"
    made = f"So far: made {local(period.now, period.zone)}."
    standing = "It has not begun." if period.is_ahead else "" if period.is_over else made
    yield _filled(f"Days and times are those of {period.zone}. {standing}") + "\n"
    yield _projects(report)
    yield from _to_do_again(report)
    yield _list("Posted again", ("Drop", "Project", "Posted", "By", "First posted"), _resubmissions(report))
    if report.senders:
        rows = [(row.sender, row.project, *map(_number, row.counts)) for row in report.senders]
        yield _list("By sender", ("Sender", "Project", *_COUNTED), rows)
    yield from _bursts(report)
    yield _gaps_in_words(report)


_COUNTED = ("New", "Again", "Rejected", "Near", "Retracted")
_OF_BURSTS = ("Bursts", "Answered", "Half in", "95 % in", "Follow-ups", "Missed")
_MEANING_OF_BURSTS = (
    "Half in, 95 % in: from a burst's first message to its answer's sending. Follow-ups came while the one before was "
    "worked. A burst counts on the day on which it was closed."
)


def _projects(report: Report) -> str:
    rows = [_row(row.project, row.counts, "—" if row.usual is None else f"{row.usual:,.0f}") for row in report.projects]
    if len(rows) > 1:
        rows.append(_row("All", report.total, ""))
    daily = report.period.kind == "daily"
    compared = "Usual" if daily else "Before"
    what = "on this weekday, the median of the six weeks before" if daily else "in the week before"
    unchecked = [
        _filled(f"{row.project}: {row.unchecked:,} posts couldn't be looked up in its list.") + "\n"
        for row in report.projects
        if row.unchecked
    ]
    until = "" if report.period.is_over else ", up to this time"
    table = _table(("Project", "New", compared, *_COUNTED[1:]), rows)
    return f"{table}{_filled(f'{compared}: new drops {what}{until}.')}\n{''.join(unchecked)}"


def _row(project: str, counts: Counts, usual: str) -> tuple[Any, ...]:
    new, *others = map(_number, counts)
    return (project, new, usual, *others)


def _number(count: int) -> str:
    return f"{count:,}"


def _to_do_again(report: Report) -> Iterator[str]:
    from wamon.render import local

    zone = report.period.zone
    rejected = [(row.drop_number, row.project, local(row.sent_at, zone), row.sender) for row in report.rejected]
    yield _list("Rejected: not in the project's list", ("Drop", "Project", "Posted", "By"), rejected)
    near = [
        (
            row.written,
            row.likely or "—",
            row.reason.replace("-", " "),
            row.project,
            local(row.sent_at, zone),
            row.sender,
        )
        for row in report.near_misses
    ]
    columns = ("Written", "Likely", "Why", "Project", "Posted", "By")
    yield _list("Near misses: meant as a drop number, and none", columns, near)


def _resubmissions(report: Report) -> list[tuple[Any, ...]]:
    from wamon.render import local

    zone = report.period.zone
    return [
        (
            row.drop_number,
            row.project,
            local(row.sent_at, zone),
            row.sender,
            local(row.first_sent_at, zone),
        )
        for row in report.resubmissions
    ]


def _bursts(report: Report) -> Iterator[str]:
    """What came of what people wrote; of a week by day, too. Nothing where nobody wrote."""
    whole = [_burst_row(one) for one in report.bursts if one.day is None]
    days = [(f"{one.day:%a %d}", *_burst_row(one)) for one in report.bursts if one.day]
    if whole:
        yield _list("Conversations: what people wrote until there was quiet", ("Project", *_OF_BURSTS), whole)
        yield _filled(_MEANING_OF_BURSTS) + "\n"
    if whole and report.period.kind == "weekly":
        yield _list("Conversations by day", ("Day", "Project", *_OF_BURSTS), days)


def _burst_row(one: Bursts) -> tuple[str, ...]:
    from wamon.words import span

    half, most = ("—" if seconds is None else span(seconds) for seconds in (one.p50_seconds, one.p95_seconds))
    figures = (_number(one.bursts), _number(one.answers), half, most, f"{one.follow_up_rate:.0%}", _number(one.missed))
    return one.project or "one-to-one", *figures


def _gaps_in_words(report: Report) -> str:
    from wamon.render import local

    heading, zone = "Gaps: times that can't be proven", report.period.zone
    if report.gaps_unknown is not None:
        return f"{heading}\n\n{_filled(f'Nothing is known of them now. {report.gaps_unknown}')}\n"
    if not report.gaps:
        return f"{heading}\n\n{_filled(_NO_GAP)}\n"
    rows = [
        (gap.kind, gap.group or "all", local(gap.start, zone), local(gap.end, zone), gap.detail) for gap in report.gaps
    ]
    meanings = [
        _filled(f"{kind}: {meaning}") for kind, meaning in {gap.kind: gap.meaning for gap in report.gaps}.items()
    ]
    return "\n".join([_list(heading, ("Kind", "Group", "From", "To", "What"), rows), *meanings, ""])


def _list(heading: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> str:
    if not rows:
        return f"{heading}\n\nNone.\n"
    left = len(rows) - _ROWS_A_LIST
    more = f"And {left:,} more: --format html and --json list them all.\n" if left > 0 else ""
    return f"{heading}\n{_table(columns, rows[:_ROWS_A_LIST])}{more}"


def _table(columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> str:
    from wamon.render import screen_width, table_text

    numbers = {*_COUNTED, *_OF_BURSTS, "Usual", "Before"}
    times = ("Day", "Drop", "Posted", "First posted", "From", "To")
    right = [column for column in columns if column in numbers]
    return table_text(columns, rows, min(screen_width(), _WIDTH), right=right, whole=times)


def _filled(text: str) -> str:
    from textwrap import fill

    from wamon.render import screen_width

    return fill(text, min(screen_width(), _WIDTH))
