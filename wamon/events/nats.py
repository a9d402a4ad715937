"""NATS JetStream: events into one subject of a stream, each with its id as `Nats-Msg-Id`. Only this module knows nats.

The library keeps no connection up by itself here: it gives up for good once its tries are over, and a connection that
was lost is better made anew by whoever publishes. There is one only while there is something to publish.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from wamon.errors import Retryable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from nats.aio.client import Client
    from nats.js.api import PubAck

    from wamon.events.model import Event

_CONNECT_SECONDS = 2
_ACKNOWLEDGE_SECONDS = 3
"""Then they are published again: the stream knows what it has by its id, within its window of duplicates."""
_CLOSE_SECONDS = 1
_LOOK_SECONDS = 0.2
"""Between two looks whether the connection still stands."""
_STREAM_HINT = "Is there a stream that takes this subject, and has it a leader? `nats stream report` shows it."


class NotAcknowledged(Retryable):
    """The stream doesn't say that it has an event. It may have it all the same."""


class Published(NamedTuple):
    """How many events, from the first on, the stream has; and why no more of them."""

    acknowledged: int
    failure: NotAcknowledged | None


class Broker:
    """The servers of a config, and the subject. For one thread."""

    def __init__(self, url: str, subject: str) -> None:
        self._servers = [server.strip() for server in url.split(",")]
        self._subject = subject
        self._runner = asyncio.Runner()
        self._client: Client | None = None

    @property
    def name(self) -> str:
        """Its servers as people may see them, without passwords."""
        return ", ".join(f"{parts.hostname}:{parts.port or 4222}" for parts in map(urlsplit, self._servers))

    def publish(self, events: Sequence[Event]) -> Published:
        """Publish them in their order, and wait for what the stream says of each."""
        try:
            return self._runner.run(self._publish(events))
        except ImportError as error:
            why = f"Events go to NATS by the extra `nats`, which isn't installed: {error.name} is missing."
            return Published(0, NotAcknowledged(why, hint="pipx inject wamon nats-py"))

    def rest(self) -> None:
        """Give the connection up, until there is something to publish."""
        if self._client is not None:
            self._runner.run(self._leave())

    def close(self) -> None:
        """Rest for good."""
        with self._runner:
            self.rest()

    async def _publish(self, events: Sequence[Event]) -> Published:
        done = 0
        try:
            client = await self._connected()
            for wave in _waves(events):
                done += await self._acknowledged(client, wave)
        except _Failed as failed:
            await self._leave()
            done += failed.done
            return Published(done, failed.failure)
        return Published(done, None)

    async def _acknowledged(self, client: Client, events: Sequence[Event]) -> int:
        """How many the stream has: all of them. Raises _Failed."""
        stream = client.jetstream()
        answers = [
            asyncio.ensure_future(
                stream.publish(self._subject, event.line.encode(), _ACKNOWLEDGE_SECONDS, headers=_headers(event))
            )
            for event in events
        ]
        await _awaited(client, answers)
        for done, answer in enumerate(answers):
            if failure := self._why_not(answer):
                raise _Failed(failure, done)
        return len(events)

    def _why_not(self, answer: asyncio.Future[PubAck]) -> NotAcknowledged | None:
        """Why this answer says of no event that the stream has it."""
        if answer.cancelled():
            return self._failure(ConnectionError("the connection was lost"))
        if error := answer.exception():
            return self._failure(error)
        found = answer.result()
        return None if found.stream and found.seq else self._failure(ValueError("it names no place in a stream"))

    def _failure(self, error: BaseException) -> NotAcknowledged:
        from nats.errors import TimeoutError as NoAnswer
        from nats.js.errors import APIError, NoStreamResponseError

        if isinstance(error, NoAnswer):
            why = f"NATS ({self.name}) acknowledged nothing within {_ACKNOWLEDGE_SECONDS} s."
            return NotAcknowledged(why, hint=_STREAM_HINT)
        if isinstance(error, NoStreamResponseError):
            why = f"No stream of NATS ({self.name}) answers for the subject {self._subject}."
            return NotAcknowledged(why, hint=_STREAM_HINT)
        if isinstance(error, APIError):
            said = f"{error.description} ({error.err_code})"
            return NotAcknowledged(f"The stream of NATS ({self.name}) refuses events: {said}.", hint="Is it full?")
        return NotAcknowledged(
            f"NATS ({self.name}) can't be used now: {_words(error)}.", hint="Is it up, and events.nats.url right?"
        )

    async def _connected(self) -> Client:
        if self._client is None or not self._client.is_connected:
            await self._leave()
            self._client = await self._connect()
        return self._client

    async def _connect(self) -> Client:
        """To any of the servers: first to another than last time. Raises _Failed."""
        self._servers = [*self._servers[1:], self._servers[0]]
        failure: NotAcknowledged | None = None
        for server in self._servers:
            client, failure = await self._connect_to(server)
            if failure is None:
                return client
        raise _Failed(failure or NotAcknowledged("events.nats.url names no server."), 0)

    async def _connect_to(self, server: str) -> tuple[Client, NotAcknowledged | None]:
        """A client, and why it isn't connected."""
        from nats.aio.client import Client
        from nats.errors import Error

        client = Client()
        trying = client.connect(
            server,
            name="wamon",
            error_cb=_say_nothing,
            allow_reconnect=False,
            connect_timeout=_CONNECT_SECONDS,
            max_reconnect_attempts=1,  # one try more: 0 is without end
            reconnect_time_wait=0,
        )
        try:
            await asyncio.wait_for(trying, 2 * _CONNECT_SECONDS + 1)
        except (Error, OSError, TimeoutError, ValueError) as error:
            failure = self._failure(client.last_error or error)
            await _close(client)
            return client, failure
        return client, None

    async def _leave(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await _close(client)


class _Failed(Exception):
    """So many events were acknowledged before one was not."""

    def __init__(self, failure: NotAcknowledged, done: int) -> None:
        super().__init__()
        self.failure, self.done = failure, done


async def _close(client: Client) -> None:
    """Nothing is lost with it. To one that stalls, what is left would be sent for ever."""
    with suppress(Exception):
        await asyncio.wait_for(client.close(), _CLOSE_SECONDS)


async def _say_nothing(_: Exception) -> None:
    """What failed is said by whoever publishes."""


def _headers(event: Event) -> dict[str, str]:
    return {"Nats-Msg-Id": event.id, "Content-Type": "application/cloudevents+json"}


async def _awaited(client: Client, answers: Sequence[asyncio.Future[PubAck]]) -> None:
    """Wait for the answers, each of which has its time, as long as the connection lasts."""
    waiting = set(answers)
    while waiting and client.is_connected:
        _, waiting = await asyncio.wait(waiting, timeout=_LOOK_SECONDS)
    for answer in waiting:
        answer.cancel()
    await asyncio.gather(*answers, return_exceptions=True)


def _waves(events: Sequence[Event]) -> Iterator[Sequence[Event]]:
    """What may be on the way at once: of each subject one. So a drop's events come in order whatever fails of them."""
    wave: dict[str, Event] = {}
    for event in events:
        if event.subject in wave:
            yield list(wave.values())
            wave = {}
        wave[event.subject] = event
    if wave:
        yield list(wave.values())


def _words(error: BaseException) -> str:
    """What went wrong. The library's own words quote no address."""
    said = str(error).removeprefix("nats: ").strip("'\" ")
    return said or type(error).__name__
