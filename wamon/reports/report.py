"""The daily and weekly report: what was posted, by whom, what must be done again, who was answered, what isn't proven.

A post counts on the day of the message's own time, whenever it was recorded.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

from wamon.health.baseline import HALF_HOURS, half_hours, usual_by
from wamon.health.ledger_facts import usual_curves
from wamon.ledger.near_misses import recorded_once
from wamon.reports import bursts, posts
from wamon.reports.posts import EVERY_KIND

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from wamon.health.gaps import Gap
    from wamon.ledger.near_misses import NearMiss as Recorded
    from wamon.postgres.connection import Database
    from wamon.reports.bursts import Bursts
    from wamon.reports.period import Period
    from wamon.reports.posts import Listed, Summed

_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


class Counts(NamedTuple):
    """How many posts of each kind; `near_misses` are no posts."""

    new: int = 0
    resubmission: int = 0
    rejected: int = 0
    near_misses: int = 0
    retracted: int = 0


class Project(NamedTuple):
    """A project's posts."""

    project: str
    counts: Counts
    usual: float | None  # new drops that are usual, or in the week before; None where it had none then
    unchecked: int  # posts that couldn't be looked up in the list


class Sender(NamedTuple):
    """One person's posts in a project."""

    project: str
    sender: str
    counts: Counts


class Again(NamedTuple):
    """A drop that was posted again, and its first post."""

    project: str
    drop_number: str
    sent_at: datetime
    sender: str | None
    first_sent_at: datetime | None
    first_sender: str | None


class Rejected(NamedTuple):
    """A post that the project's list turned away."""

    project: str
    drop_number: str
    sent_at: datetime
    sender: str | None


class NearMiss(NamedTuple):
    """What was meant as a drop number and isn't one."""

    project: str
    written: str
    likely: str | None
    reason: str
    sent_at: datetime
    sender: str | None


class Bar(NamedTuple):
    """A part of the period: an hour of the day, or a weekday."""

    label: str
    new: int
    resubmission: int
    rejected: int

    @property
    def total(self) -> int:
        return self.new + self.resubmission + self.rejected


class People(Protocol):
    """How a sender is shown (None: not at all), and what all forms of one person have in common."""

    def shown(self, sender: str, /) -> str | None: ...

    def key(self, sender: str, /) -> str: ...


@dataclass(frozen=True, slots=True)
class Report:
    """All of it, people already as they may be seen."""

    period: Period
    projects: Sequence[Project]
    senders: Sequence[Sender]  # none where people aren't shown
    resubmissions: Sequence[Again]
    rejected: Sequence[Rejected]
    near_misses: Sequence[NearMiss]
    bars: Sequence[Bar]
    gaps: Sequence[Gap]
    gaps_unknown: str | None  # why nothing is known of gaps
    bursts: Sequence[Bursts]  # of each project, and of each of its days; none where nobody wrote

    @property
    def total(self) -> Counts:
        return _sum(project.counts for project in self.projects)


class Found(NamedTuple):
    """What the database holds of a period."""

    posts: posts.Summed
    near: Sequence[Recorded]
    usual: Mapping[str, float]
    firsts: Mapping[tuple[str, str], tuple[datetime, str]]
    projects: Sequence[str]
    bursts: Sequence[Bursts]

    def senders(self) -> set[str]:
        """Everybody whom a report may show, as they are recorded."""
        posted = {one.sender for one in self.posts.counted}
        return posted | {miss.sender for miss in self.near} | {sender for _, sender in self.firsts.values()}


def found(db: Database, period: Period, project: str | None) -> Found:
    """Ask the database."""
    selection = posts.Selection(project, period.since, period.until)
    summed = posts.summed(db, selection, "hour" if period.kind == "daily" else "isodow", period.zone)
    again = sorted({(post.project, post.drop_number) for post in summed.listed if post.kind == "resubmission"})
    return Found(
        summed,
        recorded_once(db, period.since, period.until, project),
        _usual(db, period),
        posts.firsts(db, again),
        [project] if project else posts.projects(db),
        bursts.by_project(db, period, project),
    )


def _usual(db: Database, period: Period) -> dict[str, float]:
    """How many new drops are usual in each project; projects without any are left out.

    Of a day, as `wamon status` and the page have it: the sum of what is usual in the project's groups, by now where
    the day isn't over. Of a week, how many the week before had.
    """
    if period.kind == "weekly":
        return {project: float(new) for project, new in posts.new_by_project(db, *period.before()).items()}
    is_whole = period.is_over or period.is_ahead
    place = HALF_HOURS if is_whole else half_hours(period.now, period.zone)
    usual: dict[str, float] = {}
    curves = usual_curves(db, None, period.since, period.zone)
    for project, chat in posts.project_of_chats(db, also_former=period.is_over):
        if chat in curves:
            usual[project] = usual.get(project, 0.0) + usual_by(curves[chat], place)
    return {project: round(number, 1) for project, number in usual.items()}


def report(
    period: Period, what: Found, people: People, gaps: Sequence[Gap], *, gaps_unknown: str | None = None
) -> Report:
    """Work the report out."""
    return Report(
        period,
        _projects(what),
        _senders(what, people),
        [_again(post, what, people) for post in what.posts.listed if post.kind == "resubmission"],
        [
            Rejected(post.project, post.drop_number, post.sent_at, people.shown(post.sender))
            for post in what.posts.listed
            if post.kind == "rejected"
        ],
        [_near_miss(miss, people) for miss in what.near],
        _bars(what.posts, period),
        [gap for gap in gaps if gap.start < period.until],
        gaps_unknown,
        what.bursts,
    )


def _projects(what: Found) -> list[Project]:
    posts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    unchecked: Counter[str] = Counter()
    for one in what.posts.counted:
        posts[one.project][one.kind] += one.posts
        unchecked[one.project] += one.unchecked if one.kind != "retracted" else 0
    near = Counter(miss.project for miss in what.near)
    return [
        Project(project, _counts(posts[project], near[project]), what.usual.get(project), unchecked[project])
        for project in what.projects
    ]


def _senders(what: Found, people: People) -> list[Sender]:
    """Each person's posts by project, the busiest first. Two forms of one sender are one person."""
    posts: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for one in what.posts.counted:
        posts[one.project, people.key(one.sender)][one.kind] += one.posts
    near = Counter((miss.project, people.key(miss.sender)) for miss in what.near)
    shown = {people.key(sender): seen for sender in what.senders() if (seen := people.shown(sender))}
    rows = [
        Sender(project, shown[key], _counts(posts[project, key], near[project, key]))
        for project, key in posts.keys() | near.keys()
        if key in shown
    ]
    return sorted(rows, key=lambda row: ([-count for count in row.counts], row.project, row.sender))


def _again(post: Listed, what: Found, people: People) -> Again:
    first_at, first = what.firsts.get((post.project, post.drop_number), (None, ""))
    sender, first_sender = people.shown(post.sender), people.shown(first)
    return Again(post.project, post.drop_number, post.sent_at, sender, first_at, first_sender)


def _near_miss(miss: Recorded, people: People) -> NearMiss:
    return NearMiss(miss.project, miss.written, miss.likely, miss.reason, miss.sent_at, people.shown(miss.sender))


def _counts(kinds: Mapping[str, int], near: int) -> Counts:
    new, resubmission, rejected, retracted = (kinds.get(kind, 0) for kind in EVERY_KIND)
    return Counts(new, resubmission, rejected, near, retracted)


def _bars(found: Summed, period: Period) -> list[Bar]:
    """Live posts by the hour of the day, or by weekday, as clocks showed it there."""
    first, labels = (0, [f"{hour:02}" for hour in range(24)]) if period.kind == "daily" else (1, _WEEKDAYS)
    kinds = ("new", "resubmission", "rejected")
    counted = found.by_part
    return [Bar(label, *(counted.get((place, kind), 0) for kind in kinds)) for place, label in enumerate(labels, first)]


def _sum(counts: Iterable[Counts]) -> Counts:
    return Counts(*map(sum, zip(Counts(), *counts, strict=True)))
