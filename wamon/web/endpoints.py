"""What machines ask: /health, /ready, /metrics and /debug/check-orphaned-messages."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.responses import JSONResponse, Response

from wamon.errors import WamonError
from wamon.views import conversations
from wamon.views.document import as_json
from wamon.views.figures import figures
from wamon.web.exposition import Exposition
from wamon.web.guard import sees_all, viewer_of
from wamon.web.kept import Kept
from wamon.web.site import site_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request

    from wamon.views.figures import Figures
    from wamon.web.ready import Readiness
    from wamon.web.site import Site

_FIGURES_SECONDS = 5


async def health(request: Request) -> Response:
    """Whether this process answers; PostgreSQL isn't asked."""
    site = site_of(request)
    return JSONResponse(
        {
            "status": "ok",
            "version": site.version,
            "instance": site.instance,
            "pid": site.pid,
            "uptime_seconds": site.uptime_seconds(),
            "only": site.only,
        }
    )


class ReadyEndpoint:
    """GET /ready: all checks for who may see them, the outcome alone for anybody else."""

    def __init__(self, readiness: Readiness) -> None:
        self._readiness = readiness

    async def __call__(self, request: Request) -> Response:
        found = await self._readiness.now(web_alone=request.query_params.get("of") == "web")
        document = json.loads(as_json(found))
        if not sees_all(request):
            del document["checks"]
        return JSONResponse(document, 200 if found.ready else 503)


class MetricsEndpoint:
    """GET /metrics: what this process counts, and PostgreSQL's figures; not those where hooks alone are served."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._known: Sequence[str] = ()  # the sources, as of the last look that found any
        self._figures = Kept(self._look, _FIGURES_SECONDS, site.clock)

    async def __call__(self, request: Request) -> Response:  # noqa: ARG002 - an endpoint
        text = self._site.metrics.text()
        if self._site.only != "hooks":
            found = await self._figures.now()
            text += generate_latest(Exposition(found, self._known))
        return Response(text, media_type=CONTENT_TYPE_LATEST)

    async def _look(self) -> Figures | None:
        try:
            found = await self._site.database.run(figures, answers=self._site.answers)
        except WamonError:
            return None
        self._known = [source.name for source in found.sources]
        return found


async def orphaned_messages(request: Request) -> Response:
    """GET and POST: what waits for an answer and is overdue, made due; `?dry_run=1` only looks.

    People are hashes for who brings no proof, whatever `privacy.show` says: another's program may ask through a proxy.
    """
    site = site_of(request)
    if not site.answers:
        return Response(as_json(conversations.NO_ORPHANS), media_type="application/json")
    show = site.show if viewer_of(request) else "names"
    dry_run = request.query_params.get("dry_run", "0") not in {"", "0"}
    try:
        found = await site.database.run(conversations.orphans, show, dry_run=dry_run)
    except WamonError as error:
        document = replace(conversations.NO_ORPHANS, status="error", message=str(error))
        return Response(as_json(document), 503, media_type="application/json")
    return Response(as_json(found), media_type="application/json")
