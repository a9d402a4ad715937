"""Pages: templates filled, compressed where the browser takes it, and what they are made of besides."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import Response

from wamon.reports import headings
from wamon.web import writing
from wamon.web.site import Site, site_of
from wamon.words import KINDS, SLIPS, span

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from starlette.requests import Request

_COMPRESSED_FROM_BYTES = 1000
_TYPES = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"}


@dataclass(frozen=True, slots=True)
class Asset:
    """A file that pages load, as it is and compressed. Its address changes with its content."""

    plain: bytes
    compressed: bytes
    media_type: str
    version: str


@cache
def assets() -> Mapping[str, Asset]:
    """Every file of static/ that pages load, by name."""
    folder = files("wamon.web") / "static"
    return {file.name: _asset(file.name, file.read_bytes()) for file in folder.iterdir() if _kind(file.name) in _TYPES}


def _asset(name: str, content: bytes) -> Asset:
    version = hashlib.sha256(content).hexdigest()[:12]
    return Asset(content, gzip.compress(content, 9, mtime=0), _TYPES[_kind(name)], version)


def _kind(name: str) -> str:
    return name.rpartition(".")[2]


PAGES: Sequence[tuple[str, str]] = (
    ("/groups", "Groups"),
    ("/redo", "Redo"),
    ("/gaps", "Gaps"),
    ("/hooks", "Hooks"),
    ("/conversations", "Conversations"),
    ("/alerts", "Alerts"),
    ("/rates", "Rates"),
    ("/reports", "Reports"),
)
"""What every page leads to: addresses and names. Hooks and conversations are left out where there are none."""
SIGNS = {
    "on-time": ("ok", "on time"),
    "late": ("warn", "late"),
    "down": ("bad", "down"),
    "stopped": ("unknown", "stopped, restarts"),
    "scan": ("ok", "last scan"),
    "none": ("unknown", "none yet"),
}
ALERT_PATHS = {
    "lag": "/groups",
    "silence": "/groups?state=warn",
    "bridge": "/gaps",
    "dead": "/dead",
    "reviews": "/redo",
    "parked-hook": "/dead",
    "hook-refused": "/hooks",
    "verify": "/gaps",
    "orphans": "/conversations",
    "unanswered": "/conversations",
    "stuck": "/conversations",
    "turn-errors": "/conversations",
    "stale": "/conversations",
}
"""The page that says more of what a rule of alerts tells."""

TALK_STATES = {
    "settling": "waits",
    "retry": "to be tried again",
    "processing": "in work",
    "human": "a colleague's",
    "idle": "nothing waits",
    "merged": "joined into another",
}
STEPS = {
    "posted": "Posted",
    "recorded": "Recorded",
    "new": "A new drop",
    "resubmission": "Posted again",
    "rejected": "Not on the list",
    "retracted": "Taken away by an edit",
    "near-miss": "Not read as a drop number",
    "edited": "Edited",
    "retry": "To be tried again",
    "dead": "Dead letter",
    "reply-due": "A reply is due",
    "gone": "Vanished from the store",
    "review-made": "Review row made",
    "review-changed": "Review row changed",
    "waits": "Waits for an answer",
    "heard": "Heard by a conversation",
    "turn": "A turn began",
}


@cache
def templates() -> Environment:
    """The templates; what is put into them is text, never markup."""
    found = Environment(
        loader=PackageLoader("wamon.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=writing.visible,
        auto_reload=False,
    )
    found.globals.update(
        alert_paths=ALERT_PATHS,
        asset=lambda name: f"/static/{name}?v={assets()[name].version}",
        bar=writing.bar,
        commands=writing.commands,
        count=writing.count,
        headings=headings,
        hours=writing.hours,
        kind=lambda kind: KINDS.get(kind, kind),
        slip=lambda reason: SLIPS.get(reason, reason),
        pages=PAGES,
        shared=_is_shared,
        signs=SIGNS,
        span=span,
        state=_state_in_words,
        step_words=STEPS,
        talk_states=TALK_STATES,
    )
    return found


def _is_shared(group: Any, groups: Sequence[Any]) -> bool:  # noqa: ANN401 - a view's group
    """Whether another of the groups has this one's project: then its number tells them apart."""
    return [other.project for other in groups].count(group.project) > 1


def _state_in_words(group: Any) -> str:  # noqa: ANN401 - a view's group
    if group.why and group.state != "unknown":
        return "silent"
    return {"ok": "fine", "warn": "look", "bad": "bad"}.get(group.state, "unknown")


def compile_templates() -> None:
    """Have every template ready: else the first to look at a page waits for it, and so does what is live."""
    for name in templates().list_templates():
        templates().get_template(name)


def render(site: Site, template: str, **values: Any) -> str:  # noqa: ANN401
    """A template with what it shows, times in the site's zone."""
    times = writing.Times(site.zone, site.clock.now())
    return templates().get_template(template).render(site=site, times=times, **values)


def page(
    request: Request,
    template: str,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    **values: Any,  # noqa: ANN401
) -> Response:
    """A page for a browser."""
    viewer = getattr(request.state, "viewer", None)
    values = {"viewer": viewer, "is_operator": viewer is not None and viewer.is_operator} | values
    text = render(site_of(request), template, path=request.url.path, **values)
    return compressed(request, text.encode(), "text/html; charset=utf-8", status, headers)


def compressed(
    request: Request, content: bytes, media_type: str, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Content, compressed where that helps and the browser takes it."""
    answer = Response(content, status, headers, media_type)
    answer.headers["Vary"] = "Accept-Encoding"
    if len(content) > _COMPRESSED_FROM_BYTES and takes_gzip(request):
        answer.body = gzip.compress(content, 5)
        answer.headers["Content-Encoding"] = "gzip"
        answer.headers["Content-Length"] = str(len(answer.body))
    return answer


def takes_gzip(request: Request) -> bool:
    return "gzip" in request.headers.get("accept-encoding", "")
