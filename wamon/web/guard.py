"""Before any page: are we meant, and may this viewer see it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.requests import Request

from wamon.errors import WamonError
from wamon.web.access import Viewer, host_verdict, is_from_here, is_local, viewer_by_token
from wamon.web.answers import refused, unavailable
from wamon.web.hooks import PREFIX
from wamon.web.login import sign_in_page
from wamon.web.site import site_of

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.types import ASGIApp, Receive, Scope, Send

    from wamon.web.access import HostVerdict, Sessions

UNGUARDED = ("/health", "/ready")
"""Answered under any name: a balancer asks by whatever it has. `/ready` tells strangers nothing but yes or no."""
OPEN = ("/login", "/logout")
LOCAL = ("/ready", "/metrics", "/debug/check-orphaned-messages")
"""What programs of this host see without proof."""


class Guard:
    """Refuses a request, or lets it pass with its `viewer` (None where none is needed)."""

    def __init__(self, app: ASGIApp, sessions: Sessions) -> None:
        self._app = app
        self._sessions = sessions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        request.state.viewer = None
        answer = await self._refusal(request)
        await (answer or self._app)(scope, receive, send)

    async def _refusal(self, request: Request) -> Response | None:
        verdict = host_verdict(site_of(request), request.scope)
        request.state.is_local = verdict == "ours" and is_local(request)
        if request.url.path in UNGUARDED and verdict != "ours":
            return None
        if verdict == "ours" and request.url.path.startswith(PREFIX):
            return None  # each delivery brings its own proof
        return self._foreign(request, verdict) or await self._unproven(request)

    def _foreign(self, request: Request, verdict: HostVerdict) -> Response | None:
        if verdict == "missing":
            return self._no(request, 400, "host", "A request names its host once.")
        if verdict == "foreign":
            return self._no(request, 421, "host", "This is another host than the one asked for: see `web.hosts`.")
        by_program = "origin" not in request.headers and _is_local_endpoint(request)
        if request.method == "POST" and not (by_program or is_from_here(request)):
            return self._no(request, 403, "origin", "This was sent by a page of another site.")
        return None

    async def _unproven(self, request: Request) -> Response | None:
        try:
            request.state.viewer = viewer_by_token(request) or await self._sessions.viewer(request)
        except WamonError as error:
            return None if _needs_no_proof(request) else unavailable(request, error)
        if request.state.viewer is None and not _needs_no_proof(request):
            site_of(request).metrics.refused.labels("proof").inc()
            return sign_in_page(request, 401, headers={"WWW-Authenticate": "Bearer"})
        return None

    def _no(self, request: Request, status: int, why: str, sentence: str) -> Response:
        site_of(request).metrics.refused.labels(why).inc()
        return refused(request, status, "Refused", sentence)


def _needs_no_proof(request: Request) -> bool:
    path = request.url.path
    if site_of(request).only == "hooks":  # no page is there, and hooks prove themselves
        return path not in LOCAL or path in UNGUARDED or _is_local_endpoint(request)
    return path in {*UNGUARDED, *OPEN} or path.startswith("/static/") or _is_local_endpoint(request)


def _is_local_endpoint(request: Request) -> bool:
    return request.url.path in LOCAL and bool(request.state.is_local)


def viewer_of(request: Request) -> Viewer | None:
    """Who asks; None where the request needed no proof, and has none."""
    viewer: Any = request.state.viewer
    return viewer if isinstance(viewer, Viewer) else None


def sees_all(request: Request) -> bool:
    """Whether an endpoint for machines may tell all that it knows."""
    return viewer_of(request) is not None or bool(request.state.is_local)
