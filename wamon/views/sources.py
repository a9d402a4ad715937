"""The sources, as each `run` last published itself, and how old that is by the database's clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

from wamon.health.signs import sign
from wamon.postgres.queries import Queries

if TYPE_CHECKING:
    from wamon.postgres.connection import Database

SQL = Queries("wamon.views", "sources")


@dataclass(frozen=True, slots=True)
class Check:
    """One of a source's checks; those of its groups stand with them."""

    name: Annotated[str, "as `wamon doctor --json` names it"]
    state: Annotated[str, "`ok`, `warn`, `bad` or `unknown`"]
    sentence: Annotated[str, "what was found"]
    hint: Annotated[str, "what to do; may be empty"]


@dataclass(frozen=True, slots=True)
class Source:
    """A source, as it last published itself."""

    name: Annotated[str, "the source's name in the database"]
    sign: Annotated[
        str,
        "its last sign of life: `on-time`, `late`, `down`, `stopped` (a planned restart of this minute), `scan` "
        "(only `wamon scan` reads), or `none`: it never published anything",
    ]
    host: Annotated[str | None, "where it runs, or ran"]
    instance: Annotated[str | None, "the instance of its service; empty: it has none"]
    pid: Annotated[int | None, "its process there"]
    version: Annotated[str | None, "wamon's"]
    zone: Annotated[str | None, "its time zone"]
    started_at: Annotated[datetime | None, "since when it runs"]
    published_at: Annotated[datetime | None, "its last sign of life"]
    silent_seconds: Annotated[float | None, "how long ago that was, by the database's clock"]
    every_seconds: Annotated[int | None, "between two signs of life; 0: whenever `wamon scan` runs"]
    state: Annotated[str, "the worst of its checks: `ok`, `unknown`, `warn` or `bad`; `stopped`"]
    sentence: Annotated[str, "what it says of itself"]
    checks: tuple[Check, ...]
    store: Annotated[Mapping[str, Any], "what its bridge's store shows: path, flavour, rows, written_at, or why not"]
    messages: Annotated[int, "messages recorded so far"]
    last_verify_at: Annotated[datetime | None, "when the last verify ended"]
    last_verify_clean: Annotated[bool | None, "how it ended"]
    last_sweep_at: Annotated[datetime | None, "when the last sweep ended"]
    next_restart_at: Annotated[datetime | None, "its next planned restart"]
    last_restart: Annotated[Mapping[str, Any], "its last restart: at, reason, back_at; empty: none is known"]
    hours: Annotated[tuple[int, ...], "new drops of today, by hour; empty while only a day before was counted"]
    usual_hours: Annotated[tuple[float, ...], "what is usual, by hour; empty where nothing is"]

    @property
    def is_heard_of(self) -> bool:
        """Whether what it published is how it is now."""
        return self.sign in {"on-time", "late", "scan"}

    @property
    def unit(self) -> str:
        """The service by which it runs, or would."""
        return f"wamon@{self.instance}" if self.instance else "wamon"


_CHECK = tuple(field.name for field in fields(Check))
_PUBLISHED = tuple(field.name for field in fields(Source))[2:]
"""What the query answers beside the name, by its own order."""


def sources(db: Database) -> tuple[Source, ...]:
    """Every source, by name. Within a snapshot."""
    return tuple(_source(*row) for row in SQL.run(db, "sources"))


def _source(name: str, by: str | None, is_leased: bool, *rest: object) -> Source:  # noqa: FBT001
    published: dict[str, Any] = dict(zip(_PUBLISHED, rest, strict=True))
    last = published["last_restart"] or {}
    is_planned = published["state"] == "stopped" and last.get("reason") == "planned"
    signed = sign(
        by,
        published["state"],
        published["silent_seconds"],
        published["every_seconds"],
        is_leased=is_leased,
        is_planned=is_planned,
    )
    checks = tuple(Check(*(one[field] for field in _CHECK)) for one in published["checks"] or ())
    known = {
        "state": published["state"] or "unknown",
        "sentence": published["sentence"] or "",
        "checks": checks,
        "store": published["store"] or {},
        "last_restart": last,
        "hours": tuple(published["hours"] or ()),
        "usual_hours": tuple(published["usual_hours"] or ()),
    }
    return Source(name=name, sign=signed, **(published | known))
