"""New rows of the review table by COPY: the rows that `ReviewRows.insert` makes of such posts, at a third of its cost.

COPY knows no way around a row that is there already: it is refused as a whole, and whoever asked inserts instead.
"""

from __future__ import annotations

import os
from datetime import UTC, date
from struct import unpack
from typing import TYPE_CHECKING

from psycopg import sql

from wamon.errors import Poison
from wamon.ledger.review_rows import wall_clock
from wamon.ledger.review_table import KEYS, SQL, STEPS
from wamon.model import microseconds, moment_at
from wamon.postgres.copy import FALSE, columns, copied, in_chunks, int4, int8s, known_text, sixteen, text, timestamptz

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from collections.abc import Set as AbstractSet
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from wamon.bridge.people import Aliases
    from wamon.clock import Clock
    from wamon.ledger.posts import Posts
    from wamon.ledger.review_table import Column, ReviewTable
    from wamon.postgres.connection import Database

_OF_THE_SENDER = frozenset({"user_name", "submitted_by"})
_OF_THE_POST = frozenset({"whatsapp_message_date", "review_date"})
_OF_NOW = frozenset({"created_at", "updated_at"})
_WRITTEN = (
    *("id", *KEYS, *sorted(_OF_THE_SENDER | _OF_THE_POST | _OF_NOW)),
    *("resubmitted", "incomplete", "completed", *STEPS),
)
_FIRST_DAY = date(2000, 1, 1)


class ReviewCopies:
    """Those into one table, as it was found. Moments are written by the wall clock of the operator's zone."""

    def __init__(self, table: ReviewTable, aliases: Aliases, zone: ZoneInfo, clock: Clock) -> None:
        self._table = table
        self._aliases = aliases
        self._zone = zone
        self._clock = clock
        self._written = [name for name in _WRITTEN if name in table.columns]

    def may_take(self, db: Database, posts: Posts, places: Sequence[int]) -> bool:
        """Whether the table takes rows of these posts as they are, and refuses those of drops that have one."""
        if not places or not self._table.has_project:
            return False
        longest = {"drop_number": max(posts.numbers, key=len), "project": max(posts.projects, key=len)}
        if self._table.misfit(**longest) or any(self._table.columns[key].folds for key in KEYS):
            return False
        return bool(SQL.value(db, "takes_copies", table=self._table.quoted.as_string(db)))

    def copy(self, db: Database, posts: Posts, places: Sequence[int]) -> None:
        """Make a row of each of these posts. Raises as the table refuses one: then all are to be undone."""
        query = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)").format(
            self._table.quoted, sql.SQL(", ").join(map(sql.Identifier, self._written))
        )
        made = copied(db, query, in_chunks(self._rows(posts, places)))
        if made != len(places):
            raise Poison(f"{self._table.name} took {made} of {len(places)} rows.")
        if self._table.defers:
            db.execute("SET CONSTRAINTS ALL IMMEDIATE")

    def _rows(self, posts: Posts, places: Sequence[int]) -> Iterable[bytes]:
        head = columns(len(self._written))
        fields = [self._column(name, posts, places) for name in self._written]
        return (head + b"".join(row) for row in zip(*fields, strict=True))

    def _column(self, name: str, posts: Posts, places: Sequence[int]) -> Sequence[bytes]:
        """What a column holds in each row."""
        column, now = self._table.columns[name], self._clock.now()
        if name == "id":
            return _ids(len(places), now)
        if name == "drop_number":
            return [text(posts.numbers[n]) for n in places]
        if name == "project":
            return [known_text(posts.projects[n]) for n in places]
        if name in _OF_THE_SENDER:
            forms = self._forms(column, {posts.senders[n] for n in places})
            return [forms[posts.senders[n]] for n in places]
        if name in _OF_THE_POST:
            return self._moments(column, [posts.sent_ats[n] for n in places])
        return (self._moments(column, [microseconds(now)]) if name in _OF_NOW else [_false(column)]) * len(places)

    def _forms(self, column: Column, senders: AbstractSet[bytes]) -> dict[bytes, bytes]:
        named = {sender: sender.decode() for sender in senders}
        forms = self._aliases.one_form(set(named.values()))
        return {sender: text(column.cut(forms[name])) for sender, name in named.items()}

    def _moments(self, column: Column, micros: Sequence[int]) -> list[bytes]:
        """Moments as the column's type holds them."""
        if column.kind == "timestamptz":
            return int8s(micros)
        walls = [wall_clock(moment_at(since), self._zone) for since in micros]
        if column.kind == "timestamp":
            return [timestamptz(wall.replace(tzinfo=UTC)) for wall in walls]
        if column.kind == "date":
            return [int4((wall.date() - _FIRST_DAY).days) for wall in walls]
        return [text(column.cut(str(wall))) for wall in walls]


def _false(column: Column) -> bytes:
    return FALSE if column.kind == "bool" else text("false")


def _ids(number: int, now: datetime) -> list[bytes]:
    """UUIDs of version 7 in their order: a key takes them in at half the cost of others."""
    head = int(now.timestamp() * 1000).to_bytes(6, "big") + b"\x70\x00"
    tails = sorted([n >> 2 | 1 << 63 for n in unpack(f">{number}Q", os.urandom(8 * number))])
    return [sixteen(head + tail.to_bytes(8, "big")) for tail in tails]
