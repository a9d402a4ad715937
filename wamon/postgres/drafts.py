"""Drafts: all that a batch writes where nothing is held of its messages, made while the batch before it is recorded."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from operator import attrgetter
from typing import TYPE_CHECKING

from wamon.postgres.binary import NULL, int4, int8, known_text, rows, text, timestamptz
from wamon.postgres.changes import Candidate, newest_of_each

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime, timedelta

    from wamon.clock import Clock
    from wamon.model import Group, Reading


@dataclass(frozen=True, slots=True)
class Draft:
    """What is to be written of a batch."""

    readings: list[Reading]  # one for each message, in order of key
    ledger: bytes  # their rows, as COPY takes them
    submissions: list[Candidate]
    near: list[Reading]  # those with near misses
    lowest_rowid: int


@dataclass(frozen=True, slots=True)
class Drafter:
    """Makes drafts under one set of rules. It asks nobody, so it may work beside a transaction."""

    rules: int
    keep_text: timedelta | None  # None: for ever
    clock: Clock

    def drafted(self, readings: Sequence[Reading], groups: Mapping[str, Group]) -> Draft:
        """The draft of a batch's readings, of which there is at least one."""
        newest, now = newest_of_each(readings), self.clock.now()
        submissions = [
            Candidate(message, groups[message.chat_jid].project, number, message.sent_at or now)
            for message, numbers, _, _ in newest
            if numbers
            for number in numbers
        ]
        submissions.sort(key=attrgetter("project", "drop_number"))  # as they are looked up
        return Draft(
            newest,
            self.ledger_rows(newest, groups),
            submissions,
            [reading for reading in newest if reading.near],
            min([reading[0][0] for reading in readings]),
        )

    def ledger_rows(self, readings: Sequence[Reading], groups: Mapping[str, Group]) -> bytes:
        """The ledger's rows of these readings."""
        return rows(9, self._ledger_fields(readings, groups))

    def _ledger_fields(self, readings: Sequence[Reading], groups: Mapping[str, Group]) -> Iterator[tuple[bytes, ...]]:
        now = self.clock.now()

        @cache
        def verdict(reason: str | None) -> bytes:
            status = text("ignored") + text(reason) if reason else text("done") + NULL
            return status + int4(self.rules)

        for reading in readings:
            message, numbers, reason, near = reading
            _, jid, message_id, sender, sent_at, _, _, _, content_hash = message
            kept = self.kept_text(reading, now) if numbers or near else None
            yield (
                int4(groups[jid].chat),
                text(message_id),
                verdict(reason),
                int8(content_hash),
                NULL if sent_at is None else timestamptz(sent_at),
                known_text(sender),
                NULL if kept is None else text(kept),
            )

    def kept_text(self, reading: Reading, now: datetime) -> str | None:
        """A message's text, where it says something and is young enough to be kept."""
        if not reading.numbers and not reading.near:
            return None
        sent_at = min(reading.message.sent_at or now, now)
        old = self.keep_text is not None and sent_at <= now - self.keep_text
        return None if old else reading.message.text
