"""What health asks PostgreSQL: the server, the schema, one source's position and past. Reads only, and by index."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from wamon.health.baseline import HALF_HOURS, usual_curve, weekdays
from wamon.host.process import Process
from wamon.ledger.source import Source
from wamon.postgres.connection import UNHURRIED_SECONDS, keyed_transaction, transaction
from wamon.postgres.migrations import migrations
from wamon.postgres.queries import Queries

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from wamon.model import Message
    from wamon.postgres.connection import Database

SQL = Queries("wamon.health", "ledger_facts")


class Server(NamedTuple):
    """The server, and the schema in this database."""

    version: int  # 180001 is 18.1
    encoding: str
    read_only: bool
    now: datetime  # by its own clock
    schema: int  # 0: there is none yet
    oldest_writer: int  # the oldest wamon that may write to it, by the version of the schema that it knows
    known_schema: int  # this wamon's

    @property
    def readable(self) -> bool:
        """Whether what this wamon asks for is there."""
        return self.schema > 0 and self.oldest_writer <= self.known_schema

    @property
    def outdated(self) -> bool:
        return self.schema < self.known_schema


class LeaseHolder(NamedTuple):
    """Who holds, or held, a source's lease."""

    process: Process
    taken_at: datetime
    renewed_at: datetime
    expired: bool

    @property
    def works(self) -> bool:
        return not self.expired and not self.process.is_gone()

    @property
    def is_stuck(self) -> bool:
        """Whether it surely runs, and gives no sign: PostgreSQL takes none, or it is stopped."""
        return self.expired and self.process.runs()


class SourceHistory(NamedTuple):
    """What a source remembers of itself."""

    instance_id: str
    sweep_due: str | None
    last_sweep_at: datetime | None
    last_verify_at: datetime | None
    last_verify_clean: bool | None


class ReviewsWaiting(NamedTuple):
    """The rows of the office's tables that couldn't be written yet."""

    rows: int = 0
    since: datetime | None = None
    reason: str | None = None  # of the first of them


NO_REVIEW_WAITS = ReviewsWaiting()


@dataclass(frozen=True, slots=True)
class LedgerFacts:
    """What the database holds of one source. Numbers of a group stand by its chat's number."""

    position: Source
    past: SourceHistory | None  # None: nothing of this source was ever recorded
    holder: LeaseHolder | None
    advanced_seconds: Mapping[str, float]  # how long ago each tail moved
    dead: Mapping[int, int]
    retry: Mapping[int, int]
    reviews_waiting: ReviewsWaiting = NO_REVIEW_WAITS
    dead_deliveries: int = 0  # of any source that hooks feed, and parts of them
    store_missed: int = 0  # messages of the last day that a hook brought and the store lacks


class Post(NamedTuple):
    """A drop that was posted."""

    project: str
    drop_number: str
    kind: str
    sent_at: datetime


def server(db: Database) -> Server:
    """The server and the schema, whatever state they are in. Raises as `transaction` does."""
    with transaction(db):
        ((number, encoding, read_only, now, has_schema),) = SQL.run(db, "server")
        ((version, oldest_writer),) = SQL.run(db, "schema") if has_schema else [(0, 0)]
    return Server(number, encoding, read_only, now, version, oldest_writer, migrations()[-1].version)


def ledger_facts(db: Database, source: str, sources_of_hooks: Sequence[str]) -> LedgerFacts:
    """What is known of a source, without joining it, and of what hooks brought."""
    position = Source(db, source)
    position.collect()
    chats = [group.chat for group in position.groups.values()]
    with transaction(db):
        past = SQL.run(db, "source", source=source).fetchone()
        lease = SQL.run(db, "lease", source=source).fetchone()
        advanced = dict(SQL.run(db, "advanced", source=source).fetchall())
        unfinished = SQL.run(db, "unfinished", chats=chats).fetchall()
        (waiting,) = SQL.rows(db, "reviews_waiting", ReviewsWaiting, source=source)
        ((deliveries, missed),) = SQL.run(db, "of_hooks", sources=list(sources_of_hooks), chats=chats)
    dead, retry = ({chat: n for chat, has, n in unfinished if has == status} for status in ("dead", "retry"))
    history, held = past and SourceHistory(*past), lease and _holder(lease)
    return LedgerFacts(position, history, held, advanced, dead, retry, waiting, deliveries, missed)


def newest(db: Database, chats: Sequence[int], now: datetime) -> dict[int, datetime]:
    """When the newest recorded message of each chat was sent, leaving out those from the future."""
    with keyed_transaction(db):
        return dict(SQL.run(db, "newest", chats=list(chats), now=now).fetchall())


def silences(
    db: Database, chats: Sequence[int], moments: Sequence[tuple[int, datetime]], now: datetime
) -> dict[int, list[float]]:
    """For each chat the longest silence, in seconds, of each week's (week, moment), as far as messages go back.

    One within half an hour counts as none.
    """
    found: dict[int, list[float]] = {}
    weeks, at = [week for week, _ in moments], [moment for _, moment in moments]
    with keyed_transaction(db):
        for chat, _, seconds in SQL.run(db, "silences", chats=list(chats), weeks=weeks, moments=at, now=now):
            found.setdefault(chat, []).append(seconds)
    return found


def posted(db: Database, source: str, since: datetime, until: datetime) -> dict[tuple[int, str], int]:
    """How many live submissions of each (chat, kind) were sent within a time."""
    with transaction(db):
        return {(chat, kind): n for chat, kind, n in SQL.run(db, "posted", source=source, since=since, until=until)}


def usual_curves(db: Database, source: str | None, day: datetime, zone: ZoneInfo) -> dict[int, list[float]]:
    """What is usual on this day by the end of each half hour, by chat; those without anything are left out.

    "Usual" is this one rule everywhere: new drops of the same weekday, the median of the last weeks. With very many
    groups it takes seconds. `source` None: every source's.
    """
    days = weekdays(day, zone)
    values = {"since": [since for since, _ in days], "until": [until for _, until in days], "zone": str(zone)}
    with transaction(db, UNHURRIED_SECONDS):
        rows = SQL.run(db, "new_by_half_hour", source=source, **values).fetchall()
    curves = {}
    for chat, own in groupby(rows, key=itemgetter(0)):
        counts = [[0] * HALF_HOURS for _ in days]
        for _, week, half_hour, count in own:
            counts[week - 1][half_hour] = count
        if curve := usual_curve(counts):
            curves[chat] = curve
    return curves


def latest(db: Database, source: str, since: datetime, now: datetime, most: int) -> list[Post]:
    """The newest live submissions since then, newest first."""
    with transaction(db):
        return SQL.rows(db, "latest", Post, source=source, since=since, now=now, most=most)


def unrecorded(db: Database, keyed: Sequence[tuple[int, Message]]) -> list[Message]:
    """Those of the (chat, message) that the ledger doesn't hold."""
    keys = {"chats": [chat for chat, _ in keyed], "message_ids": [message.message_id for _, message in keyed]}
    with keyed_transaction(db):
        held = {n - 1 for (n,) in SQL.run(db, "recorded", **keys)}
    return [message for n, (_, message) in enumerate(keyed) if n not in held]


def _holder(row: tuple[Any, ...]) -> LeaseHolder:
    host, boot, pid, started, *rest = row
    return LeaseHolder(Process(host, boot, pid, started), *rest)
