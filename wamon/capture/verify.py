"""The proof that nothing was missed: the bridge's store against the ledger, message by message.

A sweep is the same comparison with repair. Differences are looked at again before they count, since the bridge and
other wamons work meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

from wamon.bridge.store import can_be_asked_for
from wamon.capture.pipeline import starts_of
from wamon.capture.prefetch import each
from wamon.errors import Poison
from wamon.failpoints import failpoint
from wamon.ledger.changes import Recorded, held_to, newest_of_each
from wamon.ledger.comparison import Comparison
from wamon.ledger.recording import Batch
from wamon.log import logger
from wamon.model import FROM_THE_BEGINNING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from wamon.capture.pipeline import Watch
    from wamon.ledger.changes import Key
    from wamon.ledger.comparison import Drop, Held
    from wamon.ledger.review import Review
    from wamon.model import Group, Message, Reading

EVERY_ROW_IN_THE_LEDGER = 1
CURSOR_PASSES_NOTHING = 2
REVIEWS_ARE_KEPT = 10
IN_WORDS = {
    EVERY_ROW_IN_THE_LEDGER: "recorded once",
    CURSOR_PASSES_NOTHING: "nothing skipped",
    REVIEWS_ARE_KEPT: "reviews kept",
}

_WHICH_THE_LEDGER_DOES_NOT_SAY = "which the ledger doesn't say"
_OF_NO_MESSAGE = (
    "and neither ledger nor store has such a message: if it was never posted, delete that row of wamon.submissions; "
    "no repair can know"
)
_PAGES_AT_ONCE = 4
"""Of the store, compared together: each comparison is a round trip to PostgreSQL."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that a promise (its number in ARCHITECTURE.md) rules out."""

    promise: int
    jid: str
    message_id: str
    detail: str


@dataclass(slots=True)
class Verified:
    """What a verify found."""

    checked: int = 0
    dead: int = 0
    older_rules: int = 0
    problems: list[Problem] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        return not self.problems


def verify(watch: Watch, groups: Sequence[Group], progress: Callable[[int], None] = lambda _: None) -> Verified:
    """Compare these groups; changes nothing. `progress` is told how many rows are done."""
    comparison = Comparison(watch.source)
    verified = Verified()
    suspects: list[Message] = []
    for readings in each(_pages(watch, groups, progress)):
        problems, older = _differences(watch, comparison, readings)
        verified.checked += len(readings)
        verified.older_rules += older
        suspects += [reading.message for reading, _ in problems]
    verified.problems = _still_differing(watch, comparison, suspects)
    known = {(problem.jid, problem.message_id) for problem in verified.problems}
    verified.problems += [p for p in _unfounded(comparison, groups) if (p.jid, p.message_id) not in known]
    verified.problems += _cursors_ahead(comparison)
    verified.problems += _reviews_missing(watch, comparison, groups)
    verified.dead = comparison.dead(groups)
    return verified


def sweep(watch: Watch, progress: Callable[[int], None] = lambda _: None) -> Recorded:
    """Compare all groups and mend what differs, page by page, in turn with other wamons."""
    recorded = repair(watch, list(watch.source.groups.values()), progress)
    watch.source.note_sweep()
    return recorded


def repair(watch: Watch, groups: Sequence[Group], progress: Callable[[int], None] = lambda _: None) -> Recorded:
    """Mend what differs: record missing and changed messages, mark vanished ones, set cursors and reviews right."""
    comparison = Comparison(watch.source)
    recorded = Recorded()
    for readings in each(_pages(watch, groups, progress)):
        differing = [reading.message for reading, _ in _differences(watch, comparison, readings)[0]]
        if differing:
            recorded.add(watch.in_turn(_mend, watch, comparison, differing))
        failpoint("sweep.page")
    recorded.add(_mend_unsaid(watch, comparison, groups))
    _mark_vanished(watch, comparison, groups)
    for tail, _, anchor in comparison.cursors_ahead():
        watch.in_turn(comparison.mend_cursor, tail, anchor)
    if watch.review:
        lacking = list(comparison.drops_without_review(watch.review, _projects(groups)))
        for n in range(0, len(lacking), watch.store.sizes.page_rows):
            _restore_or_halve(watch, comparison, watch.review, lacking[n : n + watch.store.sizes.page_rows])
    failpoint("sweep.recorded")
    return recorded


def _restore_or_halve(watch: Watch, comparison: Comparison, review: Review, drops: Sequence[Drop]) -> None:
    """Restore review rows. One that PostgreSQL refuses waits for the next sweep, and keeps back no other."""
    try:
        watch.in_turn(comparison.restore_reviews, review, drops)
    except Poison as poison:
        if len(drops) == 1:
            logger.warning("A review row can't be restored. %s", poison, extra={"action": "review.refused"})
            return
        half = len(drops) // 2
        _restore_or_halve(watch, comparison, review, drops[:half])
        _restore_or_halve(watch, comparison, review, drops[half:])


def _mend(watch: Watch, comparison: Comparison, differing: Sequence[Message]) -> Recorded:
    """Record what still differs. Each try reads the store anew: what it said before a lost turn is old."""
    readings = _understood(watch, _read_again(watch, differing))
    still = [reading for reading, _ in _differences(watch, comparison, readings)[0]]
    return watch.recorder.record(Batch(still, again=True)) if still else Recorded()


def _mend_unsaid(watch: Watch, comparison: Comparison, groups: Sequence[Group]) -> Recorded:
    """A message that was edited while its ledger row was missing has submissions that nothing else leads to."""
    unsaid = [one for one in comparison.unsaid(groups) if one.in_ledger and can_be_asked_for(one.message_id)]
    recorded = Recorded()
    for n in range(0, len(unsaid), watch.store.sizes.page_rows):
        some = unsaid[n : n + watch.store.sizes.page_rows]
        watch.in_turn(comparison.claim, some)
        keys = [(one.jid, one.message_id) for one in some]
        recorded.add(watch.in_turn(_mend, watch, comparison, watch.store.find(keys, watch.source.all_wanted())))
    return recorded


def _pages(watch: Watch, groups: Sequence[Group], progress: Callable[[int], None]) -> Iterator[list[Reading]]:
    wanted = {group.jid.encode(): group.jid for group in groups if group.enabled}
    done = 0
    pages = watch.store.pages(wanted)
    while together := list(islice(pages, _PAGES_AT_ONCE)):
        yield _understood(watch, [message for messages, _ in together for message in messages])
        done += sum(rows for _, rows in together)
        progress(done)


def _understood(watch: Watch, messages: Sequence[Message]) -> list[Reading]:
    """The reading of each message, also of one that the walk from its group's start hasn't come to yet."""
    starts = {jid: start for tail in watch.source.tails for jid, start in starts_of(watch, tail).items()}
    return newest_of_each([watch.rules.read(m, starts.get(m.chat_jid, FROM_THE_BEGINNING)) for m in messages])


def _differences(
    watch: Watch, comparison: Comparison, readings: Sequence[Reading]
) -> tuple[list[tuple[Reading, Problem]], int]:
    """The readings that differ from what is held, why, and how many were held under older rules."""
    held = comparison.held([reading.message for reading in readings]) if readings else {}
    differing = []
    older = 0
    for reading in readings:
        message = reading.message
        holds = held.get((message.chat_jid, message.message_id))
        if holds and _is_older(watch, holds):
            older += 1
        if detail := _detail(watch, reading, holds):
            understood = held_to(reading, holds) if holds else reading
            differing.append((understood, _problem(watch, message, holds, detail)))
    return differing, older


def _detail(watch: Watch, reading: Reading, holds: Held | None) -> str | None:
    if holds is None:
        return "stands in the bridge's store and not in the ledger"
    says_else = reading.message.content_hash != holds.content_hash
    is_blank = not reading.message.text.strip()
    if holds.status in {"retry", "dead"} and (is_blank or not says_else):
        return None
    if holds.gone:
        return "is marked as gone, and stands in the store"
    if says_else:
        return None if is_blank else "says something else now than the ledger knows"
    return None if _is_older(watch, holds) else _misread(held_to(reading, holds), holds)


def _misread(reading: Reading, holds: Held) -> str | None:
    odd = _odd_numbers(set(reading.numbers), set(holds.numbers))
    if odd or holds.status == reading.status:
        return odd
    return f"is held as {holds.status}, and is {reading.status}"


def _odd_numbers(expected: set[str], live: set[str]) -> str | None:
    lacking, beyond = sorted(expected - live), sorted(live - expected)
    parts = [f"lacks the submission of {' '.join(lacking)}"] if lacking else []
    parts += [f"has a submission of {' '.join(beyond)}, which it doesn't say"] if beyond else []
    return " and ".join(parts) or None


def _is_older(watch: Watch, holds: Held) -> bool:
    return holds.rules != watch.recorder.rules or holds.other_project


def _problem(watch: Watch, message: Message, holds: Held | None, detail: str) -> Problem:
    tail = watch.source.tails[watch.source.groups[message.chat_jid].tail]
    if holds is None and message.rowid > tail.rowid:
        detail += ": no pass has come to it yet"
    promise = CURSOR_PASSES_NOTHING if holds is None and message.rowid <= tail.rowid else EVERY_ROW_IN_THE_LEDGER
    return Problem(promise, message.chat_jid, message.message_id, detail)


def _still_differing(watch: Watch, comparison: Comparison, suspects: Sequence[Message]) -> list[Problem]:
    """Look at what differed once more, in the store and in the ledger, as both stand now."""
    problems = []
    if suspects:
        watch.source.load()
    for n in range(0, len(suspects), watch.store.sizes.page_rows):
        readings = _understood(watch, _read_again(watch, suspects[n : n + watch.store.sizes.page_rows]))
        problems += [problem for _, problem in _differences(watch, comparison, readings)[0]]
    return problems


def _read_again(watch: Watch, messages: Sequence[Message]) -> list[Message]:
    """These messages as they stand in the store now; those that can't be asked for, as they stood."""
    askable = [(m.chat_jid, m.message_id) for m in messages if can_be_asked_for(m.message_id)]
    found = watch.store.find(askable, watch.source.all_wanted())
    return [*found, *(message for message in messages if not can_be_asked_for(message.message_id))]


def _unfounded(comparison: Comparison, groups: Sequence[Group]) -> list[Problem]:
    return [
        Problem(
            EVERY_ROW_IN_THE_LEDGER,
            one.jid,
            one.message_id,
            f"has a submission of {one.number}, {_WHICH_THE_LEDGER_DOES_NOT_SAY if one.in_ledger else _OF_NO_MESSAGE}",
        )
        for one in comparison.unsaid(groups)
    ]


def _cursors_ahead(comparison: Comparison) -> list[Problem]:
    return [
        Problem(
            CURSOR_PASSES_NOTHING, "", "", f"cursor {tail} stands at row {rowid}, its newest anchor at row {anchor}"
        )
        for tail, rowid, anchor in comparison.cursors_ahead()
    ]


def _reviews_missing(watch: Watch, comparison: Comparison, groups: Sequence[Group]) -> list[Problem]:
    if not watch.review:
        return []
    return [
        Problem(REVIEWS_ARE_KEPT, "", "", f"drop {number} of {project} has no row in {watch.review.name}")
        for project, number in comparison.drops_without_review(watch.review, _projects(groups))
    ]


def _projects(groups: Sequence[Group]) -> list[str]:
    return sorted({group.project for group in groups})


def _mark_vanished(watch: Watch, comparison: Comparison, groups: Sequence[Group]) -> None:
    for keys in comparison.pages_still_there(groups):
        if gone := _gone(watch, keys):
            watch.in_turn(_mark_gone, watch, comparison, gone)
        failpoint("sweep.gone")


def _mark_gone(watch: Watch, comparison: Comparison, keys: Sequence[Key]) -> None:
    """Mark those that are gone at each try: meanwhile one may have come back."""
    if gone := _gone(watch, keys):
        comparison.mark_gone(gone)


def _gone(watch: Watch, keys: Sequence[Key]) -> list[Key]:
    askable = [key for key in keys if can_be_asked_for(key[1])]
    found = watch.store.find(askable, {jid.encode(): jid for jid, _ in askable})
    there = {(message.chat_jid, message.message_id) for message in found}
    return [key for key in askable if key not in there]
