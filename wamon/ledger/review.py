"""The QA team's review table: what wamon writes there, and what it never undoes.

A new drop inserts a row; a submission newer than the drop's latest one so far reopens it; a drop whose last live
submission was retracted gets a dated line. What the bridge's own account says may insert a row and never updates one.
Where the table exists, only the columns that are there are written. Days and times without a zone are the config's.
"""

from __future__ import annotations

from collections import defaultdict
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from psycopg import DataError, IntegrityError, InternalError, ProgrammingError, sql

from wamon.errors import Locked, Poison, TimedOut
from wamon.ledger import review_table
from wamon.ledger.changes import ALL_IS_KNOWN
from wamon.ledger.effects import Effects, Written
from wamon.ledger.posts import Added
from wamon.ledger.review_copies import ReviewCopies
from wamon.ledger.review_rows import ReviewRows
from wamon.ledger.review_table import ReviewTable
from wamon.ledger.waits import Effect
from wamon.log import logger
from wamon.postgres.connection import UNHURRIED_SECONDS, attempt, transaction
from wamon.postgres.queries import Queries

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from wamon.bridge.people import Aliases
    from wamon.clock import Clock
    from wamon.ledger.changes import Candidate, Drop, Key
    from wamon.ledger.following import Conflict, Posted, Renamed
    from wamon.ledger.posts import Posts
    from wamon.model import Message, Reading
    from wamon.postgres.connection import Database

    _Arrived = tuple[Candidate, datetime | None]  # with when the latest of its drop so far was sent
    _Change = tuple[str, str, str, str, str]  # its kind; project, number, chat and message id of the post behind it

SQL = Queries("wamon.ledger", "review")

_LINES = {
    "retracted": "retracted by an edit of its message",
    "revived": "posted again by an edit of its message",
}
"""What a row's comment is told of an edit."""


class Review:
    """Follows recordings of one source: the review table, as it was found at first contact."""

    shares_rows: ClassVar[bool] = True  # of projects, whichever source feeds them

    def __init__(self, table: str, source: str, aliases: Aliases, zone: ZoneInfo, clock: Clock) -> None:
        self.name = review_table.named(table)
        self._source = source
        self._aliases = aliases
        self._zone = zone
        self._clock = clock
        self._table = ReviewTable(self.name)
        self._rows = ReviewRows(self._table, aliases, zone, clock)
        self._copies = ReviewCopies(self._table, aliases, zone, clock)
        self.effects = Effects(self.name, source, self._write)
        self._asked_at = clock.now()  # when contact was made, or tried
        self._is_contacted = False
        self._review_from: datetime | None = None

    def contact(self, db: Database) -> None:
        """Make the table where it is missing, learn its columns where it isn't, and keep the moment of first contact.

        Where another session has locked it, that moment is kept with the first rows that can be written.
        Raises ConfigError where it lacks drop_number or holds it as anything but text, or has a column that must be
        filled and that wamon doesn't know; DatabaseUnavailable where this user lacks a right there.
        """
        with transaction(db):
            db.execute("SELECT pg_advisory_xact_lock(hashtextextended('wamon review', 0))")
            found = review_table.found(db, self.name)
            if found is None:
                review_table.make(db, self.name)
                found = review_table.found(db, self.name)
            self._table = found or self._table
            self._table.require_fit()
            self._rows = ReviewRows(self._table, self._aliases, self._zone, self._clock)
            self._copies = ReviewCopies(self._table, self._aliases, self._zone, self._clock)
            self._asked_at = self._clock.now()
            with suppress(Locked, TimedOut), attempt(db):
                self._keep_first_contact(db)
                self._is_contacted = True

    def _keep_first_contact(self, db: Database) -> None:
        """Learn since when wamon writes here beside people: None where the table was empty.

        Looks into the table unless that is kept. Raises as the table refuses.
        """
        kept = SQL.run(db, "first_contact", table=self.name).fetchone()
        if kept is None:
            (has_rows,) = db.execute(sql.SQL("SELECT EXISTS (SELECT FROM {})").format(self._table.quoted)).fetchall()
            since = self._asked_at if has_rows[0] else None
            kept = SQL.run(db, "note_contact", table=self.name, review_from=since).fetchone()
        self._review_from, told = kept or (None, [])
        self._tell_left_out(db, told)

    def _tell_left_out(self, db: Database, told: Sequence[str]) -> None:
        """Say once which columns can't hold what wamon writes."""
        left_out = self._table.left_out
        for column in sorted(left_out.keys() - set(told)):
            logger.warning(
                "%s.%s is of type %s, which can't hold what wamon writes there: it is left out.",
                self.name,
                column,
                left_out[column],
                extra={"action": "review.left_out", "column": f"{self.name}.{column}"},
            )
        if sorted(told) != sorted(left_out):
            SQL.run(db, "note_left_out", table=self.name, left_out=sorted(left_out))

    def prepare(self, db: Database, readings: Sequence[Reading]) -> None:
        """Nothing: a review row is of submissions."""

    def follow(self, db: Database, posted: Posted) -> Sequence[Conflict]:
        """What a recording's submissions mean for review rows; what a repair brought back only adds missing rows.

        Returns the drops for which no row could be made, since another project's row holds the number.
        """
        if isinstance(posted.submissions, Added):
            places = self._copied(db, posted.submissions)
            posted = replace(posted, submissions=posted.submissions.others(places))
        return self.effects.follow(db, self._meant(db, posted))

    def _copied(self, db: Database, added: Added) -> Sequence[int]:
        """Copy rows of new drops; the places of the posts for which that is done: of all, or else of none.

        Where something waits, or the moment of first contact isn't kept, the effects have to be looked at one by one.
        """
        places = added.firsts()
        if not self._is_contacted or self.effects.has_waiting(db) or not self._copies.may_take(db, added.posts, places):
            return ()
        try:
            with attempt(db):
                self._copies.copy(db, added.posts, places)
                self._tell_created(db, added.posts, places)
        except (Locked, Poison, TimedOut):  # a row is in the way
            return ()
        return places

    def _write(self, db: Database, effects: Sequence[Effect]) -> Written:
        """Write effects. Raises as the table refuses."""
        if not self._is_contacted:  # nor from here on: this may be rolled back
            self._keep_first_contact(db)
        drops = {effect.drop for effect in effects}
        there = self._rows.of(db, drops)
        hindered = self._hindered(db, drops, there)
        ready = [effect for effect in effects if effect.drop not in hindered]
        arrived = [(effect.candidate, effect.latest) for effect in ready if effect.what == "posted"]
        firsts, conflicts = self._begin(db, arrived, there)
        changes = [("created", candidate) for candidate in firsts.values()]
        later = self._later(arrived, firsts)
        reopened = self._rows.reopen(db, later)
        changes += [("reopened", posts[-1]) for row, posts in later.items() if row in reopened]
        for what, line in _LINES.items():
            minded = [one for one in ready if one.what == what and self._minds(one.candidate.message)]
            noted = self._rows.note(db, minded, line)
            changes += [(what, one.candidate) for one in minded if self._rows.row_of(one.drop) in noted]
        if changes:
            self._tell(db, map(_changed, changes))
        if self._table.defers:
            db.execute("SET CONSTRAINTS ALL IMMEDIATE")
        return Written(conflicts, hindered)

    def _tell(self, db: Database, changes: Iterable[_Change]) -> None:
        """Let those who follow events know what was written, if anybody does: no trigger may stand on this table."""
        if SQL.value(db, "is_followed"):
            kinds, projects, drops, jids, message_ids = map(list, zip(*changes, strict=True))
            told = {"kinds": kinds, "projects": projects, "drops": drops, "jids": jids, "message_ids": message_ids}
            SQL.run(db, "tell", source=self._source, **told)

    def _tell_created(self, db: Database, posts: Posts, places: Sequence[int]) -> None:
        """As `_tell`: of the rows of these posts, which this transaction has added."""
        chats = dict(SQL.run(db, "followed_chats", source=self._source, jids=list(set(posts.jids))).fetchall())
        if chats:
            SQL.run(
                db,
                "tell_created",
                chats=[chats[posts.jids[n]] for n in places],
                message_ids=[posts.message_ids[n].decode() for n in places],
                drops=[posts.numbers[n] for n in places],
                projects=[posts.projects[n] for n in places],
            )

    def _hindered(self, db: Database, drops: set[Drop], there: set[Drop]) -> dict[Drop, str]:
        """Those of the drops that can't be written, and why: their names don't fit, or their rows are locked."""
        locked = there - self._rows.of(db, there, to_update=True)
        hindered = dict.fromkeys(locked, f"Another session has locked the row in {self.name}.")
        for project, number in drops:
            if why := self._table.misfit(drop_number=number, project=project):
                hindered[project, number] = why
        return hindered

    def _meant(self, db: Database, posted: Posted) -> list[Effect]:
        """What a recording means for review rows, in row order."""
        now = self._clock.now()
        arrived = [Effect("posted", candidate, latest, now) for candidate, latest in _arrived(posted)]
        retracted = self._news(posted.retracted, posted)
        gone = [Effect("retracted", retracted[drop], None, now) for drop in self._without_live(db, set(retracted))]
        revived = self._news(posted.revived, posted)
        return arrived + gone + [Effect("revived", candidate, None, now) for candidate in revived.values()]

    def _news(self, candidates: Iterable[Candidate], posted: Posted) -> dict[Drop, Candidate]:
        """The drops to which an edit did something that people don't know yet."""
        return {_drop(c): c for c in candidates if _key(c) not in posted.mended}

    def _without_live(self, db: Database, drops: set[Drop]) -> list[Drop]:
        """Those of the drops that no live submission is left of."""
        if not drops:
            return []
        values = {"projects": [project for project, _ in drops], "drops": [drop for _, drop in drops]}
        return SQL.run(db, "without_live", **values).fetchall()

    def _minds(self, message: Message) -> bool:
        """Whether a message may add to a row: not where people worked with the row before wamon came.

        The bridge's own account never does: what it says of a drop is the office's feedback, and no technician's post.
        """
        return not message.from_me and (
            self._review_from is None or message.sent_at is None or message.sent_at >= self._review_from
        )

    def _begin(
        self, db: Database, arrived: Sequence[_Arrived], there: set[Drop]
    ) -> tuple[dict[Drop, Candidate], list[Drop]]:
        """Make the rows that drops lack, each from the first post to arrive: those posts, and the conflicts."""
        firsts = {_drop(candidate): candidate for candidate, _ in reversed(arrived)}
        rowless = firsts.keys() - there
        made = self._rows.insert(db, [c for c, _ in arrived if _drop(c) in rowless and firsts[_drop(c)] is c])
        left = rowless - made
        return {drop: firsts[drop] for drop in made}, sorted(left - self._rows.of(db, left))

    def _later(self, arrived: Iterable[_Arrived], firsts: Mapping[Drop, Candidate]) -> dict[Drop, list[Candidate]]:
        """The posts that reopen each row, as if they had been recorded one by one.

        Each is no older than the latest so far, nor older than wamon's first contact with people's work, and not of the
        bridge's own account. A row that people made in wamon's time, before the drop's first post, is theirs: that post
        reopens nothing.
        """
        later: defaultdict[Drop, list[Candidate]] = defaultdict(list)
        latest: dict[Drop, datetime] = {}
        for candidate, latest_before in arrived:
            drop = _drop(candidate)
            so_far = latest.get(drop, latest_before)
            bounds = [bound for bound in (so_far, self._review_from) if bound]
            is_newer = bool(bounds) and candidate.sent_at >= max(bounds)
            if is_newer and not candidate.message.from_me and candidate is not firsts.get(drop):
                later[self._rows.row_of(drop)].append(candidate)
            latest[drop] = max(candidate.sent_at, so_far or candidate.sent_at)
        return later

    def rename(self, db: Database, renamed: Sequence[Renamed]) -> None:
        """Within a transaction: have rows follow their projects' new names. Where the table refuses them, they stay."""
        self.effects.rename(db, renamed)
        if not self._table.has_project:
            return
        try:
            with db.transaction():
                self._rows.rename(db, renamed)
        except (DataError, IntegrityError, InternalError, ProgrammingError) as error:
            logger.warning(
                "The rows of %s keep their projects' former names: PostgreSQL refuses the new ones (%s).",
                self.name,
                type(error).__name__,
                extra={"action": "review.not_renamed"},
            )

    def missing(self, db: Database, drops: Sequence[Drop]) -> list[Drop]:
        """Those of the drops that have no review row, for which none waits, and whose number no other project holds."""
        waiting = self.effects.awaited(db, drops)  # first: what waits now may be written in a moment
        there = waiting | self._rows.of(db, drops)
        lacking = [drop for drop in drops if drop not in there]
        if not lacking:
            return lacking
        return self._rows.unheld(db, lacking) if self._rows.one_row_a_number(db) else lacking

    def restore(self, db: Database, candidates: Sequence[Candidate]) -> None:
        """Have each drop that lacks its row get one from this post, now or later; no row is opened again."""
        now = self._clock.now()
        self.effects.follow(db, [Effect("posted", candidate, ALL_IS_KNOWN, now) for candidate in candidates])


def types_of_columns(db: Database, table: str | None) -> dict[str, str]:
    """The review table's columns in its order, each with its type; none where there is no such table."""
    with transaction(db, UNHURRIED_SECONDS):
        return dict(SQL.run(db, "types", table=review_table.quoted(table).as_string(db)).fetchall()) if table else {}


def rows_of(db: Database, table: str | None, *numbers: str) -> list[dict[str, Any]]:
    """The rows that the review table, if it is there, holds of drop numbers, with whatever columns it has."""
    with transaction(db, UNHURRIED_SECONDS):
        if table is None or not types_of_columns(db, table):
            return []
        query = sql.SQL("SELECT to_jsonb(t) FROM {} AS t WHERE t.drop_number::text = ANY(%s)")
        return [row for (row,) in db.execute(query.format(review_table.quoted(table)), [list(numbers)])]


def rows_to_redo(db: Database, table: str | None, most: int) -> list[dict[str, Any]]:
    """The review table's rows that say `incomplete`, at most so many; none where it hasn't that column."""
    with transaction(db, UNHURRIED_SECONDS):
        if table is None or "incomplete" not in types_of_columns(db, table):
            return []
        query = sql.SQL("SELECT to_jsonb(t) FROM {} AS t WHERE t.incomplete ORDER BY t.drop_number LIMIT %s")
        return [row for (row,) in db.execute(query.format(review_table.quoted(table)), [most])]


def _arrived(posted: Posted) -> list[_Arrived]:
    """The submissions that count, in row order, each with the latest of its drop so far."""
    counting = [one for one in posted.submissions if not one.standing.twin and not one.candidate.rejected]
    arrived = [(c, ALL_IS_KNOWN if _key(c) in posted.mended else before.latest) for c, _, before in counting]
    return sorted(arrived, key=lambda pair: pair[0].message.rowid)


def _changed(change: tuple[str, Candidate]) -> _Change:
    what, candidate = change
    message = candidate.message
    return f"review.{what}", candidate.project, candidate.drop_number, message.chat_jid, message.message_id


def _key(candidate: Candidate) -> Key:
    return candidate.message.chat_jid, candidate.message.message_id


def _drop(candidate: Candidate) -> Drop:
    return candidate.project, candidate.drop_number
