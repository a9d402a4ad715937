"""Rows of the review table: which there are, and how they are made, opened again and noted in.

Whatever the table refuses is raised. Runs within a transaction.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg import sql

from wamon.ledger.review_table import STEPS
from wamon.log import logger
from wamon.postgres.queries import Queries

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from wamon.bridge.people import Aliases
    from wamon.clock import Clock
    from wamon.ledger.changes import Candidate, Drop
    from wamon.ledger.following import Renamed
    from wamon.ledger.review_table import ReviewTable
    from wamon.ledger.waits import Effect
    from wamon.postgres.connection import Database

SQL = Queries("wamon.ledger", "review_rows")

_WRITTEN = {
    "id": "gen_random_uuid()",
    "drop_number": "k.drop_number",
    "project": "k.project",
    "user_name": "k.sender",
    "submitted_by": "k.sender",
    "whatsapp_message_date": "k.sent_at",
    "review_date": "k.sent_at",
    "resubmitted": "false",
    "incomplete": "false",
    "completed": "false",
    "created_at": "%(now)s::text",
    "updated_at": "%(now)s::text",
    **dict.fromkeys(STEPS, "false"),
}
"""The columns of a new row, and what they are given."""


class ReviewRows:
    """Those of one table, as it was found. Moments are written by the wall clock of the operator's zone."""

    def __init__(self, table: ReviewTable, aliases: Aliases, zone: ZoneInfo, clock: Clock) -> None:
        self._table = table
        self._aliases = aliases
        self._zone = zone
        self._clock = clock
        self._is_cutting_told = False

    def of(self, db: Database, drops: Iterable[Drop], *, to_update: bool = False) -> set[Drop]:
        """Those of the drops that have a row. Where the table knows no project, a row serves every project.

        `to_update`: those whose row isn't locked by another session; it is ours to update then.
        """
        wanted = set(drops)
        if not wanted:
            return wanted
        return self._served(wanted, self._found(db, {number for _, number in wanted}, to_update=to_update))

    def unheld(self, db: Database, drops: Sequence[Drop]) -> list[Drop]:
        """Those of the drops whose number no row holds, of whatever project."""
        held = {self._folded(number) for _, number in self._found(db, {number for _, number in drops})}
        return [drop for drop in drops if self._folded(drop[1]) not in held]

    def _found(self, db: Database, numbers: set[str], *, to_update: bool = False) -> list[tuple[str | None, str]]:
        """The rows of these numbers, as (project or None, number)."""
        query = sql.SQL("SELECT {}, drop_number::text FROM {} WHERE drop_number = ANY(%s::{}[]) {}").format(
            self._project(),
            self._table.quoted,
            self._cast("drop_number"),
            sql.SQL("FOR NO KEY UPDATE SKIP LOCKED" if to_update else ""),
        )
        return db.execute(query, [list(numbers)]).fetchall()

    def _served(self, drops: set[Drop], rows: Sequence[tuple[str | None, str]]) -> set[Drop]:
        """Those of the drops that these rows stand for."""
        if self._table.has_project:
            there = {(self._folded(project or "", "project"), self._folded(number)) for project, number in rows}
            return {drop for drop in drops if (self._folded(drop[0], "project"), self._folded(drop[1])) in there}
        numbers = {self._folded(number) for _, number in rows}
        return {drop for drop in drops if self._folded(drop[1]) in numbers}

    def _folded(self, value: str, column: str = "drop_number") -> str:
        return self._table.folded(column, value)

    def _cast(self, column: str) -> sql.SQL:
        """The column's type: compared as that, its own index and its own rules for upper and lower case hold."""
        return sql.SQL(self._table.columns[column].cast)

    def row_of(self, drop: Drop) -> Drop:
        """Which row is a drop's: without a project, one serves every project."""
        return drop if self._table.has_project else ("", drop[1])

    def _project(self) -> sql.SQL:
        return sql.SQL("project::text" if self._table.has_project else "NULL")

    def insert(self, db: Database, candidates: Sequence[Candidate]) -> set[Drop]:
        """Insert a row for each; the drops of those made. A unique key that stands in the way is no error."""
        if not self._table.has_project:
            candidates = list({c.drop_number: c for c in reversed(candidates)}.values())
        if not candidates:
            return set()
        written = sorted(_WRITTEN.keys() & self._table.columns.keys())
        query = sql.SQL(
            "INSERT INTO {} ({}) SELECT {} FROM unnest(%(projects)s::text[], %(drops)s::text[], %(senders)s::text[], "
            "%(sent_ats)s::text[]) AS k(project, drop_number, sender, sent_at) ON CONFLICT DO NOTHING "
            "RETURNING {}, drop_number::text"
        ).format(
            self._table.quoted,
            sql.SQL(", ").join(map(sql.Identifier, written)),
            sql.SQL(", ").join(self._table.value(column, _WRITTEN[column]) for column in written),
            self._project(),
        )
        forms = self._aliases.one_form({c.message.sender for c in candidates})
        values = {
            "projects": [c.project for c in candidates],
            "drops": [c.drop_number for c in candidates],
            "senders": [forms[c.message.sender] for c in candidates],
            "sent_ats": [self._told(c.sent_at) for c in candidates],
            "now": self._told(self._clock.now()),
        }
        made = db.execute(query, values).fetchall()
        return self._served({(c.project, c.drop_number) for c in candidates}, made)

    def reopen(self, db: Database, later: Mapping[Drop, Sequence[Candidate]]) -> set[Drop]:
        """Have drops that were posted again, by these posts, reviewed again; whose rows there were."""
        lines = {
            row: "\n".join(self._line(candidate.sent_at, "posted again") for candidate in candidates)
            for row, candidates in later.items()
        }
        feedback = self._table.columns.get("feedback_sent")
        unsent = "DEFAULT" if feedback and feedback.never_null else "NULL"
        return self._update(db, lines, {"resubmitted": "true", "incomplete": "false", "feedback_sent": unsent})

    def note(self, db: Database, effects: Iterable[Effect], what: str) -> set[Drop]:
        """Append a line that says what an edit did, as of when it was seen; whose rows there were."""
        return self._update(db, {self.row_of(one.drop): self._line(one.seen_at, what) for one in effects}, {})

    def _line(self, moment: datetime, what: str) -> str:
        return f"{wall_clock(moment, self._zone):%Y-%m-%d %H:%M %Z}: {what}"

    def _update(self, db: Database, lines: Mapping[Drop, str], values: Mapping[str, str]) -> set[Drop]:
        """Append a line to the comment of each drop's row, and set these columns, as far as the table has them.

        Returns those of the drops whose rows there were.
        """
        every = {
            **values,
            "comment": "concat_ws(E'\\n', nullif(t.comment, ''), k.lines)",
            "updated_at": "%(now)s::text",
        }
        columns = self._table.columns
        settings = [
            sql.SQL("{} = {}").format(sql.Identifier(column), self._table.value(column, value))
            for column, value in every.items()
            if column in columns
        ]
        if not lines or not settings:
            return set()
        same_project = sql.Composed([])
        if self._table.has_project:
            same_project = sql.SQL("AND t.project = k.project::{}").format(self._cast("project"))
        query = sql.SQL(
            "UPDATE {} AS t SET {} FROM unnest(%(projects)s::text[], %(drops)s::text[], %(lines)s::text[]) "
            "AS k(project, drop_number, lines) "
            "WHERE t.drop_number = k.drop_number::{} {} RETURNING k.project, k.drop_number, {}"
        ).format(
            self._table.quoted,
            sql.SQL(", ").join(settings),
            self._cast("drop_number"),
            same_project,
            sql.SQL("right(t.comment, length(k.lines)) <> k.lines" if self._cuts_lines else "false"),
        )
        rows = {"projects": [p for p, _ in lines], "drops": [n for _, n in lines], "lines": list(lines.values())}
        updated = db.execute(query, {**rows, "now": self._told(self._clock.now())}).fetchall()
        if any(is_cut for _, _, is_cut in updated):
            self._tell_cutting()
        return {(project, number) for project, number, _ in updated}

    @property
    def _cuts_lines(self) -> bool:
        comment = self._table.columns.get("comment")
        return comment is not None and comment.length is not None

    def _tell_cutting(self) -> None:
        """Say once that lines don't fit."""
        if not self._is_cutting_told:
            self._is_cutting_told = True
            logger.warning(
                "%s.comment holds %s characters: lines that don't fit are cut.",
                self._table.name,
                self._table.columns["comment"].length,
                extra={"action": "review.cut", "column": f"{self._table.name}.comment"},
            )

    def _told(self, moment: datetime) -> str:
        """A moment as text: the wall clock of the operator's zone, with its offset."""
        return str(wall_clock(moment, self._zone))

    def rename(self, db: Database, renamed: Sequence[Renamed]) -> None:
        """Have rows follow their projects' new names."""
        values = {
            "chats": [one.chat for one in renamed],
            "was": [one.was for one in renamed],
            "now": [one.now for one in renamed],
            "wholly": [one.wholly for one in renamed],
        }
        db.execute(sql.SQL(SQL.sql("rename")).format(table=self._table.quoted), values)

    def one_row_a_number(self, db: Database) -> bool:
        """Whether a unique key on the drop number alone leaves room for only one project's row."""
        return bool(SQL.value(db, "keyed_by_number_alone", table=self._table.quoted.as_string(db)))


def wall_clock(moment: datetime, zone: ZoneInfo) -> datetime:
    """A moment in a zone; in UTC within a day of the calendar's ends, where there is no other."""
    try:
        return moment.astimezone(zone)
    except OverflowError:
        return moment
