"""Rows in the form that PostgreSQL's binary COPY takes, so that they can be made beside the transaction they go into.

The driver's own writer needs the COPY to be open, and takes three times as long for a row.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import islice
from struct import Struct
from typing import TYPE_CHECKING, LiteralString

from wamon.model import microseconds

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime
    from uuid import UUID

    from psycopg.sql import Composed

    from wamon.postgres.connection import Database

    Row = tuple[bytes, ...]  # first `columns`, then its fields

_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_END = b"\xff\xff"
_ROWS_A_CHUNK = 400
_SIZE = Struct(">i").pack
_INT4 = Struct(">ii").pack
_INT8_FIELD = Struct(">iq")
_INT8 = _INT8_FIELD.pack
_TEXT_OID = 25

NULL = _SIZE(-1)
ARRAY = Struct(">iiiii").pack
"""An array's head: dimensions, whether one may be null, the elements' type; their number, the first's index."""
EIGHT = _SIZE(8)
"""What the eight bytes of a number or a time stand behind."""
SIXTEEN = _SIZE(16)
"""What the bytes of a UUID stand behind."""
TRUE, FALSE = _SIZE(1) + b"\1", _SIZE(1) + b"\0"


def columns(number: int) -> bytes:
    """What a row of so many fields begins with."""
    return number.to_bytes(2, "big")


def text(value: str) -> bytes:
    """A text. Raises UnicodeEncodeError for half a surrogate."""
    encoded = value.encode()
    return _SIZE(len(encoded)) + encoded


def encoded(value: bytes) -> bytes:
    """A text that is UTF-8 already."""
    return _SIZE(len(value)) + value


def each_encoded(values: Iterable[bytes]) -> list[bytes]:
    """A column of them, in half the time."""
    return [_SIZE(len(value)) + value for value in values]


def maybe_text(value: str | None) -> bytes:
    return NULL if value is None else text(value)


def uuid(value: UUID) -> bytes:
    return sixteen(value.bytes)


def sixteen(value: bytes) -> bytes:
    """The bytes of a UUID."""
    return SIXTEEN + value


known_text = lru_cache(maxsize=4096)(text)
"""The same, for what comes again and again: senders, projects, words of ours."""


@lru_cache(maxsize=4096)
def int4(value: int) -> bytes:
    return _INT4(4, value)


def texts(values: Sequence[str]) -> bytes:
    """An array of at least one text."""
    elements = b"".join([ARRAY(1, 0, _TEXT_OID, len(values), 1), *map(text, values)])
    return _SIZE(len(elements)) + elements


def int8(value: int) -> bytes:
    return _INT8(8, value)


def maybe_int8(field: bytes) -> tuple[int | None, int]:
    """The number that a row's part begins with, None where that is null; and where the next field begins."""
    if field.startswith(NULL):
        return None, len(NULL)
    _, value = _INT8_FIELD.unpack_from(field)
    return value, _INT8_FIELD.size


def int8s(values: Iterable[int]) -> list[bytes]:
    """A column of them, in half the time."""
    return [_INT8(8, value) for value in values]


def timestamptz(value: datetime) -> bytes:
    """An aware time, to the microsecond."""
    return int8(microseconds(value))


def chunks(rows: Iterable[Row]) -> Iterator[bytes]:
    """A whole COPY of these rows, in pieces of a size for the driver."""
    return in_chunks(map(b"".join, rows))


def in_chunks(rows: Iterable[bytes]) -> Iterator[bytes]:
    """As `chunks`, of rows whose fields are joined."""
    rows, before = iter(rows), _HEADER
    while some := b"".join(islice(rows, _ROWS_A_CHUNK)):
        yield before + some
        before = b""
    yield before + _END


def copied(db: Database, query: LiteralString | Composed, made: Iterable[bytes]) -> int:
    """Send rows by a COPY … (FORMAT BINARY); how many of them the table took."""
    with db.cursor() as cursor:
        with cursor.copy(query) as copy:
            for chunk in made:
                copy.write(chunk)
        return cursor.rowcount
