"""Reading a bridge's store: pages of new rows, the overlap before a position, and rows by their keys.

Each read is one snapshot of at most a page, fetched whole. Only rows of wanted chats become messages.
"""

from __future__ import annotations

from contextlib import contextmanager, suppress
from functools import lru_cache, partial
from math import inf
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from wamon.bridge import traffic
from wamon.bridge.anchors import advanced, anchor_of, raw, still_standing
from wamon.bridge.flavours import recognise
from wamon.bridge.snapshot import is_wal, refuse_without_its_log, snapshot, unlocked
from wamon.bridge.timestamps import utc, utc_offset
from wamon.errors import BridgeUnavailable, BridgeUnknown
from wamon.failpoints import failpoint
from wamon.model import BEGINNING, USUAL_SIZES, Message, Place, Sizes, content_hash

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime, timedelta
    from pathlib import Path

    from wamon.bridge.flavours import Flavour
    from wamon.bridge.traffic import Traffic

    Row = tuple[Any, ...]  # rowid, chat, id, sender, time, from me, text, media type: as the store holds them

T = TypeVar("T")

_UNLOCKED_TRIES = 8
"""Even of a bridge that writes fifty times a second one page in a row of so many is read without a write."""
_PAGES_WITHOUT_LOCK = 4
"""Of a backlog, at one look: to open a store and to see that nothing was written takes as long as 300 rows."""


class Page(NamedTuple):
    """What one snapshot showed of a tail."""

    messages: list[Message]  # of wanted chats, in row order: what differs in the overlap, then the new rows
    start: Place  # where reading began: the place asked for, or as much of it as still stands
    place: Place  # where the position stands once the messages are recorded
    read: int  # new rows read, of all chats
    complete: bool  # nothing stood beyond the place

    def with_following(self, page: Page) -> Page:
        """One page of this and of the one that begins where it ends."""
        return Page([*self.messages, *page.messages], self.start, page.place, self.read + page.read, page.complete)


class Rows(NamedTuple):
    """What one snapshot showed of a tail, as the store holds it."""

    rows: list[Row]  # of wanted chats
    start: Place  # as a page's
    place: Place
    read: int
    complete: bool


class Chat(NamedTuple):
    """A chat as the store names it."""

    jid: str
    name: str


class Overlap:
    """What the rows just before a position held when they were last read."""

    def __init__(self) -> None:
        self.due = True
        self._held: dict[int, int] = {}  # by rowid, in row order
        self._new: Sequence[Row] = ()  # a page of them, until what follows tells whether they are the newest

    def differing(self, rows: Sequence[Row]) -> list[Row]:
        """Those of the rows that weren't seen at their rowid, or hold something else now. Remembers them all."""
        held = {row[0]: _said(row) for row in rows}
        differing = [row for row in rows if self._held.get(row[0]) != held[row[0]]]
        self._held = held
        return differing

    def follow(self, rows: Sequence[Row], most: int, *, complete: bool) -> None:
        """Remember new rows: the last ones, at most so many, are the next overlap, once nothing follows them."""
        if len(rows) >= most and not complete:
            self._held, self._new = {}, rows
            return
        newest = [*self._new, *rows][-most:]
        self._held.update({row[0]: _said(row) for row in newest})
        self._held = dict(list(self._held.items())[-most:])
        self._new = ()


def _said(row: Row) -> int:
    """A hash of what makes a message what it is: chat, id, text and media type. The paths disagree on the rest."""
    return hash((row[1], row[2], row[6], row[7]))


class Store:
    """A bridge's SQLite file. It holds no connection: every method takes one or more short snapshots."""

    def __init__(self, path: Path, flavour: str = "auto", sizes: Sizes = USUAL_SIZES) -> None:
        self.path = path
        self.sizes = sizes
        self._wanted_flavour = flavour
        self._recognised_as: tuple[tuple[int, ...], Flavour] | None = None

    def read_page(self, place: Place, wanted: Mapping[bytes, str], overlap: Overlap) -> Page:
        """The next rows beyond the place, or beyond as much of it as still stands, and what differs just before it.

        `wanted` maps the chats' raw JIDs to their text. Raises as `snapshot` does.
        """
        page = partial(self._page, place, overlap_is_due=overlap.due, most_rows=self.sizes.page_rows)
        start, before, rows, complete = self._read(page)
        failpoint("bridge.closed")
        changed = overlap.differing(before) if overlap.due else []
        overlap.follow(rows, self.sizes.overlap_rows, complete=complete)
        overlap.due = complete
        return Page(messages_of([*changed, *rows], wanted), start, advanced(start, rows), len(rows), complete)

    def read_rows(self, place: Place, wanted: Mapping[bytes, str], most: int) -> Rows:
        """The next rows beyond the place, or beyond as much of it as still stands: a page, or some without a lock.

        At most so many. Raises as `snapshot` does.
        """
        page = self.sizes.page_rows
        read = partial(self._page, place, overlap_is_due=False)
        start, _, rows, complete = self._read(
            partial(read, most_rows=min(most, page)), partial(read, most_rows=min(most, _PAGES_WITHOUT_LOCK * page))
        )
        return Rows([row for row in rows if row[1] in wanted], start, advanced(start, rows), len(rows), complete)

    def read_recent(self, place: Place, wanted: Mapping[bytes, str], since: datetime) -> list[Message]:
        """The rows before the overlap, newest first, as long as pages hold some sent at or after `since`."""
        recent: list[Message] = []
        sizes = self.sizes
        before = place.rowid - sizes.overlap_rows
        for passed in range(sizes.overlap_rows, sizes.recent_rows, sizes.page_rows):
            most = min(sizes.page_rows, sizes.recent_rows - passed)
            rows = self._read(partial(_rows_until, rowid=before, most_rows=most, most_bytes=sizes.page_bytes))
            young = [row for row in rows if (sent_at := utc(row[4])) is not None and sent_at >= since]
            if not young:
                break
            recent += messages_of(young, wanted)
            before = rows[-1][0] - 1
        return recent

    def top(self) -> Place:
        """The place of the newest row."""
        return self._read(partial(_place_at, rowid=None, sizes=self.sizes))

    def place_of(self, chat_jid: str, message_id: str) -> Place | None:
        """The place of one message, or None where it isn't in the store."""
        with self._open() as (db, flavour):
            found, _ = _rows_by_key(db, flavour, [(chat_jid, message_id)], self.sizes)
            return _place_at(db, flavour, found[0][0], self.sizes) if found else None

    def standing(self, place: Place) -> Place:
        """As much of the place as still stands."""
        return self._read(partial(_standing, place=place))

    def place_before(self, moment: datetime) -> Place:
        """The place just before the first row, in row order, that was sent at or after this moment."""
        place = BEGINNING
        for rows in self._pages(BEGINNING):
            late = next((n for n, row in enumerate(rows) if (sent := utc(row[4])) and sent >= moment), None)
            place = advanced(place, rows[:late])
            if late is not None:
                break
        return place

    def pages(self, wanted: Mapping[bytes, str], place: Place = BEGINNING) -> Iterator[tuple[list[Message], int]]:
        """The store beyond a place, as much of it as still stands: each page's messages of wanted chats, and its rows.

        A page's rows are the number of rows read, of all chats.
        """
        for rows in self._pages(self.standing(place)):
            yield messages_of(rows, wanted), len(rows)

    def row_pages(self, wanted: Mapping[bytes, str]) -> Iterator[tuple[list[Row], int]]:
        """The store: each page's rows of wanted chats, and the number of its rows, of all chats."""
        for rows in self._pages(BEGINNING):
            yield [row for row in rows if row[1] in wanted], len(rows)

    def find(self, keys: Sequence[tuple[str, str]], wanted: Mapping[bytes, str]) -> list[Message]:
        """The messages with these (chat JID, message id), of those that are there; at most a page's number of keys."""
        rows, complete = self._read(partial(_rows_by_key, keys=keys, sizes=self.sizes))
        if complete or len(keys) == 1:
            return messages_of(rows, wanted)
        half = len(keys) // 2
        return [*self.find(keys[:half], wanted), *self.find(keys[half:], wanted)]

    def find_one(self, chat_jid: str, message_id: str) -> Message | None:
        """One message as it stands now, or None. An id that was made up is no store's word: all are gone through."""
        wanted = {chat_jid.encode(): chat_jid}
        if can_be_asked_for(message_id):
            return next(iter(self.find([(chat_jid, message_id)], wanted)), None)
        everything = (message for messages, _ in self.pages(wanted) for message in messages)
        return next((message for message in everything if message.message_id == message_id), None)

    def rows(self) -> int:
        """About how many rows there are: the newest row's number."""
        return self._read(lambda db, _: int(db.execute("SELECT coalesce(max(rowid), 0) FROM messages").fetchone()[0]))

    def chats(self) -> list[Chat]:
        """The chats that the store names; where it has no table of them, none."""
        with self._open() as (db, _):
            if not {"jid", "name"} <= _columns(db, "chats"):
                return []
            rows = db.execute("SELECT jid, max(name) FROM chats GROUP BY jid ORDER BY jid").fetchall()
        return [Chat(text_of(jid), text_of(name)) for jid, name in rows]

    def traffic(self, most_rows: float = inf) -> Traffic:
        """What the store has of each chat. Of a larger store about so many of its newest rows are counted."""
        chats: dict[str, tuple[int, datetime | None]] = {}
        page, rowid, read, complete = _PAGES_AT_ONCE * self.sizes.page_rows, _LAST_ROWID, 0, False
        while not complete and read < most_rows:
            heard = self._read(partial(traffic.heard_until, rowid=rowid, most=page))
            for one in heard:
                before, last = chats.get(jid := text_of(one.chat), (0, None))
                chats[jid] = before + one.messages, max(filter(None, (last, utc(one.newest))), default=None)
            found = sum(one.messages for one in heard)
            read, complete = read + found, found < page
            rowid = min((one.first_rowid for one in heard), default=0) - 1
        return traffic.Traffic(chats, complete)

    def bare_media(self, wanted: Mapping[bytes, str], since: datetime) -> Iterator[tuple[str, datetime]]:
        """Photos and videos without any text, sent at or after `since`: JID and time, without reading what is older.

        Such as stand alone among older rows may be passed over.
        """
        page = self.sizes.page_rows
        beyond: int | None = self._read(partial(traffic.before, moment=since, page_rows=page))
        while beyond is not None:
            found, beyond = self._read(partial(traffic.bare_media, beyond=beyond, page_rows=page))
            for chat, value in found:
                jid, sent_at = wanted.get(chat), utc(value)
                if jid is not None and sent_at is not None and sent_at >= since:
                    yield jid, sent_at

    def flavour(self) -> Flavour:
        """The store's flavour. Raises BridgeUnknown where it fits none."""
        with self._open() as (_, flavour):
            return flavour

    def is_wal(self) -> bool:
        """Whether it is written with a write-ahead log, and not with a rollback journal."""
        with self._open() as (db, _):
            return is_wal(db)

    def newest(self) -> datetime | None:
        """When the latest of the last rows was sent; None where none names a time."""
        newest = partial(_rows_until, rowid=_LAST_ROWID, most_rows=self.sizes.page_rows)
        rows = self._read(partial(newest, most_bytes=self.sizes.page_bytes))
        return max(filter(None, (utc(row[4]) for row in rows)), default=None)

    def offsets(self) -> list[tuple[datetime, timedelta]]:
        """When the newest messages were sent, and their times' offsets from UTC; without those that name none."""
        newest = partial(_rows_until, rowid=_LAST_ROWID, most_rows=self.sizes.recent_rows)
        rows = self._read(partial(newest, most_bytes=self.sizes.page_bytes))
        read = [(utc(row[4]), utc_offset(row[4])) for row in rows]
        return [(moment, offset) for moment, offset in read if moment is not None and offset is not None]

    def _page(
        self, place: Place, db: sqlite3.Connection, flavour: Flavour, *, overlap_is_due: bool, most_rows: int
    ) -> tuple[Place, list[Row], list[Row], bool]:
        """Where the place still stands, the rows before that where they are due, those beyond, and if that is all."""
        start = _standing(db, flavour, place)
        before = self._overlap(db, flavour, start) if overlap_is_due else []
        return start, before, *_rows_beyond(db, flavour, start, most_rows, self.sizes.page_bytes)

    def _overlap(self, db: sqlite3.Connection, flavour: Flavour, place: Place) -> list[Row]:
        """The rows just before a place, in row order."""
        return _rows_until(db, flavour, place.rowid, self.sizes.overlap_rows, self.sizes.page_bytes)[::-1]

    def _read(
        self,
        read: Callable[[sqlite3.Connection, Flavour], T],
        unlocked_read: Callable[[sqlite3.Connection, Flavour], T] | None = None,
    ) -> T:
        """What a read of many rows finds: without a lock where nothing is written meanwhile, else within a snapshot.

        Without a lock it may be another one, which takes longer.
        """
        if self._recognised_as is None:
            self.flavour()
        for _ in range(_UNLOCKED_TRIES):
            found = unlocked(self.path, partial(self._read_known, unlocked_read or read))
            if found is not None:
                return found
        with self._open() as (db, flavour):
            return read(db, flavour)

    @contextmanager
    def _open(self) -> Iterator[tuple[sqlite3.Connection, Flavour]]:
        file = _file_at(self.path)  # before it is opened: one that replaces it meanwhile is recognised anew
        with snapshot(self.path) as db:
            yield db, self._flavour_of(db, file)

    def _flavour_of(self, db: sqlite3.Connection, file: tuple[int, ...]) -> Flavour:
        """The flavour, recognised anew only where the file or its schema is another than when it was."""
        schema = _schema(db, file)
        if self._recognised_as is None or self._recognised_as[0] != schema:
            refuse_without_its_log(self.path, db)
            self._recognised_as = schema, self._recognised(db)
        return self._recognised_as[1]

    def _read_known(self, read: Callable[[sqlite3.Connection, Flavour], T], db: sqlite3.Connection) -> T:
        """What a read finds by the flavour that was recognised with a lock. Raises BridgeUnknown for another schema."""
        file = _file_at(self.path)  # after it was opened: one that has replaced it is not what was recognised
        if self._recognised_as is None or self._recognised_as[0] != _schema(db, file):
            raise BridgeUnknown(f"The bridge's store {self.path} is a new one.")
        return read(db, self._recognised_as[1])

    def _recognised(self, db: sqlite3.Connection) -> Flavour:
        columns = _columns(db, "messages")
        if not columns and not db.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone():
            raise BridgeUnavailable(
                f"The bridge's store {self.path} has no tables yet.", hint="Has the bridge been paired and run?"
            )
        if not columns:
            raise BridgeUnknown(
                f"The SQLite file {self.path} has no table `messages`: it is no bridge's message store.",
                hint="Beside whatsapp.db, the bridge's session, lies messages.db, its store: bridge.path names that.",
            )
        if not _has_row_order(db):
            raise BridgeUnknown(
                f"In the bridge's store {self.path}, `messages` is a view or a table without row numbers: "
                "nothing there tells which rows are new.",
                hint="No bridge that wamon knows writes that: bridge.path names the file that the bridge writes.",
            )
        try:
            return recognise(columns, self._wanted_flavour)
        except BridgeUnknown as error:
            raise BridgeUnknown(f"The bridge's store {self.path} can't be read. {error}", hint=error.hint) from None

    def _pages(self, place: Place) -> Iterator[list[Row]]:
        complete, most_rows, most_bytes = False, self.sizes.page_rows, self.sizes.page_bytes
        while not complete:
            rows, complete = self._read(partial(_rows_beyond, place=place, most_rows=most_rows, most_bytes=most_bytes))
            if rows:
                yield rows
                place = Place((anchor_of(rows[-1]),))


def _file_at(path: Path) -> tuple[int, ...]:
    """Which file that is, and how many names it has; where it can't be told, opening it tells why."""
    with suppress(OSError):
        about = path.stat()
        return about.st_dev, about.st_ino, about.st_nlink
    return ()


def _schema(db: sqlite3.Connection, file: tuple[int, ...]) -> tuple[int, ...]:
    return (*file, *db.execute("PRAGMA schema_version").fetchone())


def _columns(db: sqlite3.Connection, table: str) -> set[str]:
    return {text_of(row[1]) for row in db.execute(f"PRAGMA table_info({table})").fetchall()}


def _has_row_order(db: sqlite3.Connection) -> bool:
    """Whether `messages` is an ordinary table with rowids. An SQLite before 3.37 can't tell: then it is believed."""
    listed = db.execute("PRAGMA table_list(messages)").fetchall()
    return all(kind == b"table" and not without_rowid for _, _, kind, _, without_rowid, _ in listed)


def _standing(db: sqlite3.Connection, flavour: Flavour, place: Place) -> Place:
    """As much of the place as still stands. Nearly always that is all of it, as its newest anchor tells."""
    newest = place.anchors[:1]
    if newest and _keys_at(db, flavour, [place.rowid]) == dict(newest):
        return place
    return still_standing(place, _keys_at(db, flavour, [anchor.rowid for anchor in place.anchors]))


def _keys_at(db: sqlite3.Connection, flavour: Flavour, rowids: Sequence[int]) -> dict[int, str]:
    marks = ",".join("?" * len(rowids))
    query = f"SELECT m.rowid, m.chat_jid, {flavour.message_id} FROM messages AS m WHERE m.rowid IN ({marks})"  # noqa: S608
    return {anchor.rowid: anchor.key_hash for anchor in map(anchor_of, db.execute(query, rowids).fetchall())}


def _rows_beyond(
    db: sqlite3.Connection, flavour: Flavour, place: Place, most_rows: int, most_bytes: int
) -> tuple[list[Row], bool]:
    """The next rows beyond a place, and whether they are all."""
    query = (
        f"SELECT {flavour.columns} FROM messages AS m WHERE m.rowid > ? AND {flavour.only} "  # noqa: S608
        "ORDER BY m.rowid LIMIT ?"
    )
    rows, fits = _fetch(db.execute(query, (place.rowid, most_rows)), most_bytes)
    return rows, fits and len(rows) < most_rows


def _rows_until(db: sqlite3.Connection, flavour: Flavour, rowid: int, most_rows: int, most_bytes: int) -> list[Row]:
    """The rows up to this one, newest first."""
    query = (
        f"SELECT {flavour.columns} FROM messages AS m WHERE m.rowid <= ? AND {flavour.only} "  # noqa: S608
        "ORDER BY m.rowid DESC LIMIT ?"
    )
    return _fetch(db.execute(query, (rowid, most_rows)), most_bytes)[0]


def _rows_by_key(
    db: sqlite3.Connection, flavour: Flavour, keys: Sequence[tuple[str, str]], sizes: Sizes
) -> tuple[list[Row], bool]:
    values = ",".join(["(?,?)"] * len(keys))
    # CROSS JOIN holds SQLite to this order: a look-up by the key's index for each, never a walk of the table.
    query = (
        f"WITH k(chat_jid, id) AS (VALUES {values}) SELECT {flavour.columns} FROM k CROSS JOIN messages AS m "  # noqa: S608
        f"ON m.chat_jid = k.chat_jid AND {flavour.message_id} = k.id WHERE {flavour.only}"
    )
    parts = [part for key in keys for part in key]
    return _fetch(db.execute(query, parts), sizes.page_bytes) if keys else ([], True)


def _place_at(db: sqlite3.Connection, flavour: Flavour, rowid: int | None, sizes: Sizes) -> Place:
    query = (
        f"SELECT m.rowid, m.chat_jid, {flavour.message_id} FROM messages AS m "  # noqa: S608
        "WHERE m.rowid <= ? ORDER BY m.rowid DESC LIMIT ?"
    )
    rows = db.execute(query, (_LAST_ROWID if rowid is None else rowid, sizes.page_rows)).fetchall()
    return advanced(BEGINNING, rows[::-1])


def _fetch(statement: sqlite3.Cursor, most_bytes: int) -> tuple[list[Row], bool]:
    """The statement's rows up to so many bytes, and whether that was all of them. It is finished either way."""
    rows: list[Row] = []
    size_bytes = 0
    for row in statement:
        rows.append(row)
        size_bytes += len(row[6]) if type(row[6]) is bytes else 0
        if size_bytes >= most_bytes:
            statement.close()
            return rows, False
    return rows, True


def messages_of(rows: Sequence[Row], wanted: Mapping[bytes, str]) -> list[Message]:
    """The messages that these rows are, of wanted chats."""
    names = lru_cache(maxsize=None, typed=True)(text_of)  # senders and media types come again and again
    make = tuple.__new__  # Message's own is written in Python, and takes twice as long
    messages = []
    for row in rows:
        rowid, chat, _, sender, sent_at, from_me, raw_text, raw_type = row
        if (jid := wanted.get(chat)) is None:
            continue
        text, media_type, from_me = text_of(raw_text), names(raw_type), from_me not in FALSE
        hashed = content_hash(text, media_type)
        fields = rowid, jid, message_id_of(row), names(sender), utc(sent_at), text, media_type, from_me, hashed
        messages.append(make(Message, fields))
    return messages


FALSE = frozenset({None, 0, b"0", b"false", b""})
_LAST_ROWID = 2**63 - 1
_PAGES_AT_ONCE = 4
"""Where rows are only counted: reading such takes no longer than a page of messages."""
LONGEST_ID = 200
"""WhatsApp's have at most 32 characters; PostgreSQL's indexes take no key of more than about 2,700 bytes."""


def can_be_asked_for(message_id: str) -> bool:
    """Made-up ids, and ids that held broken bytes, aren't the store's own words."""
    return not message_id.startswith("sha256:") and "\ufffd" not in message_id


def text_of(value: object) -> str:
    """Text for PostgreSQL: a broken byte costs one character, and so does NUL, which it can't hold."""
    if type(value) is bytes:
        return value.decode("utf-8", "replace").replace("\0", "\ufffd")
    return "" if value is None else str(value)


def message_id_of(row: Row) -> str:
    """The message's id. One that history sync left empty, or that can't be a key, is made up.

    It is then as stable as what the message says, or as the id that it has.
    """
    message_id = text_of(row[2])
    if not message_id:
        return _made_up_id(row[1], row[4], row[6], row[7])
    if len(message_id) > LONGEST_ID or "\ufffd" in message_id:
        return _made_up_id(row[2])
    return message_id


def _made_up_id(*parts: object) -> str:
    from hashlib import sha256

    digest = sha256(b"\0".join(map(raw, parts))).hexdigest()
    return f"sha256:{digest[:32]}"
