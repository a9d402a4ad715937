"""The stream of events: opened by who follows first, read from a cursor in the order of commits.

What happens is written into a log by triggers, in the transaction in which it happens. A row of the log gets its place
once it is committed, by whoever reads: so nobody passes a transaction that is still open, and none of them holds up
what others committed. Waiting for news is reading again after `POLL_SECONDS`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from wamon.errors import DatabaseUnavailable
from wamon.events.cursor import Cursor, UnknownCursor
from wamon.events.told import Row, Told
from wamon.failpoints import failpoint
from wamon.postgres.connection import UNHURRIED_SECONDS, explained, keyed_transaction, transaction
from wamon.postgres.queries import Queries

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wamon.events.model import Event
    from wamon.postgres.connection import Database

SQL = Queries("wamon.events", "stream")

POLL_SECONDS = 1.0
"""Between two looks for news."""

_SHORT_LOOKS = 10
"""Of the looks that find no news, so many only ask for it; the next one sees whether the cursor is still known, too."""
_TABLES = ("near_miss_rows", "submission_rows", "turns")
"""Whose triggers write the log, in the order in which a recording writes them."""
_ELEMENTS_A_TIME = 20_000
"""So many are given places in one transaction, and the last row's more."""


class _State(NamedTuple):
    """How the stream stands."""

    generation: str | None  # None: it is closed
    timeline: int  # the server's; 0: a standby
    last_place: int
    pruned_place: int  # with so many elements, which that timeline gave it
    pruned_elements: int
    pruned_timeline: int
    base_place: int | None
    has_unplaced: bool
    is_unfollowed: bool  # nobody has said for an hour that somebody follows


def begin(db: Database) -> Cursor:
    """The beginning: what stands now, then what follows. Opens the stream where it is closed.

    Raises DatabaseUnavailable.
    """
    if _state_of(db).generation is None:
        _open(db)
    state = _state_of(db)
    if state.base_place is None:
        _switch_on(db)
        _put_base(db)
        state = _state_of(db)
    if state.generation is None or state.base_place is None:
        raise DatabaseUnavailable("The stream of events was closed just now.", hint="The same again will open it.")
    return Cursor(state.generation, state.timeline, state.base_place, 0, in_base=True)


def checked(db: Database, cursor: Cursor) -> Cursor:
    """The cursor from which to go on: this one, or where what it knows forks from what this server knows.

    Raises UnknownCursor where it is of another stream, or of a time of which nothing is kept; DatabaseUnavailable.
    """
    with transaction(db):
        return _checked(db, cursor, _state(db))


def read(db: Database, cursor: Cursor, limit: int, *, to_the_end: bool = False) -> tuple[Event, ...]:
    """The next events, at most so many; none where there is no news. The last one's cursor is where to go on.

    `to_the_end`: also those that somebody else gives their places just now, who is waited for.
    Raises UnknownCursor as `checked`, and DatabaseUnavailable.
    """
    with transaction(db):
        state = _state(db)
        found = _read(db, cursor, limit, state)
    if len(found) == limit or not state.has_unplaced:
        return found
    _give_places(db, state.timeline, waits=to_the_end)
    at = found[-1].cursor if found else cursor
    with transaction(db):
        return found + _read(db, at, limit - len(found), _state(db))


class Looks:
    """Looks for news on one connection, again and again: where there is none, one asks for next to nothing."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._short_looks = 0
        self._newest: int | None = None

    def is_written(self) -> bool:
        """Whether somebody has written into the log since this was asked last."""
        with explained():
            newest = SQL.value(self._db, "newest")
        was, self._newest = self._newest, newest
        return was is not None and newest != was

    def read(self, cursor: Cursor, limit: int) -> tuple[Event, ...]:
        """As `read`; that the cursor is unknown now may be raised some looks later."""
        if self._short_looks and not _has_news(self._db, cursor):
            self._short_looks -= 1
            return ()
        found = read(self._db, cursor, limit)
        self._short_looks = 0 if found else _SHORT_LOOKS
        return found


def _has_news(db: Database, cursor: Cursor) -> bool:
    with explained():
        return bool(SQL.value(db, "has_news", place=cursor.place, element=cursor.element, in_base=cursor.in_base))


def prune(db: Database, keep_days: int = 30) -> None:
    """Forget events that are older than this. Where nobody has followed for so long, close the stream.

    Raises DatabaseUnavailable.
    """
    keep = f"{keep_days} days"
    with transaction(db, UNHURRIED_SECONDS):
        SQL.run(db, "lock")
        SQL.run(db, "hold")
        if SQL.value(db, "is_followed", keep=keep):
            SQL.run(db, "prune", keep=keep)
            SQL.run(db, "prune_gaps", keep=keep)
            return
        SQL.run(db, "close")
    _switch_off(db)


def _read(db: Database, cursor: Cursor, limit: int, state: _State) -> tuple[Event, ...]:
    """As `read`, within a transaction: of what has its place."""
    at = _checked(db, cursor, state)
    if state.is_unfollowed:
        SQL.run(db, "note_follower")
    values = {"place": at.place, "element": at.element, "in_base": at.in_base}
    rows = SQL.binary_rows(db, "read", Row, **values, limit=limit)
    if not rows:
        return ()
    told = _told(db, at.generation, rows)
    return tuple(event for row in rows for event in told.events(row))


def _told(db: Database, generation: str, rows: Sequence[Row]) -> Told:
    """What makes events of these rows."""
    chats = sorted(set().union(*(row.chats_named() for row in rows)))
    named = {chat: (source, jid) for chat, source, jid in SQL.run(db, "chats", chats=chats)}
    return Told(generation, bytes(SQL.value(db, "person_key")), named)


def _state_of(db: Database) -> _State:
    with transaction(db):
        return _state(db)


def _state(db: Database) -> _State:
    (row,) = SQL.run(db, "state")
    state = _State(*row)
    if state.timeline == 0:
        raise DatabaseUnavailable(
            "PostgreSQL can't be used now: it is a standby.", hint="Point database.url at the primary."
        )
    return state


def _open(db: Database) -> None:
    with transaction(db):
        SQL.run(db, "lock")
        if _state(db).generation is None:
            SQL.run(db, "begin_generation")


def _switch_on(db: Database) -> None:
    """Have what happens from now on written into the log.

    What was committed before is in the base: each switch waits for who is writing.
    """
    for table in _TABLES:
        with transaction(db):
            SQL.run(db, "switch", table=table, on=True)


def _switch_off(db: Database) -> None:
    """Have nothing written, unless somebody has opened the stream again since."""
    for table in _TABLES:
        with transaction(db):
            SQL.run(db, "lock")
            if _state(db).generation is None:
                SQL.run(db, "switch", table=table, on=False)


def _put_base(db: Database) -> None:
    """Put what stands now into the log, for whoever begins."""
    with transaction(db, UNHURRIED_SECONDS):
        SQL.run(db, "hold")
        state = _state(db)
        if state.generation is None or state.base_place is not None:
            return
        SQL.run(db, "commit_durably")
        SQL.run(db, "put_base", timeline=state.timeline)
        SQL.run(db, "note_base", after=state.last_place)
        failpoint("events.base")


def _give_places(db: Database, timeline: int, *, waits: bool) -> None:
    with keyed_transaction(db):
        if SQL.run(db, "hold" if waits else "try_to_hold").fetchone():
            SQL.run(db, "commit_durably")
            SQL.run(db, "give_places", timeline=timeline, elements=_ELEMENTS_A_TIME)
            failpoint("events.placed")


def _checked(db: Database, cursor: Cursor, state: _State) -> Cursor:
    """As `checked`, within a transaction."""
    if state.generation is None:
        raise UnknownCursor("No events go out of this database: nobody followed them for a month, or it was restored.")
    if cursor.generation != state.generation:
        raise UnknownCursor("It is of another database, or of one from before a restore.")
    if cursor.timeline > state.timeline:
        raise UnknownCursor("It comes from a later timeline of this database, which was taken back since.")
    if _is_pruned(cursor, state):
        raise UnknownCursor("The events behind it are no longer kept.")
    if cursor.timeline < state.timeline:
        return _before_the_fork(db, cursor, state)
    if cursor.place > state.last_place + (cursor.element == 0):
        raise UnknownCursor("It is further than the stream has come.")
    return cursor


def _is_pruned(cursor: Cursor, state: _State) -> bool:
    """Whether something that this cursor hasn't seen is no longer kept.

    What an earlier timeline gave up to that place is something else, unless the same timeline had given it all.
    """
    pruned = state.pruned_place, state.pruned_elements
    return (cursor.place, cursor.element) < pruned or cursor.timeline < state.pruned_timeline


def _before_the_fork(db: Database, cursor: Cursor, state: _State) -> Cursor:
    """Where a cursor of an earlier timeline goes on: at its place if both have it, else where the later one begins."""
    beyond = SQL.value(db, "first_beyond", timeline=cursor.timeline) or state.last_place + 1
    if cursor.place < beyond:
        return cursor
    return cursor._replace(timeline=state.timeline, place=beyond, element=0)
