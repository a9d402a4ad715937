"""The home page: is everything recorded, what came in, what waits for a person. One look, of one moment."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated

from wamon.health.conversation_facts import conversation_facts
from wamon.postgres.queries import Queries
from wamon.views import watched
from wamon.views.conversations import Conversation
from wamon.views.conversations import listed as listed_conversations
from wamon.views.hooks import ABOUT_HOOKS, Hook, listed
from wamon.views.snapshot import Failed, snapshot
from wamon.views.sources import Source, sources
from wamon.views.verdict import NO_DELIVERIES, Deliveries, Facts, Verdict, verdict
from wamon.views.watched import NO_GROUPS, Totals, WatchedGroup
from wamon.words import amount

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from zoneinfo import ZoneInfo

    from wamon.config import hooks as config
    from wamon.postgres.connection import Database
    from wamon.privacy import Show
    from wamon.views.sources import Check

SQL = Queries("wamon.views", "home")

NEAR_MISS_DONE = "near-miss-done"
"""What an action is called that says so; its key: the chat's number, the message's id and what was written."""

_GROUPS = 12
_POSTS = 8
_NEEDS = 8
_WAITING = 5
_MOST_NEEDS = 200
_LOOK_LINES = 4
_AN_HOUR = timedelta(hours=1)
_LONGEST_AGO = timedelta(hours=36)
_LOOKED_AT = (
    "bridge.writing",
    "bridge.rights",
    "bridge.captions",
    *ABOUT_HOOKS,
    "files.room",
    "files.folder",
    "files.state",
    "files.set_aside",
    "clock.messages",
    "clock.database",
    "recording.sweep",
    "recording.verify",
    "service.nightly",
    "alerts.channels",
    "alerts.webhook",
    "alerts.mail",
)
"""Checks that deserve a line of their own, in this order; those that decide the verdict stand there."""


@dataclass(frozen=True, slots=True)
class LookLine:
    """What deserves a look, and isn't about recording."""

    state: Annotated[str, "`warn` or `bad`"]
    sentence: Annotated[str, "what was found"]
    hint: Annotated[str, "what to do; may be empty"]
    path: Annotated[str, "the page that says why; empty: none does"]


@dataclass(frozen=True, slots=True)
class Hour:
    """An hour of the day."""

    hour: Annotated[int, "0 to 23, by the sources' wall clocks"]
    new: Annotated[int, "new drops in it"]
    usual: Annotated[float | None, "what is usual in it; null where nothing is"]


@dataclass(frozen=True, slots=True)
class LastPost:
    """One of the last drops posted, at most of 36 hours."""

    chat: Annotated[int, "its group's number"]
    project: Annotated[str, "its project"]
    jid: Annotated[str, "the chat's JID"]
    drop_number: Annotated[str, "the number"]
    kind: Annotated[str, "`new`, `resubmission` or `rejected`"]
    sent_at: Annotated[datetime, "when it was posted"]
    seen_at: Annotated[datetime | None, "when it was recorded"]
    message_id: Annotated[str, "the message"]
    submitted_by: Annotated[str | None, "who posted it, as far as `privacy.show` allows"]


@dataclass(frozen=True, slots=True)
class Need:
    """What waits for a person."""

    kind: Annotated[
        str, "`dead-letter`, `dead-event`, `dead-burst`, `reply-unknown`, `reply-failed`, `stale-burst` or `near-miss`"
    ]
    at: Annotated[datetime, "since when"]
    project: Annotated[str, "its group's project"]
    jid: Annotated[str, "the chat's JID"]
    chat: Annotated[int, "its group's number"]
    message_id: Annotated[
        str,
        "the message; of a delivery that can't be recorded `event:12`, of a part `event:12#3`; of a burst that was "
        "given up `turn:7:4`, of one that was too old its conversation's uid",
    ]
    about: Annotated[
        str | None, "what is answered, or what was written: null for readers; empty for a dead letter or a burst"
    ]
    likely: Annotated[str | None, "the number that was likely meant"]
    detail: Annotated[str, "why"]

    def unquoted(self) -> Need:
        """Without what the message wrote in place of a number."""
        return replace(self, about=None) if self.kind == "near-miss" else self


@dataclass(frozen=True, slots=True)
class Waits:
    """Who waits for an answer; nobody where nobody is answered."""

    enabled: Annotated[bool, "`conversations.enabled`: somebody is answered"]
    waiting: Annotated[int, "conversations without an answer, but those that a colleague took"]
    oldest_at: Annotated[datetime | None, "since when the first of them waits"]
    orphans: Annotated[int, "those that are over a minute overdue"]
    stale: Annotated[int, "those whose last burst was too old to answer"]
    dead: Annotated[int, "those whose last burst was given up"]
    first: tuple[Conversation, ...]

    @classmethod
    def off(cls) -> Waits:
        """Nobody is answered."""
        return cls(False, 0, None, 0, 0, 0, ())


@dataclass(frozen=True, slots=True)
class Home:
    """The page `/`.

    What couldn't be read is named in `failed`, and empty. At most 12 groups, 8 posts and 8 needs.
    """

    at: Annotated[datetime, "the moment that it shows, by the database's clock"]
    zone: Annotated[str, "the zone in which its times are to be shown"]
    stale: Annotated[datetime | None, "the last sign of life of the source that is down for longest; null: none is"]
    verdict: Verdict
    look: tuple[LookLine, ...]
    totals: Totals
    dead: Annotated[int, "dead letters: messages, deliveries and parts of them"]
    hooks: tuple[Hook, ...]
    hours: tuple[Hour, ...]
    groups: tuple[WatchedGroup, ...]
    posts: tuple[LastPost, ...]
    needs: tuple[Need, ...]
    needs_total: Annotated[int, "what waits for a person, all of it; at most 200 are counted"]
    sources: tuple[Source, ...]
    conversations: Waits
    failed: tuple[Failed, ...]


def home(db: Database, zone: ZoneInfo, configured: Sequence[config.Hook] = (), answered: Show | None = None) -> Home:
    """One look, with what came to these hooks. `answered`: how those who are answered are shown; None: nobody is.

    Raises DatabaseUnavailable, SchemaError.
    """
    with snapshot(db) as moment:
        own = moment.panel("sources", sources, tuple[Source, ...]())
        groups, totals = moment.panel("groups", lambda db: watched.worst(db, down_names(own), _GROUPS), _NO_GROUPS)
        dead = moment.panel("dead", lambda db: int(SQL.value(db, "dead")), 0)
        deliveries = moment.panel("deliveries", _deliveries, NO_DELIVERIES)
        hooks = moment.panel("hooks", lambda db: listed(db, configured, zone), tuple[Hook, ...]())
        posts = moment.panel("posts", lambda db: _posts(db, moment.at), tuple[LastPost, ...]())
        needs = moment.panel("needs", lambda db: _needs(db, answers=answered is not None), tuple[Need, ...]())
        names = [source.name for source in own]
        waiting = moment.panel(
            "conversations", lambda db: waits(db, names, answered) if answered else Waits.off(), Waits.off()
        )
    facts = Facts(own, totals.behind, totals.behind_seconds, dead, deliveries)
    sources_failed = any(one.panel == "sources" for one in moment.failed)
    return Home(
        at=moment.at,
        zone=str(zone),
        stale=stale_since(own),
        verdict=_UNKNOWN if sources_failed else verdict(facts),
        look=tuple(_look_lines(own, groups, totals))[:_LOOK_LINES],
        totals=totals,
        dead=dead + deliveries.dead,
        hooks=hooks,
        hours=hours(own),
        groups=groups,
        posts=posts,
        needs=needs[:_NEEDS],
        needs_total=len(needs),
        sources=own,
        conversations=waiting,
        failed=moment.failed,
    )


_NO_GROUPS = (tuple[WatchedGroup, ...](), NO_GROUPS)
_UNKNOWN = Verdict("unknown", "What the sources publish couldn't be read.", "`wamon doctor`")


def down_names(known: Iterable[Source]) -> list[str]:
    """The sources of which nothing is heard: what they published says nothing of now."""
    return [source.name for source in known if source.sign == "down"]


def stale_since(known: Iterable[Source]) -> datetime | None:
    """Since when a page isn't whole."""
    return min((s.published_at for s in known if s.sign == "down" and s.published_at), default=None)


def _posts(db: Database, now: datetime) -> tuple[LastPost, ...]:
    """The last posts: of the last hour in which any came, or where those are few, of a day and a half."""
    newest = SQL.value(db, "newest")
    longest_ago = now - _LONGEST_AGO
    for since in (max(newest - _AN_HOUR, longest_ago), longest_ago) if newest else (longest_ago,):
        found = SQL.rows(db, "last_posts", LastPost, since=since, most=_POSTS)
        if len(found) == _POSTS:
            break
    return tuple(found)


def _deliveries(db: Database) -> Deliveries:
    return SQL.rows(db, "deliveries", Deliveries)[0]


def waits(db: Database, names: Sequence[str], show: Show) -> Waits:
    """Who waits for an answer of these sources, and the first of them, within a snapshot."""
    found, first = conversation_facts(db, names), listed_conversations(db, show, _WAITING)
    return Waits(True, found.waiting, found.oldest_at, found.orphans, found.stale, found.dead, tuple(first))


def _needs(db: Database, *, answers: bool) -> tuple[Need, ...]:
    return tuple(SQL.rows(db, "needs", Need, answers=answers, most=_MOST_NEEDS))


def hours(known: Sequence[Source]) -> tuple[Hour, ...]:
    """Today's new drops by hour, of all sources that published a day."""
    counted = [source for source in known if source.hours]
    usual = [source.usual_hours for source in known if source.usual_hours]
    return tuple(
        Hour(
            hour,
            sum(source.hours[hour] for source in counted),
            round(sum(hours[hour] for hours in usual), 1) if usual else None,
        )
        for hour in range(24)
        if counted
    )


def _look_lines(known: Sequence[Source], groups: Sequence[WatchedGroup], totals: Totals) -> Iterator[LookLine]:
    """The worst first."""
    alive = [source for source in known if source.is_heard_of]
    checks = [check for source in alive for check in source.checks if check.state in {"warn", "bad"}]
    all_silent = any(check.name == "bridge.writing" for check in checks)
    if not all_silent and totals.warn:
        yield _silent(groups, totals)
    looked_at = {check.sentence: check for check in checks if check.name in _LOOKED_AT}
    for check in sorted(looked_at.values(), key=_place):
        path = "/gaps" if check.name == "bridge.dropped" else "/hooks" if check.name in ABOUT_HOOKS else ""
        yield LookLine(check.state, check.sentence, check.hint, path)


def _silent(groups: Sequence[WatchedGroup], totals: Totals) -> LookLine:
    first = next((group for group in groups if group.state == "warn"), None)
    if first and totals.warn == 1:
        return LookLine("warn", first.sentence, first.hint, f"/group/{first.chat}")
    need = "needs" if totals.warn == 1 else "need"
    return LookLine("warn", f"{amount(totals.warn, 'group')} {need} a look.", "", "/groups?state=warn")


def _place(check: Check) -> tuple[bool, int]:
    return check.state != "bad", _LOOKED_AT.index(check.name)
