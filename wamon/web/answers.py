"""What every answer has in common: its headers, its count, its line in the log; and the answers that are refusals."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from wamon.errors import WamonError
from wamon.log import correlated, logger
from wamon.web.access import is_secure
from wamon.web.html import page
from wamon.web.site import site_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_SLOW_SECONDS = 1
_REFRESH_SECONDS = 10


class Answers:
    """Around all else: no exception leaves it, and none of its log lines quotes a path, a query or a header."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        site, begun = site_of(request), site_of(request).clock.monotonic_seconds()
        status = 0

        async def begin(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                _complete(MutableHeaders(scope=message), secure=is_secure(site))
                _count(request, status, site.clock.monotonic_seconds() - begun)
            await send(message)

        with correlated() as correlation_id:
            try:
                await self._app(scope, receive, begin)
            except Exception as error:  # noqa: BLE001 - its own words may quote a message: only the place is logged
                logger.error(
                    "A page failed: %s.", _place(error), extra={"action": "web.failed", "route": _route(scope)}
                )
                if status:
                    raise ConnectionAbortedError from None  # the answer has begun: uvicorn cuts it off
                await _failed(request, correlation_id)(scope, receive, begin)


def _complete(headers: MutableHeaders, *, secure: bool) -> None:
    headers.setdefault("Cache-Control", "no-store")
    if secure:
        headers.setdefault("Strict-Transport-Security", "max-age=31536000")


def _count(request: Request, status: int, seconds: float) -> None:
    route, metrics = _route(request.scope), site_of(request).metrics
    metrics.requests.labels(route, str(status)).inc()
    metrics.request_seconds.labels(route).observe(seconds)
    if status >= 400 or seconds > _SLOW_SECONDS:
        logger.info(
            "Answered %s with %s after %.3f s.",
            route,
            status,
            seconds,
            extra={"action": "web.answered", "route": route, "code": status, "seconds": round(seconds, 3)},
        )


def _route(scope: Scope) -> str:
    """The route's pattern, such as /drop/{number}: what people asked for stands in no log."""
    return str(getattr(scope.get("route"), "path", "none"))


def _place(error: Exception) -> str:
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} at {Path(last.filename).name}:{last.lineno}"


def refused(
    request: Request, status: int, title: str, sentence: str, headers: Mapping[str, str] | None = None
) -> Response:
    """An answer that isn't what was asked for: a page for browsers, JSON for `.json`, else a line of text."""
    if request.url.path.endswith(".json"):
        return JSONResponse({"error": sentence}, status, headers)
    if "text/html" in request.headers.get("accept", ""):
        refresh = _REFRESH_SECONDS if status == 503 else None
        return page(
            request, "error.html", status=status, headers=headers, title=title, sentence=sentence, refresh=refresh
        )
    return PlainTextResponse(f"{sentence}\n", status, headers)


def unavailable(request: Request, error: Exception) -> Response:
    """PostgreSQL is away, or its schema isn't ours."""
    said = error.paragraph() if isinstance(error, WamonError) else "PostgreSQL can't be asked now."
    return refused(request, 503, "Not available now", said, {"Retry-After": str(_REFRESH_SECONDS)})


def _failed(request: Request, correlation_id: str) -> Response:
    sentence = f"This page failed. The log says where, under {correlation_id}."
    if request.url.path.endswith(".json"):
        return JSONResponse({"error": sentence, "correlation_id": correlation_id}, 500)
    return PlainTextResponse(f"{sentence}\n", 500)
