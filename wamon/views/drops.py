"""What was found: drops, and one drop's story."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from wamon.drops.extraction import candidates
from wamon.drops.normalization import normalise
from wamon.drops.search import written_form
from wamon.drops.typed import typed
from wamon.errors import UsageError, WamonError
from wamon.ledger import review
from wamon.reports import posts
from wamon.views.document import Streamed
from wamon.views.near_misses import NearMiss, meant_as

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wamon.postgres.connection import Database
    from wamon.privacy import Directory


@dataclass(frozen=True, slots=True)
class Drop:
    """A drop, by those of its posts that were selected."""

    project: Annotated[str, "the project's name"]
    drop_number: Annotated[str, "in canonical form"]
    kind: Annotated[str, "of the last post: `new`, `resubmission`, `rejected` or `retracted`"]
    first_seen_at: Annotated[datetime, "when the first post was sent"]
    last_seen_at: Annotated[datetime, "when the last post was sent"]
    submissions: Annotated[int, "messages that posted it"]
    submitted_by: Annotated[str | None, "who posted it first, as far as `privacy.show` allows"]


@dataclass(frozen=True, slots=True)
class Drops:
    """What `wamon drops list` lists.

    The newest posts first. Without `--kind`, rejected and retracted posts are left out. With filters, times and
    counts are those of the posts selected.
    """

    total: Annotated[int, "drops selected, whatever `--limit` says"]
    rejected: Annotated[int, "posts that the other filters mean and that were rejected"]
    drops: tuple[Drop, ...]


@dataclass(frozen=True, slots=True)
class Text:
    """What a message said, or says."""

    revision: Annotated[int, "1, and one more for each edit"]
    text: Annotated[str | None, "what the message said; null where it isn't kept"]
    replaced_at: Annotated[datetime | None, "when an edit of it was seen; null for what it says now"]


@dataclass(frozen=True, slots=True)
class Submission:
    """One message's post of the drop number."""

    source: Annotated[str, "the bridge's name"]
    group: Annotated[str, "the group's project name today"]
    jid: Annotated[str, "the chat's JID"]
    message_id: Annotated[str, "the message"]
    sent_at: Annotated[datetime, "when it was sent"]
    submitted_by: Annotated[str | None, "who sent it, as far as `privacy.show` allows"]
    kind: Annotated[str, "`new`, `resubmission` or `rejected`"]
    live: Annotated[bool, "no edit took the number away"]
    unchecked: Annotated[bool, "the project's list of numbers couldn't be read"]
    gone_at: Annotated[datetime | None, "since when the message isn't in the store any more"]
    texts: tuple[Text, ...]


@dataclass(frozen=True, slots=True)
class Project:
    """What a project knows of the drop."""

    project: Annotated[str, "the project's name"]
    submissions: tuple[Submission, ...]
    reviews: Annotated[tuple[Mapping[str, Any], ...], "the review table's row, with whatever columns it has"]


@dataclass(frozen=True, slots=True)
class Story:
    """What `wamon drops show` tells."""

    drop_number: Annotated[str, "in canonical form; where that can't be told, in capitals as it was asked for"]
    projects: Annotated[tuple[Project, ...], "empty where no message posted it"]
    near_misses: Annotated[
        tuple[NearMiss, ...], "what was written so, then what was likely meant as it, as `wamon drops near` lists them"
    ]


_PEOPLE = ("user_name", "submitted_by")
"""The review table's columns that hold who posted a drop."""


_COUNTED = 2_000
"""Posts: people are told how many there are up to here, since to count all of them takes as long as they are many."""


class Newest(NamedTuple):
    """The first of the drops, and how many there are; None: too many to count them."""

    drops: tuple[Drop, ...]
    total: int | None
    rejected: int | None  # posts that the other filters mean and that were rejected


def newest(db: Database, wanted: posts.Selection, people: Directory, most: int) -> Newest:
    """At most so many of the selected drops, those with the newest posts first. History costs nothing."""
    found = posts.newest_drops(db, wanted, most)
    selected = posts.numbers_of_few(db, wanted, _COUNTED)
    rejected = posts.numbers_of_few(db, wanted._replace(kind="rejected"), _COUNTED)
    shown = tuple(_drop(drop, people) for drop in found)
    return Newest(shown, selected and selected.drops, rejected and rejected.posts)


def drops(db: Database, wanted: posts.Selection, people: Directory) -> Drops:
    """The selected drops, those with the newest posts first, read as they are written."""
    rejected = posts.number_of_posts(db, wanted._replace(kind="rejected"))
    if wanted.limit is not None:
        found = posts.newest_drops(db, wanted, wanted.limit)
        return Drops(posts.number_of_drops(db, wanted), rejected, tuple(_drop(drop, people) for drop in found))
    every = posts.every_drop(db, wanted)
    first, total = next(every, (None, 0))
    rest = (drop for drop, _ in every)
    return Drops(total, rejected, Streamed(_drop(drop, people) for drop in chain([first] if first else [], rest)))


def _drop(found: posts.Drop, people: Directory) -> Drop:
    return Drop(*found[:-1], people.shown(found.submitted_by))


def canonical(asked: str, pattern: str) -> str:
    """The one drop number that is asked for, however it is written; UsageError where it isn't one."""
    if number := _number(asked, pattern):
        return number
    raise _not_one(asked)


def _number(asked: str, pattern: str) -> str | None:
    """Under this pattern, or such as an earlier one may have taken."""
    numbers = candidates(asked)
    return typed(asked, pattern) or (numbers[0] if len(numbers) == 1 else None)


def _not_one(asked: str) -> UsageError:
    return UsageError(f"{asked!r} is not one drop number.", hint="Name one, such as DR1752028 or 'dr 1752028'.")


def story(db: Database, asked: str, pattern: str, review_table: str | None, people: Directory, now: datetime) -> Story:
    """All that is known of a drop number, however it is written, under this pattern or an earlier one.

    Raises UsageError where that isn't one number and no near miss was written so, and WamonError, which names near
    numbers, where nobody posted or meant it.
    """
    number, written = _number(asked, pattern), written_form(normalise(asked))
    near = meant_as(db, people, [written, *candidates(asked)], number, now)
    found = posts.submissions(db, number) if number else []
    if number is None and not near:
        raise _not_one(asked)
    if number and not found and not near:
        raise _unknown(number, posts.near(db, number))
    rows = review.rows_of(db, review_table, number) if number else []
    return Story(number or written, _projects(db, found, rows, people), near)


def _projects(
    db: Database, found: Sequence[posts.Submission], rows: Sequence[Mapping[str, Any]], people: Directory
) -> tuple[Project, ...]:
    texts = posts.texts(db, found)
    projects = []
    for project in dict.fromkeys(post.project for post in found):
        own = [post for post in found if post.project == project]
        submissions = tuple(_submission(post, texts.get((post.chat, post.message_id), ()), people) for post in own)
        reviews = tuple(_review(row, people) for row in rows if row.get("project", project) == project)
        projects.append(Project(project, submissions, reviews))
    return tuple(projects)


def _unknown(number: str, near: list[str]) -> WamonError:
    return WamonError(
        f"No message posted {number}.",
        hint=f"Near ones: {', '.join(near)}." if near else "`wamon scan` reads what is new; `wamon drops list` lists.",
    )


def _submission(post: posts.Submission, texts: Sequence[posts.Text], people: Directory) -> Submission:
    return Submission(
        source=post.source,
        group=post.group,
        jid=post.jid,
        message_id=post.message_id,
        sent_at=post.sent_at,
        submitted_by=people.shown(post.sender),
        kind=post.kind,
        live=post.live,
        unchecked=post.unchecked,
        gone_at=post.gone_at,
        texts=tuple(Text(*text) for text in texts),
    )


def _review(row: Mapping[str, Any], people: Directory) -> dict[str, Any]:
    return {**row, **{column: people.shown(str(row[column])) for column in _PEOPLE if row.get(column)}}
