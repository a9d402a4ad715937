"""The QA team's review table: what wamon writes there, and what it never undoes.

A new drop inserts a row; a submission newer than the drop's latest one so far reopens it; a drop whose last live
submission was retracted gets a dated line. Where the table exists, only the columns that are there are written.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from psycopg import sql

from wamon.drops.reading import user_of
from wamon.errors import ConfigError
from wamon.postgres.connection import transaction
from wamon.postgres.queries import queries

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from wamon.clock import Clock
    from wamon.postgres.changes import Candidate, Standing
    from wamon.postgres.connection import Database

    Drop = tuple[str, str]  # project, drop number

SQL = queries("review")

_STEPS = (
    "step_01_house_photo",
    "step_02_cable_from_pole",
    "step_03_cable_entry_outside",
    "step_04_cable_entry_inside",
    "step_05_wall_for_installation",
    "step_06_ont_back_after_install",
    "step_07_power_meter_reading",
    "step_08_ont_barcode",
    "step_09_ups_serial",
    "step_10_final_installation",
    "step_11_green_lights",
    "step_12_customer_signature",
)

_WRITTEN = {
    "id": "uuid",
    "drop_number": "text",
    "project": "text",
    "user_name": "text",
    "submitted_by": "text",
    "whatsapp_message_date": "timestamptz",
    "review_date": "timestamptz",
    "resubmitted": "boolean",
    "incomplete": "boolean",
    "completed": "boolean",
    "created_at": "timestamptz",
    "updated_at": "timestamptz",
    **dict.fromkeys(_STEPS, "boolean"),
}
"""The columns of a new row, and the types in which their values are given."""

_SHAPE = {
    "id": "uuid PRIMARY KEY DEFAULT gen_random_uuid()",
    "drop_number": "text NOT NULL",
    "project": "text NOT NULL",
    "user_name": "text",
    "submitted_by": "text",
    "whatsapp_message_date": "timestamptz",
    "review_date": "timestamptz",
    "comment": "text",
    "resubmitted": "boolean NOT NULL DEFAULT false",
    "incomplete": "boolean NOT NULL DEFAULT false",
    "completed": "boolean NOT NULL DEFAULT false",
    "feedback_sent": "timestamptz",
    "created_at": "timestamptz NOT NULL DEFAULT now()",
    "updated_at": "timestamptz NOT NULL DEFAULT now()",
    **dict.fromkeys(_STEPS, "boolean NOT NULL DEFAULT false"),
}


class Review:
    """The review table, as it was found at first contact."""

    def __init__(self, table: str, zone: ZoneInfo, clock: Clock) -> None:
        self.name = table if "." in table else f"public.{table}"
        self._zone = zone
        self._clock = clock
        self._table = sql.Identifier(*self.name.split("."))
        self._columns: dict[str, str] = {}
        self._review_from: datetime | None = None

    def contact(self, db: Database) -> None:
        """Make the table where it is missing, learn its columns where it isn't, and keep the moment of first contact.

        Raises ConfigError where it lacks drop_number, or has a column that must be filled and that wamon doesn't know.
        """
        with transaction(db):
            db.execute("SELECT pg_advisory_xact_lock(hashtextextended('wamon review', 0))")
            shape = sql.SQL(", ").join(
                sql.SQL("{} {}").format(sql.Identifier(column), sql.SQL(kind)) for column, kind in _SHAPE.items()
            )
            if not self._found(db):
                db.execute(sql.SQL("CREATE TABLE {} ({}, UNIQUE (drop_number, project))").format(self._table, shape))
            self._learn(self._found(db))
            self._review_from = self._first_contact(db)

    def _found(self, db: Database) -> list[tuple[str, str, bool]]:
        return db.execute(SQL["columns"], {"table": self._table.as_string(db)}).fetchall()

    def _learn(self, found: Iterable[tuple[str, str, bool]]) -> None:
        demanded = {column for column, _, must_be_given in found if must_be_given} - _WRITTEN.keys()
        self._columns = {column: kind for column, kind, _ in found}
        if "drop_number" not in self._columns:
            raise ConfigError(
                f"The review table {self.name} has no column drop_number.",
                hint="Name the QA team's table in database.review_table, or leave that empty to write none.",
            )
        if demanded:
            raise ConfigError(
                f"The review table {self.name} demands values that wamon doesn't have: {', '.join(sorted(demanded))}.",
                hint="Give these columns a default or let them be null; wamon alters nothing there itself.",
            )

    def _first_contact(self, db: Database) -> datetime | None:
        kept = db.execute(SQL["first_contact"], {"table": self.name}).fetchone()
        if kept is None:
            has_rows = db.execute(sql.SQL("SELECT EXISTS (SELECT FROM {})").format(self._table)).fetchone()
            kept = db.execute(SQL["note_contact"], {"table": self.name, "has_rows": bool(has_rows and has_rows[0])})
            kept = kept.fetchone()
        return kept[0] if kept else None

    def follow(
        self,
        db: Database,
        inserted: Sequence[tuple[Candidate, Standing]],
        revived: Iterable[Drop],
        withdrawn: Iterable[Drop],
    ) -> list[Drop]:
        """Within a recording transaction: what the batch's submissions mean for review rows.

        Returns the conflicts: drops for which no row could be made, since another project's row holds the number.
        """
        latest = {(c.project, c.drop_number): before.latest for c, before in reversed(inserted)}
        posts = _by_drop(inserted)
        conflicts: list[Drop] = []
        if posts:
            missing = posts.keys() - self._rows_of(db, posts)
            made = self.insert(db, [posts[drop][0] for drop in missing])
            conflicts = sorted(missing - made)
            for drop in made:
                latest[drop] = posts[drop][0].sent_at
            later = {drop: self._later(posts[drop][drop in made :], latest[drop]) for drop in posts}
            self._reopen(db, {drop: candidates for drop, candidates in later.items() if candidates})
        self._note(db, withdrawn, "retracted by an edit of its message")
        self._note(db, revived, "posted again by an edit of its message")
        return conflicts

    def missing(self, db: Database, drops: Sequence[Drop]) -> list[Drop]:
        """Those of the drops that have no review row, though no other project's row holds their number."""
        held = self._rows_of(db, drops)
        numbers = {number for _, number in held} if self._one_row_a_number(db) else set()
        return [drop for drop in drops if drop not in held and drop[1] not in numbers]

    def _later(self, candidates: Sequence[Candidate], latest: datetime | None) -> list[Candidate]:
        """Those that are no older than the latest so far, nor older than wamon's first contact with people's work."""
        bounds = [bound for bound in (latest, self._review_from) if bound]
        return [candidate for candidate in candidates if all(candidate.sent_at >= bound for bound in bounds)]

    def _rows_of(self, db: Database, drops: Iterable[Drop]) -> set[Drop]:
        """Those of the drops that have a row. Where the table knows no project, a row serves every project."""
        wanted = set(drops)
        query = sql.SQL("SELECT {}, drop_number::text FROM {} WHERE drop_number::text = ANY(%s)")
        rows = db.execute(query.format(self._project(), self._table), [list({number for _, number in wanted})])
        return self._meant(wanted, rows.fetchall())

    def _project(self) -> sql.SQL:
        return sql.SQL("project::text" if "project" in self._columns else "NULL")

    def _meant(self, drops: set[Drop], rows: Sequence[tuple[str | None, str]]) -> set[Drop]:
        """The drops that rows (project or none, number) stand for."""
        if "project" in self._columns:
            return drops & {(project or "", number) for project, number in rows}
        numbers = {number for _, number in rows}
        return {drop for drop in drops if drop[1] in numbers}

    def insert(self, db: Database, candidates: Sequence[Candidate]) -> set[Drop]:
        """Insert a row for each; the drops of those made. A unique key that stands in the way is no error."""
        if not candidates:
            return set()
        written = [column for column in _WRITTEN if column in self._columns and not self._has_own_id(column)]
        rows = [self._row(candidate) for candidate in candidates]
        names = sql.SQL(", ").join(map(sql.Identifier, written))
        values = sql.SQL(", ").join(sql.SQL("%s::{}[]").format(sql.SQL(_WRITTEN[column])) for column in written)
        query = sql.SQL(
            "INSERT INTO {} ({names}) SELECT {names} FROM unnest({}) AS k({names}) ON CONFLICT DO NOTHING "
            "RETURNING {}, drop_number::text"
        ).format(self._table, values, self._project(), names=names)
        made = db.execute(query, [[row[column] for row in rows] for column in written]).fetchall()
        return self._meant({(c.project, c.drop_number) for c in candidates}, made)

    def _has_own_id(self, column: str) -> bool:
        return column == "id" and self._columns["id"] != "uuid"

    def _row(self, candidate: Candidate) -> dict[str, Any]:
        sender = user_of(candidate.message.sender)
        return {
            **dict.fromkeys(("resubmitted", "incomplete", "completed", *_STEPS), False),
            "id": uuid4(),
            "drop_number": candidate.drop_number,
            "project": candidate.project,
            "user_name": sender,
            "submitted_by": sender,
            "whatsapp_message_date": candidate.sent_at,
            "review_date": candidate.sent_at,
            "created_at": self._clock.now(),
            "updated_at": self._clock.now(),
        }

    def _reopen(self, db: Database, later: Mapping[Drop, Sequence[Candidate]]) -> None:
        """Have drops that were posted again reviewed again."""
        lines = {
            drop: "\n".join(self._line(candidate.sent_at, "posted again") for candidate in candidates)
            for drop, candidates in later.items()
        }
        self._update(db, lines, {"resubmitted": "true", "incomplete": "false", "feedback_sent": "NULL"})

    def _note(self, db: Database, drops: Iterable[Drop], what: str) -> None:
        self._update(db, dict.fromkeys(drops, self._line(self._clock.now(), what)), {})

    def _line(self, moment: datetime, what: str) -> str:
        return f"{moment.astimezone(self._zone):%Y-%m-%d %H:%M %Z}: {what}"

    def _update(self, db: Database, lines: Mapping[Drop, str], values: Mapping[str, str]) -> None:
        """Append a line to the comment of each drop's row, and set these columns, as far as the table has them."""
        every = {**values, "comment": "concat_ws(E'\\n', t.comment, k.line)", "updated_at": "now()"}
        settings = [
            sql.SQL("{} = {}").format(sql.Identifier(column), sql.SQL(value))
            for column, value in every.items()
            if column in self._columns
        ]
        if not lines or not settings:
            return
        same_project = sql.SQL("AND t.project::text = k.project" if "project" in self._columns else "")
        query = sql.SQL(
            "UPDATE {} AS t SET {} FROM unnest(%s::text[], %s::text[], %s::text[]) AS k(project, drop_number, line) "
            "WHERE t.drop_number::text = k.drop_number {}"
        ).format(self._table, sql.SQL(", ").join(settings), same_project)
        db.execute(query, [[p for p, _ in lines], [number for _, number in lines], list(lines.values())])

    def _one_row_a_number(self, db: Database) -> bool:
        """Whether a unique key on the drop number alone leaves room for only one project's row."""
        return bool(db.execute(SQL["keyed_by_number_alone"], {"table": self._table.as_string(db)}).fetchall()[0][0])


def _by_drop(inserted: Iterable[tuple[Candidate, Standing]]) -> dict[Drop, list[Candidate]]:
    """Each drop's candidates in the order in which they were sent."""
    posts: defaultdict[Drop, list[Candidate]] = defaultdict(list)
    for candidate, _ in sorted(inserted, key=lambda pair: _order(pair[0])):
        posts[candidate.project, candidate.drop_number].append(candidate)
    return dict(posts)


def _order(candidate: Candidate) -> tuple[datetime, str, str]:
    return candidate.sent_at, candidate.message.chat_jid, candidate.message.message_id
