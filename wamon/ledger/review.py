"""The QA team's review table: what wamon writes there, and what it never undoes.

A new drop inserts a row; a submission newer than the drop's latest one so far reopens it; a drop whose last live
submission was retracted gets a dated line. What the bridge's own account says may insert a row and never updates one.
Where the table exists, only the columns that are there are written. Days and times without a zone are the config's.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, ClassVar

from psycopg import DataError, IntegrityError, InternalError, ProgrammingError, sql

from wamon.errors import ConfigError
from wamon.ledger.changes import ALL_IS_KNOWN
from wamon.log import logger
from wamon.postgres.connection import UNHURRIED_SECONDS, transaction
from wamon.postgres.queries import Queries

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from wamon.bridge.people import Aliases
    from wamon.clock import Clock
    from wamon.ledger.changes import Candidate, Key
    from wamon.ledger.following import Conflict, Posted
    from wamon.ledger.renaming import Renamed
    from wamon.model import Message, Reading
    from wamon.postgres.connection import Database

    Drop = tuple[str, str]  # project, drop number
    _Arrived = tuple[Candidate, datetime | None]  # with when the latest of its drop so far was sent

SQL = Queries("wamon.ledger", "review")

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
    **dict.fromkeys(_STEPS, "false"),
}
"""The columns of a new row, and what they are given."""

_MOMENTS = frozenset({"whatsapp_message_date", "review_date", "created_at", "updated_at"})

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
    """Follows recordings: the review table, as it was found at first contact."""

    shares_rows: ClassVar[bool] = True  # of projects, whichever source feeds them

    def __init__(self, table: str, aliases: Aliases, zone: ZoneInfo, clock: Clock) -> None:
        self.name = table if "." in table else f"public.{table}"
        self._aliases = aliases
        self._zone = zone
        self._clock = clock
        self._table = sql.Identifier(*self.name.split("."))
        self._columns: dict[str, str] = {}
        self._never_null: set[str] = set()
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

    def _found(self, db: Database) -> list[tuple[str, str, bool, bool]]:
        return SQL.run(db, "columns", table=self._table.as_string(db)).fetchall()

    def _learn(self, found: Iterable[tuple[str, str, bool, bool]]) -> None:
        self._columns = {column: kind for column, kind, _, _ in found}
        self._never_null = {column for column, _, never_null, _ in found if never_null}
        demanded = {column for column, _, _, must_be_given in found if must_be_given} - self._written()
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
        kept = SQL.run(db, "first_contact", table=self.name).fetchone()
        if kept is None:
            has_rows = db.execute(sql.SQL("SELECT EXISTS (SELECT FROM {})").format(self._table)).fetchone()
            since = self._clock.now() if has_rows and has_rows[0] else None
            kept = SQL.run(db, "note_contact", table=self.name, review_from=since)
            kept = kept.fetchone()
        return kept[0] if kept else None

    def prepare(self, db: Database, readings: Sequence[Reading]) -> None:
        """Nothing: a review row is of submissions."""

    def follow(self, db: Database, posted: Posted) -> Sequence[Conflict]:
        """What a recording's submissions mean for review rows; what a repair brought back only adds missing rows.

        Returns the drops for which no row could be made, since another project's row holds the number.
        """
        arrived = _arrived(posted)
        firsts, conflicts = self._begin(db, arrived)
        self._reopen(db, self._later(arrived, firsts))
        self._note(
            db, self._without_live(db, self._news(posted.retracted, posted)), "retracted by an edit of its message"
        )
        self._note(db, self._news(posted.revived, posted), "posted again by an edit of its message")
        return conflicts

    def _news(self, candidates: Iterable[Candidate], posted: Posted) -> set[Drop]:
        """The drops to which an edit did something that people don't know yet."""
        return {_drop(c) for c in candidates if _key(c) not in posted.mended and self._minds(c.message)}

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

    def _begin(self, db: Database, arrived: Sequence[_Arrived]) -> tuple[dict[Drop, Candidate], list[Drop]]:
        """Make the rows that drops lack, each from the first post to arrive: those posts, and the conflicts."""
        firsts = {_drop(candidate): candidate for candidate, _ in reversed(arrived)}
        rowless = firsts.keys() - self._rows_of(db, firsts)
        made = self.insert(db, [c for c, _ in arrived if _drop(c) in rowless and firsts[_drop(c)] is c])
        left = rowless - made
        return {drop: firsts[drop] for drop in made}, sorted(left - self._rows_of(db, left))

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
                later[self._row_of(drop)].append(candidate)
            latest[drop] = max(candidate.sent_at, so_far or candidate.sent_at)
        return later

    def rename(self, db: Database, renamed: Sequence[Renamed]) -> None:
        """Within a transaction: have rows follow their projects' new names. Where the table refuses them, they stay."""
        if "project" not in self._columns:
            return
        values = {
            "chats": [one.chat for one in renamed],
            "was": [one.was for one in renamed],
            "now": [one.now for one in renamed],
            "wholly": [one.wholly for one in renamed],
        }
        try:
            with db.transaction():
                db.execute(sql.SQL(SQL.sql("rename")).format(table=self._table), values)
        except (DataError, IntegrityError, InternalError, ProgrammingError) as error:
            logger.warning(
                "The rows of %s keep their projects' former names: PostgreSQL refuses the new ones (%s).",
                self.name,
                type(error).__name__,
                extra={"action": "review.not_renamed"},
            )

    def missing(self, db: Database, drops: Sequence[Drop]) -> list[Drop]:
        """Those of the drops that have no review row, though no other project's row holds their number."""
        held = self._rows_of(db, drops)
        lacking = [drop for drop in drops if drop not in held]
        if not lacking or not self._one_row_a_number(db):
            return lacking
        taken = {number for _, number in self._rows(db, {number for _, number in lacking})}
        return [drop for drop in lacking if drop[1] not in taken]

    def _rows_of(self, db: Database, drops: Iterable[Drop]) -> set[Drop]:
        """Those of the drops that have a row. Where the table knows no project, a row serves every project."""
        wanted = set(drops)
        return self._served(wanted, self._rows(db, {number for _, number in wanted})) if wanted else wanted

    def _rows(self, db: Database, numbers: set[str]) -> list[tuple[str | None, str]]:
        """The rows of these numbers, as (project or None, number)."""
        query = sql.SQL("SELECT {}, drop_number::text FROM {} WHERE drop_number::text = ANY(%s)")
        return db.execute(query.format(self._project(), self._table), [list(numbers)]).fetchall()

    def _served(self, drops: set[Drop], rows: Sequence[tuple[str | None, str]]) -> set[Drop]:
        """Those of the drops that these rows stand for."""
        if "project" in self._columns:
            return drops & {(project or "", number) for project, number in rows}
        numbers = {number for _, number in rows}
        return {drop for drop in drops if drop[1] in numbers}

    def _row_of(self, drop: Drop) -> Drop:
        return drop if "project" in self._columns else ("", drop[1])

    def _project(self) -> sql.SQL:
        return sql.SQL("project::text" if "project" in self._columns else "NULL")

    def insert(self, db: Database, candidates: Sequence[Candidate]) -> set[Drop]:
        """Insert a row for each; the drops of those made. A unique key that stands in the way is no error."""
        if "project" not in self._columns:
            candidates = list({c.drop_number: c for c in reversed(candidates)}.values())
        if not candidates:
            return set()
        written = sorted(self._written())
        query = sql.SQL(
            "INSERT INTO {} ({}) SELECT {} FROM unnest(%(projects)s::text[], %(drops)s::text[], %(senders)s::text[], "
            "%(sent_ats)s::text[]) AS k(project, drop_number, sender, sent_at) ON CONFLICT DO NOTHING "
            "RETURNING {}, drop_number::text"
        ).format(
            self._table,
            sql.SQL(", ").join(map(sql.Identifier, written)),
            sql.SQL(", ").join(self._value(column, _WRITTEN[column]) for column in written),
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
        return self._served({_drop(c) for c in candidates}, made)

    def _written(self) -> set[str]:
        """The columns of a new row that the table has. An id that is no uuid is the table's own to give."""
        own_id = {"id"} if self._columns.get("id") != "uuid" else set()
        return (_WRITTEN.keys() & self._columns.keys()) - own_id

    def _told(self, moment: datetime) -> str:
        """A moment as text: the wall clock of the operator's zone, with its offset."""
        return str(moment.astimezone(self._zone))

    def _value(self, column: str, given: str) -> sql.SQL:
        """What a column is given, as its type holds it: one without a zone keeps the wall clock alone."""
        kind = self._columns[column]
        if column not in _MOMENTS or kind == "text":
            return sql.SQL(given)
        return sql.SQL(f"{given}::timestamptz" if kind == "timestamptz" else f"{given}::timestamp")

    def _reopen(self, db: Database, later: Mapping[Drop, Sequence[Candidate]]) -> None:
        """Have drops that were posted again reviewed again."""
        lines = {
            drop: "\n".join(self._line(candidate.sent_at, "posted again") for candidate in candidates)
            for drop, candidates in later.items()
        }
        unsent = "DEFAULT" if "feedback_sent" in self._never_null else "NULL"
        self._update(db, lines, {"resubmitted": "true", "incomplete": "false", "feedback_sent": unsent})

    def _note(self, db: Database, drops: Iterable[Drop], what: str) -> None:
        self._update(db, dict.fromkeys(map(self._row_of, drops), self._line(self._clock.now(), what)), {})

    def _line(self, moment: datetime, what: str) -> str:
        return f"{moment.astimezone(self._zone):%Y-%m-%d %H:%M %Z}: {what}"

    def _update(self, db: Database, lines: Mapping[Drop, str], values: Mapping[str, str]) -> None:
        """Append a line to the comment of each drop's row, and set these columns, as far as the table has them."""
        every = {
            **values,
            "comment": "concat_ws(E'\\n', nullif(t.comment, ''), k.lines)",
            "updated_at": "%(now)s::text",
        }
        settings = [
            sql.SQL("{} = {}").format(sql.Identifier(column), self._value(column, value))
            for column, value in every.items()
            if column in self._columns
        ]
        if not lines or not settings:
            return
        same_project = sql.SQL("AND t.project::text = k.project" if "project" in self._columns else "")
        query = sql.SQL(
            "UPDATE {} AS t SET {} FROM unnest(%(projects)s::text[], %(drops)s::text[], %(lines)s::text[]) "
            "AS k(project, drop_number, lines) "
            "WHERE t.drop_number::text = k.drop_number {}"
        ).format(self._table, sql.SQL(", ").join(settings), same_project)
        rows = {"projects": [p for p, _ in lines], "drops": [n for _, n in lines], "lines": list(lines.values())}
        db.execute(query, {**rows, "now": self._told(self._clock.now())})

    def _one_row_a_number(self, db: Database) -> bool:
        """Whether a unique key on the drop number alone leaves room for only one project's row."""
        return bool(SQL.value(db, "keyed_by_number_alone", table=self._table.as_string(db)))


def types_of_columns(db: Database, table: str | None) -> dict[str, str]:
    """The review table's columns in its order, each with its type; none where there is no such table."""
    with transaction(db, UNHURRIED_SECONDS):
        return dict(SQL.run(db, "types", table=_identifier(table).as_string(db)).fetchall()) if table else {}


def rows_of(db: Database, table: str | None, *numbers: str) -> list[dict[str, Any]]:
    """The rows that the review table, if it is there, holds of drop numbers, with whatever columns it has."""
    with transaction(db, UNHURRIED_SECONDS):
        if table is None or not types_of_columns(db, table):
            return []
        query = sql.SQL("SELECT to_jsonb(t) FROM {} AS t WHERE t.drop_number::text = ANY(%s)")
        return [row for (row,) in db.execute(query.format(_identifier(table)), [list(numbers)])]


def _identifier(table: str) -> sql.Identifier:
    schema, _, name = table.rpartition(".")
    return sql.Identifier(schema or "public", name)


def _arrived(posted: Posted) -> list[_Arrived]:
    """The submissions that count, in row order, each with the latest of its drop so far."""
    counting = [one for one in posted.submissions if not one.standing.twin and not one.candidate.rejected]
    arrived = [(c, ALL_IS_KNOWN if _key(c) in posted.mended else before.latest) for c, _, before in counting]
    return sorted(arrived, key=lambda pair: pair[0].message.rowid)


def _key(candidate: Candidate) -> Key:
    return candidate.message.chat_jid, candidate.message.message_id


def _drop(candidate: Candidate) -> Drop:
    return candidate.project, candidate.drop_number
