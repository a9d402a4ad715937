"""What was found, for people: drops by project and time, and one drop's whole story. Reads only."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from wamon.ledger import review
from wamon.postgres.connection import UNHURRIED_SECONDS, transaction
from wamon.postgres.queries import Queries

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from wamon.postgres.connection import Database

SQL = Queries("wamon.reports", "posts")

_ROWS_AT_ONCE = 2_000
_BACK = [timedelta(hours=4**n) for n in range(9)]
"""An hour to seven years."""


class Selection(NamedTuple):
    """Which posts are meant. A time is a message's own; `until` itself is not within."""

    project: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    kind: str | None = None
    senders: list[str] | None = None  # as they are recorded
    text: str | None = None  # part of what the message says, as far as it is kept
    limit: int | None = None


EVERY_KIND = ("new", "resubmission", "rejected", "retracted")
_OF_DROPS = ("new", "resubmission")


class Drop(NamedTuple):
    """A drop, by those of its submissions that were selected; `kind` is the last one's."""

    project: str
    drop_number: str
    kind: str
    first_seen_at: datetime
    last_seen_at: datetime
    submissions: int
    submitted_by: str


class Submission(NamedTuple):
    """One message's post of a drop number."""

    project: str
    source: str
    group: str
    jid: str
    chat: int
    message_id: str
    sent_at: datetime
    sender: str
    kind: str
    live: bool
    gone_at: datetime | None  # since when its message isn't in the bridge's store any more
    unchecked: bool  # the project's list of numbers couldn't be read


class Post(NamedTuple):
    """One drop number in one message, whichever sources hold that."""

    project: str
    drop_number: str
    sent_at: datetime
    kind: str  # one of EVERY_KIND
    sender: str
    unchecked: bool
    group: str
    jid: str
    message_id: str
    text: str | None  # None where it isn't kept any more
    review: dict[str, Any] | None = None  # the review table's row, where it was asked for and there is one


class Counted(NamedTuple):
    """How many posts of one kind a sender has in a project."""

    project: str
    sender: str
    kind: str  # one of EVERY_KIND
    posts: int
    unchecked: int  # of these


class Listed(NamedTuple):
    """A post that is listed by itself: a resubmission, or a rejected one."""

    project: str
    drop_number: str
    sent_at: datetime
    kind: str
    sender: str


class Summed(NamedTuple):
    """Posts of some time, summed up."""

    counted: list[Counted]
    by_part: dict[tuple[int, str], int]  # by part of the time, such as its hour, and kind
    listed: list[Listed]  # in the order in which they were sent


Part = Literal["hour", "isodow"]
"""By what posts are counted: the hour of the day (0 to 23), or the weekday (1 to 7)."""


class Text(NamedTuple):
    """What a message said; an edit replaced all but the last. The text is None where it isn't kept any more."""

    revision: int
    text: str | None
    replaced_at: datetime | None


def newest_drops(db: Database, selection: Selection, most: int) -> list[Drop]:
    """At most so many of the selected drops, those with the newest posts first. As `every_drop` means them.

    They are looked for in ever longer times, back from the last message: history costs nothing where those are enough.
    """
    with _much_memory(db):
        ((first, last),) = SQL.run(db, "heard", project=selection.project, until=selection.until)
        least = max(filter(None, (first, selection.since)), default=None)
        begins = [begin for back in _BACK if least and last and (begin := last - back) > least]
        for begin in [*begins, None]:
            found = [drop for drop, _ in _drops(db, selection._replace(limit=most), begin)]
            if len(found) == most:
                break
    return found


def every_drop(db: Database, selection: Selection) -> Iterator[tuple[Drop, int]]:
    """The selected drops, those with the newest posts first; beside each, how many there are without the limit.

    Without a kind: those with live posts that weren't rejected. They come a page at a time, within one transaction.
    """
    with _much_memory(db):
        yield from _drops(db, selection, None)


def _drops(db: Database, selection: Selection, newest_since: datetime | None) -> Iterator[tuple[Drop, int]]:
    values = _values(selection, _OF_DROPS) | {"newest_since": newest_since}
    return SQL.stream(db, "drops", lambda *row: (Drop(*row[:-1]), row[-1]), **values)


def number_of_drops(db: Database, selection: Selection) -> int:
    """How many drops are selected, of the kinds that `every_drop` means."""
    with _much_memory(db):
        return int(SQL.value(db, "number_of_drops", **_values(selection, _OF_DROPS)))


def number_of_posts(db: Database, selection: Selection) -> int:
    """How many posts are selected; without a kind, of every kind."""
    with _much_memory(db):
        return int(SQL.value(db, "number_of_posts", **_values(selection, EVERY_KIND)))


class Found(NamedTuple):
    """How much is selected."""

    drops: int
    posts: int


def numbers_of_few(db: Database, selection: Selection, most: int) -> Found | None:
    """How many drops and posts are selected, of the kinds that `every_drop` means; None: more than so many posts."""
    query = "first_rejected" if selection.kind == "rejected" else "first_found"
    with _much_memory(db):
        ((drops, posts, rows),) = SQL.run(db, query, **_values(selection, _OF_DROPS), most=most + 1)
    return Found(drops, posts) if rows <= most else None


def posts(db: Database, selection: Selection, review_table: str | None = None) -> Iterator[Post]:
    """The selected posts in the order in which they were sent; without a kind, of every kind.

    They come a page at a time, so that any number of them takes little memory, within one transaction. With a review
    table, each has the row of its drop.
    """
    with _much_memory(db):
        found = SQL.stream(db, "posts", Post, **_values(selection, EVERY_KIND))
        while some := list(islice(found, _ROWS_AT_ONCE)):
            yield from _reviewed(db, review_table, some) if review_table else some


def summed(db: Database, selection: Selection, part: Part, zone: ZoneInfo) -> Summed:
    """The selected posts summed up, without making an object of each; parts are those of the zone's clocks."""
    found = Summed([], {}, [])
    with _much_memory(db):
        asked = {"part": part, "zone": str(zone)}
        rows = SQL.run(db, "summed", **_values(selection, EVERY_KIND), **asked)
        for project, sender, kind, place, posts, unchecked, drop_number, sent_at in rows:
            if drop_number is not None:
                found.listed.append(Listed(project, drop_number, sent_at, kind, sender))
            elif place is not None:
                found.by_part[place, kind] = posts
            else:
                found.counted.append(Counted(project, sender, kind, posts, unchecked))
    return found


def _reviewed(db: Database, table: str, found: Sequence[Post]) -> Iterator[Post]:
    """The posts with their drops' rows; where the table has several of a drop, with the one that changed last."""
    rows = review.rows_of(db, table, *{post.drop_number for post in found})
    rows.sort(key=lambda row: str(row.get("updated_at") or row.get("created_at") or ""))
    of_number: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        of_number.setdefault(str(row["drop_number"]), []).append(row)
    for post in found:
        own = [row for row in of_number.get(post.drop_number, []) if row.get("project", post.project) == post.project]
        yield post._replace(review=own[-1] if own else None)


def new_by_project(db: Database, since: datetime, until: datetime) -> dict[str, int]:
    """How many drops were new in a time, by project."""
    with _much_memory(db):
        return dict(SQL.run(db, "new_by_project", **_values(Selection(since=since, until=until), ("new",))).fetchall())


def project_of_chats(db: Database, *, also_former: bool) -> list[tuple[str, int]]:
    """The project of each watched chat; or also of those that were watched formerly."""
    with transaction(db):
        return SQL.run(db, "project_of_chats", also_former=also_former).fetchall()


def firsts(db: Database, drops: Sequence[tuple[str, str]]) -> dict[tuple[str, str], tuple[datetime, str]]:
    """When and by whom each of these (project, drop number) was posted first."""
    keys = {"projects": [project for project, _ in drops], "drops": [number for _, number in drops]}
    with transaction(db, UNHURRIED_SECONDS):
        return {(project, number): (at, sender) for project, number, at, sender in SQL.run(db, "firsts", **keys)}


def senders(db: Database) -> list[str]:
    """Every sender of a drop number, as it is recorded."""
    with transaction(db, UNHURRIED_SECONDS):
        return SQL.rows(db, "senders", str)


def projects(db: Database) -> list[str]:
    """Every project that the database knows."""
    with transaction(db, UNHURRIED_SECONDS):
        return SQL.rows(db, "projects", str)


def submissions(db: Database, number: str) -> list[Submission]:
    """Every submission of a drop number, in every project, in the order in which they were sent."""
    with transaction(db, UNHURRIED_SECONDS):
        return SQL.rows(db, "submissions", Submission, number=number)


def texts(db: Database, posts: Sequence[Submission]) -> dict[tuple[int, str], list[Text]]:
    """What the messages of these submissions said, by (chat's number, message id), oldest first."""
    said: dict[tuple[int, str], list[Text]] = {}
    for chat, message_id, text in texts_of(db, [(post.chat, post.message_id) for post in posts]):
        said.setdefault((chat, message_id), []).append(text)
    return said


def texts_of(db: Database, messages: Sequence[tuple[int, str]]) -> list[tuple[int, str, Text]]:
    """What these messages said: chat's number, message id, text; of each message the oldest first."""
    keys = {"chats": [chat for chat, _ in messages], "message_ids": [message_id for _, message_id in messages]}
    with transaction(db, UNHURRIED_SECONDS):
        return [(chat, message_id, Text(*text)) for chat, message_id, *text in SQL.run(db, "texts", **keys)]


def near(db: Database, number: str) -> list[str]:
    """Recorded drop numbers that one slip of the finger makes of this one."""
    with transaction(db, UNHURRIED_SECONDS):
        return SQL.rows(db, "near", str, number=number, patterns=_slips(number))


@contextmanager
def _much_memory(db: Database) -> Iterator[None]:
    """A transaction for what goes through all posts."""
    with transaction(db, UNHURRIED_SECONDS):
        SQL.run(db, "make_room")
        yield


def _slips(number: str) -> list[str]:
    """LIKE patterns: one character wrong, one missing, one too many, or two neighbours exchanged."""
    places = range(len(number))
    wrong = [f"{number[:n]}_{number[n + 1 :]}" for n in places]
    missing = [f"{number[:n]}_{number[n:]}" for n in range(len(number) + 1)]
    too_many = [number[:n] + number[n + 1 :] for n in places]
    exchanged = [number[:n] + number[n + 1] + number[n] + number[n + 2 :] for n in places[:-1]]
    return [*wrong, *missing, *too_many, *exchanged]


def _values(selection: Selection, kinds: Sequence[str]) -> dict[str, Any]:
    """A selection as the queries take it; `kinds` are those that are meant where it names none."""
    return selection._asdict() | {"kinds": [selection.kind] if selection.kind else list(kinds)}
