"""The database: where it is, its schema and its backups."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated


@dataclass(frozen=True, slots=True)
class Url:
    """What `wamon db url` prints."""

    url: Annotated[str, "the address, password and all"]
    embedded: Annotated[bool, "it is the embedded PostgreSQL, which keeps running now"]


@dataclass(frozen=True, slots=True)
class Migrated:
    """What `wamon db migrate` did."""

    version: Annotated[int, "the schema's version"]
    applied: Annotated[tuple[str, ...], "the migrations that were applied"]


@dataclass(frozen=True, slots=True)
class Dump:
    """What `wamon db dump` wrote."""

    path: Annotated[str, "the file"]
    bytes: Annotated[int, "its size"]


@dataclass(frozen=True, slots=True)
class Restored:
    """What `wamon db restore` did."""

    path: Annotated[str, "the file"]
    replaced: Annotated[bool, "the schema had rows, which it replaced"]
    review_table: Annotated[str | None, "`restored`; `kept`, where it had rows already; null, where the file has none"]
    applied: Annotated[tuple[str, ...], "migrations applied afterwards, where the file was an older wamon's"]


@dataclass(frozen=True, slots=True)
class Stopped:
    """What `wamon db stop` did."""

    stopped: Annotated[bool, "a server ran"]
