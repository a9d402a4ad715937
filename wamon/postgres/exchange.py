"""One statement on a connection, without waiting for its answer: an event loop tells when the socket is ready."""

from __future__ import annotations

import select
from struct import Struct
from typing import TYPE_CHECKING, LiteralString, NamedTuple

import psycopg
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus, Format, TransactionStatus

from wamon.postgres.connection import explained

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from psycopg.pq.abc import PGconn

    from wamon.postgres.connection import Database

_HEAD = Struct(">iiiii").pack  # dimensions, whether one is null, the elements' type; their number, the first's index
_SIZE = Struct(">i").pack
_REFUSED = (ExecStatus.FATAL_ERROR, ExecStatus.BAD_RESPONSE)
_BROKEN = select.POLLERR | select.POLLHUP


class Array(NamedTuple):
    """A value of a statement: elements of one type, each as PostgreSQL's binary form has it."""

    oid: int
    element_oid: int
    elements: Sequence[bytes]

    def encoded(self) -> bytes:
        """All of it in that form."""
        sized = [part for element in self.elements for part in (_SIZE(len(element)), element)]
        return _HEAD(1, 0, self.element_oid, len(self.elements), 1) + b"".join(sized)


def texts(values: Sequence[str]) -> Array:
    return Array(1009, 25, [value.encode() for value in values])


def byteas(values: Sequence[bytes]) -> Array:
    return Array(1001, 17, values)


class Exchange:
    """What was sent, until its answer has come. `send` begins it on the connection.

    Raises what `explained` makes of errors. After one the connection is to be given up where it is closed.
    """

    def __init__(self, db: Database, send: Callable[[PGconn], object]) -> None:
        self._pgconn = db.pgconn
        self._failed: psycopg.Error | None = None
        self.has_ended = False
        with explained():
            send(self._pgconn)
            self.is_sending = bool(self._pgconn.flush())
            """Whether something of it is still to be sent: it is to proceed once the socket takes more, too."""
            if _is(self._pgconn, _BROKEN):  # which a loop may have told before, and won't again
                raise psycopg.OperationalError("the server has closed the connection")

    def proceed(self) -> None:
        """Send and receive what can be without waiting."""
        with explained():
            if self.is_sending:
                self.is_sending = bool(self._pgconn.flush())
            self._take_in()
            while not self.has_ended and _is(self._pgconn, select.POLLIN):
                self._take_in()
            if self.has_ended and self._failed:
                raise self._failed

    def _take_in(self) -> None:
        self._pgconn.consume_input()
        while not self.has_ended and not self._pgconn.is_busy():
            result = self._pgconn.get_result()
            self.has_ended = result is None
            if result and result.status in _REFUSED:
                self._failed = error_from_result(result)


def statement(db: Database, sql: LiteralString, values: Sequence[Array]) -> Exchange:
    """Run this. `sql` names its values $1, $2, …"""
    types = [value.oid for value in values]
    sent, formats = [value.encoded() for value in values], [Format.BINARY] * len(values)
    return Exchange(db, lambda pgconn: pgconn.send_query_params(sql.encode(), sent, types, formats))


def preparation(db: Database, name: bytes, sql: LiteralString, values: Sequence[Array]) -> Exchange:
    """Have the server plan this once, for values of these types."""
    types = [value.oid for value in values]
    return Exchange(db, lambda pgconn: pgconn.send_prepare(name, sql.encode(), types))


def execution(db: Database, name: bytes, values: Sequence[Array]) -> Exchange:
    """Run what was prepared under this name."""
    sent, formats = [value.encoded() for value in values], [Format.BINARY] * len(values)
    return Exchange(db, lambda pgconn: pgconn.send_query_prepared(name, sent, formats))


def hear(db: Database) -> None:
    """Take in what the server says while nothing is asked of it. Raises DatabaseUnavailable where it has closed."""
    with explained():
        db.pgconn.consume_input()


def is_idle(db: Database) -> bool:
    """Whether a statement can be sent: it is open, and no answer is still to come."""
    return db.info.transaction_status is TransactionStatus.IDLE and not _is(db.pgconn, _BROKEN)


def _is(pgconn: PGconn, state: int) -> bool:
    """Whether its socket is in one of these states of poll(), or broken.

    uvloop's `add_reader` tells of a connection that was reset once, and never again: where words of the server's came
    together with that, only the words would be read.
    """
    poller = select.poll()
    poller.register(pgconn.socket, state)
    return bool(poller.poll(0))
