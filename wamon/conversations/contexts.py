"""What the agent is told of a conversation before: its last bursts and their answers, in whole pairs.

Both entries of a pair have one time, by which pairs stay together where conversations are merged.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from wamon.conversations.budget import Entry
from wamon.postgres.queries import Queries

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import timedelta
    from uuid import UUID

    from wamon.postgres.connection import Database

SQL = Queries("wamon.conversations", "contexts")


class Bounds(NamedTuple):
    """How much is kept: so many tokens, for so long."""

    tokens: int
    keep_text: timedelta


def window(db: Database, uid: UUID, since: datetime) -> list[Entry]:
    """Within a transaction: what was said since then, the oldest first."""
    rows = SQL.rows(db, "read", _entries, uid=uid)
    return [entry for entry in (rows[0] if rows else ()) if entry.at >= since]


def add(db: Database, uid: UUID, entries: Sequence[Entry], bounds: Bounds) -> None:
    """Within the transaction that ends a turn, and holds its conversation: keep a burst and its answer."""
    rows = SQL.rows(db, "lock", _entries, uid=uid)
    kept = _within([*(rows[0] if rows else ()), *entries], bounds)
    raw = json.dumps([{**one._asdict(), "at": one.at.isoformat()} for one in kept])
    SQL.run(db, "write", uid=uid, entries=raw, tokens=sum(one.tokens for one in kept), messages=len(kept))


def merge(db: Database, other: UUID, into: UUID) -> None:
    """Within a join: the entries of one conversation become another's, by time. The next turn there cuts them."""
    SQL.run(db, "merge", other=other, into=into)


def _within(entries: Sequence[Entry], bounds: Bounds) -> list[Entry]:
    """The newest whole pairs of these. Where the newest alone is too much, it stays: whoever asks cuts it."""
    newest = entries[-1].at
    kept: list[Entry] = []
    tokens = 0
    for at in sorted({one.at for one in entries if one.at >= newest - bounds.keep_text}, reverse=True):
        pair = [one for one in entries if one.at == at]
        tokens += sum(one.tokens for one in pair)
        if kept and tokens > bounds.tokens:
            break
        kept = pair + kept
    return kept


def _entries(data: Iterable[dict[str, Any]]) -> list[Entry]:
    return [Entry(**{**one, "at": datetime.fromisoformat(one["at"])}) for one in data]
