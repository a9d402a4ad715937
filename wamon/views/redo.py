"""Who must do what again: incomplete reviews, rejected posts, near misses, and what was posted again; by person."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated

from wamon.ledger import review
from wamon.ledger.near_misses import NearMiss, recorded
from wamon.reports import posts
from wamon.views.actions import REDO_DONE, done
from wamon.views.drop_page import last_line
from wamon.views.home import NEAR_MISS_DONE, stale_since
from wamon.views.people import Published
from wamon.views.snapshot import Failed, snapshot
from wamon.views.sources import sources
from wamon.views.trace import review_steps

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Any
    from zoneinfo import ZoneInfo

    from wamon.postgres.connection import Database
    from wamon.reports.posts import Post
    from wamon.views.people import Shows

_LATELY = timedelta(days=7)
_MOST_ROWS = 1_000
_NOBODY = "(nobody named)"


@dataclass(frozen=True, slots=True)
class Redo:
    """One thing to do again, or to look at."""

    why: Annotated[str, "`incomplete`, `rejected`, `near-miss`, or `posted-again`, which is done"]
    project: Annotated[str, "the project's name"]
    number: Annotated[str | None, "the drop number, or what was written in place of one: null for readers"]
    at: Annotated[datetime | None, "when it was posted; of a review null"]
    message_id: Annotated[str | None, "the message; of a review null"]
    missing: Annotated[tuple[str, ...], "of an incomplete review: the steps that aren't there"]
    detail: Annotated[
        str, "the last line of the review's comment; why it is no number, and which was likely meant; may be empty"
    ]
    key: Annotated[str, "what the action that says it is done names; empty: that comes of itself"]

    def unquoted(self) -> Redo:
        """Without what the message wrote in place of a number."""
        return replace(self, number=None, key="") if self.why == "near-miss" else self


@dataclass(frozen=True, slots=True)
class PersonsRedo:
    """What one person must do."""

    shown: Annotated[str, "who, as far as `privacy.show` allows"]
    items: tuple[Redo, ...]


@dataclass(frozen=True, slots=True)
class RedoPage:
    """The page `/redo`: those with the most first; reviews as they stand, posts and near misses of 7 days."""

    at: Annotated[datetime, "the moment that it shows, by the database's clock"]
    zone: Annotated[str, "the zone in which its times are to be shown"]
    stale: Annotated[datetime | None, "the last sign of life of the source that is down for longest; null: none is"]
    project: Annotated[str | None, "the project that was asked for; null: all"]
    people: tuple[PersonsRedo, ...]
    failed: tuple[Failed, ...]


def redo_page(db: Database, zone: ZoneInfo, review_table: str | None, project: str | None = None) -> RedoPage:
    """What is to be done again, by person. Raises DatabaseUnavailable, SchemaError."""
    people = Published(db)
    with snapshot(db) as moment:
        since = moment.at - _LATELY
        known = sources(db)
        rows = moment.panel(
            "reviews", lambda db: review.rows_to_redo(db, review_table, _MOST_ROWS), list[dict[str, object]]()
        )
        posted = moment.panel("posts", lambda db: _posts(db, project, since, moment.at), list[posts.Post]())
        near = moment.panel("near misses", lambda db: recorded(db, project, since, None)[:_MOST_ROWS], list[NearMiss]())
        settled = moment.panel("actions", lambda db: done(db, since, NEAR_MISS_DONE, REDO_DONE), frozenset[str]())
        reviews = [row for row in rows if project is None or row.get("project") == project]
        found = [*_incomplete(reviews, people), *_posted(posted, people), *_near(near, people)]
    left = [(shown, redo) for shown, redo in found if redo.key not in settled]
    return RedoPage(moment.at, str(zone), stale_since(known), project, tuple(_by_person(left)), moment.failed)


def _posts(db: Database, project: str | None, since: datetime, until: datetime) -> list[Post]:
    """Rejected posts, and drops posted again."""
    kinds = ("rejected", "resubmission")
    chosen = [posts.Selection(project, since, until, kind) for kind in kinds]
    return [post for selection in chosen for post in posts.posts(db, selection)][:_MOST_ROWS]


def _incomplete(rows: Iterable[Mapping[str, Any]], people: Shows) -> Iterator[tuple[str, Redo]]:
    for row in rows:
        sender = str(row.get("submitted_by") or row.get("user_name") or "")
        missing = tuple(name for name, done in review_steps(row) if not done)
        number, project = str(row["drop_number"]), str(row.get("project") or "")
        redo = Redo("incomplete", project, number, None, None, missing, last_line(row.get("comment")), "")
        yield people.shown(sender) or _NOBODY, redo


def _posted(found: Iterable[Post], people: Shows) -> Iterator[tuple[str, Redo]]:
    for post in found:
        why = "rejected" if post.kind == "rejected" else "posted-again"
        key = f"{post.jid} {post.message_id} {post.drop_number}" if why == "rejected" else ""
        redo = Redo(why, post.project, post.drop_number, post.sent_at, post.message_id, (), "", key)
        yield people.shown(post.sender) or _NOBODY, redo


def _near(found: Iterable[NearMiss], people: Shows) -> Iterator[tuple[str, Redo]]:
    for miss in found:
        likely = f", likely {miss.likely}" if miss.likely else ""
        detail = f"{miss.reason.replace('-', ' ')}{likely}"
        key = f"{miss.chat} {miss.message_id} {miss.written}"
        yield (
            people.shown(miss.sender) or _NOBODY,
            Redo("near-miss", miss.project, miss.written, miss.sent_at, miss.message_id, (), detail, key),
        )


def _by_person(found: Iterable[tuple[str, Redo]]) -> list[PersonsRedo]:
    items: dict[str, list[Redo]] = {}
    for shown, redo in found:
        items.setdefault(shown, []).append(redo)
    people = [PersonsRedo(shown, tuple(own)) for shown, own in items.items()]
    return sorted(people, key=lambda one: (one.shown == _NOBODY, -len(one.items), one.shown))
