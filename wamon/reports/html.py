"""The report as one HTML page: no outside address, no script, readable in print, light and dark, and by ear."""

from __future__ import annotations

from functools import cache, partial
from importlib.resources import files
from typing import TYPE_CHECKING, NamedTuple

from wamon.words import span

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from jinja2 import Template

    from wamon.reports.report import Bar, Report

_WIDTH, _HEIGHT = 720.0, 180.0
_LEFT, _BOTTOM = 36.0, 24.0
_KINDS = ("new", "resubmission", "rejected")
_STEPS = (1, 2, 5)


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


def html(report: Report) -> str:
    """The page."""
    period = report.period
    return _template().render(
        report=report, period=period, chart=chart(report.bars), local=partial(_local, period.zone), span=_span
    )


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
