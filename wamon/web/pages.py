"""Pages: one function a page from PostgreSQL to a view; a template and `.json` show the same view."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from starlette.exceptions import HTTPException

from wamon.views.document import as_json
from wamon.views.quotes import for_readers
from wamon.web.guard import viewer_of
from wamon.web.html import compressed, page
from wamon.web.site import Site, site_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.requests import Request
    from starlette.responses import Response

    from wamon.postgres.connection import Database
    from wamon.web.live import Hub


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
class Page:
    """`read` answers the view, or None where there is no such thing. `topic`: its name among the live pages."""

    path: str
    template: str
    read: Callable[[Database, Asked], Any]
    topic: str | None = None
    for_operators: bool = False

    async def json(self, request: Request) -> Response:
        """The view as JSON."""
        return await self._made(
            request, lambda view: compressed(request, (as_json(view) + "\n").encode(), "application/json")
        )

    async def show(self, request: Request) -> Response:
        """The view as a page."""
        hub: Hub = request.app.state.hub
        topic = (self.topic or "").format(**request.path_params)
        version = hub.version(topic, is_operator=_is_operator(request))
        values: dict[str, Any] = {"topic": topic, "version": version, "query": request.query_params}
        return await self._made(request, lambda view: page(request, self.template, view=view, **values))

    async def _made(self, request: Request, make: Callable[[Any], Response]) -> Response:
        """The answer, made in the thread that read its view: a long page holds up nothing that is live."""
        site = site_of(request)
        if self.for_operators and not _is_operator(request):
            raise HTTPException(403)
        if any("\0" in value for value in [*request.path_params.values(), *request.query_params.values()]):
            raise HTTPException(404)  # no text of PostgreSQL holds one
        asked = Asked(site, request.path_params, request.query_params, _is_operator(request))
        answer = await site.database.run(self._answer, asked, make)
        if answer is None:
            raise HTTPException(404)
        return answer

    def _answer(self, db: Database, asked: Asked, make: Callable[[Any], Response]) -> Response | None:
        view = self.read(db, asked)
        if view is None:
            return None
        return make(view if asked.is_operator else for_readers(view))


def _is_operator(request: Request) -> bool:
    viewer = viewer_of(request)
    return viewer is not None and viewer.is_operator
