"""An event: something that happened, as those outside may know it. It holds no text and no person's number."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from wamon.events.cursor import Cursor

if TYPE_CHECKING:
    from datetime import datetime


class Event(NamedTuple):
    """What happened, ready to go out."""

    id: str  # the same whoever tells of the same thing, today and after a restore
    subject: str  # project/number, or the source
    at: str  # its cursor
    line: str  # the event as a CloudEvent 1.0 in JSON, on one line; its cursor is an extension attribute

    @property
    def cursor(self) -> Cursor:
        """From which the next event is the one after it."""
        return Cursor.parse(self.at)


def written(moment: datetime) -> str:
    """An aware moment in UTC, as RFC 3339."""
    return moment.isoformat().replace("+00:00", "Z")
