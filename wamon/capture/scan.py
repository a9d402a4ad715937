"""A scan: passes over a source's tails until nothing is left, then what is due (retries, a sweep)."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from wamon.capture.pipeline import drain, reread_recent, run_pass
from wamon.capture.verify import sweep
from wamon.failpoints import failpoint
from wamon.halving import bisect
from wamon.ledger.changes import Recorded
from wamon.ledger.dead_letters import due, letters
from wamon.ledger.recording import Batch
from wamon.log import correlated, logger
from wamon.model import BEGINNING, MAIN, Reading

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wamon.capture.pipeline import Pass, Pipeline
    from wamon.halving import Refusal
    from wamon.ledger.changes import Candidate, Drop
    from wamon.ledger.dead_letters import Due, Letter
    from wamon.model import Place


_MOST_ADMITTED_AT_ONCE = 1_000


@dataclass(slots=True)
class Scanned:
    """What a scan did, by chat JID."""

    read: Counter[str] = field(default_factory=Counter)
    recorded: Recorded = field(default_factory=Recorded)


def scan(pipeline: Pipeline, progress: Callable[[Pass], None] = lambda _: None) -> Scanned:
    """Scan all groups of the source. `progress` is told each pass."""
    cold = pipeline.source.tails[MAIN] == BEGINNING and not any(g.messages for g in pipeline.source.groups.values())
    scanned = catch_up(pipeline, progress)
    scanned.recorded.add(pipeline.retrying(reread_recent, pipeline))
    scanned.recorded.add(retry(pipeline))
    scanned.recorded.add(admit(pipeline))
    scanned.recorded.conflicts += write_waiting(pipeline)
    if cold:  # everything was read just now
        pipeline.source.note_sweep()
    elif pipeline.source.sweep_due():
        scanned.recorded.add(sweep(pipeline))
    pipeline.state.flush()
    return scanned


def catch_up(pipeline: Pipeline, progress: Callable[[Pass], None] = lambda _: None) -> Scanned:
    """Pass over all tails until nothing is left; a tail that has come as far as the main one is merged."""
    scanned = Scanned()
    pipeline.renew_rules()
    for tail in pipeline.source.parted():
        _catch_up(pipeline, tail, scanned, progress)
        pipeline.retrying(_merge, pipeline, tail)
    _catch_up(pipeline, MAIN, scanned, progress)
    return scanned


def scan_groups(pipeline: Pipeline, jids: Sequence[str], progress: Callable[[Pass], None] = lambda _: None) -> Scanned:
    """Scan only these groups: each moves on a tail of its own, and the others stay where they are."""
    scanned = Scanned()
    for jid in jids:
        _catch_up(pipeline, pipeline.retrying(pipeline.source.split_off, jid), scanned, progress)
    pipeline.state.flush()
    return scanned


def _catch_up(pipeline: Pipeline, tail: str, scanned: Scanned, progress: Callable[[Pass], None]) -> None:
    complete, drains = False, True
    if pipeline.source.tails.get(tail) == BEGINNING and _backlog_is_long(pipeline, BEGINNING):
        drains = _drain(pipeline, tail, scanned, progress)  # nothing stands before it that may have changed
    while not complete:
        with correlated():
            one = pipeline.retrying(_pass_unless_merged, pipeline, tail)
            if one is None:
                return
            _passed(one, scanned, progress)
        complete = one.complete
        if drains and not complete and _backlog_is_long(pipeline, one.place):
            drains = _drain(pipeline, tail, scanned, progress)


def _backlog_is_long(pipeline: Pipeline, place: Place) -> bool:
    return pipeline.store.rows() - place.rowid >= pipeline.store.sizes.long_backlog_rows


def _drain(pipeline: Pipeline, tail: str, scanned: Scanned, progress: Callable[[Pass], None]) -> bool:
    """Whether anything came of it."""
    passes = 0
    for one in drain(pipeline, tail):
        passes += 1
        _passed(one, scanned, progress)
        del one  # of ten thousand groups it is large
    return passes > 0


def _passed(one: Pass, scanned: Scanned, progress: Callable[[Pass], None]) -> None:
    scanned.read.update(one.read)
    scanned.recorded.add(one.recorded)
    progress(one)


def _pass_unless_merged(pipeline: Pipeline, tail: str) -> Pass | None:
    """One pass; None where another wamon has brought this tail to its end meanwhile."""
    return run_pass(pipeline, tail) if tail in pipeline.source.tails else None


def _merge(pipeline: Pipeline, tail: str) -> None:
    """A tail that has come as far as the main one is done: the main tail serves its groups from here."""
    if tail in pipeline.source.tails and pipeline.source.tails[tail].rowid >= pipeline.source.tails[MAIN].rowid:
        pipeline.source.merge(tail)


def retry(pipeline: Pipeline) -> Recorded:
    """Try parked messages again that are due, and discard those that an operator gave up."""
    recorded = Recorded()
    for given_up in [letter for letter in letters(pipeline.source.db, pipeline.source.name) if letter.given_up]:
        recorded.add(discard(pipeline, given_up))
    for letter in due(pipeline.source.db, pipeline.source.name):
        recorded.add(retry_one(pipeline, letter))
    return recorded


def retry_one(pipeline: Pipeline, letter: Due | Letter) -> Recorded:
    """Record a parked message as it stands in the store now; one that has vanished, or its text, is given up."""
    with correlated(letter.correlation_id):
        recorded = pipeline.retrying(_retry, pipeline, letter.chat_jid, letter.message_id)
    failpoint("retry.recorded")
    return recorded


def _retry(pipeline: Pipeline, chat_jid: str, message_id: str) -> Recorded:
    found = pipeline.store.find_one(chat_jid, message_id)
    if found is None or not found.text.strip():
        pipeline.recorder.give_up(chat_jid, message_id)
        return Recorded()
    return pipeline.recorder.record(Batch([pipeline.rules.read(found)], again=True))


def admit(pipeline: Pipeline) -> Recorded:
    """Make rejected submissions real whose numbers came onto their project's list meanwhile."""
    recorded = Recorded()
    waiting = pipeline.recorder.waiting()
    for n in range(0, len(waiting), _MOST_ADMITTED_AT_ONCE):
        some = waiting[n : n + _MOST_ADMITTED_AT_ONCE]
        bisect(some, lambda part: recorded.add(pipeline.retrying(pipeline.recorder.admit, part.items)), _stays_rejected)
    return recorded


def write_waiting(pipeline: Pipeline, go_on: Callable[[], bool] = lambda: True) -> list[Drop]:
    """Write what waits for the office's tables and is due; the drops whose row is another project's."""
    return [drop for effects in pipeline.effects for drop in effects.write_due(pipeline.source.db, go_on=go_on)]


def _stays_rejected(_: Candidate, refusal: Refusal) -> None:
    """Until the next time."""
    logger.warning("A rejected post can't be made real. %s", refusal, extra={"action": "admit.refused"})


def discard(pipeline: Pipeline, letter: Letter) -> Recorded:
    """Have a parked message count as read and ignored, for as long as it says what it says now."""
    reading = Reading(letter.message(), (), "discarded")
    return pipeline.retrying(pipeline.recorder.record, Batch([reading], again=True))
