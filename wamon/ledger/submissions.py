"""Submissions: what a recording does with drop numbers, and what follows: review rows, rejections, replies."""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING

from wamon.failpoints import failpoint
from wamon.ledger.changes import (
    ALL_IS_KNOWN,
    NOTHING_STANDS,
    Candidate,
    Recorded,
    Standing,
    SubmissionChanges,
    count_kinds,
    submission_changes,
)
from wamon.postgres.connection import transaction
from wamon.postgres.copy import FALSE, TRUE, chunks, columns, copied, int4, known_text, text, timestamptz
from wamon.postgres.queries import Queries

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from wamon.clock import Clock
    from wamon.ledger.changes import Key
    from wamon.ledger.outbox import Outbox
    from wamon.ledger.review import Review
    from wamon.ledger.source import Source
    from wamon.ledger.validation import Validation
    from wamon.model import Message, Reading
    from wamon.postgres.connection import Database
    from wamon.postgres.copy import Row

SQL = Queries("wamon.ledger", "submissions")

_COLUMNS = columns(8)


class Submissions:
    """The submissions of one source."""

    def __init__(
        self, source: Source, review: Review | None, validation: Validation, outbox: Outbox, clock: Clock
    ) -> None:
        self._source = source
        self._review = review
        self._validation = validation
        self._outbox = outbox
        self._clock = clock

    def own(self, readings: Sequence[Reading]) -> dict[Key, dict[str, bool]]:
        """The submissions of these messages: of each, which of its drop numbers are live."""
        own: dict[Key, dict[str, bool]] = {}
        if not readings:
            return own
        jids = self._source.jids(r.message for r in readings)
        said = [(self._source.chat(r.message), r.message.message_id, number) for r in readings for number in r.numbers]
        rows = SQL.run(
            self._source.db,
            "own_submissions",
            **self._source.keys(r.message for r in readings),
            said_chats=[chat for chat, _, _ in said],
            said_message_ids=[message_id for _, message_id, _ in said],
            said_drops=[number for _, _, number in said],
        )
        for chat, message_id, drop_number, live in rows:
            own.setdefault((jids[chat], message_id), {})[drop_number] = live
        return own

    def changes(self, readings: Sequence[Reading], own: Mapping[Key, Mapping[str, bool]]) -> SubmissionChanges:
        """What has the submissions of these messages be what their readings say; `own` are those that they have."""
        return submission_changes(readings, own, self._source.groups, self._clock.now())

    def posted(self, posts: Sequence[tuple[Message, str]]) -> SubmissionChanges:
        """What has these numbers of new messages be submissions. It asks nobody: it may work beside a transaction."""
        groups, now = self._source.groups, self._clock.now()
        inserted = [Candidate(m, groups[m.chat_jid].project, number, m.sent_at or now) for m, number in posts]
        inserted.sort(key=itemgetter(1, 2))
        return SubmissionChanges(inserted, list(chunks(self._rows(inserted))))

    def write(self, changes: SubmissionChanges, mended: set[Key], *, answered: bool) -> Recorded:
        """Within a turn: carry out changes. `mended` are messages that say nothing new.

        Replies are queued where they are `answered`.
        """
        judged = self._validation.judged(self._source.db, changes.inserted)
        rows = changes.rows if judged is changes.inserted and changes.rows else chunks(self._rows(judged))
        changes.inserted = judged
        if self._review and (changes.inserted or changes.revived or changes.retracted):
            self._lock_projects(_messages_of(changes))
        standing = self._standing(changes.inserted)
        recorded = Recorded(count_kinds(changes.inserted, standing))
        if changes.inserted:
            copied(self._source.db, SQL.sql("copy_submissions"), rows)
        revived = self._set_live([(c.message, c.drop_number) for c in changes.revived], live=True)
        retracted = self._set_live(changes.retracted, live=False)
        recorded.counts.update((message.chat_jid, "retracted") for message, _ in changes.retracted)
        self._validation.note(self._source.db, [c for c in changes.inserted if c.rejected])
        if answered:
            self._outbox.queue(changes.inserted, standing)
        failpoint("record.submissions")
        if self._review:
            recorded.conflicts += self._follow(self._review, changes, standing, revived, retracted, mended)
        failpoint("record.review")
        return recorded

    def _rows(self, candidates: Iterable[Candidate]) -> Iterator[Row]:
        groups = self._source.groups
        for message, project, number, sent_at, rejected, unchecked in candidates:
            yield (
                _COLUMNS,
                int4(groups[message.chat_jid].chat),
                text(message.message_id),
                text(number),
                known_text(project),
                timestamptz(sent_at),
                known_text(message.sender),
                TRUE if rejected else FALSE,
                TRUE if unchecked else FALSE,
            )

    def waiting(self) -> list[Candidate]:
        """Rejected submissions whose numbers are on their project's list by now, the oldest first."""
        with transaction(self._source.db) as db:
            return self._validation.waiting(db, self._source.name)

    def admit(self, waiting: Sequence[Candidate]) -> Recorded:
        """Make these rejected submissions real, each as of its posting. Raises as `record`, and Poison."""
        with self._source.turn() as db:
            if self._review:
                self._lock_projects(candidate.message for candidate in waiting)
            standing = self._standing(waiting)
            live = self._validation.admit(db, self._source.name, waiting)
            admitted = [(c, before) for c, before in zip(waiting, standing, strict=True) if c in live]
            recorded = Recorded(count_kinds([c for c, _ in admitted], [before for _, before in admitted]))
            if self._review:
                recorded.conflicts += self._review.follow(db, [pair for pair in admitted if not pair[1].twin], (), ())
            failpoint("record.admitted")
        return recorded

    def _follow(
        self,
        review: Review,
        changes: SubmissionChanges,
        standing: Sequence[Standing],
        revived: set[tuple[str, str]],
        retracted: set[tuple[str, str]],
        mended: set[Key],
    ) -> list[tuple[str, str]]:
        """Have the review table follow; what a repair brought back only adds rows that are missing. The conflicts."""

        def news(numbers: Iterable[tuple[Message, str]], drops: set[tuple[str, str]]) -> set[tuple[str, str]]:
            groups = self._source.groups
            told = (pair for pair in numbers if _key(pair[0]) not in mended and review.minds(pair[0].sent_at))
            return drops & {(groups[message.chat_jid].project, number) for message, number in told}

        inserted = [
            (c, before._replace(latest=ALL_IS_KNOWN) if _key(c.message) in mended else before)
            for c, before in zip(changes.inserted, standing, strict=True)
            if not before.twin and not c.rejected
        ]
        again = news(((c.message, c.drop_number) for c in changes.revived), revived)
        gone = news(changes.retracted, retracted)
        return review.follow(self._source.db, inserted, again, self._without_live(gone))

    def _standing(self, candidates: Sequence[Candidate]) -> list[Standing]:
        if not candidates:
            return []
        drops = {"projects": [c.project for c in candidates], "drops": [c.drop_number for c in candidates]}
        known = [(n - 1, latest, live) for n, latest, live in SQL.run(self._source.db, "standing", **drops)]
        twins = self._twins([candidates[n] for n, _, _ in known])
        standing = [NOTHING_STANDS] * len(candidates)
        for n, latest, live in known:
            standing[n] = Standing(latest, live, _post(candidates[n]) in twins)
        return standing

    def _twins(self, candidates: Sequence[Candidate]) -> set[tuple[str, str, str, str]]:
        """Those posts that are recorded through another source already."""
        if not candidates:
            return set()
        projects, drops, jids, message_ids = map(list, zip(*map(_post, candidates), strict=True))
        values = {"projects": projects, "drops": drops, "jids": jids, "message_ids": message_ids}
        return set(SQL.run(self._source.db, "twins", source=self._source.name, **values).fetchall())

    def _set_live(self, numbers: Iterable[tuple[Message, str]], *, live: bool) -> set[tuple[str, str]]:
        """Mark submissions live or not; the (project, drop) of each."""
        pairs = list(numbers)
        if not pairs:
            return set()
        keys = self._source.keys(message for message, _ in pairs)
        return set(
            SQL.run(self._source.db, "set_live", **keys, drops=[number for _, number in pairs], live=live).fetchall()
        )

    def _without_live(self, drops: set[tuple[str, str]]) -> list[tuple[str, str]]:
        if not drops:
            return []
        values = {"projects": [project for project, _ in drops], "drops": [drop for _, drop in drops]}
        return SQL.run(self._source.db, "without_live", **values).fetchall()

    def _lock_projects(self, messages: Iterable[Message]) -> None:
        lock_projects(self._source.db, {self._source.groups[m.chat_jid].project for m in messages})


def lock_projects(db: Database, projects: Iterable[str]) -> None:
    """Two sources may feed one project: what they do to its review rows comes one after the other."""
    SQL.run(db, "lock_projects", projects=list(projects))


def _messages_of(changes: SubmissionChanges) -> list[Message]:
    return [*(c.message for c in (*changes.inserted, *changes.revived)), *(m for m, _ in changes.retracted)]


def _post(candidate: Candidate) -> tuple[str, str, str, str]:
    message = candidate.message
    return candidate.project, candidate.drop_number, message.chat_jid, message.message_id


def _key(message: Message) -> Key:
    return message.chat_jid, message.message_id
