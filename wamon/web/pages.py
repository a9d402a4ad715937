"""Pages: one function a page from PostgreSQL to a view; a template and `.json` show the same view."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from starlette.exceptions import HTTPException

from wamon.postgres.connection import explained
from wamon.views.document import as_json
from wamon.views.quotes import for_readers
from wamon.web.guard import viewer_of
from wamon.web.html import compressed, page
from wamon.web.kept import Kept
from wamon.web.site import Site, site_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.requests import Request
    from starlette.responses import Response

    from wamon.postgres.connection import Database
    from wamon.web.live import Hub

_SHARED_SECONDS = 1


@dataclass(frozen=True, slots=True)
class Asked:
    """What a page is asked for."""

    site: Site
    path: Mapping[str, str]
    query: Mapping[str, str]
    is_operator: bool

    def text(self, name: str) -> str | None:
        """What a query says of this; None where it says nothing."""
        return self.query.get(name) or None


@dataclass(frozen=True, slots=True)
class Look:
    """What a page shows, and the versions that its live channels had reached before: for readers and for operators."""

    view: Any
    versions: tuple[str, str]


Looks = dict[str, Kept[Look]]
"""The last looks at pages that are shared, by path."""


@dataclass(frozen=True, slots=True)
class Page:
    """`read` answers the view, or None where there is no such thing. `topic`: its name among the live pages.

    `is_shared`: who opens it without a query, within a second of somebody else, is shown the same look.
    """

    path: str
    template: str
    read: Callable[[Database, Asked], Any]
    topic: str | None = None
    for_operators: bool = False
    is_shared: bool = False

    async def json(self, request: Request) -> Response:
        """The view as JSON."""
        return await self._made(
            request, lambda look: compressed(request, (as_json(look.view) + "\n").encode(), "application/json")
        )

    async def show(self, request: Request) -> Response:
        """The view as a page."""
        values: dict[str, Any] = {"topic": self._topic(request.path_params), "query": request.query_params}
        version = int(_is_operator(request))
        return await self._made(
            request,
            lambda look: page(request, self.template, view=look.view, version=look.versions[version], **values),
        )

    async def _made(self, request: Request, make: Callable[[Look], Response]) -> Response:
        """The answer, made in a thread of views': a long page holds up nothing that is live."""
        site = site_of(request)
        if self.for_operators and not _is_operator(request):
            raise HTTPException(403)
        if any("\0" in value for value in [*request.path_params.values(), *request.query_params.values()]):
            raise HTTPException(404)  # no text of PostgreSQL holds one
        asked = Asked(site, request.path_params, request.query_params, _is_operator(request))
        hub: Hub = request.app.state.hub
        if self.is_shared and not request.query_params:
            looks: Looks = request.app.state.looks
            kept = looks.setdefault(self.path, Kept(partial(self._look, site, hub), _SHARED_SECONDS, site.clock))
            answer = await site.database.run(_answer_again, await kept.now(), asked, make)
        else:
            answer = await site.database.run(self._read_answer, asked, self._versions(hub, asked), make)
        if answer is None:
            raise HTTPException(404)
        return answer

    async def _look(self, site: Site, hub: Hub) -> Look:
        asked = Asked(site, {}, {}, is_operator=False)
        versions = self._versions(hub, asked)
        return Look(await site.database.run(self.read, asked), versions)

    def _read_answer(
        self, db: Database, asked: Asked, versions: tuple[str, str], make: Callable[[Look], Response]
    ) -> Response | None:
        """The answer, made in the thread that read its view."""
        return _answer(Look(self.read(db, asked), versions), asked, make)

    def _topic(self, path: Mapping[str, str]) -> str:
        return (self.topic or "").format(**path)

    def _versions(self, hub: Hub, asked: Asked) -> tuple[str, str]:
        topic = self._topic(asked.path)
        return hub.version(topic, is_operator=False), hub.version(topic, is_operator=True)


def _answer_again(db: Database, look: Look, asked: Asked, make: Callable[[Look], Response]) -> Response | None:
    """The answer by a look that somebody had, as long as PostgreSQL is there: else no page is what it says."""
    with explained():
        db.execute("SELECT 1")
    return _answer(look, asked, make)


def _answer(look: Look, asked: Asked, make: Callable[[Look], Response]) -> Response | None:
    if look.view is None:
        return None
    return make(look if asked.is_operator else replace(look, view=for_readers(look.view)))


def _is_operator(request: Request) -> bool:
    viewer = viewer_of(request)
    return viewer is not None and viewer.is_operator
