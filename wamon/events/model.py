"""An event: something that happened, as those outside may know it. It holds no text and no person's number."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from wamon.events.cursor import Cursor

    Type = Literal[
        "wamon.drop.posted",
        "wamon.drop.posted_again",
        "wamon.drop.rejected",
        "wamon.drop.retracted",
        "wamon.drop.near_miss",
        "wamon.review.changed",
        "wamon.burst.answered",
        "wamon.gap.opened",
        "wamon.gap.closed",
        "wamon.source.late",
        "wamon.source.down",
        "wamon.source.back",
    ]


@dataclass(frozen=True, slots=True)
class Event:
    """What happened. Whoever tells of the same thing gives it the same id, today and after a restore."""

    id: str
    type: str  # a `Type`
    source: str  # by its name in the database
    subject: str  # project/number, or the source
    time: datetime  # when it happened: of a post, when it was sent
    data: Mapping[str, Any]
    cursor: Cursor  # from which the next event is the one after it


def line(event: Event) -> str:
    """The event as a CloudEvent 1.0 in JSON, on one line. Its cursor is an extension attribute."""
    return _encoded(
        {
            "specversion": "1.0",
            "id": event.id,
            "source": _uri(event.source),
            "type": event.type,
            "subject": event.subject,
            "time": written(event.time),
            "datacontenttype": "application/json",
            "cursor": str(event.cursor),
            "data": event.data,
        }
    )


_encoded = json.JSONEncoder(ensure_ascii=False).encode  # made once: in a backlog there are tens of thousands a second


@lru_cache(1024)
def _uri(source: str) -> str:
    return f"/wamon/{quote(source, safe='')}"


def written(moment: datetime) -> str:
    """An aware moment in UTC, as RFC 3339."""
    return moment.isoformat().replace("+00:00", "Z")
