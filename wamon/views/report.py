"""A day or a week summed up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

if TYPE_CHECKING:
    from wamon.health import gaps
    from wamon.reports import bursts
    from wamon.reports import report as reports


@dataclass(frozen=True, slots=True)
class Project:
    """A project's posts."""

    project: Annotated[str, "the project's name"]
    new: Annotated[int, "drops posted for the first time"]
    resubmission: Annotated[int, "drops posted again"]
    rejected: Annotated[int, "posts that its list turned away"]
    near_misses: Annotated[int, "what was meant as a drop number and isn't one"]
    retracted: Annotated[int, "posts that an edit took away"]
    usual: Annotated[
        float | None,
        "new drops that are usual on this weekday, by now where the day isn't over, as `wamon status` has it; of a "
        "week, in the week before; null: it had none then",
    ]
    unchecked: Annotated[int, "posts that couldn't be looked up in its list"]


@dataclass(frozen=True, slots=True)
class Sender:
    """One person's posts in a project."""

    project: Annotated[str, "the project's name"]
    sender: Annotated[str, "who posted, as far as `privacy.show` allows; with `none` there are no senders"]
    new: Annotated[int, "as of a project"]
    resubmission: Annotated[int, "as of a project"]
    rejected: Annotated[int, "as of a project"]
    near_misses: Annotated[int, "as of a project"]
    retracted: Annotated[int, "as of a project"]


@dataclass(frozen=True, slots=True)
class Resubmission:
    """A drop that was posted again, and its first post."""

    project: Annotated[str, "the project's name"]
    drop_number: Annotated[str, "in canonical form"]
    sent_at: Annotated[datetime, "when it was posted again"]
    sender: Annotated[str | None, "by whom"]
    first_sent_at: Annotated[datetime | None, "when it was posted first"]
    first_sender: Annotated[str | None, "by whom"]


@dataclass(frozen=True, slots=True)
class Rejected:
    """A post that the project's list turned away."""

    project: Annotated[str, "the project's name"]
    drop_number: Annotated[str, "in canonical form"]
    sent_at: Annotated[datetime, "when it was sent"]
    sender: Annotated[str | None, "by whom"]


@dataclass(frozen=True, slots=True)
class NearMiss:
    """What was meant as a drop number and isn't one."""

    project: Annotated[str, "the project's name"]
    written: Annotated[str | None, "as it stands in the message; null for readers of the page"]
    likely: Annotated[str | None, "the number that was likely meant"]
    reason: Annotated[str, "why it is no drop number, such as `too-short`"]
    sent_at: Annotated[datetime, "when it was sent"]
    sender: Annotated[str | None, "by whom"]

    def unquoted(self) -> NearMiss:
        """Without what the message wrote in place of a number."""
        return replace(self, written=None)


@dataclass(frozen=True, slots=True)
class Bar:
    """A part of the time: an hour of the day, or a weekday."""

    label: Annotated[str, "the hour of the day, `00` to `23`; of a week the weekday, `Mon` to `Sun`"]
    new: Annotated[int, "posts then"]
    resubmission: Annotated[int, "posts then"]
    rejected: Annotated[int, "posts then"]


@dataclass(frozen=True, slots=True)
class Gap:
    """A time that can't be proven."""

    kind: Annotated[str, "as `wamon gaps` tells them"]
    start: Annotated[datetime, "when it began"]
    end: Annotated[datetime | None, "when it ended; null: it lasts still"]
    group: Annotated[str | None, "the project's name; null: every group"]
    detail: Annotated[str, "how long, or how many"]
    meaning: Annotated[str, "what may be lacking, in a sentence"]


@dataclass(frozen=True, slots=True)
class Bursts:
    """What people wrote to a project, by burst: what one of them writes until there is quiet."""

    project: Annotated[str | None, "the project's name; null: one-to-one chats of hooks without one"]
    bursts: Annotated[int, "closed in this time, with an answer or without; by PostgreSQL's clock"]
    answers: Annotated[int, "of these, answered, and the answer was sent"]
    p50_seconds: Annotated[
        float | None, "from a burst's first message to its answer's sending: half of them at most; null: none was"
    ]
    p95_seconds: Annotated[float | None, "95 of 100 at most"]
    follow_ups: Annotated[int, "bursts that came while the one before was worked"]
    follow_up_rate: Annotated[float, "their share of all, 0 to 1"]
    missed: Annotated[int, "messages that turns looked up because nobody had answered for a while"]


@dataclass(frozen=True, slots=True)
class BurstsOfDay(Bursts):
    """The same of one day, of those on which there were any."""

    day: Annotated[str, "the day on which they were closed, such as `2026-11-20`"]


@dataclass(frozen=True, slots=True)
class Report:
    """What `wamon report` sums up.

    Times are the messages' own. A week is one from Monday to Sunday.
    """

    kind: Annotated[str, "`daily` or `weekly`"]
    first_day: Annotated[str, "the first day, such as `2026-11-20`"]
    last_day: Annotated[str, "the last day"]
    since: Annotated[datetime, "the beginning of the first day in the configured zone"]
    until: Annotated[datetime, "the end of the last day"]
    timezone: Annotated[str, "the configured zone"]
    complete: Annotated[bool, "the last day is over"]
    total: Annotated[Mapping[str, int], "all projects' counts"]
    projects: tuple[Project, ...]
    senders: tuple[Sender, ...]
    resubmissions: tuple[Resubmission, ...]
    rejected: tuple[Rejected, ...]
    near_misses: tuple[NearMiss, ...]
    posts: tuple[Bar, ...]
    gaps_unknown: Annotated[str | None, "why nothing is known of gaps now"]
    gaps: tuple[Gap, ...]
    conversations: tuple[Bursts, ...]
    conversation_days: tuple[BurstsOfDay, ...]


def report(summed: reports.Report) -> Report:
    """A report as data."""
    period = summed.period
    return Report(
        kind=period.kind,
        first_day=period.first.isoformat(),
        last_day=period.last.isoformat(),
        since=period.since,
        until=period.until,
        timezone=str(period.zone),
        complete=period.is_over,
        total=summed.total._asdict(),
        projects=tuple(Project(row.project, *row.counts, row.usual, row.unchecked) for row in summed.projects),
        senders=tuple(Sender(row.project, row.sender, *row.counts) for row in summed.senders),
        resubmissions=tuple(Resubmission(*row) for row in summed.resubmissions),
        rejected=tuple(Rejected(*row) for row in summed.rejected),
        near_misses=tuple(NearMiss(*row) for row in summed.near_misses),
        posts=tuple(Bar(*bar) for bar in summed.bars),
        gaps_unknown=summed.gaps_unknown,
        gaps=tuple(map(_gap, summed.gaps)),
        conversations=tuple(Bursts(**_figures(one)) for one in summed.bursts if one.day is None),
        conversation_days=tuple(BurstsOfDay(**_figures(one), day=str(one.day)) for one in summed.bursts if one.day),
    )


def _figures(one: bursts.Bursts) -> dict[str, Any]:
    figures = one._asdict() | {"follow_up_rate": one.follow_up_rate}
    del figures["day"]
    return figures


def _gap(gap: gaps.Gap) -> Gap:
    return Gap(gap.kind, gap.start, gap.end, gap.group, gap.detail, gap.meaning)
