"""GET /find?q=…: from what somebody types to the page that is about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import RedirectResponse, Response

from wamon.views.find import find as targets_of
from wamon.web.html import page
from wamon.web.site import site_of

if TYPE_CHECKING:
    from starlette.requests import Request

_LONGEST = 200


async def find(request: Request) -> Response:
    """The one page that is meant, or a list of those that may be."""
    site, asked = site_of(request), request.query_params.get("q", "").replace("\0", "")[:_LONGEST]
    targets = await site.database.run(targets_of, asked, site.pattern, site.answered)
    if len(targets) == 1:
        return RedirectResponse(targets[0].path, 303)
    return page(request, "found.html", status=200 if targets else 404, asked=asked, targets=targets)
