"""Submissions: what a recording does with drop numbers."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from wamon.failpoints import failpoint
from wamon.ledger.changes import (
    NOTHING_STANDS,
    Candidate,
    Judged,
    Standing,
    SubmissionChanges,
    count_kinds,
    kinds_of,
    submission_changes,
    with_kinds,
)
from wamon.ledger.drafts import submission_row
from wamon.ledger.familiar import Familiar
from wamon.ledger.posts import Added
from wamon.postgres.connection import transaction
from wamon.postgres.copy import FALSE, TRUE, copied, in_chunks
from wamon.postgres.queries import Queries
from wamon.providers.wamids import stanza_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from wamon.clock import Clock
    from wamon.ledger.changes import Drop, Key
    from wamon.ledger.posts import Posts
    from wamon.ledger.source import Source
    from wamon.ledger.validation import Validation
    from wamon.model import Reading
    from wamon.postgres.connection import Database

SQL = Queries("wamon.ledger", "submissions")


_MOST_REMEMBERED = 100_000


class Written(NamedTuple):
    """What was written of a batch's drop numbers, and matters to who follows: see `Posted`."""

    submissions: list[Judged]
    revived: list[Candidate]
    retracted: list[Candidate]


class Submissions:
    """The submissions of one source. `in_order`: sources that feed one project record one after the other."""

    def __init__(self, source: Source, validation: Validation, clock: Clock, *, in_order: bool) -> None:
        self._source = source
        self._validation = validation
        self._clock = clock
        self._in_order = in_order
        self._familiar: Familiar | None = None

    def changes(self, readings: Sequence[Reading], own: Mapping[Key, Mapping[str, bool]]) -> SubmissionChanges:
        """What has the submissions of these messages be what their readings say; `own` are those that they have."""
        return submission_changes(readings, own, self._source.groups, self._clock.now())

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

    def add(self, posts: Posts, rows: Sequence[bytes]) -> tuple[Sequence[Judged], Counter[tuple[str, str]]]:
        """Within the fence: add the posts of new messages, whose rows these are; what they are, and how many of each.

        Raises UniqueViolation where one is there.
        """
        if self._validation.is_asked(posts.jids):
            submissions = self.write(SubmissionChanges(posts.candidates())).submissions
            return submissions, count_kinds(submissions)
        self._lock(set(posts.projects))
        places = self._maybe_known(posts)
        drops = posts.drops
        standing = self._standing([drops[n] for n in places], lambda n: posts.candidate(places[n]))
        standing = {places[n]: before for n, before in standing.items()}
        if posts.numbers:
            copied(self._source.db, SQL.sql("copy_submissions"), rows)
        failpoint("record.submissions")
        kinds = kinds_of(drops, standing)
        counts = Counter([(jid, kind) for jid, kind in zip(posts.jids, kinds, strict=True) if kind])
        return Added(posts, kinds, standing), counts

    def write(self, changes: SubmissionChanges) -> Written:
        """Within the fence: carry out changes."""
        self._familiar = None  # these drops aren't remembered
        candidates = self._validation.judged(self._source.db, changes.inserted)
        self._wait_for_others([*candidates, *changes.revived, *changes.retracted])
        submissions = with_kinds(candidates, self._standings(candidates))
        if candidates:
            copied(self._source.db, SQL.sql("copy_submissions"), in_chunks(self._rows(candidates)))
        revived = self._set_live(changes.revived, live=True)
        retracted = self._set_live(changes.retracted, live=False)
        failpoint("record.submissions")
        return Written(submissions, revived, retracted)

    def waiting(self) -> list[Candidate]:
        """Rejected submissions whose numbers are on their project's list by now, the oldest first."""
        with transaction(self._source.db) as db:
            return self._validation.waiting(db, self._source.name)

    def admit(self, waiting: Sequence[Candidate]) -> list[Judged]:
        """Within the fence: make these rejected submissions real, each as of its posting; those that are live."""
        self._wait_for_others(waiting)
        standing = dict(zip(waiting, self._standings(waiting), strict=True))
        live = self._validation.admit(self._source.db, self._source.name, waiting)
        admitted = [candidate for candidate in waiting if candidate in live]
        return with_kinds(admitted, [standing[candidate] for candidate in admitted])

    def _rows(self, candidates: Iterable[Candidate]) -> Iterator[bytes]:
        for message, project, number, sent_at, rejected, unchecked in candidates:
            judged = (TRUE if rejected else FALSE) + (TRUE if unchecked else FALSE)
            chat = self._source.chat(message)
            yield submission_row(message, chat, project, number, sent_at, judged)

    def _standings(self, candidates: Sequence[Candidate]) -> list[Standing]:
        """What stands of each candidate's drop before it is posted."""
        drops = [(candidate.project, candidate.drop_number) for candidate in candidates]
        standing = self._standing(drops, candidates.__getitem__)
        return [standing.get(n, NOTHING_STANDS) for n in range(len(candidates))]

    def _standing(self, drops: Sequence[Drop], candidate: Callable[[int], Candidate]) -> dict[int, Standing]:
        """What stands of these drops, each by its place, as far as something does; `candidate` makes the post there."""
        if not drops:
            return {}
        projects, numbers = map(list, zip(*drops, strict=True))
        rows = SQL.run(self._source.db, "standing", projects=projects, drops=numbers).fetchall()
        known = [(n - 1, latest, live, candidate(n - 1)) for n, latest, live in rows]
        twins = self._twins([post for *_, post in known])
        return {n: Standing(latest, live, _post(post) in twins) for n, latest, live, post in known}

    @contextmanager
    def remembered(self, messages: int) -> Iterator[None]:
        """Within the block, `add` asks only for drops that may be known, where nobody else feeds their projects.

        So many messages come.

        Whoever else records for this source raises its fence, so that what is remembered is whole for as long as these
        recordings succeed. Where too much is held already, to remember it would take longer than asking.
        """
        with transaction(self._source.db) as db:
            are_too_many = SQL.value(db, "are_more_drops", most=_MOST_REMEMBERED)
            self._familiar = None if are_too_many else _with_held_drops(db, Familiar(messages))
        try:
            yield
        finally:
            self._familiar = None

    def _maybe_known(self, posts: Posts) -> Sequence[int]:
        """The places of posts whose drops may stand already."""
        if self._familiar is None:
            return range(len(posts.numbers))
        known = self._familiar.meet(posts.drops)
        others = {"source": self._source.name, "projects": list(set(posts.projects))}
        return range(len(posts.numbers)) if SQL.value(self._source.db, "fed_by_others", **others) else known

    def _twins(self, candidates: Sequence[Candidate]) -> set[tuple[str, str, str, str]]:
        """Those posts that are recorded through another source already."""
        if not candidates:
            return set()
        projects, drops, jids, message_ids = map(list, zip(*map(_post, candidates), strict=True))
        values = {"projects": projects, "drops": drops, "jids": jids, "message_ids": message_ids}
        values["stanza_ids"] = list(map(stanza_id, message_ids))
        return set(SQL.run(self._source.db, "twins", source=self._source.name, **values).fetchall())

    def _set_live(self, candidates: Sequence[Candidate], *, live: bool) -> list[Candidate]:
        """Mark submissions live or not; those for which that is news."""
        if not candidates:
            return []
        keys = self._source.keys(candidate.message for candidate in candidates)
        drops = [candidate.drop_number for candidate in candidates]
        news = set(SQL.run(self._source.db, "set_live", **keys, drops=drops, live=live).fetchall())
        return [candidate for candidate in candidates if (candidate.project, candidate.drop_number) in news]

    def _wait_for_others(self, candidates: Sequence[Candidate]) -> None:
        """Before the standings are read: else two sources would both be first."""
        self._lock({candidate.project for candidate in candidates})

    def _lock(self, projects: AbstractSet[str]) -> None:
        if self._in_order and projects:
            lock_projects(self._source.db, projects)


def _with_held_drops(db: Database, familiar: Familiar) -> Familiar:
    """The same, once it has met all drops that are held."""
    for project, numbers in SQL.run(db, "drops_by_project"):
        familiar.meet([(project, number) for number in numbers])
    return familiar


def lock_projects(db: Database, projects: Iterable[str]) -> None:
    """Two sources may feed one project: what they do to its review rows comes one after the other."""
    SQL.run(db, "lock_projects", projects=list(projects))


def _post(candidate: Candidate) -> tuple[str, str, str, str]:
    message = candidate.message
    return candidate.project, candidate.drop_number, message.chat_jid, message.message_id
