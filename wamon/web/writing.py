"""How a page writes times, numbers and bars: in the page's zone, and as text that no name can break out of."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from markupsafe import Markup, escape

if TYPE_CHECKING:
    from collections.abc import Sequence
    from zoneinfo import ZoneInfo

_UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
_DAYS_OF_A_WEEK = 6


def visible(value: object) -> object:
    """What is put into a page: control and direction characters, which may reorder what is read, as their numbers."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return _UNSEEN.sub(lambda found: f"⟨U+{ord(found[0]):04X}⟩", value)
    return value


@dataclass(frozen=True, slots=True)
class Times:
    """Times as the page's reader has them: in this zone, beside this moment."""

    zone: ZoneInfo
    now: datetime

    def when(self, moment: datetime | None, *, seconds: bool = False) -> Markup:
        """A time as short as it can be: today's hour, this week's day, else the date. The script adds its age."""
        if moment is None:
            return Markup("—")
        return Markup('<time datetime="{}">{}</time>').format(
            f"{moment.astimezone(self.zone):%Y-%m-%dT%H:%M:%S%z}", self.written(moment, seconds=seconds)
        )

    def written(self, moment: datetime, *, seconds: bool = False) -> str:
        """The same as text."""
        local, today = moment.astimezone(self.zone), self.now.astimezone(self.zone).date()
        hour = f"{local:%H:%M:%S}" if seconds else f"{local:%H:%M}"
        if self._is_doubled(local):
            hour += f" ({local:%z})"
        if local.date() == today:
            return hour
        if timedelta() < today - local.date() <= timedelta(days=_DAYS_OF_A_WEEK):
            return f"{local:%a} {hour}"
        return f"{local.day} {local:%b} {hour}" if local.year == today.year else f"{local.day} {local:%b %Y} {hour}"

    def clock(self, moment: datetime) -> str:
        return f"{moment.astimezone(self.zone):%H:%M:%S}"

    def offset(self) -> str:
        """The zone with its offset of now, such as Africa/Johannesburg (UTC+2)."""
        minutes = int((self.now.astimezone(self.zone).utcoffset() or timedelta()).total_seconds() // 60)
        hours, rest = divmod(abs(minutes), 60)
        return f"{self.zone} (UTC{'-' if minutes < 0 else '+'}{hours}{f':{rest:02}' if rest else ''})"

    def _is_doubled(self, local: datetime) -> bool:
        """Whether the clock shows this hour twice, as in the night in which summer time ends."""
        return local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()


def commands(text: str) -> Markup:
    """A sentence, with the commands in it that stand in backquotes shown as such."""
    parts = [escape(visible(part)) for part in text.split("`")]
    if len(parts) % 2 == 0:  # one is not closed
        return escape(visible(text))
    return Markup().join(Markup("<code>{}</code>").format(part) if n % 2 else part for n, part in enumerate(parts))


def count(number: float | None) -> str:
    """A number with separators; of one with a fraction its first digit."""
    if number is None:
        return "—"
    return f"{number:,.0f}" if number == int(number) or number >= 10 else f"{number:,.1f}"


def bar(value: float, usual: float | None, most: float) -> Markup:
    """How much beside what is usual: a bar, and a mark where it would usually end."""
    scale = 100 / max(most, value, usual or 0, 1)
    mark = (
        Markup('<rect class="usual" x="{:.1f}" y="0" width="1.5" height="10"/>').format(min(98.5, usual * scale))
        if usual is not None
        else Markup()
    )
    return Markup(
        '<svg class="bar" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="track" y="2" width="100" height="6"/><rect class="bar" y="2" width="{:.1f}" height="6"/>{}</svg>'
    ).format(value * scale, mark)


def hours(posted: Sequence[float], usual: Sequence[float]) -> Markup:
    """One bar for each hour, or day, with what is usual as marks. A table beside it says the same."""
    most = max([*posted, *usual, 1])
    bars = Markup().join(
        Markup('<rect class="posted" x="{}" y="{:.1f}" width="8" height="{:.1f}"/>').format(
            hour * 10 + 1, 100 - 96 * value / most, 96 * value / most
        )
        for hour, value in enumerate(posted)
        if value
    )
    marks = Markup().join(
        Markup('<rect class="usual" x="{}" y="{:.1f}" width="10" height="2.5"/>').format(
            hour * 10, 98 - 96 * value / most
        )
        for hour, value in enumerate(usual)
        if value
    )
    return Markup(
        '<svg class="hours" viewBox="0 0 {} 100" preserveAspectRatio="none" aria-hidden="true">{}{}</svg>'
    ).format(10 * max(len(posted), 1), bars, marks)
