"""Which projects there are: those of the config, those that posted, and those with a list."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wamon.errors import UsageError
from wamon.ledger import allow_list
from wamon.reports import posts

if TYPE_CHECKING:
    from wamon.config.schema import Config
    from wamon.postgres.connection import Database


def require_project(db: Database, config: Config, project: str) -> None:
    """Raise UsageError, which names the projects, for one that neither the config nor the database knows."""
    known = {group.name for group in config.groups} | {*posts.projects(db)}
    known |= {row.project for row in allow_list.lists(db)}
    if project not in known:
        raise UsageError(f"There is no project {project}.", hint=_named(sorted(known)))


def _named(known: list[str]) -> str:
    return f"The projects are {', '.join(known)}." if known else "The config names no group, and nothing is recorded."
