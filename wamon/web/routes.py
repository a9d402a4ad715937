"""Which address answers what."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.responses import Response
from starlette.routing import Route

from wamon.errors import ConfigError, Retryable, SchemaError
from wamon.web import acting, endpoints
from wamon.web.access import Sessions, host_verdict
from wamon.web.answers import Answers, refused, unavailable
from wamon.web.contents import PAGES, TOPICS
from wamon.web.finding import find
from wamon.web.guard import Guard
from wamon.web.html import assets, takes_gzip
from wamon.web.live import Hub
from wamon.web.login import SignIn, WrongForm
from wamon.web.ready import Readiness

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import Receive, Scope, Send

    from wamon.web.pages import Page
    from wamon.web.site import Site

_FOR_EVER = "public, max-age=31536000, immutable"
_TITLES = {404: "Not found", 405: "Not allowed"}


class Front:
    """The application that answers all requests to this site: deliveries, which come by hundreds, before any page."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._pages = pages(site)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        site = self._site
        is_delivery = site.hooks.has(scope["path"]) and host_verdict(site, scope) == "ours"
        await (site.hooks if is_delivery else self._pages)(scope, receive, send)


def pages(site: Site) -> Starlette:
    """What answers all but deliveries."""
    known, hub = Sessions(), Hub(site, TOPICS)
    app = Starlette(
        routes=[
            *([] if site.only == "hooks" else _for_people(known, hub)),
            Route("/health", endpoints.health),
            Route("/ready", endpoints.ReadyEndpoint(Readiness(site)).__call__),
            Route("/metrics", endpoints.MetricsEndpoint(site).__call__),
            Route("/debug/check-orphaned-messages", endpoints.orphaned_messages, methods=["GET", "POST"]),
        ],
        middleware=[Middleware(Answers), Middleware(Guard, known)],
        exception_handlers={
            HTTPException: _http_error,
            WrongForm: _wrong_form,
            Retryable: _unavailable,
            SchemaError: _unavailable,
            ConfigError: _unavailable,
        },
    )
    app.router.redirect_slashes = False
    app.state.site = site
    app.state.hub = hub
    app.state.looks = {}
    return app


def _for_people(known: Sessions, hub: Hub) -> list[Route]:
    """All pages, and what they need."""
    signing = SignIn(known)
    return [
        *(route for page in PAGES for route in _of_page(page)),
        Route("/find", find),
        Route("/act/{what}", acting.ask),
        Route("/act/{what}", acting.act, methods=["POST"]),
        Route("/live", hub.stream),
        Route("/static/{name}", static),
        Route("/login", signing.login, methods=["GET", "POST"]),
        Route("/logout", signing.sign_out, methods=["POST"]),
    ]


def _of_page(page: Page) -> list[Route]:
    """A page, and the same as JSON. More exact addresses come first."""
    return [Route("/home.json" if page.path == "/" else f"{page.path}.json", page.json), Route(page.path, page.show)]


async def static(request: Request) -> Response:
    """A file that pages load. Its address holds its version, so it never changes."""
    found = assets().get(request.path_params["name"])
    if found is None:
        raise HTTPException(404)
    headers = {"Cache-Control": _FOR_EVER, "Vary": "Accept-Encoding"}
    if takes_gzip(request):
        return Response(found.compressed, headers=headers | {"Content-Encoding": "gzip"}, media_type=found.media_type)
    return Response(found.plain, headers=headers, media_type=found.media_type)


def _http_error(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    sentences = {
        403: "Only an operator may do this: `wamon web link --operator` prints a link.",
        404: "There is nothing at this address.",
        405: "This address takes another method.",
    }
    headers = error.headers if isinstance(error, HTTPException) else None
    return refused(
        request, status, _TITLES.get(status, "Refused"), sentences.get(status, "This can't be done."), headers
    )


def _wrong_form(request: Request, error: Exception) -> Response:
    status = error.status if isinstance(error, WrongForm) else 400
    return refused(request, status, "Refused", "A small form is expected here.", {"Connection": "close"})


def _unavailable(request: Request, error: Exception) -> Response:
    return unavailable(request, error)
