"""Gaps: what can't be proven is said.

wamon proves that nothing of the store was lost; these are times of which the store itself may lack something.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Literal, NamedTuple

from wamon.health.baseline import PATIENCE_SECONDS, moments, patience, usual
from wamon.health.ledger_facts import silences
from wamon.postgres.connection import UNHURRIED_SECONDS, transaction
from wamon.postgres.queries import Queries
from wamon.words import amount

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date, datetime
    from zoneinfo import ZoneInfo

    from wamon.capture.pipeline import Pipeline
    from wamon.ledger.source import Source
    from wamon.model import Group
    from wamon.postgres.connection import Database

    Kind = Literal["bridge", "silence", "gone", "replaced", "captions", "store-missed", "missed"]

SQL = Queries("wamon.health", "gaps")

MEANINGS: dict[Kind, str] = {
    "bridge": "No watched group had a message for unusually long: the bridge may have been down, and WhatsApp need not "
    "have delivered later what was posted then.",
    "silence": "The group was silent for unusually long at that time of the week: a quiet day, or messages that never "
    "reached the bridge.",
    "gone": "Recorded messages were deleted from the store and keep their drops; others that were deleted before a "
    "pass saw them would have left no trace.",
    "replaced": "The store wasn't the same any more: what the old one held beyond the last pass is known only if the "
    "new one holds it.",
    "captions": "Photos came without any text: where people wrote a number under them, the bridge didn't keep it.",
    "store-missed": "A hook brought messages that the store lacks: they are recorded, and others that no hook "
    "brought may be missing.",
    "missed": "People wrote while nobody answered; when a turn came to it, it was too old, and got no answer.",
}


@dataclass(frozen=True, slots=True)
class Gap:
    """A time of which the store may lack something."""

    kind: Kind
    start: datetime
    end: datetime | None  # None: it lasts still
    jid: str | None  # None: every group
    group: str | None
    detail: str

    @property
    def meaning(self) -> str:
        return MEANINGS[self.kind]


class Quiet(NamedTuple):
    """A time in which a chat had no message."""

    chat: int
    began_at: datetime
    ended_at: datetime | None  # None: it lasts still


class Vanished(NamedTuple):
    """Recorded messages that a sweep found gone from the store."""

    chat: int
    oldest_sent_at: datetime | None
    noticed_at: datetime
    messages: int


class Rewind(NamedTuple):
    """A position that went back because the store wasn't the same any more."""

    at: datetime
    reason: str


def gaps(pipeline: Pipeline, groups: Sequence[Group], since: datetime, zone: ZoneInfo) -> list[Gap]:
    """The gaps of these groups that ended, or were noticed, at or after `since`; the earliest first."""
    found = recorded_gaps(pipeline.source, groups, Window(since, pipeline.clock.now(), zone))
    found += _without_captions(pipeline, groups, since, zone)
    return sorted(found, key=_place)


class Window(NamedTuple):
    """The time in which gaps are looked for, and the zone whose week it is."""

    since: datetime
    now: datetime
    zone: ZoneInfo


def recorded_gaps(source: Source, groups: Sequence[Group], window: Window) -> list[Gap]:
    """Those that the database alone can tell: silences, what vanished or never came, a store that was replaced."""
    found = [*_silences(source, groups, window), *_gone(source.db, groups, window.since), *_replaced(source, window)]
    return sorted([*found, *_missed(source.db, groups, window.since)], key=_place)


def _place(gap: Gap) -> tuple[datetime, str]:
    return gap.start, gap.group or ""


def _silences(source: Source, groups: Sequence[Group], window: Window) -> Iterator[Gap]:
    every = {group.chat: group for group in source.groups.values() if group.enabled}
    at_least = timedelta(seconds=PATIENCE_SECONDS)
    quiet_times = _silent(source.db, list(every), window.since, window.now, at_least)
    unusual = [quiet for quiet in quiet_times if _is_unusual(source.db, quiet, window)]
    wanted = {group.chat for group in groups}
    together: list[tuple[datetime, datetime | None]] = []
    for quiet in unusual:
        shared = _shared(quiet, unusual, set(every), window.now)
        if shared is None and quiet.chat in wanted:
            group = every[quiet.chat]
            yield _silence("silence", quiet.began_at, quiet.ended_at, group)
        elif shared is not None and shared not in together:
            together.append(shared)
            yield _silence("bridge", *shared, None)


def _is_unusual(db: Database, quiet: Quiet, window: Window) -> bool:
    """Whether the silence was longer than the group's own rhythm lets expect, as seen when it ended."""
    ended = quiet.ended_at or window.now
    past = silences(db, [quiet.chat], moments(ended, window.zone), quiet.began_at)
    return (ended - quiet.began_at).total_seconds() > patience(usual(past.get(quiet.chat, [])))


def _shared(
    quiet: Quiet, unusual: Sequence[Quiet], chats: set[int], now: datetime
) -> tuple[datetime, datetime | None] | None:
    """The time in which all chats were silent together with this one; None where one spoke, or it is the only one."""
    beside = [
        other
        for other in unusual
        if other.began_at < (quiet.ended_at or now) and (other.ended_at or now) > quiet.began_at
    ]
    if len(chats) == 1 or {other.chat for other in beside} != chats:
        return None
    ends = [other.ended_at for other in beside if other.ended_at]
    start = max(other.began_at for other in beside)
    end = min(ends) if ends else None
    return (start, end) if start < (end or now) else None


def _silence(kind: Kind, start: datetime, end: datetime | None, group: Group | None) -> Gap:
    detail = "it lasts still" if end is None else f"{(end - start).total_seconds() / 3600:.1f} h"
    return Gap(kind, start, end, group.jid if group else None, group.project if group else None, detail)


def _gone(db: Database, groups: Sequence[Group], since: datetime) -> Iterator[Gap]:
    by_chat = {group.chat: group for group in groups}
    for chat, oldest, noticed, messages in _vanished(db, list(by_chat), since):
        group = by_chat[chat]
        yield Gap("gone", oldest or noticed, noticed, group.jid, group.project, f"{messages} recorded messages")


def _missed(db: Database, groups: Sequence[Group], since: datetime) -> Iterator[Gap]:
    by_chat = {group.chat: group for group in groups}
    with transaction(db, UNHURRIED_SECONDS):
        found = SQL.run(db, "store_missed", chats=list(by_chat), since=since).fetchall()
    for chat, oldest, newest, messages in found:
        group = by_chat[chat]
        detail = f"{amount(messages, 'message')} that a hook brought"
        yield Gap("store-missed", oldest, newest, group.jid, group.project, detail)


def unanswered(db: Database, sources: Sequence[str], since: datetime) -> list[Gap]:
    """When people of these sources wrote and got no answer, since it was too old: hour by hour, the earliest first."""
    with transaction(db, UNHURRIED_SECONDS):
        found = SQL.run(db, "unanswered", sources=list(sources), since=since).fetchall()
    return [
        Gap("missed", first, last, jid, group, f"{amount(messages, 'message')} of {amount(people, 'person')}")
        for jid, group, first, last, messages, people in found
    ]


def _replaced(source: Source, window: Window) -> Iterator[Gap]:
    for at, reason in _rewinds(source.db, source.name, window.since):
        yield Gap("replaced", at, at, None, None, reason)


def _without_captions(pipeline: Pipeline, groups: Sequence[Group], since: datetime, zone: ZoneInfo) -> Iterator[Gap]:
    """Each group's photos and videos without text, by day."""
    times: dict[tuple[str, date], list[datetime]] = defaultdict(list)
    for jid, sent_at in pipeline.store.bare_media({group.jid.encode(): group.jid for group in groups}, since):
        times[jid, sent_at.astimezone(zone).date()].append(sent_at)
    projects = {group.jid: group.project for group in groups}
    for (jid, _), sent in times.items():
        yield Gap("captions", min(sent), max(sent), jid, projects[jid], f"{len(sent)} photos or videos")


def _silent(db: Database, chats: Sequence[int], since: datetime, now: datetime, at_least: timedelta) -> list[Quiet]:
    """The silences that lasted longer than this, half an hour at least, by when they began."""
    with transaction(db, UNHURRIED_SECONDS):
        return SQL.rows(db, "quiet", Quiet, chats=list(chats), since=since, now=now, at_least=at_least)


def _vanished(db: Database, chats: Sequence[int], since: datetime) -> list[Vanished]:
    """What was found gone since then."""
    with transaction(db, UNHURRIED_SECONDS):
        return SQL.rows(db, "gone", Vanished, chats=list(chats), since=since)


def _rewinds(db: Database, source: str, since: datetime) -> list[Rewind]:
    """When the store was replaced, restored or renumbered."""
    with transaction(db):
        return SQL.rows(db, "rewinds", Rewind, source=source, since=since)
