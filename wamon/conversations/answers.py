"""What is said of a burst: templates, filled with facts. No exception's words, and no other project's drops."""

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


def answers(db: Database, turns: Sequence[Turn], words: Words) -> list[Ended]:
    """How these turns end: answered, or silent where nothing is to be said. Late ones of a group end together."""
    with transaction(db):
        posts = _posts(db, turns)
        ended = [_answer(db, turn, posts[turn.conversation], words) for turn in turns if not turn.in_digest]
    together: dict[int, list[Turn]] = {}
    for turn in turns:
        if turn.in_digest:
            together.setdefault(turn.chat, []).append(turn)
    return ended + [one for some in together.values() for one in _digest(some, posts, words)]


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


def _answer(db: Database, turn: Turn, posts: Sequence[Post], words: Words) -> Ended:
    if turn.kind == "group":
        lines = _group_lines(posts, words.of_group.get(turn.jid, {}), turn.project)
    else:
        lines = _facts(db, turn, posts, words) or _fallback(words.templates)
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


def _facts(db: Database, turn: Turn, posts: Sequence[Post], words: Words) -> list[str]:
    """What is known of the numbers that a person names, in the one project that is theirs."""
    if not turn.project or not posts:
        return []
    numbers = [post.number for post in posts]
    since = dict(SQL.run(db, "first_posts", project=turn.project, numbers=numbers).fetchall())
    lines = []
    for post in posts:
        status = _status(post, since.get(post.number), words.zone)
        template = words.templates.status if status else words.templates.unknown
        lines.append(filled(template, drop=post.number, project=turn.project, status=status))
    return _at_most([line for line in lines if line], _MOST_LINES)


def _status(post: Post, since: datetime | None, zone: ZoneInfo) -> str:
    """What became of a number; "" where it isn't recorded."""
    if post.kind == "rejected":
        return "not on the list"
    if since is None:
        return ""
    return "recorded now" if post.kind == "new" else f"recorded since {since.astimezone(zone):%Y-%m-%d %H:%M}"


def _fallback(templates: Templates) -> list[str]:
    return [templates.fallback] if templates.fallback else []


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
