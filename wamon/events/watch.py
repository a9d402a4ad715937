"""What nobody writes down as it happens: that a source falls silent and comes back, that a gap opens and closes.

Whoever follows looks for it, by the database's clock: a process that is dead can't tell that it is. Of several the
first one tells, and each would give the same id.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple
from zoneinfo import ZoneInfo

from wamon.events.model import written
from wamon.health.gaps import Window, recorded_gaps
from wamon.health.signs import sign
from wamon.ledger.source import Source
from wamon.postgres.connection import transaction
from wamon.postgres.queries import Queries

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from wamon.clock import Clock
    from wamon.health.gaps import Gap
    from wamon.postgres.connection import Database

SQL = Queries("wamon.events", "watch")

_SECONDS_BETWEEN_SIGNS = 15.0
_SECONDS_BETWEEN_GAPS = 60.0
_LARGEST_SHARE = 0.005
"""Of the time, that looking for gaps may take: with ten thousand groups it takes seconds."""
_LOOKED_BACK = timedelta(days=7)
_AWAY = {"late", "down"}


class Watch:
    """Looks when it is time for it; to be asked at each look for news. It outlives a connection."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._signs_at = self._gaps_at = clock.monotonic_seconds()

    def look(self, db: Database) -> None:
        """Tell what has changed. Raises DatabaseUnavailable."""
        now_seconds = self._clock.monotonic_seconds()
        if now_seconds >= self._signs_at:
            self._signs_at = now_seconds + _SECONDS_BETWEEN_SIGNS
            tell_signs(db)
        if now_seconds >= self._gaps_at:
            tell_gaps(db)
            took_seconds = self._clock.monotonic_seconds() - now_seconds
            self._gaps_at = now_seconds + max(_SECONDS_BETWEEN_GAPS, took_seconds / _LARGEST_SHARE)


def tell_signs(db: Database) -> None:
    """Tell which sources have become late, are down or are back."""
    with transaction(db):
        for source, by, state, silent, every, is_leased, is_planned, at, was, was_at in SQL.run(db, "signs").fetchall():
            is_now = sign(by, state, silent, every, is_leased=is_leased, is_planned=is_planned)
            if (
                is_now == was
                or not SQL.run(db, "note_sign", source=source, sign=is_now, signed_at=at, was=was).fetchone()
            ):
                continue
            if is_now in _AWAY:
                _tell(db, f"source.{is_now}", source, key=written(at), data={"last_sign_at": written(at)})
            elif was in _AWAY and is_now != "stopped":
                _tell(db, "source.back", source, key=written(was_at), data={"last_sign_at": written(at)})


class _Told(NamedTuple):
    """A gap, by what it is known again."""

    kind: str
    jid: str
    began_at: datetime


def tell_gaps(db: Database) -> None:
    """Tell which gaps opened and closed since the stream was opened, of those that the database alone can tell."""
    with transaction(db):
        zones = SQL.run(db, "zones").fetchall()
        opened = SQL.run(db, "opened_at").fetchone()
    if opened is None:
        return
    opened_at, now = opened
    for name, zone in zones:
        source = Source(db, name)
        source.collect()
        groups = [group for group in source.groups.values() if group.enabled]
        found = recorded_gaps(source, groups, Window(now - _LOOKED_BACK, now, ZoneInfo(zone or "UTC")))
        _tell_news(db, name, found, opened_at)


def _tell_news(db: Database, source: str, found: Iterable[Gap], opened_at: datetime) -> None:
    """What was over before the stream was opened is no news."""
    with transaction(db):
        told = {_Told(kind, jid, at): is_open for kind, jid, at, is_open in SQL.run(db, "gaps", source=source)}
        gone = {key for key, is_open in told.items() if is_open}
        for gap in found:
            key = _Told(gap.kind, gap.jid or "", gap.start)
            gone.discard(key)
            is_news = key not in told and (gap.end is None or gap.end >= opened_at)
            if is_news and _note(db, source, key, is_open=True):
                _tell_gap(db, "gap.opened", source, key, _data(gap))
                told[key] = True
            is_over = gap.end is not None and gap.kind != "store-missed"  # which is over once the store has it
            if is_over and told.get(key) and _note(db, source, key, is_open=False):
                _tell_gap(db, "gap.closed", source, key, _data(gap))
        for key in gone:
            if _note(db, source, key, is_open=False):
                _tell_gap(
                    db, "gap.closed", source, key, {"kind": key.kind, "start": written(key.began_at), "end": None}
                )


def _note(db: Database, source: str, key: _Told, *, is_open: bool) -> bool:
    """Whether nobody has told it yet."""
    values = {"source": source, "kind": key.kind, "jid": key.jid, "began_at": key.began_at}
    return SQL.run(db, "note_gap", **values, is_open=is_open).fetchone() is not None


def _data(gap: Gap) -> dict[str, Any]:
    return {
        "kind": gap.kind,
        "start": written(gap.start),
        "end": None if gap.end is None else written(gap.end),
        "group": gap.group,
        "detail": gap.detail,
    }


def _tell_gap(db: Database, kind: str, source: str, key: _Told, data: dict[str, Any]) -> None:
    _tell(db, kind, source, key=f"{key.kind} {key.jid} {written(key.began_at)}", data=data)


def _tell(db: Database, kind: str, source: str, *, key: str, data: dict[str, Any]) -> None:
    SQL.run(db, "tell", told=json.dumps({"type": kind, "source": source, "key": key, "data": data}))
