"""Pages that list what needs somebody: dead letters, replies, gaps. Each is what its command lists, of every source."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, TypeVar
from zoneinfo import ZoneInfo

from wamon.health import gaps as health
from wamon.ledger import dead_letters
from wamon.replies import queue
from wamon.views import dead, gaps
from wamon.views.actions import REPLY_DONE, done
from wamon.views.dead import Letter
from wamon.views.gaps import Gap
from wamon.views.home import stale_since
from wamon.views.replies import Reply, reply_of
from wamon.views.snapshot import Failed, snapshot
from wamon.views.sources import sources

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wamon.postgres.connection import Database

PAGE_ROWS = 100
T = TypeVar("T")

_LISTED = timedelta(days=7)
_LETTERS = (dead_letters.letters, dead_letters.letters_of_events, dead_letters.letters_of_turns)
"""Of messages, of deliveries and parts of them, and of bursts."""


@dataclass(frozen=True, slots=True)
class DeadPage:
    """The page `/dead`: the last to fail first, 100 a page."""

    at: Annotated[datetime, "the moment that it shows, by the database's clock"]
    zone: Annotated[str, "the zone in which its times are to be shown"]
    stale: Annotated[datetime | None, "the last sign of life of the source that is down for longest; null: none is"]
    total: Annotated[int, "how many there are"]
    letters: tuple[Letter, ...]
    after: Annotated[str | None, "what `?after=` takes for the next page; null: this is the last"]


@dataclass(frozen=True, slots=True)
class Switchable:
    """A source whose replies can be switched off and on."""

    name: Annotated[str, "its name"]
    off: Annotated[bool, "`wamon replies off` holds"]
    agent_off: Annotated[bool, "`wamon replies off --agent` holds"]


@dataclass(frozen=True, slots=True)
class ListedReply(Reply):
    """A reply on the page."""

    settled: Annotated[bool, "it is unknown or failed, and an operator said that it waits for nobody"]


@dataclass(frozen=True, slots=True)
class RepliesPage:
    """The page `/replies`: those of 7 days and those that wait, the last to change first, 100 a page."""

    at: Annotated[datetime, "the moment that it shows, by the database's clock"]
    zone: Annotated[str, "the zone in which its times are to be shown"]
    stale: Annotated[datetime | None, "the last sign of life of the source that is down for longest; null: none is"]
    total: Annotated[int, "how many there are"]
    sources: tuple[Switchable, ...]
    replies: tuple[ListedReply, ...]
    after: Annotated[str | None, "what `?after=` takes for the next page; null: this is the last"]


@dataclass(frozen=True, slots=True)
class GapsPage:
    """The page `/gaps`: those of 7 days that the database tells, the newest first.

    Photos without captions, which only the store tells, are listed by `wamon gaps`.
    """

    at: Annotated[datetime, "the moment that it shows, by the database's clock"]
    zone: Annotated[str, "the zone in which its times are to be shown"]
    stale: Annotated[datetime | None, "the last sign of life of the source that is down for longest; null: none is"]
    since: Annotated[datetime, "gaps before it aren't looked for"]
    gaps: tuple[Gap, ...]
    unknown: Annotated[str | None, "why they aren't all; null: they are"]
    failed: tuple[Failed, ...]


def dead_page(db: Database, zone: ZoneInfo, after: str | None = None) -> DeadPage:
    """The dead letters. Raises DatabaseUnavailable, SchemaError."""
    with snapshot(db) as moment:
        known = sources(db)
        every = [letter for source in known for listed in _LETTERS for letter in listed(db, source.name)]
    found = list(dead.letters(every).letters)
    found.sort(key=lambda letter: letter.failed_at, reverse=True)
    shown, more = _page(found, lambda letter: f"{letter.jid} {letter.message_id}", after)
    return DeadPage(moment.at, str(zone), stale_since(known), len(found), shown, more)


def replies_page(db: Database, zone: ZoneInfo, after: str | None = None) -> RepliesPage:
    """The replies. Raises DatabaseUnavailable, SchemaError."""
    with snapshot(db) as moment:
        known = sources(db)
        listed = [one for source in known for one in queue.listed(db, source.name, moment.at - _LISTED)]
        settled = done(db, moment.at - _LISTED, REPLY_DONE)
        switches = tuple(Switchable(source.name, *queue.switches(db, source.name)) for source in known)
    found = [
        ListedReply(**asdict(reply_of(one)), settled=f"{one.chat} {one.message_id} {one.about}" in settled)
        for one in listed
    ]
    found.sort(key=lambda reply: reply.changed_at, reverse=True)
    shown, more = _page(found, lambda reply: f"{reply.jid} {reply.message_id} {reply.about}", after)
    return RepliesPage(moment.at, str(zone), stale_since(known), len(found), switches, shown, more)


def _page(found: Sequence[T], key: Callable[[T], str], after: str | None) -> tuple[tuple[T, ...], str | None]:
    """A page of a list, and the key of its last row where there are more. One whose key is gone begins anew."""
    keys = [key(one) for one in found]
    start = keys.index(after) + 1 if after in keys else 0
    shown = tuple(found[start : start + PAGE_ROWS])
    return shown, keys[start + PAGE_ROWS - 1] if len(found) > start + PAGE_ROWS else None


def gaps_page(db: Database, zone: ZoneInfo, *, answers: bool = False) -> GapsPage:
    """The gaps; `answers`: when people got no answer, too. Raises DatabaseUnavailable, SchemaError."""
    with snapshot(db) as moment:
        known, since = sources(db), moment.at - _LISTED
        told = moment.panel("gaps", lambda db: gaps.told_by_database(db, known, since, moment.at, zone), _NO_GAPS)
        names = [source.name for source in known]
        missed = moment.panel(
            "missed", lambda db: health.unanswered(db, names, since) if answers else [], list[health.Gap]()
        )
    newest_first = gaps.gaps(since, sorted([*told.gaps, *missed], key=lambda gap: gap.start, reverse=True)).gaps
    return GapsPage(moment.at, str(zone), stale_since(known), since, newest_first, told.unknown, moment.failed)


_NO_GAPS = gaps.Told((), None)
