"""Searching: from what somebody types to the page that is about it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, NamedTuple
from urllib.parse import quote

from wamon.drops.typed import typed
from wamon.errors import UsageError
from wamon.postgres.queries import Queries
from wamon.privacy import typed_phone_hash
from wamon.views import conversations as talks
from wamon.views.home import LastPost, stale_since
from wamon.views.snapshot import snapshot
from wamon.views.sources import sources

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from wamon.postgres.connection import Database
    from wamon.privacy import Show

SQL = Queries("wamon.views", "find")

PAGE_ROWS = 100
_DIGITS_OF_A_CHAT = 10


class Target(NamedTuple):
    """A page, and what it is about."""

    path: str
    about: str


@dataclass(frozen=True, slots=True)
class PersonPage:
    """The page `/person/HASH`: a person's posts of 90 days, the newest first, 100 a page."""

    at: Annotated[datetime, "the moment that it shows, by the database's clock"]
    zone: Annotated[str, "the zone in which its times are to be shown"]
    stale: Annotated[datetime | None, "the last sign of life of the source that is down for longest; null: none is"]
    shown: Annotated[str, "who, as far as `privacy.show` allows"]
    posts: tuple[LastPost, ...]
    after: Annotated[str | None, "what `?after=` takes for the next page; null: this is the last"]


def find(db: Database, text: str, pattern: str, answered: Show | None = None) -> tuple[Target, ...]:
    """The pages that are meant by what somebody typed, of one kind; none where nothing is.

    A drop number in any spelling also where nobody posted it, digits alone with the letters of the pattern
    (`drops.pattern`); a message or correlation id; a group, project or JID; a phone number in any form, a shown name;
    where somebody is `answered`, shown so, a conversation by its uid, or by the person's hash or number.
    """
    text = " ".join(text.split())
    if not text:
        return ()
    if number := typed(text, pattern):
        return (Target(f"/drop/{number}", number),)
    with snapshot(db):
        if SQL.value(db, "messages", text=text):
            return (Target(f"/message/{quote(text, safe='')}", text),)
        if groups := [Target(f"/group/{chat}", project) for chat, project in SQL.run(db, "groups", text=text)]:
            return tuple(groups)
        return tuple(_people(db, text)) or (_conversations(db, text, answered) if answered else ())


def _conversations(db: Database, text: str, show: Show) -> tuple[Target, ...]:
    try:
        found = talks.person(db, text, show)
    except UsageError:  # nobody is meant, or several
        return ()
    stories = [story.conversation for story in found.conversations]
    return tuple(
        Target(f"/conversations/{one.uid}", f"{found.person}, {one.group or 'one-to-one'}")
        for one in stories
        if one.state != "merged"
    )


def _people(db: Database, text: str) -> list[Target]:
    hashed = typed_phone_hash(bytes(SQL.value(db, "person_key")), text)
    rows = SQL.run(db, "phones", hashed=hashed) if hashed else SQL.run(db, "names", text=text)
    return [Target(f"/person/{found}", shown) for found, shown in rows]


def person_page(db: Database, zone: ZoneInfo, hashed: str, after: str | None = None) -> PersonPage | None:
    """The posts of the person of this hash; None where nobody has it. Raises DatabaseUnavailable, SchemaError."""
    with snapshot(db) as moment:
        row = SQL.run(db, "phones", hashed=hashed).fetchone()
        if row is None:
            return None
        found = SQL.rows(db, "posts_of", LastPost, hashed=hashed, most=PAGE_ROWS + 1, **_place(after))
        shown = tuple(found[:PAGE_ROWS])
        more = _key(shown[-1]) if len(found) > PAGE_ROWS else None
        return PersonPage(moment.at, str(zone), stale_since(sources(db)), row[1], shown, more)


def _key(post: LastPost) -> str:
    return f"{post.chat} {post.drop_number} {post.message_id}"


def _place(after: str | None) -> dict[str, object]:
    """The key of the post before a page; of none where it isn't one."""
    chat, _, rest = (after or "").partition(" ")
    number, _, message_id = rest.partition(" ")
    known = chat.isascii() and chat.isdigit() and len(chat) < _DIGITS_OF_A_CHAT
    return {"chat": int(chat) if known else None, "number": number, "message_id": message_id}
