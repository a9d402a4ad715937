"""Drafts: all that a batch writes where nothing is held of its messages, made while the batch before it is recorded."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from wamon.postgres.binary import FALSE, NULL, TRUE, chunks, columns, int4, int8, known_text, text, timestamptz
from wamon.postgres.changes import Candidate, newest_of_each

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime, timedelta

    from wamon.clock import Clock
    from wamon.model import Group, Reading
    from wamon.postgres.binary import Row

_LEDGER = columns(9)
_SUBMISSIONS = columns(8)


@dataclass(frozen=True, slots=True)
class Draft:
    """What is to be written of a batch. Rows are as COPY takes them."""

    readings: list[Reading]  # one for each message, in order of key
    ledger_rows: list[bytes]
    submissions: list[Candidate]
    submission_rows: list[bytes]
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
        near = [reading for reading in newest if reading.near]
        lowest_rowid = min([reading[0][0] for reading in readings])
        ledger = self.ledger_rows(newest, groups)
        return Draft(newest, ledger, submissions, submission_rows(submissions, groups), near, lowest_rowid)

    def ledger_rows(self, readings: Sequence[Reading], groups: Mapping[str, Group]) -> list[bytes]:
        """The ledger's rows of these readings."""
        return chunks(self._ledger_rows(readings, groups))

    def _ledger_rows(self, readings: Sequence[Reading], groups: Mapping[str, Group]) -> Iterator[Row]:
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
                _LEDGER,
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
        message, numbers, _, near = reading
        if not numbers and not near:
            return None
        if self.keep_text is None:
            return message.text
        return None if min(message.sent_at or now, now) <= now - self.keep_text else message.text


def submission_rows(candidates: Sequence[Candidate], groups: Mapping[str, Group]) -> list[bytes]:
    """The rows of these submissions, as COPY takes them."""
    return chunks(
        (
            _SUBMISSIONS,
            int4(groups[message.chat_jid].chat),
            text(message.message_id),
            text(number),
            known_text(project),
            timestamptz(sent_at),
            known_text(message.sender),
            TRUE if rejected else FALSE,
            TRUE if unchecked else FALSE,
        )
        for message, project, number, sent_at, rejected, unchecked in candidates
    )
