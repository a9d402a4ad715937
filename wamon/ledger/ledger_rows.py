"""The ledger's rows, one a message: looked up, added, and changed where a message says something else now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wamon.failpoints import failpoint
from wamon.ledger.changes import Known
from wamon.postgres.copy import copied
from wamon.postgres.queries import Queries

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from wamon.ledger.changes import Key, LedgerChanges
    from wamon.ledger.drafts import Drafter, Origin
    from wamon.ledger.source import Source
    from wamon.model import Message, Reading

SQL = Queries("wamon.ledger", "ledger_rows")


class LedgerRows:
    """Those of one source. Runs within its fence."""

    def __init__(self, source: Source, drafter: Drafter) -> None:
        self._source = source
        self._drafter = drafter

    def known(self, readings: Sequence[Reading]) -> dict[Key, Known]:
        """What the ledger holds of these messages."""
        if not readings:
            return {}
        jids = self._source.jids(r.message for r in readings)
        rows = SQL.run(self._source.db, "known", **self._source.keys(r.message for r in readings))
        return {(jids[chat], message_id): Known(*held) for chat, message_id, *held in rows}

    def add(self, rows: Iterable[bytes], query: str = "copy") -> None:
        """Add rows as COPY takes them. Raises UniqueViolation where one is there."""
        copied(self._source.db, SQL.sql(query), rows)
        failpoint("record.ledger")

    def write(self, changes: LedgerChanges, origins: Mapping[Key, Origin] | None = None) -> None:
        """Carry out changes. `origins` are those of messages that come by hooks."""
        if changes.new and origins is None:
            self.add(self._drafter.ledger_rows(changes.new, self._source.groups))
        elif changes.new and origins is not None:
            brought = self._drafter.brought_rows(changes.new, self._source.groups, origins)
            self.add(brought, "copy_brought")
        if changes.witnessed:
            keys = self._source.keys(changes.witnessed)
            SQL.run(self._source.db, "witnessed", **keys)
            SQL.run(self._source.db, "store_has", **keys)
        if changes.changed:
            self.change(changes.changed)
        if changes.came_back:
            SQL.run(self._source.db, "came_back", **self._source.keys(changes.came_back))
        failpoint("record.edits")

    def note_missed(self, messages: Sequence[Message]) -> None:
        """Remember that the store lacks these."""
        if messages:
            SQL.run(self._source.db, "store_lacks", **self._source.keys(messages))

    def change(self, changed: Sequence[Reading]) -> None:
        """Have the rows of these messages hold what they say now; what they said is kept beside them."""
        keys = self._source.keys(reading.message for reading in changed)
        hashes = [reading.message.content_hash for reading in changed]
        SQL.run(self._source.db, "keep_revisions", **keys, hashes=hashes)
        SQL.run(
            self._source.db,
            "change",
            **keys,
            hashes=hashes,
            rules=self._drafter.rules,
            statuses=[reading.status for reading in changed],
            reasons=[reading.reason for reading in changed],
            texts=[self._drafter.kept_text(reading) for reading in changed],
            numbers=[_joined(reading) for reading in changed],
        )
        SQL.run(self._source.db, "forget_letters", **keys)

    def note_numbers(self, readings: Sequence[Reading]) -> None:
        """Have the rows of these messages say their numbers, and be otherwise as they are."""
        if readings:
            keys = self._source.keys(reading.message for reading in readings)
            SQL.run(self._source.db, "note_numbers", **keys, numbers=[_joined(reading) for reading in readings])


def _joined(reading: Reading) -> str | None:
    """Its numbers, none of which holds a space: an array of arrays would have to be a rectangle."""
    return " ".join(reading.numbers) or None
