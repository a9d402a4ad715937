"""One statement on a connection, without waiting for its answer: an event loop tells when the socket is ready.

It is sent as the driver sends it, with no session's help: through a transaction pooler, too.
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, LiteralString, NamedTuple

from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus, Format, TransactionStatus

from wamon.postgres.connection import explained

if TYPE_CHECKING:
    from collections.abc import Sequence

    import psycopg

    from wamon.postgres.connection import Database

_HEAD = Struct(">iiiii").pack  # dimensions, whether one is null, the elements' type; their number, the first's index
_SIZE = Struct(">i").pack
_REFUSED = (ExecStatus.FATAL_ERROR, ExecStatus.BAD_RESPONSE)


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
    """A statement that is sent, until its answer has come. `sql` names its values $1, $2, …

    Raises what `explained` makes of errors. After one the connection is to be given up where it is closed.
    """

    def __init__(self, db: Database, sql: LiteralString, values: Sequence[Array]) -> None:
        self._pgconn = db.pgconn
        self._failed: psycopg.Error | None = None
        self.has_ended = False
        with explained():
            self._pgconn.send_query_params(
                sql.encode(),
                [value.encoded() for value in values],
                param_types=[value.oid for value in values],
                param_formats=[Format.BINARY] * len(values),
            )
            self.is_sending = bool(self._pgconn.flush())
            """Whether something of it is still to be sent: it is to proceed once the socket takes more, too."""

    @property
    def socket(self) -> int:
        """What is to be ready before it proceeds."""
        return self._pgconn.socket

    def proceed(self) -> None:
        """Send and receive what can be without waiting."""
        with explained():
            if self.is_sending:
                self.is_sending = bool(self._pgconn.flush())
            self._pgconn.consume_input()
            while not self.has_ended and not self._pgconn.is_busy():
                result = self._pgconn.get_result()
                self.has_ended = result is None
                if result and result.status in _REFUSED:
                    self._failed = error_from_result(result)
            if self.has_ended and self._failed:
                raise self._failed


def is_idle(db: Database) -> bool:
    """Whether a statement can be sent: it is open, and no answer is still to come."""
    return db.info.transaction_status is TransactionStatus.IDLE
