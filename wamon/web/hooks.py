"""`/hooks/NAME`: what providers deliver. Limit, read, log, prove, keep, answer: 200 comes after the commit."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, cast
from urllib.parse import parse_qsl

from wamon.errors import WamonError
from wamon.failpoints import failpoint
from wamon.log import correlated, log_failure
from wamon.web.server import IS_WHOLE
from wamon.web.writer import Event
from wamon.webhooks import counts
from wamon.webhooks.counts import Counts
from wamon.webhooks.delivery_log import DeliveryLog
from wamon.webhooks.door import Delivery, Door, Verdict, doors, new_uid

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from zoneinfo import ZoneInfo

    from starlette.types import Receive, Scope, Send

    from wamon.clock import Clock
    from wamon.config.hooks import Hook
    from wamon.web.database import DatabaseThreads
    from wamon.web.metrics import Metrics
    from wamon.web.writer import Writer
    from wamon.webhooks.door import Peek

PREFIX = "/hooks/"
_CORRELATION = b"wamon-correlation-id"
_BUSY_SECONDS, _UNAVAILABLE_SECONDS = b"2", b"5"
_LINGER_SECONDS = 1
_KEY_SECONDS = 1
"""For so long the first deliveries wait for the key by which the log hashes persons."""
_AS_IT_IS = "identity"

_Headers = list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Limits:
    """How much the door holds at once, and for how long."""

    read_seconds: float = 10
    commit_seconds: float = 5
    in_flight_of_a_hook: int = 64
    in_flight: int = 256
    body_bytes: int = 64 * 1024 * 1024


class _Refused(Exception):
    """A delivery isn't taken: with which status, counted as what, and why."""

    def __init__(
        self, status: int, result: str, why: str, *, retry_after: bytes | None = None, closes: bool = False
    ) -> None:
        super().__init__(why)
        self.status, self.result, self.why, self.closes = status, result, why, closes
        self.headers = [(b"retry-after", retry_after)] if retry_after else []


class _Gone(Exception):
    """Who delivered has hung up."""


class Hooks:
    """All hooks of a site that have a secret. `run` is to run beside them."""

    def __init__(
        self, hooks: Sequence[Hook], writer: Writer, database: DatabaseThreads, metrics: Metrics, clock: Clock,
        zone: ZoneInfo, limits: Limits | None = None,
    ) -> None:  # fmt: skip
        self._database = database
        self._zone = zone
        self._counted: dict[str, Counts] = {}
        self._has_counted = asyncio.Event()
        self._person_key: bytes | None = None
        self._may_tell = asyncio.Event()
        self._may_tell.set()
        self._limits = limits or Limits()
        self._room = _Room(self._limits)
        self._clock = clock
        self._writer = writer
        self._results = cache(metrics.hook_deliveries.labels)  # prometheus-client looks long for them
        self._seconds = cache(metrics.hook_seconds.labels)
        self._doors = doors(hooks)
        self._logs = {name: DeliveryLog(name, clock) for name in self._doors}

    @property
    def names(self) -> list[str]:
        """Of the addresses that exist."""
        return list(self._doors)

    def has(self, path: str) -> bool:
        """Whether an address is one of a hook's."""
        name, _, suffix = path.removeprefix(PREFIX).partition("/")
        door = self._doors.get(name) if path.startswith(PREFIX) else None
        return door is not None and (not suffix or door.has_suffix)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer at an address that `has` knows."""
        name, _, suffix = scope["path"].removeprefix(PREFIX).partition("/")
        door = self._doors[name]
        if scope["method"] != "POST":
            await _asked(door, scope, send)
            return
        with correlated(new_uid(self._clock.now())) as uid:
            try:
                await self._received(door, suffix, uid, scope, receive)
                refusal = None
            except _Gone:
                return
            except _Refused as error:
                refusal = error
            except Exception as error:  # noqa: BLE001 - the fault is ours: the sender is to come again
                log_failure("delivery", error)
                refusal = _Refused(503, "unavailable", "wamon failed", retry_after=_UNAVAILABLE_SECONDS)
            if refusal:
                self._tell(door, refusal)
                await _refuse(refusal, receive, send)
            else:
                await _answer(send, 200, [(_CORRELATION, uid.encode())], door.answer, b"application/json")

    async def run(self) -> None:
        """Add what is counted to the hooks' rows, at most once a second, and not at all while nothing is."""
        if self._doors:
            await self._learn_key()
        while True:
            await self._has_counted.wait()
            self._has_counted.clear()
            await asyncio.sleep(1)
            for log in self._logs.values():
                log.begin_second()
            await self.write_counts()

    async def _learn_key(self) -> None:
        self._may_tell.clear()
        learning = asyncio.ensure_future(self.write_counts())
        await asyncio.wait([learning], timeout=_KEY_SECONDS)
        self._may_tell.set()
        await learning

    def close(self, seconds: float) -> None:
        """Write what was counted last. Called once nothing is served any more."""
        with suppress(TimeoutError):
            asyncio.run(asyncio.wait_for(self.write_counts(), seconds))

    async def write_counts(self) -> None:
        """Once, as far as PostgreSQL is there: else they stay counted."""
        counted, self._counted = self._counted, {}
        try:
            if self._person_key is None:
                self._person_key = await self._database.run(counts.person_key)
            if counted:
                await self._database.run(counts.write, counted, self._zone)
        except WamonError:
            for name, one in counted.items():
                self._counts(name, one.source).add(one)

    async def _received(self, door: Door, suffix: str, uid: str, scope: Scope, receive: Receive) -> None:
        """1. What it says of its length. 2. Room. 3. Its bytes. 4. What proves it. 5. What it is for. 6. The commit."""
        begun = self._clock.monotonic_seconds()
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        length = _length(headers, door.most_bytes)
        size = door.most_bytes if length is None else length
        self._room.take(door.name, size)
        try:
            body = await (_body if IS_WHOLE in scope.get("state", ()) else self._read)(receive, door.most_bytes)
            if length is None and not body:
                raise _Refused(411, "without_length", "it doesn't say how long its body is", closes=True)
            delivery = Delivery(headers, _query(scope), suffix, body, self._clock.now())
            result = await self._judged(door, delivery, uid)
        finally:
            self._room.leave(door.name, size)
        self._results(door.name, result).inc()
        self._seconds(door.name).observe(self._clock.monotonic_seconds() - begun)

    async def _judged(self, door: Door, delivery: Delivery, uid: str) -> str:
        """As what a delivery was taken. Raises _Refused."""
        await self._may_tell.wait()
        log, peek = self._logs[door.name], door.peek(delivery.body)
        size = len(delivery.body)
        is_told = log.speaks_before_proof()
        if is_told:
            self._tell_soon(log, peek, size, uid)
        failpoint("hook.received")
        verdict = door.verify(delivery)
        if verdict is not Verdict.PROVEN:
            raise _Refused(401, "unauthorized", verdict.value)
        failpoint("hook.verified")
        if not is_told:
            self._tell_soon(log, peek, size, uid)
        kind = door.kind(delivery, peek)
        if kind == "test":
            self._counts(door.name, door.source).tests += 1
            return "test"
        event = Event(uid, door.name, door.source, delivery.body if kind == "event" else None)
        if not await self._writer.keep(event):
            raise _Refused(503, "unavailable", "PostgreSQL hasn't committed it", retry_after=_UNAVAILABLE_SECONDS)
        counts = self._counts(door.name, door.source)
        counts.came = True
        counts.stored += kind == "event"
        return "stored" if kind == "event" else "ring"

    async def _read(self, receive: Receive, most_bytes: int) -> bytes:
        """The whole body. Raises _Refused (too long, too slow), _Gone."""
        cut = _Cut()
        late = asyncio.get_running_loop().call_later(self._limits.read_seconds, cut.off)
        try:
            return await _body(receive, most_bytes)
        except asyncio.CancelledError:
            if not cut.is_off:
                raise
            cut.task.uncancel()
            why = f"it wasn't read within {self._limits.read_seconds:g} s"
            raise _Refused(408, "slow", why, closes=True) from None
        finally:
            late.cancel()

    def _tell_soon(self, log: DeliveryLog, peek: Peek, size: int, uid: str) -> None:
        """Log that a delivery came, with all others of this turn of the loop: before any of them is sent on."""
        if not log.has_more:
            asyncio.get_running_loop().call_soon(log.write)
        log.received(peek, size, uid, self._person_key)

    def _tell(self, door: Door, refusal: _Refused) -> None:
        """Log and count a refusal."""
        self._results(door.name, refusal.result).inc()
        if refusal.status == 503:
            self._logs[door.name].put_off(refusal.why)
        else:
            self._logs[door.name].refused(refusal.why)
        if refusal.status != 503 or door.loses_what_is_put_off:
            self._counts(door.name, door.source).refused += 1

    def _counts(self, name: str, source: str) -> Counts:
        """Of this hook, to be added to."""
        self._has_counted.set()
        return self._counted.get(name) or self._counted.setdefault(name, Counts(source))


class _Cut:
    """Ends the wait of the task that makes it. As asyncio.timeout does, which takes ten times as long to set."""

    is_off = False

    def __init__(self) -> None:
        self.task = cast("asyncio.Task[None]", asyncio.current_task())

    def off(self) -> None:
        self.is_off = True
        self.task.cancel()


class _Room:
    """How many deliveries are being taken, and how many bytes they may bring. Asked before any of them is read."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._of_hooks: dict[str, int] = {}
        self._all = self._bytes = 0

    def take(self, hook: str, size: int) -> None:
        """Have room for one of this size until it leaves. Raises _Refused."""
        limits, own = self._limits, self._of_hooks.get(hook, 0)
        if own >= limits.in_flight_of_a_hook or self._all >= limits.in_flight or self._bytes + size > limits.body_bytes:
            raise _Refused(503, "busy", "too many at once", retry_after=_BUSY_SECONDS)
        self._of_hooks[hook] = own + 1
        self._all += 1
        self._bytes += size

    def leave(self, hook: str, size: int) -> None:
        self._of_hooks[hook] -= 1
        self._all -= 1
        self._bytes -= size


def _length(headers: Mapping[str, str], most_bytes: int) -> int | None:
    """How long the body says it is; None: it comes in chunks. Raises _Refused."""
    if headers.get("content-encoding", _AS_IT_IS).strip().lower() != _AS_IT_IS:
        raise _Refused(415, "encoded", "its body is encoded", closes=True)
    said = headers.get("content-length")
    length = int(said) if said is not None else None
    if length is not None and length > most_bytes:
        raise _too_large(most_bytes)
    return length


async def _body(receive: Receive, most_bytes: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise _Gone
        part = message.get("body", b"")
        size += len(part)
        if size > most_bytes:
            raise _too_large(most_bytes)
        parts.append(part)
        if not message.get("more_body"):
            return b"".join(parts)


def _too_large(most_bytes: int) -> _Refused:
    return _Refused(413, "too_large", f"it is longer than {most_bytes:,} bytes", closes=True)


def _query(scope: Scope) -> Mapping[str, str]:
    return dict(parse_qsl(scope["query_string"].decode("latin-1"))) if scope["query_string"] else {}


async def _asked(door: Door, scope: Scope, send: Send) -> None:
    """Answer what is no delivery: Meta's question whether the address is ours."""
    if scope["method"] != "GET" or not door.is_challenged:
        await _answer(send, 405, [(b"allow", b"GET, POST" if door.is_challenged else b"POST")])
        return
    said = door.challenge(_query(scope))
    await _answer(send, 403 if said is None else 200, [], (said or "").encode(), b"text/plain; charset=utf-8")


async def _refuse(refusal: _Refused, receive: Receive, send: Send) -> None:
    """Answer. Where it closes, take in for a moment what still comes: who is cut off while it sends sees no answer."""
    if not refusal.closes:
        await _answer(send, refusal.status, refusal.headers)
        return
    await _begin(send, refusal.status, [*refusal.headers, (b"connection", b"close")], b"")
    await send({"type": "http.response.body", "body": b"", "more_body": True})
    with suppress(TimeoutError):
        async with asyncio.timeout(_LINGER_SECONDS):
            while (message := await receive())["type"] == "http.request" and message.get("more_body"):
                pass
    await send({"type": "http.response.body", "body": b""})


async def _answer(send: Send, status: int, headers: _Headers, body: bytes = b"", media_type: bytes = b"") -> None:
    await _begin(send, status, [*headers, (b"content-type", media_type)] if body else headers, body)
    await send({"type": "http.response.body", "body": body})


async def _begin(send: Send, status: int, headers: _Headers, body: bytes) -> None:
    own = [(b"content-length", str(len(body)).encode()), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": status, "headers": own + headers})
