"""Live pages: who watches gets the newest state of each part, never a queue of what happened meanwhile.

While nobody watches a topic, nothing is asked of PostgreSQL. Watched, its pulse is felt once a second; where that has
moved, or after a while in any case, all its parts are made anew, and only those that differ get a new version.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from starlette.responses import PlainTextResponse, Response, StreamingResponse

from wamon.errors import WamonError
from wamon.web.guard import viewer_of
from wamon.web.html import render
from wamon.web.site import site_of

if TYPE_CHECKING:
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
"""A look rests so many times its own duration: at most a twentieth of a core."""


@dataclass(frozen=True, slots=True)
class Topic:
    """A page that is live: what shows that it moved, its view, and the templates of its parts."""

    pulse: Callable[[Database], object]
    read: Callable[[Database, Site, bool], Any]
    parts: Sequence[str]


@dataclass(slots=True)
class Channel:
    """The newest of each part of a topic, as one kind of viewer may see it, and since which version it is so."""

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

    def __init__(self, site: Site, topics: Mapping[str, Topic]) -> None:
        self._site = site
        self._topics = topics
        self._nonce = secrets.token_hex(3)
        self._channels: dict[tuple[str, bool], Channel] = {}
        self._viewers = 0
        self._reached = 0  # the highest version of channels that are gone: a viewer who comes back may know it
        self._waker: asyncio.Task[None] | None = None

    def version(self, topic: str, *, is_operator: bool) -> str:
        """What a page that is made now holds at least."""
        channel = self._channels.get((topic, is_operator))
        return f"{self._nonce}.{channel.version if channel else self._reached}"

    async def stream(self, request: Request) -> Response:
        """GET /live?page=…&at=VERSION."""
        name, viewer = request.query_params.get("page", ""), viewer_of(request)
        if name not in self._topics:
            return PlainTextResponse("No such page is live.\n", 404)
        if self._viewers >= MOST_VIEWERS or len(self._channels) >= MOST_CHANNELS:
            site_of(request).metrics.refused.labels("viewers").inc()
            return PlainTextResponse("Too many watch already.\n", 503, {"Retry-After": "30"})
        since = self._since(request.headers.get("last-event-id") or request.query_params.get("at", ""))
        key = (name, viewer is not None and viewer.is_operator)
        # A proxy that gathers or compresses would show a stream when it ends.
        headers = {"X-Accel-Buffering": "no", "Cache-Control": "no-store, no-transform"}
        return StreamingResponse(self._events(key, since), headers=headers, media_type="text/event-stream")

    def _since(self, said: str) -> int:
        nonce, _, version = said.partition(".")
        return int(version) if nonce == self._nonce and version.isdecimal() and len(version) < 15 else 0

    async def _events(self, key: tuple[str, bool], since: int) -> AsyncIterator[bytes]:
        channel = self._joined(key)
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

    def _joined(self, key: tuple[str, bool]) -> Channel:
        if self._waker is None:
            self._waker = asyncio.create_task(self._wake_at_the_end())
        channel = self._channels.setdefault(key, Channel(version=self._reached))
        channel.viewers += 1
        self._count(1)
        if channel.keeper is None:
            channel.keeper = asyncio.create_task(self._keep(key, channel))
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

    async def _keep(self, key: tuple[str, bool], channel: Channel) -> None:
        """Feel the pulse once a second; look where it moved, and every 15 s."""
        topic, clock, database = self._topics[key[0]], self._site.clock, self._site.database
        pulse: object = None
        looked = float("-inf")
        away_since: datetime | None = None
        while not self._site.stopping.is_set():
            rest_seconds: float = _PULSE_SECONDS
            try:
                now, found = clock.monotonic_seconds(), await database.run(topic.pulse)
                if found != pulse or now - looked > _LOOK_SECONDS or away_since:
                    parts = await database.run(_rendered, topic, self._site, is_operator=key[1])
                    pulse, looked, away_since, channel.as_of = found, now, None, clock.now()
                    channel.publish({**parts, "live": ""})
                    seconds = clock.monotonic_seconds() - now
                    self._site.metrics.look_seconds.observe(seconds)
                    rest_seconds = max(rest_seconds, _REST * seconds)
            except WamonError:
                away_since = away_since or clock.now()
                channel.publish({"live": self._not_live(away_since, channel.as_of)})
            await asyncio.sleep(min(rest_seconds, _LOOK_SECONDS))

    def _not_live(self, since: datetime, as_of: datetime | None) -> str:
        zone = self._site.zone
        below = f" Below: as of {as_of.astimezone(zone):%H:%M:%S}." if as_of else ""
        said = f"Not live. PostgreSQL hasn't answered since {since.astimezone(zone):%H:%M:%S}."
        return f"{said}{below} Nothing is lost."


def _rendered(db: Database, topic: Topic, site: Site, *, is_operator: bool) -> dict[str, str]:
    """The parts' HTML, made in the thread that read their view."""
    view = topic.read(db, site, is_operator)
    return {name: render(site, f"parts/{name}.html", view=view) for name in topic.parts}
