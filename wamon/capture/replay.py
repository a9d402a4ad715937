"""Replay: history once more under today's rules. It adds what they find, and takes nothing away."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from wamon.capture.pipeline import readings_of
from wamon.capture.scan import admit
from wamon.halving import bisect
from wamon.ledger.changes import Recorded, newest_of_each
from wamon.ledger.comparison import Comparison
from wamon.log import logger
from wamon.model import BEFORE_START

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from wamon.capture.pipeline import Pipeline
    from wamon.halving import Refusal
    from wamon.ledger.changes import Drop
    from wamon.model import Reading


@dataclass(frozen=True, slots=True)
class Selection:
    """Which messages are meant. A time is a message's own; `until` itself is not within."""

    jids: Sequence[str]
    since: datetime | None = None
    until: datetime | None = None
    drops: frozenset[str] = frozenset()  # in canonical form; empty: whatever they say

    def has(self, reading: Reading) -> bool:
        sent_at = reading.message.sent_at
        if sent_at is None:
            return self.since is None and self.until is None and self._says(reading)
        begun = self.since is None or sent_at >= self.since
        return begun and (self.until is None or sent_at < self.until) and self._says(reading)

    def _says(self, reading: Reading) -> bool:
        return not self.drops or not self.drops.isdisjoint(reading.numbers)


@dataclass(slots=True)
class Replayed:
    """What a replay did: messages read, by chat JID, and what was added."""

    read: Counter[str] = field(default_factory=Counter)
    recorded: Recorded = field(default_factory=Recorded)
    without_review: list[Drop] = field(default_factory=list)


def replay(pipeline: Pipeline, selection: Selection, progress: Callable[[int], None] = lambda _: None) -> Replayed:
    """Process history again. `progress` is told how many rows are done."""
    done = Replayed(recorded=admit(pipeline))
    for readings in _pages(pipeline, selection, progress):
        done.read.update(reading.message.chat_jid for reading in readings)
        _replay(pipeline, [reading for reading in readings if reading.numbers or reading.near], done.recorded)
    if pipeline.review:
        projects = sorted({pipeline.source.groups[jid].project for jid in selection.jids})
        done.without_review = list(Comparison(pipeline.source).drops_without_review(pipeline.review, projects))
    return done


def _pages(pipeline: Pipeline, selection: Selection, progress: Callable[[int], None]) -> Iterator[list[Reading]]:
    wanted = {jid.encode(): jid for jid in selection.jids}
    done = 0
    for messages, rows in pipeline.store.pages(wanted):
        begun = [reading for reading in readings_of(pipeline, messages) if reading.reason != BEFORE_START]
        yield [reading for reading in newest_of_each(begun) if selection.has(reading)]
        done += rows
        progress(done)


def _replay(pipeline: Pipeline, readings: Sequence[Reading], recorded: Recorded) -> None:
    if readings:
        bisect(
            readings,
            lambda part: recorded.add(pipeline.retrying(pipeline.recorder.replay, part.items)),
            _stays_as_it_was,
        )


def _stays_as_it_was(reading: Reading, refusal: Refusal) -> None:
    about = {"message_id": reading.message.message_id}
    logger.warning("A message can't be replayed. %s", refusal, extra={"action": "replay.refused", **about})
