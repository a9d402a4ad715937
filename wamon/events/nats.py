"""NATS JetStream: events into one subject of a stream, each with its id as `Nats-Msg-Id`. Only this module knows nats.

The library keeps no connection up by itself here: it gives up for good once its tries are over, and a connection that
was lost is better made anew by whoever publishes. There is one only while there is something to publish.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn
from urllib.parse import urlsplit

from wamon.errors import Retryable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from nats.aio.client import Client
    from nats.aio.msg import Msg

    from wamon.events.model import Event

_CONNECT_SECONDS = 2
_ACKNOWLEDGE_SECONDS = 3
"""Then they are published again: the stream knows what it has by its id, within its window of duplicates."""
_CLOSE_SECONDS = 1
_MOST_ON_THE_WAY = 1_000
"""Events that are published before all of them are to be acknowledged."""
_EVENTS_A_WRITE = 200
"""After so many the loop writes, and takes what is answered: so the server works while more are made ready."""
_LOOK_SECONDS = 0.2
"""Between two looks whether the connection still stands."""
_NOBODY_THERE = "503"
"""The status that a server answers with where no stream takes the subject."""
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
        answers = _Answers(len(events))
        missing = Exception()
        try:
            await self._send(client, events, answers)
        except Exception as error:  # noqa: BLE001 - whatever it is, these events come again
            missing = error
        for done in range(len(events)):
            if failure := self._why_not(answers.of(done), missing):
                raise _Failed(failure, done)
        return len(events)

    async def _send(self, client: Client, events: Sequence[Event], answers: _Answers) -> None:
        """Publish them all, and wait for the answers to them. Raises as `_Answers.awaited`, and the library's errors.

        By the library's `publish` alone and one inbox for all: its requests, with a task, a timer and an inbox of each
        event's own, took four times as long, and its `publish_async` twice as long.
        """
        inbox = client.new_inbox()
        subscription = await client.subscribe(f"{inbox}.*", cb=answers.take)
        for n, event in enumerate(events, 1):
            await client.publish(self._subject, event.line.encode(), f"{inbox}.{n - 1}", _headers(event))
            if n % _EVENTS_A_WRITE == 0:
                await asyncio.sleep(0)
        await answers.awaited(client)
        if client.is_connected:
            await subscription.unsubscribe()

    def _why_not(self, answer: Msg | None, missing: Exception) -> NotAcknowledged | None:
        """Why this answer says of no event that the stream has it. `missing`: why there is none."""
        if answer is None:
            return self._failure(missing)
        try:
            _require_place(answer)
        except Exception as error:  # noqa: BLE001 - who answers may say anything
            return self._failure(error)
        return None

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
            pending_size=0,  # beyond one it flushes, by which it may swallow that its time is over
            skip_subject_validation=True,  # ours are valid, and looking costs as much as acknowledging
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


class _Answers:
    """What a stream says of so many events, by their places."""

    def __init__(self, count: int) -> None:
        self._waiting = {str(n) for n in range(count)}
        self._found: dict[str, Msg] = {}
        self._are_there = asyncio.Event()

    async def take(self, answer: Msg) -> None:
        """The first answer to an event is the one that holds."""
        place = answer.subject.rpartition(".")[2]
        if place in self._waiting:
            self._waiting.remove(place)
            self._found[place] = answer
        if not self._waiting:
            self._are_there.set()

    def of(self, place: int) -> Msg | None:
        """What was said of this event; None: nothing yet."""
        return self._found.get(str(place))

    async def awaited(self, client: Client) -> None:
        """Wait until all are there. Raises ConnectionError, and the library's TimeoutError.

        By the clock: of a task that is cancelled once its time is over the library may swallow that.
        """
        from nats.errors import TimeoutError as NoAnswer

        now_seconds = asyncio.get_running_loop().time
        deadline_seconds = now_seconds() + _ACKNOWLEDGE_SECONDS
        while self._waiting:
            if not client.is_connected:
                raise ConnectionError("the connection was lost")
            if now_seconds() > deadline_seconds:
                raise NoAnswer
            with suppress(TimeoutError):
                await asyncio.wait_for(self._are_there.wait(), _LOOK_SECONDS)


def _require_place(answer: Msg) -> None:
    """Raises the library's errors where a stream's answer isn't that it has the event."""
    if answer.headers:
        _require_stream(answer.headers)
    said = json.loads(answer.data)
    if "error" in said:
        _refuse(said["error"])
    if not (said.get("stream") and said.get("seq")):
        raise ValueError("it names no place in a stream")


def _require_stream(headers: dict[str, str]) -> None:
    from nats.js.api import Header
    from nats.js.errors import NoStreamResponseError

    if headers.get(Header.STATUS) == _NOBODY_THERE:
        raise NoStreamResponseError


def _refuse(error: dict[str, Any]) -> NoReturn:
    from nats.js.errors import APIError

    raise APIError.from_error(error)


def _waves(events: Sequence[Event]) -> Iterator[Sequence[Event]]:
    """What may be on the way at once: of each subject one. So a drop's events come in order whatever fails of them."""
    wave: dict[str, Event] = {}
    for event in events:
        if event.subject in wave or len(wave) == _MOST_ON_THE_WAY:
            yield list(wave.values())
            wave = {}
        wave[event.subject] = event
    if wave:
        yield list(wave.values())


def _words(error: BaseException) -> str:
    """What went wrong. The library's own words quote no address."""
    said = str(error).removeprefix("nats: ").strip("'\" ")
    return said or type(error).__name__
