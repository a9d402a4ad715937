"""The proof that nothing was missed: the bridge's store against the ledger, message by message.

A sweep is the same comparison with repair. Differences are looked at again before they count, since the bridge and
other wamons work meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from wamon.bridge.store import can_be_asked_for, messages_of
from wamon.capture.batch import ByColumns, Reader
from wamon.capture.pipeline import all_starts, readings_of
from wamon.capture.prefetch import each
from wamon.errors import Locked, Poison, TimedOut
from wamon.failpoints import failpoint
from wamon.ledger.changes import Recorded, held_to, newest_of_each
from wamon.ledger.comparison import Comparison, Expected
from wamon.ledger.recording import Batch
from wamon.log import logger
from wamon.postgres.connection import transaction

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from wamon.bridge.store import Row
    from wamon.capture.pipeline import Pipeline
    from wamon.ledger.changes import Key
    from wamon.ledger.comparison import Held
    from wamon.model import Group, Message, Reading

T = TypeVar("T")

EVERY_ROW_IN_THE_LEDGER = 1
CURSOR_PASSES_NOTHING = 2
REVIEWS_ARE_KEPT = 10
ANSWERED_ONCE = 11  # what `conversations.proof` looks at
IN_WORDS = {
    EVERY_ROW_IN_THE_LEDGER: "recorded once",
    CURSOR_PASSES_NOTHING: "nothing skipped",
    REVIEWS_ARE_KEPT: "reviews kept",
    ANSWERED_ONCE: "answered once",
}

_WHICH_THE_LEDGER_DOES_NOT_SAY = "which the ledger doesn't say"
_OF_NO_MESSAGE = (
    "and neither ledger nor store has such a message: if it was never posted, delete that row of wamon.submissions; "
    "no repair can know"
)
_PAGES_AT_ONCE = 8
"""Of the store, compared together in order of key: the more, the less the ledger's index takes for each message."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that a promise (its number in ARCHITECTURE.md) rules out."""

    promise: int
    jid: str
    message_id: str
    detail: str
    is_ahead: bool = False  # no pass has come to its message yet


class Difference(NamedTuple):
    """A reading that differs from what is held of its message, and how."""

    reading: Reading
    problem: Problem
    is_ahead: bool  # no pass has come to it yet


class Differences(NamedTuple):
    """What a page of readings differs in from what is held."""

    differing: list[Difference]
    older_rules: int  # how many were held under older rules
    elsewhere: set[Key]  # those under these, recorded for a project that their group no longer has
    without_text: list[Reading]  # whose texts are gone before their time

    def suspects(self) -> dict[Key, Message]:
        """The messages that differ, by key."""
        return {_key(one.reading.message): one.reading.message for one in self.differing}


class _Compared(NamedTuple):
    """Rows that are compared together."""

    rows: list[Row]
    wanted: Mapping[bytes, str]
    messages: int  # among them; as many as rows, unless one comes twice
    expected: Expected


@dataclass(slots=True)
class Verified:
    """What a verify found."""

    checked: int = 0
    dead: int = 0
    older_rules: int = 0
    without_text: int = 0
    reviews_waiting: int = 0
    store_missed: int = 0
    problems: list[Problem] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        return not self.problems

    @property
    def wrong(self) -> list[Problem]:
        """What is wrong also where passes go on meanwhile, and still have messages before them."""
        return [problem for problem in self.problems if not problem.is_ahead]


def sweep(
    pipeline: Pipeline, progress: Callable[[int], None] = lambda _: None, *, pages_at_once: int = _PAGES_AT_ONCE
) -> Recorded:
    """Compare all groups and mend what differs, page by page, beside other wamons."""
    groups = list(pipeline.source.groups.values())
    recorded = Verification(pipeline, groups, pages_at_once=pages_at_once).repair(progress)
    pipeline.source.note_sweep()
    return recorded


class Verification:
    """The comparison of these groups. The `progress` of a walk is told how many rows are done."""

    def __init__(self, pipeline: Pipeline, groups: Sequence[Group], *, pages_at_once: int = _PAGES_AT_ONCE) -> None:
        self._pages_at_once = pages_at_once
        self._pipeline = pipeline
        self._groups = groups
        self._comparison = Comparison(pipeline.source)

    def verify(self, progress: Callable[[int], None] = lambda _: None) -> Verified:
        """What differs; changes nothing."""
        verified = Verified()
        suspects: dict[Key, Message] = {}
        elsewhere: set[Key] = set()
        for page in each(self._pages(progress)):
            found = self.differences(self._doubtful(page))
            verified.checked += page.messages
            verified.older_rules += found.older_rules + len(found.elsewhere)
            verified.without_text += len(found.without_text)
            suspects |= found.suspects()
            elsewhere |= found.elsewhere
        for readings in self._lacking_posts():
            found = self.differences(readings)
            verified.older_rules += len(found.elsewhere - elsewhere)
            suspects |= found.suspects()
        verified.problems = self._still_differing(list(suspects.values()))
        known = {(problem.jid, problem.message_id) for problem in verified.problems}
        verified.problems += [p for p in self._unfounded() if (p.jid, p.message_id) not in known]
        verified.problems += self._cursors_ahead()
        verified.problems += self._reviews_missing()
        verified.dead = self._comparison.dead(self._groups)
        verified.reviews_waiting = self._reviews_waiting()
        verified.store_missed = len(self._comparison.missed(self._groups))
        return verified

    def repair(self, progress: Callable[[int], None] = lambda _: None) -> Recorded:
        """Mend what differs: record missing and changed messages, mark vanished ones, set cursors and reviews right."""
        recorded = Recorded()
        for page in each(self._pages(progress)):
            recorded.add(self._mend_page(self._doubtful(page)))
            failpoint("sweep.page")
        for readings in self._lacking_posts():
            recorded.add(self._mend_page(readings))
        recorded.add(self._mend_unsaid())
        recorded.add(self._meet_missed())
        self._mark_vanished()
        self._mend_cursors()
        self._restore_reviews()
        failpoint("sweep.recorded")
        return recorded

    def differences(self, page: Sequence[Reading]) -> Differences:
        """What these readings differ in from what is held."""
        keep_text = self._pipeline.recorder.drafter.keep_text
        held = self._comparison.held([reading.message for reading in page], keep_text) if page else {}
        differing: list[Difference] = []
        elsewhere: set[Key] = set()
        without_text: list[Reading] = []
        older = 0
        for reading in page:
            message = reading.message
            holds = held.get(_key(message))
            if holds and self._is_of_older_rules(holds):
                older += 1
            elif holds and holds.other_project:
                elsewhere.add(_key(message))
            if detail := self._detail(reading, holds):
                understood = held_to(reading, holds) if holds else reading
                is_ahead = holds is None and self._is_ahead(message)
                differing.append(Difference(understood, _problem(message, holds, detail, is_ahead=is_ahead), is_ahead))
            elif holds and holds.lacks_text and self._would_keep_text(reading):
                without_text.append(reading)
        return Differences(differing, older, elsewhere, without_text)

    def _would_keep_text(self, reading: Reading) -> bool:
        """Whether reading it again brings its text back: its time in the store may be another than the ledger's."""
        return bool(self._pipeline.recorder.drafter.kept_text(reading))

    def _pages(self, progress: Callable[[int], None]) -> Iterator[_Compared]:
        wanted = {group.jid.encode(): group.jid for group in self._groups if group.enabled}
        chats = {group.jid: group.chat for group in self._groups}
        done = 0
        pages = self._pipeline.store.row_pages(wanted)
        by_columns = ByColumns(Reader(self._pipeline.store, self._pipeline.rules, wanted, all_starts(self._pipeline)))
        while together := list(islice(pages, self._pages_at_once)):
            rows = [row for found, _ in together for row in found]
            read = by_columns.read(rows)
            ids = {*read.columns.message_ids, *(reading.message.message_id.encode() for reading in read.beside)}
            yield _Compared(rows, wanted, len(ids), Expected.of(read, chats))
            done += sum(count for _, count in together)
            progress(done)

    def _doubtful(self, page: _Compared) -> list[Reading]:
        """The readings of a page but of those messages of which the ledger holds just what they say."""
        if page.messages < len(page.rows):
            return self._understood(messages_of(page.rows, page.wanted))
        recorder = self._pipeline.recorder
        unexpected = self._comparison.unexpected(page.expected, recorder.rules, recorder.drafter.keep_text)
        rowids = page.expected.rowids
        if not unexpected and len(rowids) == len(page.rows):
            return []
        settled = set(rowids) - unexpected
        return self._understood(messages_of([row for row in page.rows if row[0] not in settled], page.wanted))

    def _lacking_posts(self) -> Iterator[list[Reading]]:
        """The readings of messages of which the ledger says more than their submissions, as they stand in the store."""
        for keys in self._comparison.pages_lacking_posts(self._groups, self._pipeline.recorder.rules):
            for some in self._portions([key for key in keys if can_be_asked_for(key[1])]):
                yield self._understood(self._find(some))

    def _understood(self, messages: Sequence[Message]) -> list[Reading]:
        return newest_of_each(readings_of(self._pipeline, messages))

    def _detail(self, reading: Reading, holds: Held | None) -> str | None:
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
        is_older = self._is_of_older_rules(holds) or holds.other_project
        return None if is_older else _misread(held_to(reading, holds), holds)

    def _is_of_older_rules(self, holds: Held) -> bool:
        return holds.rules != self._pipeline.recorder.rules

    def _is_ahead(self, message: Message) -> bool:
        source = self._pipeline.source
        return message.rowid > source.tails[source.groups[message.chat_jid].tail].rowid

    def _still_differing(self, suspects: Sequence[Message]) -> list[Problem]:
        """Look at what differed once more, in the store and in the ledger, as both stand now."""
        problems = []
        if suspects:
            self._pipeline.source.load()
        for some in self._portions(suspects):
            readings = self._understood(self._read_again(some))
            problems += [one.problem for one in self.differences(readings).differing]
        return problems

    def _read_again(self, messages: Sequence[Message]) -> list[Message]:
        """These messages as they stand in the store now; those that can't be asked for, as they stood."""
        askable = [(m.chat_jid, m.message_id) for m in messages if can_be_asked_for(m.message_id)]
        return [*self._find(askable), *(message for message in messages if not can_be_asked_for(message.message_id))]

    def _find(self, keys: Sequence[Key]) -> list[Message]:
        return self._pipeline.store.find(keys, self._pipeline.source.all_wanted())

    def _portions(self, items: Sequence[T]) -> Iterator[Sequence[T]]:
        rows = self._pipeline.store.sizes.page_rows
        return (items[n : n + rows] for n in range(0, len(items), rows))

    def _unfounded(self) -> list[Problem]:
        return [
            Problem(
                EVERY_ROW_IN_THE_LEDGER,
                one.jid,
                one.message_id,
                f"has a submission of {one.number}, "
                f"{_WHICH_THE_LEDGER_DOES_NOT_SAY if one.in_ledger else _OF_NO_MESSAGE}",
            )
            for one in self._comparison.unlisted_submissions(self._groups)
        ]

    def _cursors_ahead(self) -> list[Problem]:
        return [
            Problem(
                CURSOR_PASSES_NOTHING, "", "", f"cursor {tail} stands at row {rowid}, its newest anchor at row {anchor}"
            )
            for tail, rowid, anchor in self._comparison.cursors_ahead()
        ]

    def _reviews_missing(self) -> list[Problem]:
        if not (review := self._pipeline.review):
            return []
        return [
            Problem(REVIEWS_ARE_KEPT, "", "", f"drop {number} of {project} has no row in {review.name}")
            for project, number in self._comparison.drops_without_review(review, self._projects())
        ]

    def _reviews_waiting(self) -> int:
        with transaction(self._pipeline.source.db) as db:
            return sum(effects.waiting(db) for effects in self._pipeline.effects)

    def _projects(self) -> list[str]:
        return sorted({group.project for group in self._groups})

    def _mend_page(self, page: Sequence[Reading]) -> Recorded:
        found = self.differences(page)
        differing = [*found.suspects().values(), *(reading.message for reading in found.without_text)]
        return self._pipeline.retrying(self._mend, differing) if differing else Recorded()

    def _mend(self, differing: Sequence[Message]) -> Recorded:
        """Record what still differs. Each try reads the store anew: what it said before the fence was raised is old.

        What no pass has come to yet is recorded as the pass would: it is new, and answered.
        """
        still = self.differences(self._understood(self._read_again(differing)))
        recorded = Recorded()
        for ahead in (False, True):
            readings = [one.reading for one in still.differing if one.is_ahead is ahead]
            if readings := readings + ([] if ahead else list(still.without_text)):
                recorded.add(self._pipeline.recorder.record(Batch(readings, again=not ahead)))
        return recorded

    def _mend_unsaid(self) -> Recorded:
        """A message that was edited while its ledger row was missing has submissions that nothing else leads to."""
        unlisted_submissions = self._comparison.unlisted_submissions(self._groups)
        recorded = Recorded()
        for some in self._portions(
            [one for one in unlisted_submissions if one.in_ledger and can_be_asked_for(one.message_id)]
        ):
            self._pipeline.retrying(self._comparison.list_in_ledger, some)
            found = self._find([(one.jid, one.message_id) for one in some])
            recorded.add(self._pipeline.retrying(self._mend, found))
        return recorded

    def _meet_missed(self) -> Recorded:
        """What a hook brought and the store holds by now: an older wamon's pass doesn't say that it met it."""
        recorded = Recorded()
        for some in self._portions([key for key in self._comparison.missed(self._groups) if can_be_asked_for(key[1])]):
            readings = self._understood(self._find(some))
            recorded.add(self._pipeline.retrying(self._pipeline.recorder.record, Batch(readings)))
        return recorded

    def _mark_vanished(self) -> None:
        for keys in self._comparison.pages_still_there(self._groups):
            if gone := self._gone(keys):
                self._pipeline.retrying(self._mark_gone, gone)
            failpoint("sweep.gone")

    def _mark_gone(self, keys: Sequence[Key]) -> None:
        """Mark those that are gone at each try: meanwhile one may have come back."""
        if gone := self._gone(keys):
            self._comparison.mark_gone(gone)

    def _gone(self, keys: Sequence[Key]) -> list[Key]:
        askable = [key for key in keys if can_be_asked_for(key[1])]
        found = self._pipeline.store.find(askable, {jid.encode(): jid for jid, _ in askable})
        there = {(message.chat_jid, message.message_id) for message in found}
        return [key for key in askable if key not in there]

    def _mend_cursors(self) -> None:
        for tail, _, anchor in self._comparison.cursors_ahead():
            self._pipeline.retrying(self._comparison.mend_cursor, tail, anchor)

    def _restore_reviews(self) -> None:
        if not (review := self._pipeline.review):
            return
        try:
            for drops in self._portions(list(self._comparison.drops_without_review(review, self._projects()))):
                self._pipeline.retrying(self._comparison.restore_reviews, review, drops)
                review.effects.write_due(self._pipeline.source.db)  # where one was refused, none was written
        except (Locked, Poison, TimedOut) as refusal:
            logger.warning(
                "Review rows are restored by the next sweep. %s", refusal, extra={"action": "review.refused"}
            )


def _key(message: Message) -> Key:
    return message.chat_jid, message.message_id


def _problem(message: Message, holds: Held | None, detail: str, *, is_ahead: bool) -> Problem:
    if is_ahead:
        detail += ": no pass has come to it yet"
    promise = CURSOR_PASSES_NOTHING if holds is None and not is_ahead else EVERY_ROW_IN_THE_LEDGER
    return Problem(promise, message.chat_jid, message.message_id, detail, is_ahead)


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
