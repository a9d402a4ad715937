"""One message, by its id or the log's correlation id: every step that is known of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

from wamon.reports import posts
from wamon.views import trace
from wamon.views.home import stale_since
from wamon.views.people import Published
from wamon.views.snapshot import snapshot
from wamon.views.sources import sources
from wamon.views.trace import Step

if TYPE_CHECKING:
    from collections.abc import Sequence
    from zoneinfo import ZoneInfo

    from wamon.postgres.connection import Database


@dataclass(frozen=True, slots=True)
class Said:
    """What a message said, or says. Operators alone are shown it."""

    message_id: Annotated[str, "the message"]
    text: Annotated[str | None, "what it said; null where that isn't kept"]
    replaced_at: Annotated[datetime | None, "when an edit of it was seen; null for what it says now"]


@dataclass(frozen=True, slots=True)
class MessagePage:
    """The page `/message/ID`: the steps of `wamon trace`."""

    at: Annotated[datetime, "the moment that it shows, by the database's clock"]
    zone: Annotated[str, "the zone in which its times are to be shown"]
    stale: Annotated[datetime | None, "the last sign of life of the source that is down for longest; null: none is"]
    id: Annotated[str, "what was asked for"]
    drop_numbers: Annotated[tuple[str, ...], "the drop numbers that it posts"]
    steps: tuple[Step, ...]
    texts: tuple[Said, ...]


def message_page(
    db: Database,
    zone: ZoneInfo,
    asked: str,
    review_table: str | None,
    *,
    with_texts: bool = False,
    answers: bool = False,
) -> MessagePage | None:
    """What became of a message; `answers`: in conversations, too; None where nothing knows it.

    Raises DatabaseUnavailable, SchemaError.
    """
    people = Published(db)
    with snapshot(db) as moment:
        keys = trace.messages_of(db, asked)
        if not keys:
            return None
        numbers = trace.numbers_of(db, keys)
        found = trace.steps(db, keys, numbers, review_table, people, answers=answers)
        texts = said(db, keys) if with_texts else ()
        return MessagePage(moment.at, str(zone), stale_since(sources(db)), asked, tuple(numbers), found, texts)


def said(db: Database, messages: Sequence[tuple[int, str]]) -> tuple[Said, ...]:
    """What these messages said, as far as their texts are kept."""
    found = posts.texts_of(db, messages)
    return tuple(Said(message_id, text.text, text.replaced_at) for _, message_id, text in found)
