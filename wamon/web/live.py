"""Live pages: who watches gets the newest state of each part, never a queue of what happened meanwhile.

While nobody watches a topic, nothing is asked of PostgreSQL. Watched, its pulse is felt once a second; where that has
moved, or after a while in any case, all its parts are made anew, and only those that differ get a new version.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from starlette.responses import PlainTextResponse, Response, StreamingResponse

from wamon.errors import WamonError
from wamon.views.quotes import for_readers
from wamon.web.guard import viewer_of
from wamon.web.html import render
from wamon.web.site import site_of

if TYPE_CHECKING:
    import re
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence
    from datetime import datetime

    from starlette.requests import Request

    from wamon.postgres.connection import Database
    from wamon.web.site import Site

MOST_VIEWERS = 250
MOST_CHANNELS = 18
BEAT_SECONDS = 5
_PULSE_SECONDS = 1
_LOOK_SECONDS = 15
_REST = 20
"""A look rests so many times what a look costs: at most a twentieth of a core."""
_LOOKS_WEIGHED = 5


@dataclass(frozen=True, slots=True)
class Topic:
    """Pages that are live: their names, what shows that they moved, their view, and the templates of their parts.

    `read` gets what follows the name's slash; it answers None where there is no such page.
    """

    names: re.Pattern[str]
    pulse: Callable[[Database], object]
    read: Callable[[Database, Site, str], Any]
    parts: Sequence[str]


class Rest:
    """For how long to rest after a look: by the cheapest of the last looks, since any may have waited for others.

    A channel's first look isn't weighed: connections, plans and templates may have been made for it.
    """

    def __init__(self) -> None:
        self._costs: deque[float] = deque(maxlen=_LOOKS_WEIGHED)
        self._is_first = True

    def seconds_after(self, cost_seconds: float) -> float:
        if not self._is_first:
            self._costs.append(cost_seconds)
        self._is_first = False
        return min(max(_PULSE_SECONDS, _REST * min(self._costs, default=0)), _LOOK_SECONDS)


@dataclass(slots=True)
class Channel:
    """The newest of each part of a page, as one kind of viewer may see it, and since which version it is so."""

    parts: dict[str, tuple[int, str]] = field(default_factory=dict)
    version: int = 0
    viewers: int = 0
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    keeper: asyncio.Task[None] | None = None
    as_of: datetime | None = None
    _encoded: dict[int, bytes] = field(default_factory=dict)

    def publish(self, parts: Mapping[str, str]) -> None:
        """Take over what differs, and wake who waits."""
        differing = {name: html for name, html in parts.items() if self.parts.get(name, (0, None))[1] != html}
        if not differing:
            return
        self.version += 1
        self.parts.update({name: (self.version, html) for name, html in differing.items()})
        self._encoded.clear()
        self.wake()

    def wake(self) -> None:
        self.changed.set()
        self.changed = asyncio.Event()

    def newer_than(self, version: int, nonce: str) -> bytes:
        """What a viewer of this version lacks, encoded once for all."""
        if version not in self._encoded:
            parts = {name: html for name, (since, html) in self.parts.items() if since > version}
            data = json.dumps(parts, ensure_ascii=False)
            self._encoded[version] = f"id: {nonce}.{self.version}\nevent: parts\ndata: {data}\n\n".encode()
        return self._encoded[version]


class Hub:
    """All channels of one process. `nonce`: a viewer of another process's versions gets all parts."""

    def __init__(self, site: Site, topics: Sequence[Topic]) -> None:
        self._site = site
        self._topics = topics
        self._nonce = secrets.token_hex(3)
        self._channels: dict[tuple[str, bool], Channel] = {}
        self._viewers = 0
        self._reached = 0  # the highest version of channels that are gone: a viewer who comes back may know it
        self._waker: asyncio.Task[None] | None = None

    def version(self, name: str, *, is_operator: bool) -> str:
        """What a page that is made now holds at least."""
        channel = self._channels.get((name, is_operator))
        return f"{self._nonce}.{channel.version if channel else self._reached}"

    async def stream(self, request: Request) -> Response:
        """GET /live?page=…&at=VERSION."""
        name, viewer = request.query_params.get("page", ""), viewer_of(request)
        topic = next((topic for topic in self._topics if topic.names.fullmatch(name)), None)
        if topic is None:
            return PlainTextResponse("No such page is live.\n", 404)
        key = (name, viewer is not None and viewer.is_operator)
        if not self._has_room(key):
            site_of(request).metrics.refused.labels("viewers").inc()
            return PlainTextResponse("Too many watch already.\n", 503, {"Retry-After": "30"})
        since = self._since(request.headers.get("last-event-id") or request.query_params.get("at", ""))
        # A proxy that gathers or compresses would show a stream when it ends.
        headers = {"X-Accel-Buffering": "no", "Cache-Control": "no-store, no-transform"}
        return StreamingResponse(self._events(topic, key, since), headers=headers, media_type="text/event-stream")

    def _has_room(self, key: tuple[str, bool]) -> bool:
        return self._viewers < MOST_VIEWERS and (key in self._channels or len(self._channels) < MOST_CHANNELS)

    def _since(self, said: str) -> int:
        nonce, _, version = said.partition(".")
        return int(version) if nonce == self._nonce and version.isdecimal() and len(version) < 15 else 0

    async def _events(self, topic: Topic, key: tuple[str, bool], since: int) -> AsyncIterator[bytes]:
        channel = self._joined(topic, key)
        try:
            yield b"retry: 2000\n\n"
            while not self._site.stopping.is_set():
                changed = channel.changed
                if channel.parts and channel.version > since:  # a new channel goes on from the versions of older ones
                    yield channel.newer_than(since, self._nonce)
                    since = channel.version
                    continue
                try:
                    await asyncio.wait_for(changed.wait(), BEAT_SECONDS)
                except TimeoutError:
                    yield b"event: beat\ndata:\n\n"
            yield b"event: end\ndata:\n\n"
        finally:
            self._left(key, channel)

    def _joined(self, topic: Topic, key: tuple[str, bool]) -> Channel:
        if self._waker is None:
            self._waker = asyncio.create_task(self._wake_at_the_end())
        channel = self._channels.setdefault(key, Channel(version=self._reached))
        channel.viewers += 1
        self._count(1)
        if channel.keeper is None:
            channel.keeper = asyncio.create_task(self._keep(topic, key, channel))
        return channel

    def _left(self, key: tuple[str, bool], channel: Channel) -> None:
        channel.viewers -= 1
        self._count(-1)
        if not channel.viewers and channel.keeper:
            channel.keeper.cancel()
            self._channels.pop(key, None)
            self._reached = max(self._reached, channel.version)

    def _count(self, more: int) -> None:
        self._viewers += more
        self._site.metrics.viewers.set(self._viewers)

    async def _wake_at_the_end(self) -> None:
        await self._site.stopping.wait()
        for channel in self._channels.values():
            channel.wake()

    async def _keep(self, topic: Topic, key: tuple[str, bool], channel: Channel) -> None:
        """Feel the pulse once a second; look where it moved, and every 15 s."""
        clock, database, rest = self._site.clock, self._site.database, Rest()
        pulse: object = None
        looked = float("-inf")
        away_since: datetime | None = None
        while not self._site.stopping.is_set():
            rest_seconds: float = _PULSE_SECONDS
            try:
                now, found = clock.monotonic_seconds(), await database.run(topic.pulse)
                if found != pulse or now - looked > _LOOK_SECONDS or away_since:
                    parts, seconds = await database.run(_rendered, topic, self._site, key)
                    pulse, looked, away_since, channel.as_of = found, now, None, clock.now()
                    channel.publish({**parts, "live": ""})
                    self._site.metrics.look_seconds.observe(seconds)
                    rest_seconds = rest.seconds_after(seconds)
            except WamonError:
                away_since = away_since or clock.now()
                channel.publish({"live": self._not_live(away_since, channel.as_of)})
            await asyncio.sleep(rest_seconds)

    def _not_live(self, since: datetime, as_of: datetime | None) -> str:
        zone = self._site.zone
        below = f" Below: as of {as_of.astimezone(zone):%H:%M:%S}." if as_of else ""
        said = f"Not live. PostgreSQL hasn't answered since {since.astimezone(zone):%H:%M:%S}."
        return f"{said}{below} Nothing is lost."


def _rendered(db: Database, topic: Topic, site: Site, key: tuple[str, bool]) -> tuple[dict[str, str], float]:
    """The parts' HTML, made in the thread that read their view, and how many seconds that took."""
    (name, is_operator), began = key, site.clock.monotonic_seconds()
    view = topic.read(db, site, name.partition("/")[2])
    view = view if is_operator else for_readers(view)
    parts = () if view is None else topic.parts
    html = {part: render(site, f"parts/{part}.html", view=view, is_operator=is_operator) for part in parts}
    return html, site.clock.monotonic_seconds() - began
