"""What goes through a store, without making a message of each row: counts, newest times, photos without text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from wamon.bridge.timestamps import utc

if TYPE_CHECKING:
    import sqlite3
    from datetime import datetime

    from wamon.bridge.flavours import Flavour

_LOOKS = 1_000
_WHITESPACE = "\t\n\v\f\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(
    map(chr, range(0x2000, 0x200B))
)
"""What `str.strip` takes away: a text of nothing else is none."""


class Traffic(NamedTuple):
    """What a store has of each chat, by its JID: messages, and when the newest was sent (None: no time is readable)."""

    chats: dict[str, tuple[int, datetime | None]]
    complete: bool  # the whole store was counted, and not its newest rows alone


class Heard(NamedTuple):
    """Rows of a page that are of one chat, and whose times have one form."""

    first_rowid: int
    chat: Any  # as the store has it
    messages: int
    newest: Any  # the latest of their times, as the store has it


def heard_until(db: sqlite3.Connection, flavour: Flavour, rowid: int, most: int) -> list[Heard]:
    """The rows up to this one, at most so many, by chat and form of time: times of one form are ordered as text."""
    query = (
        f"SELECT min(n), chat_jid, count(*), max(at) FROM "  # noqa: S608
        f"(SELECT m.rowid AS n, m.chat_jid, {flavour.sent_at} AS at FROM messages AS m "
        f"WHERE m.rowid <= ? AND {flavour.only} ORDER BY m.rowid DESC LIMIT ?) "
        "GROUP BY chat_jid, typeof(at), substr(at, 5, 1), substr(at, 11, 1), substr(at, 20)"
    )
    return [Heard(*row) for row in db.execute(query, (rowid, most))]


def before(db: sqlite3.Connection, flavour: Flavour, moment: datetime, page_rows: int) -> int:
    """A rowid beyond which all that was sent at or after this moment stands, without reading what is older.

    A thousand rows are looked at, evenly spaced. Those younger ones aren't found that stand among older ones in a run
    shorter than that space, which is a page at least.
    """
    query = f"SELECT {flavour.sent_at} FROM messages AS m WHERE m.rowid >= ? ORDER BY m.rowid LIMIT 1"  # noqa: S608
    ((first, last),) = db.execute("SELECT (SELECT min(rowid) FROM messages), (SELECT max(rowid) FROM messages)")
    if first is None:
        return 0
    start: int = first
    for rowid in range(first, last + 1, max(page_rows, (last - first) // _LOOKS)):
        sent_at = utc(db.execute(query, (rowid,)).fetchone()[0])
        if sent_at is not None and sent_at >= moment:
            break
        start = rowid
    return start - 1


def bare_media(
    db: sqlite3.Connection, flavour: Flavour, beyond: int, page_rows: int
) -> tuple[list[tuple[Any, ...]], int | None]:
    """Chat and time of the photos and videos without text in the next page, and its last rowid; None: there is none."""
    page = "SELECT max(rowid) FROM (SELECT rowid FROM messages WHERE rowid > ? ORDER BY rowid LIMIT ?)"
    ((last,),) = db.execute(page, (beyond, page_rows))
    query = (
        f"SELECT m.chat_jid, {flavour.sent_at} FROM messages AS m WHERE m.rowid > ? AND m.rowid <= ? "  # noqa: S608
        f"AND ({flavour.media_type} GLOB 'image*' OR {flavour.media_type} GLOB 'video*') "
        f"AND trim(coalesce({flavour.text}, ''), ?) = '' AND {flavour.only} ORDER BY m.rowid"
    )
    return db.execute(query, (beyond, last, _WHITESPACE)).fetchall(), last
