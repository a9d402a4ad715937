"""Rows in the form that PostgreSQL's binary COPY takes, so that they can be made beside the transaction they go into.

The driver's own writer needs the COPY to be open, and takes three times as long for a row.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from struct import Struct
from typing import TYPE_CHECKING, LiteralString

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wamon.postgres.connection import Database

_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_END = b"\xff\xff"
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_SIZE = Struct(">i").pack
_INT4 = Struct(">ii").pack
_INT8 = Struct(">iq").pack
_COLUMNS = Struct(">h").pack

NULL = _SIZE(-1)
TRUE, FALSE = _SIZE(1) + b"\1", _SIZE(1) + b"\0"


def text(value: str) -> bytes:
    """A text. Raises UnicodeEncodeError for half a surrogate."""
    encoded = value.encode()
    return _SIZE(len(encoded)) + encoded


known_text = lru_cache(maxsize=4096)(text)
"""The same, for what comes again and again: senders, projects, words of ours."""


@lru_cache(maxsize=4096)
def int4(value: int) -> bytes:
    return _INT4(4, value)


def int8(value: int) -> bytes:
    return _INT8(8, value)


def timestamptz(value: datetime) -> bytes:
    """An aware time, to the microsecond."""
    since = value - _EPOCH
    return _INT8(8, (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds)


def rows(columns: int, fields: Iterable[Iterable[bytes]]) -> bytes:
    """A whole COPY of rows with so many columns, each an iterable of its fields."""
    begin = _COLUMNS(columns)
    return b"".join((_HEADER, *[begin + b"".join(row) for row in fields], _END))


def copied(db: Database, query: LiteralString, made: bytes) -> None:
    """Send rows by a COPY … (FORMAT BINARY)."""
    with db.cursor() as cursor, cursor.copy(query) as copy:
        copy.write(made)
