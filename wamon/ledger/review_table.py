"""The review table as it was found: which of its columns wamon writes, and what each of them can hold.

wamon alters nothing there. A column of a type that can't hold what wamon would write is left out of all writing; a
text that is longer than its column is cut, but for a drop number's and a project's.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from psycopg import sql

from wamon.errors import ConfigError
from wamon.postgres.connection import lacking
from wamon.postgres.queries import Queries

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from wamon.postgres.connection import Database

SQL = Queries("wamon.ledger", "review_table")

STEPS = (
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
KEYS = ("drop_number", "project")

_MOMENTS = frozenset({"whatsapp_message_date", "review_date", "created_at", "updated_at"})
_TRUTHS = frozenset({"resubmitted", "incomplete", "completed", *STEPS})
_HOLDING_A_MOMENT = frozenset({"timestamptz", "timestamp", "date", "text"})
_LONGEST_TRUTH = len("false")

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
    **dict.fromkeys(STEPS, "boolean NOT NULL DEFAULT false"),
}


class Column(NamedTuple):
    """One column."""

    kind: str  # `text` for all that hold texts, else the type's own name; of a domain, what it is made of
    cast: str  # the type as a cast names it, without a length
    shown: str  # the type as people know it: `character varying(100)`
    length: int | None  # the most characters that it holds
    never_null: bool
    must_be_given: bool
    folds: bool  # upper and lower case are equal there

    def holds(self, name: str) -> bool:
        """Whether it can hold what wamon writes into a column of this name."""
        if name in _MOMENTS:
            return self.kind in _HOLDING_A_MOMENT
        if name in _TRUTHS:
            fits = self.length is None or self.length >= _LONGEST_TRUTH
            return self.kind == "bool" or (self.kind == "text" and fits)
        return name == "feedback_sent" or self.kind == ("uuid" if name == "id" else "text")

    def cut(self, value: str) -> str:
        """A text as long as it holds one."""
        return value if self.length is None else value[: self.length]


@dataclass(frozen=True, slots=True)
class ReviewTable:
    """A table that is there. `columns` are those that wamon may write, `left_out` those that can't hold it."""

    name: str  # with its schema
    columns: Mapping[str, Column] = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)  # their types, by name
    demanded: Collection[str] = ()  # columns that must be given a value, which wamon doesn't have
    lacking_rights: Collection[str] = ()  # SELECT, INSERT, UPDATE, as far as this user hasn't got them
    grant: str = ""  # what its owner says to give them
    hides_rows: bool = False  # row security applies to this user
    defers: bool = False  # some constraint or trigger waits for the commit

    @property
    def quoted(self) -> sql.Identifier:
        return quoted(self.name)

    @property
    def has_project(self) -> bool:
        return "project" in self.columns

    def folded(self, column: str, value: str) -> str:
        """A value as the column compares it."""
        return value.casefold() if column in self.columns and self.columns[column].folds else value

    def misfit(self, **keys: str) -> str | None:
        """Why these values of drop_number and project don't fit, which are never cut."""
        for name, value in keys.items():
            length = self.columns[name].length if name in self.columns else None
            if length is not None and len(value) > length:
                return f"{self.name}.{name} holds at most {length} characters, and is never cut."
        return None

    def value(self, name: str, given: str) -> sql.SQL:
        """What a column is given, as its type holds it: one without a zone keeps the wall clock alone."""
        column = self.columns[name]
        if name in _MOMENTS and column.kind != "text":
            return sql.SQL(f"{given}::timestamptz" if column.kind == "timestamptz" else f"{given}::timestamp")
        if column.kind == "text" and column.length and name not in _TRUTHS and name not in KEYS:
            return sql.SQL(f"left({given}, {column.length})")
        return sql.SQL(given)

    def require_fit(self) -> None:
        """Raise ConfigError where no row can be made here, DatabaseUnavailable where a right is missing."""
        misled = "Name the QA team's table in database.review_table, or leave that empty to write none."
        if "drop_number" not in self.columns and "drop_number" not in self.left_out:
            raise ConfigError(f"The review table {self.name} has no column drop_number.", hint=misled)
        for name in KEYS:
            if name in self.left_out:
                raise ConfigError(f"{self.name}.{name} is of type {self.left_out[name]}, and not a text.", hint=misled)
        if self.demanded:
            raise ConfigError(
                f"The review table {self.name} demands values that wamon doesn't have: "
                f"{', '.join(sorted(self.demanded))}.",
                hint="Give these columns a default or let them be null; wamon alters nothing there itself.",
            )
        if self.lacking_rights:
            raise lacking(f"{', '.join(self.lacking_rights)} on {self.name}", self.grant)


def named(table: str) -> str:
    """A table's name with its schema, which is public where none is said."""
    return table if "." in table else f"public.{table}"


def quoted(table: str) -> sql.Identifier:
    """A table's name as SQL has it; without a schema it is public's."""
    schema, _, name = table.rpartition(".")
    return sql.Identifier(schema or "public", name)


def found(db: Database, name: str) -> ReviewTable | None:
    """The table as it stands now; None where there is none. Within a transaction."""
    table = quoted(name).as_string(db)
    rows = SQL.run(db, "columns", table=table).fetchall()
    if not rows:
        return None
    (rights,) = SQL.run(db, "rights", table=table).fetchall()
    columns = {column: Column(*about) for column, *about in rows}
    ours = {column: about for column, about in columns.items() if column in _SHAPE}
    left_out = {column: about.shown for column, about in ours.items() if column != "id" and not about.holds(column)}
    written = {column: about for column, about in ours.items() if about.holds(column)}
    demanded = {column for column, about in columns.items() if about.must_be_given} - _given(written)
    return ReviewTable(name, written, left_out, demanded, *rights)


def _given(written: Iterable[str]) -> set[str]:
    """The columns that a new row is given."""
    return set(written) - {"comment", "feedback_sent"}


def require_room(db: Database, name: str) -> None:
    """Raises ConfigError where the table's schema is missing, DatabaseUnavailable where this user may make none."""
    schema, _, _ = name.rpartition(".")
    ((there, may, grant),) = SQL.run(db, "may_make", schema=schema).fetchall()
    if not there:
        raise ConfigError(
            f"There is no schema {schema} for the review table {name}.",
            hint="Create it, or name another table in database.review_table.",
        )
    if not may:
        raise lacking(f"CREATE on schema {schema}, to make the review table {name}", grant)


def make(db: Database, name: str) -> None:
    """Make the table. Raises as `require_room`."""
    require_room(db, name)
    shape = sql.SQL(", ").join(
        sql.SQL("{} {}").format(sql.Identifier(column), sql.SQL(kind)) for column, kind in _SHAPE.items()
    )
    db.execute(sql.SQL("CREATE TABLE {} ({}, UNIQUE (drop_number, project))").format(quoted(name), shape))
