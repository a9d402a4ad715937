"""Where a follower stands in the stream of events. Its text is opaque to whoever keeps it."""

from __future__ import annotations

import re
from typing import NamedTuple, Self

from wamon.errors import UsageError

_SHAPE = re.compile(r"([0-9a-f]{12})-(\d{1,10})-(\d{1,18})-(\d{1,9})(b?)", re.ASCII)


class Cursor(NamedTuple):
    """All up to an element of a place is seen."""

    generation: str  # of the stream: twelve hex digits, drawn each time that it is opened
    timeline: int  # of the server, as the place was given
    place: int
    element: int  # 0: nothing of the place yet
    in_base: bool = False  # among what a follower begins with, which others pass over

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises UnknownCursor where no stream gave this."""
        shape = _SHAPE.fullmatch(text)
        if shape is None:
            raise UnknownCursor("It isn't one that `wamon events` gave.")
        generation, timeline, place, element, base = shape.groups()
        return cls(generation, int(timeline), int(place), int(element), bool(base))

    def __str__(self) -> str:
        return f"{self.generation}-{self.timeline}-{self.place}-{self.element}{'b' if self.in_base else ''}"


class UnknownCursor(UsageError):
    """A cursor from which nobody can go on."""

    def __init__(self, why: str) -> None:
        super().__init__(
            f"The cursor is unknown. {why}",
            hint="Begin again without --since: events that came before come again under the same id.",
        )
