"""What is said of a burst: templates, filled with facts. No exception's words, and no other project's drops.

A person's burst of which they tell nothing is the agent's, or gets the fallback.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from wamon.config.conversations import filled
from wamon.config.replies import filled as filled_reply
from wamon.conversations.turns import Ended
from wamon.postgres.connection import transaction
from wamon.postgres.queries import Queries

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from wamon.config.conversations import Templates
    from wamon.config.replies import ReplyKind
    from wamon.conversations.turns import Turn
    from wamon.postgres.connection import Database

SQL = Queries("wamon.conversations", "answers")

_MOST_LINES = 10
_MOST_TOLD_TOGETHER = 20


class Post(NamedTuple):
    """What a burst says of one drop number."""

    about: str  # a drop number, or what was written in place of one
    kind: ReplyKind
    likely: str | None

    @property
    def number(self) -> str:
        return self.likely or self.about


class Words(NamedTuple):
    """What is said. `of_group` has the templates of each group, by JID."""

    of_group: Mapping[str, Mapping[ReplyKind, str]]
    templates: Templates
    zone: ZoneInfo


class Untold(NamedTuple):
    """A person's burst of which no template tells, and what is known of the numbers that it names."""

    turn: Turn
    facts: str = ""  # a line for each
    numbers: frozenset[str] = frozenset()  # of the facts


def answers(db: Database, turns: Sequence[Turn], words: Words) -> tuple[list[Ended], list[Untold]]:
    """How these turns end: answered, or silent where nothing is to be said. Late ones of a group end together.

    And those that don't yet: of which no template tells.
    """
    with transaction(db):
        posts = _posts(db, turns)
        told = [_answer(db, turn, posts[turn.conversation], words) for turn in turns if not turn.in_digest]
    together: dict[int, list[Turn]] = {}
    for turn in turns:
        if turn.in_digest:
            together.setdefault(turn.chat, []).append(turn)
    ended = [one for one in told if isinstance(one, Ended)]
    ended += [one for some in together.values() for one in _digest(some, posts, words)]
    return ended, [one for one in told if isinstance(one, Untold)]


def fallback(turn: Turn, templates: Templates) -> Ended:
    """How a turn ends of which nothing is known and that nobody else answers."""
    return Ended(turn, "answered", templates.fallback) if templates.fallback else Ended(turn, "silent")


def _posts(db: Database, turns: Sequence[Turn]) -> dict[int, list[Post]]:
    """Of each turn's burst, each number once: as new where one of its posts is."""
    found: dict[int, dict[str, Post]] = {turn.conversation: {} for turn in turns}
    rows = SQL.run(
        db,
        "posts",
        conversations=[turn.conversation for turn in turns],
        from_seqs=[turn.from_seq for turn in turns],
        through_seqs=[turn.through_seq for turn in turns],
    )
    for conversation, *rest in rows:
        post = Post(*rest)
        if post.kind == "new" or post.about not in found[conversation]:
            found[conversation][post.about] = post
    return {conversation: list(by_number.values()) for conversation, by_number in found.items()}


def _answer(db: Database, turn: Turn, posts: Sequence[Post], words: Words) -> Ended | Untold:
    if turn.kind == "direct":
        return _direct_answer(db, turn, posts, words)
    lines = _group_lines(posts, words.of_group.get(turn.jid, {}), turn.project)
    return Ended(turn, "answered", "\n".join(lines)) if lines else Ended(turn, "silent")


def _group_lines(posts: Sequence[Post], templates: Mapping[ReplyKind, str], project: str) -> list[str]:
    """A line for each number."""
    lines = [
        filled_reply(template, drop=post.about, project=project, likely=post.likely)
        for post in posts
        if (template := templates.get(post.kind))
    ]
    return _at_most(lines, _MOST_LINES)


def _at_most(lines: Sequence[str], most: int) -> list[str]:
    beyond = len(lines) - most
    return [*lines[:most], f"… and {beyond} more"] if beyond > 0 else list(lines)


def _direct_answer(db: Database, turn: Turn, posts: Sequence[Post], words: Words) -> Ended | Untold:
    """What is known of the numbers that a person names, in the one project that is theirs."""
    if not turn.project or not posts:
        return Untold(turn)
    numbers = [post.number for post in posts]
    since = dict(SQL.run(db, "first_posts", project=turn.project, numbers=numbers).fetchall())
    known = [(post.number, _status(post, since.get(post.number), words.zone)) for post in posts]
    lines = [_line(number, status, turn.project, words.templates) for number, status in known]
    if said := _at_most([line for line in lines if line], _MOST_LINES):
        return Ended(turn, "answered", "\n".join(said))
    facts = [f"{number} is {status or 'not recorded'} for {turn.project}." for number, status in known]
    return Untold(turn, "\n".join(facts), frozenset(numbers))


def _line(number: str, status: str, project: str, templates: Templates) -> str:
    template = templates.status if status else templates.unknown
    return filled(template, drop=number, project=project, status=status)


def _status(post: Post, since: datetime | None, zone: ZoneInfo) -> str:
    """What became of a number; "" where it isn't recorded."""
    if post.kind == "rejected":
        return "not on the list"
    if since is None:
        return ""
    return "recorded now" if post.kind == "new" else f"recorded since {since.astimezone(zone):%Y-%m-%d %H:%M}"


def _digest(turns: Sequence[Turn], posts: Mapping[int, Sequence[Post]], words: Words) -> list[Ended]:
    """Several late bursts of one group, told together: the reply hangs on the newest."""
    newest = max(turns, key=lambda turn: (turn.newest_at, turn.conversation))
    recorded = {p.about for turn in turns for p in posts[turn.conversation] if p.kind in {"new", "resubmission"}}
    named = _at_most(sorted(recorded), _MOST_TOLD_TOGETHER)
    template = words.templates.digest if recorded else ""
    said = filled(template, drop=", ".join(named), project=newest.project, count=len(recorded))
    listed = "" if "{digits}" in template or "{drop}" in template else f"\n{', '.join(_digits(one) for one in named)}"
    body = said + listed if said else None
    return [Ended(turn, "digest" if body else "silent", body if turn is newest else None) for turn in turns]


def _digits(number: str) -> str:
    """A number without its letters, so that no reader takes it for a post."""
    return number if number.startswith("…") else "".join(one for one in number if one.isdigit())
