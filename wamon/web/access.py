"""Who may see what: the name under which we are asked, who proves to be whom, and where a form comes from.

A browser on this host may be led here by any page (DNS rebinding, forms of other sites); a proxy may bring anybody. So
pages want a cookie or the token, also on loopback, and what loopback alone opens is for machines.
"""

from __future__ import annotations

import hmac
import ipaddress
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from wamon.errors import WamonError
from wamon.web import sessions
from wamon.web.site import Site, site_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request
    from starlette.types import Scope

    from wamon.web.sessions import Role

LOCAL_NAMES = ("localhost", "127.0.0.1", "[::1]")
_PROXIES = ("forwarded", "x-real-ip", "via")
_BELIEVED_SECONDS = 60
_MOST_BELIEVED = 1000

HostVerdict = Literal["ours", "missing", "foreign"]


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who asks: signed in by a cookie, or by the token."""

    role: Role
    by: Literal["cookie", "token"]
    name: str  # under which what they do is noted

    @property
    def is_operator(self) -> bool:
        return self.role == "operator"


def host_verdict(site: Site, scope: Scope) -> HostVerdict:
    """Whether the request is meant for us: its one Host header names us."""
    given = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
    if len(given) != 1 or not given[0]:
        return "missing"
    return "ours" if _name(given[0]) in {*LOCAL_NAMES, site.listen.name, *site.hosts} else "foreign"


def is_local(request: Request) -> bool:
    """The loopback rule: whether a program of this host asks us directly, as far as that can be told.

    It can't be told once a proxy is configured, which may pass on whatever its guests say.
    """
    site, headers = site_of(request), request.headers
    return (
        not site.hosts
        and site.public_url is None
        and _is_loopback(request)
        and _name(headers.get("host", "")) in LOCAL_NAMES
        and request.scope["http_version"] == "1.1"
        and not any(name in _PROXIES or name.startswith("x-forwarded-") for name in headers)
        and headers.get("sec-fetch-site", "none") in {"none", "same-origin"}
    )


def is_from_here(request: Request) -> bool:
    """Whether what changes something was sent by one of our own pages, or by a program that has the token."""
    site, headers = site_of(request), request.headers
    if viewer_by_token(request) and not _cookies(request):
        return True
    origin = headers.get("origin")
    if origin is None:
        return headers.get("sec-fetch-site") == "same-origin"
    return headers.getlist("origin") == [origin] and origin in _origins(site, headers.get("host", ""))


def viewer_by_token(request: Request) -> Viewer | None:
    """Who sends the token. Compared byte by byte in constant time: a header may hold any bytes."""
    token = site_of(request).token
    given = [value for name, value in request.scope["headers"] if name == b"authorization"]
    if token is None or len(given) != 1:
        return None
    scheme, _, sent = given[0].partition(b" ")
    if scheme.lower() == b"bearer" and hmac.compare_digest(sent.strip(), token):
        return Viewer("operator", "token", "token")
    return None


class Sessions:
    """Who is signed in, as PostgreSQL knows; while it is away, who was within the last minute."""

    def __init__(self) -> None:
        self._name: str | None = None
        self._believed: dict[str, tuple[float, Viewer]] = {}

    async def viewer(self, request: Request) -> Viewer | None:
        """Who sends a session's cookie. Raises WamonError where that can't be known now."""
        site = site_of(request)
        if not _cookies(request):
            return None
        session = request.cookies.get(await self.cookie_name(site))
        if not session:
            return None
        now = site.clock.monotonic_seconds()
        try:
            role = await site.database.run(sessions.role_of, session)
        except WamonError:
            checked, viewer = self._believed.get(session, (now - _BELIEVED_SECONDS - 1, None))
            if viewer is None or now - checked > _BELIEVED_SECONDS:
                raise
            return viewer
        self._believed.pop(session, None)
        if role is None:
            return None
        viewer = Viewer(role, "cookie", f"{role} {sha256(session.encode()).hexdigest()[:8]}")
        self._believe(session, now, viewer)
        return viewer

    async def cookie_name(self, site: Site) -> str:
        """The cookie's name. Raises WamonError where PostgreSQL has never been seen yet."""
        if self._name is None:
            self._name = await site.database.run(sessions.cookie_name)
        return f"__Host-{self._name}" if is_secure(site) else self._name

    def forget(self, session: str) -> None:
        self._believed.pop(session, None)

    def _believe(self, session: str, now: float, viewer: Viewer) -> None:
        while len(self._believed) >= _MOST_BELIEVED:
            del self._believed[next(iter(self._believed))]
        self._believed[session] = (now, viewer)


def is_secure(site: Site) -> bool:
    """Whether browsers reach us by https."""
    return site.public_url is not None and site.public_url.startswith("https:")


def _cookies(request: Request) -> Sequence[str]:
    """The names of what may be a session."""
    return [name for name in request.cookies if name.removeprefix("__Host-").startswith("wamon-")]


def _origins(site: Site, host: str) -> set[str]:
    """What a browser says of our own pages: plain http under the name that it asked, or the proxy's address."""
    public = urlsplit(site.public_url) if site.public_url else None
    if public and _name(host) == _name(public.netloc):
        return {f"{public.scheme}://{public.netloc}"}
    return {f"http://{host}"}


def _is_loopback(request: Request) -> bool:
    try:
        return ipaddress.ip_address(request.client.host if request.client else "").is_loopback
    except ValueError:
        return False


def _name(host: str) -> str:
    """A Host header's name, without its port."""
    name, colon, port = host.rpartition(":")
    return (name if colon and port.isdecimal() and not host.endswith("]") else host).lower()
