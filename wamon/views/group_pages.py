"""All watched groups, and one of them: why it is silent, and who posts in it when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

from wamon.health.baseline import patience
from wamon.views import watched
from wamon.views.home import down_names, stale_since
from wamon.views.snapshot import Failed, snapshot
from wamon.views.sources import sources
from wamon.views.watched import SQL, Wanted, WatchedGroup
from wamon.words import amount, span

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from zoneinfo import ZoneInfo

    from wamon.postgres.connection import Database
    from wamon.views.sources import Source

PAGE_ROWS = 100

_LATELY = timedelta(hours=1)
_DAYS = 14
_USUALLY = 2
"""On so many of the last six same weekdays somebody posts usually."""


@dataclass(frozen=True, slots=True)
class GroupsPage:
    """The page `/groups`: by project, 100 a page."""

    at: Annotated[datetime, "the moment that it shows, by the database's clock"]
    zone: Annotated[str, "the zone in which its times are to be shown"]
    stale: Annotated[datetime | None, "the last sign of life of the source that is down for longest; null: none is"]
    groups: tuple[WatchedGroup, ...]
    after: Annotated[int | None, "what `?after=` takes for the next page; null: this is the last"]


@dataclass(frozen=True, slots=True)
class Poster:
    """Somebody who posts in a group."""

    shown: Annotated[str | None, "who, as far as `privacy.show` allows"]
    weeks: Annotated[int, "on how many of the last six same weekdays they had posted by this hour"]
    has_posted: Annotated[bool, "they have today"]


@dataclass(frozen=True, slots=True)
class GroupDay:
    """A day of a group."""

    day: Annotated[str, "such as `2026-11-20`, in the source's zone"]
    posts: Annotated[int, "posts of it"]
    hours: Annotated[Mapping[str, int], "posts by hour, `0` to `23`, of those that have any"]


@dataclass(frozen=True, slots=True)
class Silence:
    """Whether a group is silent, and why."""

    sentence: Annotated[str, "for how long, and what is usual"]
    reasons: Annotated[tuple[str, ...], "what speaks for and against the bridge; who posts usually"]
    next: Annotated[str, "what to do; may be empty"]


@dataclass(frozen=True, slots=True)
class GroupPage:
    """The page `/group/CHAT`: why is it silent?"""

    at: Annotated[datetime, "the moment that it shows, by the database's clock"]
    zone: Annotated[str, "the zone in which its times are to be shown"]
    stale: Annotated[datetime | None, "the last sign of life of its source, while that is down; null: it isn't"]
    group: WatchedGroup
    silence: Silence
    days: tuple[GroupDay, ...]
    posters: tuple[Poster, ...]
    failed: tuple[Failed, ...]


def groups_page(db: Database, zone: ZoneInfo, wanted: Wanted) -> GroupsPage:
    """The watched groups that are meant. Raises DatabaseUnavailable, SchemaError."""
    with snapshot(db) as moment:
        known = sources(moment.db)
        found = watched.page(moment.db, down_names(known), wanted, PAGE_ROWS + 1)
    shown = tuple(found[:PAGE_ROWS])
    after = shown[-1].chat if len(found) > PAGE_ROWS else None
    return GroupsPage(moment.at, str(zone), stale_since(known), shown, after)


def group_page(db: Database, zone: ZoneInfo, chat: int) -> GroupPage | None:
    """The watched group of this number; None where there is none. Raises DatabaseUnavailable, SchemaError."""
    with snapshot(db) as moment:
        known = sources(moment.db)
        group = watched.one(moment.db, down_names(known), chat)
        if group is None:
            return None
        source = next(one for one in known if one.name == group.source)
        own = {"chat": chat, "source": source.name, "zone": source.zone or str(zone)}
        others = moment.panel("others", lambda db: int(SQL.value(db, "others_talk", lately=_LATELY, **own)), 0)
        posters = moment.panel("posters", lambda db: SQL.rows(db, "posters", Poster, **own), list[Poster]())
        rows = moment.panel("days", lambda db: SQL.run(db, "days", days=_DAYS, **own).fetchall(), list[Any]())
    return GroupPage(
        at=moment.at,
        zone=str(zone),
        stale=stale_since([source]),
        group=group,
        silence=silence(group, source, others, posters, moment.at),
        days=tuple(_days(rows)),
        posters=tuple(posters),
        failed=moment.failed,
    )


def silence(group: WatchedGroup, source: Source, others: int, posters: Sequence[Poster], now: datetime) -> Silence:
    """Whether a group is silent, and why: by what its source published, as of now."""
    reasons = [_bridge(group, source, others, now), _people(posters)]
    return Silence(_how_long(group, source, now), tuple(filter(None, reasons)), group.hint)


def _how_long(group: WatchedGroup, source: Source, now: datetime) -> str:
    if source.sign == "down":
        return f"Nothing is heard of {source.name}: whether {group.project} is silent isn't known."
    if group.newest_at is None:
        return f"No message of {group.project} was found yet."
    silent_seconds, usual = (now - group.newest_at).total_seconds(), group.usual_silence_seconds
    usually = "what is usual isn't known yet" if usual is None else f"up to {span(usual)} is usual now"
    since = span(silent_seconds)
    if silent_seconds > patience(usual):
        return f"Silent for {since}; {usually}."
    return f"Not silent for long: the newest message came {since} ago; {usually}."


def _bridge(group: WatchedGroup, source: Source, others: int, now: datetime) -> str:
    if group.why == "no-chat":
        return "The bridge's store has no such chat."
    wrote = _wrote(source, now)
    talk = f"{amount(others, 'other group')} {'talks' if others == 1 else 'talk'}"
    if others:
        return f"{wrote}{talk}, so it isn't the bridge."
    return f"{wrote}no other group talks either: it may be the bridge."


def _wrote(source: Source, now: datetime) -> str:
    written_at = source.store.get("written_at")
    if not isinstance(written_at, str):
        return ""
    ago = span((now - datetime.fromisoformat(written_at)).total_seconds())
    return f"The bridge wrote its store {ago} ago, and "


def _people(posters: Iterable[Poster]) -> str:
    usually = [poster for poster in posters if poster.weeks >= _USUALLY]
    if not usually:
        return ""
    have = sum(poster.has_posted for poster in usually)
    return f"Of {len(usually)} who usually post by now, {have} {'has' if have == 1 else 'have'}."


def _days(rows: Iterable[tuple[object, int | None, int]]) -> Iterable[GroupDay]:
    """A day each, also one without posts."""
    by_day: dict[str, dict[str, int]] = {}
    for day, hour, count in rows:
        hours = by_day.setdefault(str(day), {})
        if hour is not None:
            hours[str(hour)] = count
    return (GroupDay(day, sum(hours.values()), hours) for day, hours in by_day.items())
