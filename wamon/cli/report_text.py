"""A report as text for a terminal: at most 80 columns wide, and of long lists their beginnings."""

from __future__ import annotations

from textwrap import fill
from typing import TYPE_CHECKING, Any

from wamon.render import local, screen_width, table_text
from wamon.reports import headings
from wamon.words import SLIPS, span

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wamon.reports.bursts import Bursts
    from wamon.reports.report import Counts, Report

_WIDTH = 80
_ROWS_A_LIST = 40


def text(report: Report) -> str:
    """The report, its last line ended."""
    return "\n".join(_paragraphs(report))


def _paragraphs(report: Report) -> Iterator[str]:
    period = report.period
    yield f"{period.kind.capitalize()} report: {period}"
    made = f"So far: made {local(period.now, period.zone)}."
    standing = "It has not begun." if period.is_ahead else "" if period.is_over else made
    yield _filled(f"Days and times are those of {period.zone}. {standing}") + "\n"
    yield _projects(report)
    yield from _to_do_again(report)
    yield _list(headings.AGAIN.title, ("Drop", "Project", "Posted", "By", "First posted"), _resubmissions(report))
    if report.senders:
        rows = [(row.sender, row.project, *map(_number, row.counts)) for row in report.senders]
        yield _list(headings.SENDERS.title, ("Sender", "Project", *_COUNTED), rows)
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
    zone = report.period.zone
    rejected = [(row.drop_number, row.project, local(row.sent_at, zone), row.sender) for row in report.rejected]
    yield _list(*headings.REJECTED, rejected)
    near = [
        (
            row.written,
            row.likely or "—",
            SLIPS.get(row.reason, row.reason),
            row.project,
            local(row.sent_at, zone),
            row.sender,
        )
        for row in report.near_misses
    ]
    columns = ("Written", "Likely", "Why", "Project", "Posted", "By")
    yield _list(headings.NEAR_MISSES.title, columns, near)


def _resubmissions(report: Report) -> list[tuple[Any, ...]]:
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
        yield _list(headings.BURSTS.title, ("Project", *_OF_BURSTS), whole)
        yield _filled(_MEANING_OF_BURSTS) + "\n"
    if whole and report.period.kind == "weekly":
        yield _list(headings.BURST_DAYS.title, ("Day", "Project", *_OF_BURSTS), days)


def _burst_row(one: Bursts) -> tuple[str, ...]:
    half, most = ("—" if seconds is None else span(seconds) for seconds in (one.p50_seconds, one.p95_seconds))
    figures = (_number(one.bursts), _number(one.answers), half, most, f"{one.follow_up_rate:.0%}", _number(one.missed))
    return one.project or headings.NO_PROJECT, *figures


def _gaps_in_words(report: Report) -> str:
    heading, zone = headings.GAPS.title, report.period.zone
    if report.gaps_unknown is not None:
        return f"{heading}\n\n{_filled(f'Nothing is known of them now. {report.gaps_unknown}')}\n"
    if not report.gaps:
        return f"{heading}\n\n{_filled(headings.NO_GAP)}\n"
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
    numbers = {*_COUNTED, *_OF_BURSTS, "Usual", "Before"}
    times = ("Day", "Drop", "Posted", "First posted", "From", "To")
    right = [column for column in columns if column in numbers]
    return table_text(columns, rows, min(screen_width(), _WIDTH), right=right, whole=times)


def _filled(text: str) -> str:
    return fill(text, min(screen_width(), _WIDTH))
