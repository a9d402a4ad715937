"""What machines ask: /health, /ready and /debug/check-orphaned-messages."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, Response

from wamon.views.document import as_json
from wamon.web.guard import sees_all
from wamon.web.site import site_of

if TYPE_CHECKING:
    from starlette.requests import Request

    from wamon.web.ready import Readiness


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


async def orphaned_messages(_request: Request) -> Response:
    """GET and POST: what waits for an answer and is overdue. There are no conversations yet, so nothing is."""
    return JSONResponse(
        {
            "status": "ok",
            "orphaned_count": 0,
            "orphaned_wa_ids": [],
            "processed": [],
            "message": "No orphaned messages found",
            "buffered_wa_ids": [],
        }
    )
