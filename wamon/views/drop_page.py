"""One drop: what happened to it, and how its review stands."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

from wamon.ledger import review
from wamon.reports import posts
from wamon.views import trace
from wamon.views.home import stale_since
from wamon.views.message_page import Said, said
from wamon.views.near_misses import NearMiss, meant_as
from wamon.views.people import Published
from wamon.views.snapshot import Failed, snapshot
from wamon.views.sources import sources
from wamon.views.trace import Step
from wamon.words import amount, listing, span

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any
    from zoneinfo import ZoneInfo

    from wamon.postgres.connection import Database
    from wamon.reports.posts import Submission


@dataclass(frozen=True, slots=True)
class ReviewStep:
    """One of the steps that a review looks at."""

    name: Annotated[str, "such as `House photo`"]
    done: Annotated[bool, "it is there"]


@dataclass(frozen=True, slots=True)
class DropProject:
    """What a project knows of the drop."""

    project: Annotated[str, "the project's name"]
    sentence: Annotated[str, "first posted where, when and by whom, how often, and how its review stands"]
    first_at: Annotated[datetime, "when it was posted first"]
    last_at: Annotated[datetime, "when it was posted last"]
    posts: Annotated[int, "messages that posted it"]
    live: Annotated[bool, "one of them counts"]
    submitted_by: Annotated[str | None, "who posted it first, as far as `privacy.show` allows"]
    review: Annotated[str, "`again` (it must be done again), `completed`, `waiting` or `none`"]
    steps: tuple[ReviewStep, ...]
    comment: Annotated[str, "the last line of the review's comment; empty: there is none"]


@dataclass(frozen=True, slots=True)
class DropPage:
    """The page `/drop/NUMBER`: what happened to it?"""

    at: Annotated[datetime, "the moment that it shows, by the database's clock"]
    zone: Annotated[str, "the zone in which its times are to be shown"]
    stale: Annotated[datetime | None, "the last sign of life of the source that is down for longest; null: none is"]
    drop_number: Annotated[str, "in canonical form"]
    sentence: Annotated[str, "what happened, in one"]
    projects: tuple[DropProject, ...]
    events: Annotated[tuple[Step, ...], "all that happened, in its order"]
    near_numbers: Annotated[tuple[str, ...], "where nobody posted it: recorded numbers that are a slip away"]
    near_misses: tuple[NearMiss, ...]
    failed: tuple[Failed, ...]
    texts: tuple[Said, ...]


def drop_page(
    db: Database,
    zone: ZoneInfo,
    number: str,
    review_table: str | None,
    *,
    with_texts: bool = False,
    answers: bool = False,
) -> DropPage:
    """All that is known of a canonical drop number; `answers`: in conversations, too.

    Raises DatabaseUnavailable, SchemaError.
    """
    people = Published(db)
    with snapshot(db) as moment:
        known = sources(moment.db)
        found = posts.submissions(moment.db, number)
        rows = moment.panel("review", lambda db: review.rows_of(db, review_table, number), list[dict[str, object]]())
        near = moment.panel("near", lambda db: posts.near(db, number) if not found else [], list[str]())
        meant = moment.panel(
            "near misses", lambda db: meant_as(db, people, [number], number, moment.at), tuple[NearMiss, ...]()
        )
        shown = {post.sender: people.shown(post.sender) for post in found}
        keys = list(dict.fromkeys((post.chat, post.message_id) for post in found))[: trace.MOST_MESSAGES]
        events = moment.panel(
            "events",
            lambda db: trace.steps(db, keys, [number], review_table, people, answers=answers),
            tuple[Step, ...](),
        )
        texts = moment.panel("texts", lambda db: said(db, keys) if with_texts else (), tuple[Said, ...]())
    projects = tuple(_projects(found, rows, moment.at, zone, shown))
    return DropPage(
        at=moment.at,
        zone=str(zone),
        stale=stale_since(known),
        drop_number=number,
        sentence=_sentence(number, projects, events, near),
        projects=projects,
        events=events,
        near_numbers=tuple(near),
        near_misses=meant,
        failed=moment.failed,
        texts=texts,
    )


def _projects(
    found: Sequence[Submission],
    rows: Sequence[Mapping[str, Any]],
    now: datetime,
    zone: ZoneInfo,
    shown: Mapping[str, str | None],
) -> Iterator[DropProject]:
    for project in dict.fromkeys(post.project for post in found):
        own = [post for post in found if post.project == project]
        row = next((row for row in rows if row.get("project", project) == project), None)
        first, state = own[0], trace.state_of(row)
        by = shown[first.sender]
        where = f"First posted {_when(first.sent_at, now, zone)} in {first.group}{f' by {by}' if by else ''}"
        live = [post for post in own if post.live and post.kind != "rejected"]
        stands = trace.WORDS[state] if live else "none of its posts counts"
        yield DropProject(
            project=project,
            sentence=f"{where}; posted {amount(len(own), 'time')}; {stands}.",
            first_at=first.sent_at,
            last_at=own[-1].sent_at,
            posts=len(own),
            live=bool(live),
            submitted_by=by,
            review=state,
            steps=tuple(ReviewStep(*step) for step in trace.review_steps(row or {})),
            comment=last_line((row or {}).get("comment")),
        )


def _when(at: datetime, now: datetime, zone: ZoneInfo) -> str:
    local, today = at.astimezone(zone), now.astimezone(zone)
    if local.date() == today.date():
        return f"today {local:%H:%M}"
    return f"{local.day} {local:%b %H:%M}" if local.year == today.year else f"{local.day} {local:%b %Y %H:%M}"


def last_line(comment: object) -> str:
    """The last line of a review's comment, which says what was found last; empty where there is none."""
    return (str(comment).strip().splitlines() or [""])[-1] if comment else ""


def _sentence(number: str, projects: Sequence[DropProject], events: Sequence[Step], near: Sequence[str]) -> str:
    if not projects:
        return f"No message posted {number}.{f' Near ones: {listing(near)}.' if near else ''}"
    delay = _delay(events)
    recorded = f" It was recorded {span(delay)} after it was posted." if delay is not None else ""
    return f"{' '.join(f'{one.project}: {one.sentence}' for one in projects)}{recorded}"


def _delay(events: Sequence[Step]) -> float | None:
    """How long after it was posted first it was recorded."""
    at = {step.what: step.at for step in reversed(events)}
    return (at["recorded"] - at["posted"]).total_seconds() if {"recorded", "posted"} <= at.keys() else None
