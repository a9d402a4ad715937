"""Which posts of drop numbers a command is asked for: the filters that `drops list` and `drops export` share."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

if TYPE_CHECKING:
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from wamon.postgres.connection import Database
    from wamon.privacy import Directory
    from wamon.reports.posts import Selection

    Span = tuple[datetime | None, datetime | None]


class Kind(StrEnum):
    """How a post of a drop number counts."""

    new = "new"
    resubmission = "resubmission"
    rejected = "rejected"
    retracted = "retracted"


DayOption = Annotated[str | None, typer.Option("--day", metavar="DATE", help="Only posts of this day.")]
SinceOption = Annotated[str | None, typer.Option("--since", metavar="TIME", help="Only posts from then on.")]
UntilOption = Annotated[
    str | None, typer.Option("--until", metavar="TIME", help="Only posts before then; a day counts whole.")
]
KindOption = Annotated[Kind | None, typer.Option("--kind", help="Only posts of this kind.")]
SenderOption = Annotated[
    str | None, typer.Option("--sender", metavar="WHO", help="Only posts of this name, phone number or last digits.")
]
TextOption = Annotated[
    str | None, typer.Option("--text", metavar="WORDS", help="Only posts whose message, as kept, says this.")
]


class Filters(NamedTuple):
    """The filters as the user said them."""

    project: str | None
    day: str | None
    since: str | None
    until: str | None
    kind: Kind | None
    sender: str | None
    text: str | None

    def span(self, zone: ZoneInfo, now: datetime) -> Span:
        """From when until when, which needs no database. Raises UsageError for what is no time."""
        from wamon.cli import times
        from wamon.errors import UsageError

        if self.day is None:
            return times.span(self.since, self.until, zone, now)
        if self.since is not None or self.until is not None:
            raise UsageError("A day has its own beginning and end.", hint="Say --day, or --since and --until.")
        return times.span(self.day, self.day, zone, now)

    def selection(self, db: Database, people: Directory, span: Span) -> Selection:
        """What they mean. Raises UsageError for a project or sender that nobody knows."""
        from wamon.reports import posts

        if self.project is not None:
            require_project(self.project, posts.projects(db))
        senders = None if self.sender is None else _senders(self.sender, people, posts.senders(db))
        return posts.Selection(self.project, *span, self.kind, senders, self.text)


def require_project(project: str, known: list[str]) -> None:
    """Raise UsageError, which names the projects, for one that isn't among them."""
    from wamon.errors import UsageError

    if project not in known:
        named = f"The projects are {', '.join(known)}." if known else "Nothing is recorded yet: run `wamon scan`."
        raise UsageError(f"There is no project {project}.", hint=named)


def _senders(wanted: str, people: Directory, known: list[str]) -> list[str]:
    from wamon.errors import UsageError

    found = people.senders_like(wanted, known)
    if not found:
        raise UsageError(
            "Nobody who posted a drop number is called so.",
            hint="Say a name or a part of it, a phone number, or its last digits.",
        )
    return found
