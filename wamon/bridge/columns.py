"""A page of a store's rows by columns: no object a message, and what is bytes in the store stays that.

A row that has anything odd about it is named, to become a message like any other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wamon.bridge.store import FALSE, LONGEST_ID, text_of
from wamon.bridge.timestamps import Times
from wamon.model import Columns

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from wamon.bridge.store import Row

_MOST_KEPT = 4096
_PLAIN = {bytes, type(None)}


class ColumnReader:
    """Takes rows of wanted chats apart. It remembers what comes again and again."""

    def __init__(self, wanted: Mapping[bytes, str]) -> None:
        self._wanted = wanted
        self._times = Times()
        self._names = _Names()

    def read(self, rows: Sequence[Row]) -> tuple[Columns, Sequence[Row], Sequence[Row]]:
        """The columns of rows that have nothing odd about them, those rows, and the odd ones."""
        try:
            return self._columns(rows), rows, ()
        except (KeyError, TypeError, ValueError):
            odd = set(map(id, filter(self._is_odd, rows)))
        regular = [row for row in rows if id(row) not in odd]
        return self._columns(regular), regular, [row for row in rows if id(row) in odd]

    def _columns(self, rows: Sequence[Row]) -> Columns:
        """Raises KeyError, TypeError or ValueError where one of the rows is odd."""
        if not rows:
            return Columns((), (), (), (), (), (), (), (), b"")
        rowids, chats, message_ids, senders, sent_ats, from_me, texts, media_types = zip(*rows, strict=True)
        _require_keys(message_ids)
        if None in texts:
            texts = tuple([b"" if text is None else text for text in texts])
        joined = b"\0".join(texts)
        joined.decode()
        if joined.count(b"\0") != len(texts) - 1:
            raise ValueError
        wanted, name = self._wanted, self._names.__getitem__
        return Columns(
            rowids,
            [wanted[chat] for chat in chats],
            message_ids,
            list(map(name, senders)),
            self._times.read(sent_ats),
            [said not in FALSE for said in from_me],
            texts,
            list(map(name, media_types)),
            joined,
        )

    def _is_odd(self, row: Row) -> bool:
        try:
            self._columns([row])
        except (KeyError, TypeError, ValueError):
            return True
        return False


class _Names(dict[bytes | None, bytes]):
    """Senders and media types in UTF-8. Raises TypeError for what is no text."""

    def __missing__(self, value: bytes | None) -> bytes:
        if type(value) not in _PLAIN:
            raise TypeError
        if len(self) >= _MOST_KEPT:
            self.clear()
        self[value] = name = text_of(value).encode()
        return name


def _require_keys(message_ids: Sequence[bytes]) -> None:
    """Raise ValueError or TypeError unless each is a key as it stands."""
    together = b"".join(message_ids)
    lengths = set(map(len, message_ids))
    if not together.isascii() or b"\0" in together or min(lengths) < 1 or max(lengths) > LONGEST_ID:
        raise ValueError
