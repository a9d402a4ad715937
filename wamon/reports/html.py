"""The report as one HTML page: no outside address, no script, readable in print, light and dark, and by ear."""

from __future__ import annotations

from functools import cache, partial
from importlib.resources import files
from typing import TYPE_CHECKING, NamedTuple

from wamon.reports import headings
from wamon.reports.headings import COUNTED
from wamon.words import KINDS, SLIPS, span

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from jinja2 import Template

    from wamon.reports.bursts import Bursts
    from wamon.reports.headings import Part
    from wamon.reports.report import Bar, Report

_WIDTH, _HEIGHT = 720.0, 180.0
_LEFT, _BOTTOM = 36.0, 24.0
_KINDS = ("new", "resubmission", "rejected")
_STEPS = (1, 2, 5)
_TIMES = frozenset({"Posted", "First posted", "From", "To", "Day"})
_ALWAYS = frozenset({headings.REJECTED, headings.NEAR_MISSES, headings.AGAIN, headings.GAPS})
"""What is told where there is none of it, too."""


class Block(NamedTuple):
    """A rectangle of the chart."""

    kind: str
    x: float
    y: float
    width: float
    height: float


class Chart(NamedTuple):
    """The chart, in its own units."""

    width: float
    height: float
    bottom: float
    left: float
    blocks: Sequence[Block]
    labels: Sequence[tuple[float, str]]
    lines: Sequence[tuple[float, int]]


class Listed(NamedTuple):
    """A list: each row begins with what it is about."""

    id: str
    part: Part
    rows: Sequence[tuple[str, ...]]
    note: str = ""


def html(report: Report) -> str:
    """The page."""
    return _template().render(
        report=report,
        period=report.period,
        chart=chart(report.bars),
        compared="Usual" if report.period.kind == "daily" else "Before",
        counted=COUNTED,
        kinds=KINDS,
        lists=[one for one in _lists(report) if one.rows or one.part in _ALWAYS],
        local=partial(_local, report.period.zone),
        no_gap=headings.NO_GAP,
        numbers=headings.NUMBERS,
        times=_TIMES,
    )


def _lists(report: Report) -> Iterator[Listed]:
    local = partial(_local, report.period.zone)
    rejected = [(one.drop_number, one.project, local(one.sent_at), one.sender or "") for one in report.rejected]
    yield Listed("rejected", headings.REJECTED, rejected)
    near = [
        (
            *(one.written, one.likely or "—", SLIPS.get(one.reason, one.reason), one.project),
            *(local(one.sent_at), one.sender or ""),
        )
        for one in report.near_misses
    ]
    yield Listed("near", headings.NEAR_MISSES, near)
    again = [
        (
            *(one.drop_number, one.project, local(one.sent_at), one.sender or ""),
            *(local(one.first_sent_at), one.first_sender or ""),
        )
        for one in report.resubmissions
    ]
    yield Listed("again", headings.AGAIN, again)
    senders = [(one.sender, one.project, *(f"{count:,}" for count in one.counts)) for one in report.senders]
    yield Listed("senders", headings.SENDERS, senders)
    yield Listed("bursts", headings.BURSTS, _whole(report), headings.MEANING_OF_FIGURES)
    yield Listed("burst-days", headings.BURST_DAYS, _days(report))
    gaps = [
        (one.group or "all", local(one.start), local(one.end), f"{one.kind}: {one.detail}", one.meaning)
        for one in report.gaps
    ]
    yield Listed("gaps", headings.GAPS, gaps)


def _whole(report: Report) -> list[tuple[str, ...]]:
    return [(one.project or headings.NO_PROJECT, *_figures(one)) for one in report.bursts if one.day is None]


def _days(report: Report) -> list[tuple[str, ...]]:
    """Of a week, what came of each day's bursts."""
    if report.period.kind == "daily":
        return []
    return [
        (f"{one.day:%a %d}", one.project or headings.NO_PROJECT, *_figures(one)) for one in report.bursts if one.day
    ]


def _figures(one: Bursts) -> tuple[str, ...]:
    counts = (f"{one.bursts:,}", f"{one.answers:,}", _span(one.p50_seconds), _span(one.p95_seconds))
    return *counts, f"{one.follow_up_rate:.0%}", f"{one.missed:,}"


@cache
def _template() -> Template:
    from jinja2 import Environment, StrictUndefined

    text = (files("wamon.reports") / "report.html").read_text("utf-8")
    room = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return room.from_string(text)


def _local(zone: ZoneInfo, moment: datetime | None) -> str:
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M}" if moment else "—"


def _span(seconds: float | None) -> str:
    return "—" if seconds is None else span(seconds)


def chart(bars: Sequence[Bar]) -> Chart:
    """Where each bar's parts stand, one upon the other."""
    step = _step(max((bar.total for bar in bars), default=0))
    most = max(step, *(-(-bar.total // step) * step for bar in bars))
    scale = (_HEIGHT - 8) / most
    room = (_WIDTH - _LEFT) / len(bars)
    blocks = [block for place, bar in enumerate(bars) for block in _stack(bar, _LEFT + place * room, room, scale)]
    labels = [(round(_LEFT + (place + 0.5) * room, 1), bar.label) for place, bar in enumerate(bars)]
    lines = [(round(_HEIGHT - value * scale, 1), value) for value in range(0, most + 1, step)]
    return Chart(_WIDTH, _HEIGHT + _BOTTOM, _HEIGHT, _LEFT, blocks, labels, lines)


def _stack(bar: Bar, x: float, room: float, scale: float) -> list[Block]:
    blocks, top = [], _HEIGHT
    for kind in _KINDS:
        height = getattr(bar, kind) * scale
        top -= height
        if height:
            blocks.append(
                Block(kind, round(x + room * 0.12, 1), round(top, 1), round(room * 0.76, 1), round(height, 1))
            )
    return blocks


def _step(most: int) -> int:
    """The distance of the chart's lines: 1, 2, 5, 10 and so on, so that there are at most five."""
    power = 1
    while True:
        for digit in _STEPS:
            if most <= digit * power * 5:
                return digit * power
        power *= 10
