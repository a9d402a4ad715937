"""The database: where it is, its schema and its backups."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
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


@dataclass(frozen=True, slots=True)
class Cluster:
    """An embedded PostgreSQL of this user."""

    data: Annotated[str, "its data"]
    state_dir: Annotated[str | None, "the state directory that it belongs to; null: an older wamon didn't keep it"]
    config: Annotated[str | None, "the config that names this state directory; null: none that is known does"]
    bridge: Annotated[str | None, "that config's store"]
    bytes: Annotated[int, "how much room it takes"]
    running: Annotated[bool, "its server runs"]
    last_used_at: Annotated[datetime, "when its server was last stopped or wrote down all that it had"]
    gone: Annotated[bool, "its state directory has gone and no config names it: `wamon db prune` removes it"]


@dataclass(frozen=True, slots=True)
class Clusters:
    """What `wamon db list` prints."""

    clusters: Annotated[tuple[Cluster, ...], "the embedded servers of this user"]


@dataclass(frozen=True, slots=True)
class Pruned:
    """What `wamon db prune` did."""

    removed: Annotated[tuple[Cluster, ...], "the embedded servers that were removed"]
    freed_bytes: Annotated[int, "the room that they took"]
    running: Annotated[tuple[Cluster, ...], "those whose state directory has gone, too, and which run: they stay"]
