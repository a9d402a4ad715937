"""Which pages there are, and which of them are live."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wamon.postgres.connection import transaction
from wamon.postgres.queries import Queries
from wamon.views import home
from wamon.web.live import Topic
from wamon.web.pages import Asked, Page

if TYPE_CHECKING:
    from wamon.postgres.connection import Database
    from wamon.web.site import Site

_QUERIES = Queries("wamon.web", "pulse")
_STATEMENT_SECONDS = 3


def _home(db: Database, asked: Asked) -> home.Home:
    return home.home(db, asked.site.zone)


def _live_home(db: Database, site: Site, _is_operator: bool) -> home.Home:  # noqa: FBT001
    return home.home(db, site.zone)


def _pulse(db: Database) -> object:
    with transaction(db, _STATEMENT_SECONDS):
        return _QUERIES.run(db, "pulse").fetchone()


PAGES = (Page("/", "home.html", _home, topic="home"),)

TOPICS = {
    "home": Topic(
        _pulse,
        _live_home,
        ("title", "verdict", "look", "tiles", "needs", "posts", "groups", "hours", "sources"),
    )
}
