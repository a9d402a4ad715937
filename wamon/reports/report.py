"""The daily and weekly report: what was posted, by whom, what must be done again, who was answered, what isn't proven.

A post counts on the day of the message's own time, whenever it was recorded.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

from wamon.health.baseline import HALF_HOURS, half_hours, usual_by
from wamon.health.ledger_facts import usual_curves
from wamon.ledger.near_misses import recorded_once
from wamon.reports import bursts, posts

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from wamon.health.gaps import Gap
    from wamon.ledger.near_misses import NearMiss as Recorded
    from wamon.postgres.connection import Database
    from wamon.reports.bursts import Bursts
    from wamon.reports.period import Period
    from wamon.reports.posts import Post

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

    posts: Sequence[Post]
    near: Sequence[Recorded]
    usual: Mapping[str, float]
    firsts: Mapping[tuple[str, str], tuple[datetime, str]]
    projects: Sequence[str]
    bursts: Sequence[Bursts]


def found(db: Database, period: Period, project: str | None) -> Found:
    """Ask the database."""
    selection = posts.Selection(project, period.since, period.until)
    chosen = list(posts.posts(db, selection))
    again = sorted({(post.project, post.drop_number) for post in chosen if post.kind == "resubmission"})
    return Found(
        chosen,
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
        [_project(project, what) for project in what.projects],
        _senders(what, people),
        [_again(post, what, people) for post in what.posts if post.kind == "resubmission"],
        [
            Rejected(post.project, post.drop_number, post.sent_at, people.shown(post.sender))
            for post in what.posts
            if post.kind == "rejected"
        ],
        [_near_miss(miss, people) for miss in what.near],
        _bars(what.posts, period),
        [gap for gap in gaps if gap.start < period.until],
        gaps_unknown,
        what.bursts,
    )


def _project(project: str, what: Found) -> Project:
    own = [post for post in what.posts if post.project == project]
    near = [miss for miss in what.near if miss.project == project]
    unchecked = sum(post.unchecked and post.kind != "retracted" for post in own)
    return Project(project, _counts(own, near), what.usual.get(project), unchecked)


def _senders(what: Found, people: People) -> list[Sender]:
    """Each person's posts by project, the busiest first. Two forms of one sender are one person."""
    posts: dict[tuple[str, str], list[Post]] = {}
    near: dict[tuple[str, str], list[Recorded]] = {}
    shown: dict[str, str] = {}
    for post in what.posts:
        posts.setdefault((post.project, people.key(post.sender)), []).append(post)
    for miss in what.near:
        near.setdefault((miss.project, people.key(miss.sender)), []).append(miss)
    for sender in {post.sender for post in what.posts} | {miss.sender for miss in what.near}:
        if seen := people.shown(sender):
            shown[people.key(sender)] = seen
    rows = [
        Sender(project, shown[key], _counts(posts.get((project, key), []), near.get((project, key), [])))
        for project, key in posts.keys() | near.keys()
        if key in shown
    ]
    return sorted(rows, key=lambda row: ([-count for count in row.counts], row.project, row.sender))


def _again(post: Post, what: Found, people: People) -> Again:
    first_at, first = what.firsts.get((post.project, post.drop_number), (None, ""))
    sender, first_sender = people.shown(post.sender), people.shown(first)
    return Again(post.project, post.drop_number, post.sent_at, sender, first_at, first_sender)


def _near_miss(miss: Recorded, people: People) -> NearMiss:
    return NearMiss(miss.project, miss.written, miss.likely, miss.reason, miss.sent_at, people.shown(miss.sender))


def _counts(posts: Iterable[Post], near: Sequence[Recorded]) -> Counts:
    kinds = Counter(post.kind for post in posts)
    return Counts(kinds["new"], kinds["resubmission"], kinds["rejected"], len(near), kinds["retracted"])


def _bars(posts: Iterable[Post], period: Period) -> list[Bar]:
    """Live posts by the hour of the day, or by weekday, as clocks showed it there."""
    labels = [f"{hour:02}" for hour in range(24)] if period.kind == "daily" else list(_WEEKDAYS)
    counted: Counter[tuple[int, str]] = Counter()
    for post in posts:
        at = post.sent_at.astimezone(period.zone)
        counted[at.hour if period.kind == "daily" else at.weekday(), post.kind] += 1
    kinds = ("new", "resubmission", "rejected")
    return [Bar(label, *(counted[place, kind] for kind in kinds)) for place, label in enumerate(labels)]


def _sum(counts: Iterable[Counts]) -> Counts:
    return Counts(*map(sum, zip(Counts(), *counts, strict=True)))
