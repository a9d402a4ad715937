"""Signing in by a one-time link, and out."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response

from wamon.web import sessions
from wamon.web.access import is_secure
from wamon.web.html import page
from wamon.web.site import site_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

    from wamon.web.access import Sessions

FORM_BYTES = 16 * 1024
_FORM = "application/x-www-form-urlencoded"
_NO_CODE = "This link was used already, or it is too old."


class WrongForm(Exception):
    """A body that no page of ours sends: too large, or not a form."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


async def form_of(request: Request) -> dict[str, str]:
    """The fields of a small form, each once. Raises WrongForm."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
        raise WrongForm(415)
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > FORM_BYTES:
            raise WrongForm(413)
    try:
        return dict(parse_qsl(body.decode("utf-8"), max_num_fields=50))
    except ValueError:
        raise WrongForm(400) from None


def sign_in_page(
    request: Request, status: int = 200, *, said: str = "", headers: Mapping[str, str] | None = None
) -> Response:
    """The form that takes a link's code; a line for what is no browser."""
    if request.url.path.endswith(".json"):
        return JSONResponse({"error": "Sign in, or send the token."}, status, headers)
    if "text/html" not in request.headers.get("accept", ""):
        return PlainTextResponse(
            "Sign in: `wamon web link` prints a link. A program sends the token.\n", status, headers
        )
    return page(request, "login.html", status=status, headers=headers, said=said, viewer=None)


class SignIn:
    """A session begins by POST /login, which uses a code up, and ends by POST /logout."""

    def __init__(self, known: Sessions) -> None:
        self._known = known

    async def login(self, request: Request) -> Response:
        """The form, and what it sends. The code stands in the link's fragment, which reaches no server by itself."""
        return await self._sign_in(request) if request.method == "POST" else sign_in_page(request)

    async def _sign_in(self, request: Request) -> Response:
        site = site_of(request)
        code = (await form_of(request)).get("code", "").strip().rpartition("#")[2]
        session = await site.database.run(sessions.sign_in, code) if 0 < len(code) < 200 else None
        if session is None:
            site.metrics.refused.labels("link").inc()
            return sign_in_page(request, 401, said=_NO_CODE, headers={"WWW-Authenticate": "Bearer"})
        answer = RedirectResponse("/", 303)
        await self._set(request, answer, session, sessions.HOURS * 3600)
        return answer

    async def sign_out(self, request: Request) -> Response:
        site = site_of(request)
        session = request.cookies.get(await self._known.cookie_name(site))
        if session:
            await site.database.run(sessions.sign_out, session)
            self._known.forget(session)
        answer = RedirectResponse("/login", 303)
        await self._set(request, answer, "", 0)
        return answer

    async def _set(self, request: Request, answer: Response, session: str, seconds: int) -> None:
        site = site_of(request)
        name = await self._known.cookie_name(site)
        answer.set_cookie(
            name, session, max_age=seconds, path="/", httponly=True, samesite="lax", secure=is_secure(site)
        )
