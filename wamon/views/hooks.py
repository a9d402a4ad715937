"""What comes to the hooks of the config, and what a test of one showed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

from wamon.config import hooks as config
from wamon.health.delivery_facts import empty_deliveries
from wamon.postgres.connection import transaction
from wamon.postgres.queries import Queries
from wamon.webhooks.providers import KNOWN

if TYPE_CHECKING:
    from wamon.postgres.connection import Database

SQL = Queries("wamon.views", "hooks")

ABOUT_HOOKS = (
    "hooks.source",
    "hooks.waiting",
    "hooks.parked",
    "hooks.empty",
    "hooks.refusing",
    "hooks.quiet",
    "hooks.refused",
    "bridge.dropped",
)
"""The checks that tell of deliveries, the worst first."""


@dataclass(frozen=True, slots=True)
class Hook:
    """A hook of the config. Today is that of `timezone`; counts are at most a second old."""

    name: Annotated[str, "the address is `/hooks/<name>`"]
    provider: Annotated[str, "who delivers"]
    source: Annotated[str, "the source that its messages belong to"]
    open: Annotated[bool, "the address exists: the hook has a secret"]
    stored_today: Annotated[int, "deliveries kept today"]
    refused_today: Annotated[int, "deliveries refused today: not proven, too long, too slow or encoded"]
    lost_today: Annotated[int, "of those, the ones whose sender doesn't deliver again"]
    tests_today: Annotated[int, "test deliveries of today, which leave nothing but this count"]
    twins_today: Annotated[int, "of those kept, the ones that came twice at once without an id: one message"]
    duplicates_today: Annotated[int, "of those kept, the ones whose body had come before"]
    last_at: Annotated[datetime | None, "the last delivery that was kept, or rang"]
    waiting: Annotated[int, "deliveries kept and not yet recorded"]
    dead: Annotated[int, "deliveries that can't be recorded: `wamon dead list`"]
    refused_at: Annotated[datetime | None, "when one was last refused"]
    store_missed: Annotated[int, "messages that it brought and the store lacks, whose second witness it is"]
    empty: Annotated[int, "its deliveries of late, where none of them held a message that counts"]


@dataclass(frozen=True, slots=True)
class Hooks:
    """What `wamon hooks list` lists."""

    hooks: tuple[Hook, ...]


@dataclass(frozen=True, slots=True)
class Tested:
    """What became of the delivery that `wamon hooks test` sent."""

    hook: Annotated[str, "the hook"]
    url: Annotated[str, "where it was sent, without the secret"]
    taken: Annotated[bool, "it was proven, counted, and left nothing else"]
    status: Annotated[int | None, "the answer's status; null: no answer came"]
    correlation_id: Annotated[str | None, "under which the log of `wamon web` has it; null: another server answered"]
    sentence: Annotated[str, "what that means"]
    hint: Annotated[str, "what to do; may be empty"]


def hooks(db: Database, configured: Sequence[config.Hook], zone: ZoneInfo) -> Hooks:
    """What came to these hooks. Raises DatabaseUnavailable, SchemaError."""
    with transaction(db):
        return Hooks(listed(db, configured, zone))


def listed(db: Database, configured: Sequence[config.Hook], zone: ZoneInfo) -> tuple[Hook, ...]:
    """The same, within a transaction."""
    by_name = {hook.name: hook for hook in configured}
    rows = SQL.run(db, "hooks", hooks=list(by_name), zone=str(zone)).fetchall() if by_name else ()
    empty = empty_deliveries(db)
    return tuple(_hook(by_name[name], empty.get(name, 0), *counts) for name, *counts in rows)


def _hook(
    hook: config.Hook, empty: int, stored: int, refused: int, tests: int, twins: int, duplicates: int,
    last_at: datetime | None, waiting: int, dead: int, refused_at: datetime | None, store_missed: int,
) -> Hook:  # fmt: skip
    return Hook(
        name=hook.name,
        provider=hook.provider,
        source=hook.source,
        open=bool(hook.secret),
        stored_today=stored,
        refused_today=refused,
        lost_today=0 if KNOWN[hook.provider].repeats else refused,
        tests_today=tests,
        twins_today=twins,
        duplicates_today=duplicates,
        last_at=last_at,
        waiting=waiting,
        dead=dead,
        refused_at=refused_at,
        store_missed=store_missed,
        empty=empty,
    )


@dataclass(frozen=True, slots=True)
class ReplayedEvents:
    """What `wamon hooks replay` did."""

    events: Annotated[tuple[int, ...], "the deliveries that were taken in again"]
    gone: Annotated[tuple[int, ...], "those whose bodies aren't kept any more"]
