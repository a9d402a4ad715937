"""Effects that wait: what posts mean for the office's tables, where that couldn't be written with them.

Recording keeps them in its own transaction. They are written later, drop by drop, in their order; until then what
follows on a drop waits behind them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from wamon.backoff import pause_seconds
from wamon.ledger.changes import Candidate
from wamon.log import logger
from wamon.model import Message
from wamon.postgres.connection import transaction
from wamon.postgres.queries import Queries
from wamon.words import amount

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from wamon.ledger.changes import Drop
    from wamon.ledger.following import Renamed
    from wamon.postgres.connection import Database

SQL = Queries("wamon.ledger", "waits")

_FIRST_PAUSE_SECONDS = 60.0
_LONGEST_PAUSE_SECONDS = 3600.0
_PORTION = 100


class Effect(NamedTuple):
    """What one submission means for its drop's rows in one of the office's tables."""

    what: str  # for a review row `posted`, `retracted` or `revived`; for rejections `rejected` or `admitted`
    candidate: Candidate
    latest: datetime | None  # when the latest post of its drop before it was sent
    seen_at: datetime  # when it was recorded
    wait: int = 0  # its place among those that wait

    @property
    def drop(self) -> Drop:
        return self.candidate.project, self.candidate.drop_number


def end_others(db: Database, source: str, tables: Sequence[str]) -> None:
    """End what waits of a source for other tables than these: nobody will write it there any more."""
    with transaction(db):
        ended = SQL.run(db, "end_others", source=source, tables=list(tables)).fetchall()
    for table, drops in ended:
        logger.warning(
            "%s of %s won't be written any more: the config doesn't name that table.",
            amount(drops, "row"),
            table,
            extra={"action": "office.ended"},
        )


class Waits:
    """The effects that wait for one table, whichever source they are of."""

    def __init__(self, table: str) -> None:
        self._table = table

    def of(self, db: Database, drops: Iterable[Drop]) -> set[Drop]:
        """Those of the drops for which something waits."""
        wanted = list(drops)
        keys = {"projects": [project for project, _ in wanted], "drops": [number for _, number in wanted]}
        return set(SQL.run(db, "of", table=self._table, **keys).fetchall())

    def keep(self, db: Database, source: str, effects: Iterable[tuple[Effect, str]]) -> None:
        """Have effects wait, each for its reason. They are tried again at once."""
        rows = list(effects)
        if not rows:
            return
        kept = [effect for effect, _ in rows]
        SQL.run(
            db,
            "keep",
            table=self._table,
            source=source,
            whats=[effect.what for effect in kept],
            projects=[effect.candidate.project for effect in kept],
            drops=[effect.candidate.drop_number for effect in kept],
            jids=[effect.candidate.message.chat_jid for effect in kept],
            message_ids=[effect.candidate.message.message_id for effect in kept],
            senders=[effect.candidate.message.sender for effect in kept],
            from_mes=[effect.candidate.message.from_me for effect in kept],
            message_sent_ats=[effect.candidate.message.sent_at for effect in kept],
            sent_ats=[effect.candidate.sent_at for effect in kept],
            latests=[effect.latest for effect in kept],
            seen_ats=[effect.seen_at for effect in kept],
            reasons=[reason for _, reason in rows],
        )

    def due(self, db: Database) -> list[Drop]:
        """The drops whose effects are to be tried now: a portion of them, those that have waited longest first."""
        return SQL.run(db, "due", table=self._table, most=_PORTION).fetchall()

    def has_due(self, db: Database) -> bool:
        """Whether an effect is to be tried now."""
        return bool(SQL.value(db, "has_due", table=self._table))

    def has_any(self, db: Database) -> bool:
        """Whether anything waits."""
        return bool(SQL.value(db, "has_any", table=self._table))

    def count(self, db: Database) -> int:
        """How many drops have effects that wait."""
        return int(SQL.value(db, "count", table=self._table))

    def effects(self, db: Database, drops: Sequence[Drop]) -> list[Effect]:
        """Within a transaction: all that waits for these drops, in the order in which it was kept.

        Drops at which another session is just now are left to it.
        """
        keys = {"projects": [project for project, _ in drops], "drops": [number for _, number in drops]}
        return SQL.rows(db, "effects", _effect, table=self._table, **keys)

    def forget(self, db: Database, effects: Iterable[Effect]) -> None:
        """These don't wait any more."""
        SQL.run(db, "forget", waits=[effect.wait for effect in effects])

    def rename(self, db: Database, source: str, renamed: Sequence[Renamed]) -> None:
        """Have what waits follow its project's new name."""
        for one in renamed:
            SQL.run(db, "rename", table=self._table, source=source, jid=one.jid, was=one.was, now=one.now)

    def put_off(self, db: Database, drop: Drop, reason: str) -> None:
        """Try what waits for this drop again after a pause that grows, from a minute to an hour."""
        pauses = [
            pause_seconds(tries, first=_FIRST_PAUSE_SECONDS, most=_LONGEST_PAUSE_SECONDS) for tries in range(1, 8)
        ]
        SQL.run(db, "put_off", table=self._table, project=drop[0], drop=drop[1], reason=reason, pauses_seconds=pauses)


def _effect(*row: Any) -> Effect:  # noqa: ANN401
    what, project, number, jid, message_id, sender, from_me, message_sent_at, sent_at, latest, seen_at, wait = row
    message = Message(0, jid, message_id, sender, message_sent_at, "", "", from_me=from_me, content_hash=0)
    return Effect(what, Candidate(message, project, number, sent_at), latest, seen_at, wait)
