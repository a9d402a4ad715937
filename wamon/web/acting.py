"""Operators' actions: a page that asks, a form that does it. GET changes nothing; without scripts it works alike."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from wamon.errors import UsageError
from wamon.log import logger
from wamon.views import actions
from wamon.web.answers import refused
from wamon.web.guard import viewer_of
from wamon.web.html import page
from wamon.web.login import WrongForm, form_of
from wamon.web.site import site_of

if TYPE_CHECKING:
    from starlette.requests import Request

    from wamon.web.access import Viewer

_LONGEST_KEY = 1_000
_LONGEST_REASON = 500
_NOTHING = "Nothing was done"
_SAID = {
    "sent before": "This form was sent before, and did its work then.",
    "not there": "There is nothing left to do: it was done meanwhile, or is gone.",
}


async def ask(request: Request) -> Response:
    """GET /act/WHAT?key=…: what would be done, and the form that does it."""
    _operator(request)
    kind, key = _kind(request), _within(request.query_params.get("key", ""), _LONGEST_KEY)
    found = await site_of(request).database.run(actions.about, kind, key)
    if found is None:
        raise HTTPException(404)
    return page(request, "act.html", kind=kind, about=found, key=key, form=uuid4())


async def act(request: Request) -> Response:
    """POST /act/WHAT: do it once, and lead back to where it was offered."""
    operator, kind, sent = _operator(request), _kind(request), await form_of(request)
    key, reason = _within(sent.get("key", ""), _LONGEST_KEY), _within(sent.get("reason", "").strip(), _LONGEST_REASON)
    what = request.path_params["what"]
    site, form = site_of(request), _form(sent)
    try:
        outcome = await site.database.run(actions.act, what, key, form, operator.name, reason, site.terms())
    except UsageError as error:
        return refused(request, 409, _NOTHING, str(error))
    request.app.state.looks.clear()  # who acts sees at once what has become of it
    if outcome != "done":
        return refused(request, 409, _NOTHING, _SAID[outcome])
    logger.info("%s did %s.", operator.name, what, extra={"action": "web.acted", "what": what, "who": operator.name})
    return RedirectResponse(kind.back, 303)


def _operator(request: Request) -> Viewer:
    viewer = viewer_of(request)
    if viewer is None or not viewer.is_operator:
        raise HTTPException(403)
    return viewer


def _kind(request: Request) -> actions.Kind:
    kind = actions.KINDS.get(request.path_params["what"])
    if kind is None:
        raise HTTPException(404)
    return kind


def _within(text: str, most: int) -> str:
    if len(text) > most or "\0" in text:
        raise WrongForm(400)
    return text


def _form(sent: dict[str, str]) -> UUID:
    try:
        return UUID(sent.get("form", ""))
    except ValueError:
        raise WrongForm(400) from None
