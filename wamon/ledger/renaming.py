"""Renaming: a group is its JID, and its drops follow the name that its project has in the config.

What is recorded of it takes the new name, and so do the office's rows. Where no group keeps the old name, and one new
name takes its place, that is the whole project: its list and the rows that people made follow, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wamon.ledger import rejections
from wamon.ledger.following import Renamed
from wamon.ledger.submissions import lock_projects
from wamon.postgres.connection import UNHURRIED_SECONDS, transaction
from wamon.postgres.queries import Queries

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from wamon.ledger.review import Review
    from wamon.ledger.source import Source
    from wamon.postgres.connection import Database

SQL = Queries("wamon.ledger", "renaming")

_WITHOUT_WAITING = "SET LOCAL lock_timeout = '500ms'"
"""Recording waits for the fence meanwhile."""
_CARRIED = ("carry_submissions", "carry_near_misses", "carry_replies")


def rename(source: Source, review: Review | None, projects: Mapping[str, str]) -> list[Renamed]:
    """Give groups' projects other names, by JID. Raises Superseded, and Locked where others hold the office's rows."""
    known = source.groups
    renamed = [Renamed(known[jid].chat, jid, known[jid].project, now) for jid, now in projects.items()]
    with source.fenced() as db, transaction(db, UNHURRIED_SECONDS):
        lock_projects(db, {name for one in renamed for name in (one.was, one.now)})
        for one in renamed:
            SQL.run(db, "rename", chat=one.chat, now=one.now)
        renamed = _judged(db, renamed)
        for one in renamed:
            for query in _CARRIED:
                SQL.run(db, query, chat=one.chat, was=one.was, now=one.now)
        db.execute(_WITHOUT_WAITING)
        if review is not None:
            review.rename(db, renamed)
        rejections.rename(db, source.name, renamed)
        for was, now in {(one.was, one.now) for one in renamed if one.wholly}:
            _carry_list(db, was, now)
    source.load()
    return renamed


def _judged(db: Database, renamed: Sequence[Renamed]) -> list[Renamed]:
    """The same, each with whether the whole project has the new name."""
    kept = set(SQL.rows(db, "kept", str, names=[one.was for one in renamed]))
    became: dict[str, set[str]] = {}
    for one in renamed:
        became.setdefault(one.was, set()).add(one.now)
    return [one._replace(wholly=one.was not in kept and len(became[one.was]) == 1) for one in renamed]


def _carry_list(db: Database, was: str, now: str) -> None:
    """The numbers that the project accepts; where there is a list of that name already, both stay."""
    if SQL.value(db, "carry_list", was=was, now=now):
        SQL.run(db, "carry_numbers", was=was, now=now)
        SQL.run(db, "end_list", was=was)
