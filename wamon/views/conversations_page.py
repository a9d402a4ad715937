"""Pages about conversations: who waits for an answer, and the story of one conversation."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

from wamon.views import conversations as talks
from wamon.views.conversations import Conversation, Said, Story
from wamon.views.home import Waits, stale_since, waits
from wamon.views.snapshot import snapshot
from wamon.views.sources import sources

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from wamon.postgres.connection import Database
    from wamon.privacy import Show

_MOST = 200


@dataclass(frozen=True, slots=True)
class ConversationsPage:
    """The page `/conversations`: what `wamon conversations list` lists, at most 200."""

    at: Annotated[datetime, "the moment that it shows, by the database's clock"]
    zone: Annotated[str, "the zone in which its times are to be shown"]
    stale: Annotated[datetime | None, "the last sign of life of the source that is down for longest; null: none is"]
    waits: Waits
    conversations: tuple[Conversation, ...]


@dataclass(frozen=True, slots=True)
class ConversationPage:
    """The page `/conversations/UID`: the story of one conversation; of texts only what is kept, for operators."""

    at: Annotated[datetime, "the moment that it shows, by the database's clock"]
    zone: Annotated[str, "the zone in which its times are to be shown"]
    stale: Annotated[datetime | None, "the last sign of life of the source that is down for longest; null: none is"]
    hashes: Annotated[tuple[str, ...], "how the log names the person: one by each of the person's ids"]
    story: Story
    messages: tuple[Said, ...]


def conversations_page(db: Database, zone: ZoneInfo, show: Show, *, answers: bool) -> ConversationsPage:
    """Who waits; empty where nobody is answered. Raises DatabaseUnavailable, SchemaError."""
    with snapshot(db) as moment:
        known = sources(db)
        own = waits(db, [source.name for source in known], show) if answers else Waits.off()
        found = talks.listed(db, show, _MOST) if answers else []
        return ConversationsPage(moment.at, str(zone), stale_since(known), own, tuple(found))


def conversation_page(
    db: Database, zone: ZoneInfo, uid: str, show: Show, *, with_texts: bool
) -> ConversationPage | None:
    """The story of one, as it is now also where it was joined into another; None where there is none.

    Raises DatabaseUnavailable, SchemaError.
    """
    if not _UID.fullmatch(uid):
        return None
    with snapshot(db) as moment:
        found = talks.story_of(db, uid, show)
        if found is None:
            return None
        hashes, number, story = found
        messages = talks.said(db, number)
        said = messages if with_texts else tuple(one.unquoted() for one in messages)
        return ConversationPage(moment.at, str(zone), stale_since(sources(db)), hashes, story, said)


_UID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
