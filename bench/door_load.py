"""Delivers by so many connections, each as soon as the last was answered; prints how long answers took, as JSON."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

import uvloop

_WARMING = 0.1
"""So much of the deliveries comes first, and isn't measured."""


class _Sender(asyncio.Protocol):
    def __init__(self, request: bytes, load: Load) -> None:
        self._request = request
        self._load = load

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport
        self._send()

    def data_received(self, data: bytes) -> None:
        if not data.startswith(b"HTTP/1.1 200 "):
            raise SystemExit(f"answered with {data[:200]!r}")
        if b"\r\n\r\n" not in data:
            raise SystemExit("an answer came in two parts")
        if self._load.took(time.perf_counter() - self._begun):
            self._send()

    def _send(self) -> None:
        self._begun = time.perf_counter()
        self._transport.write(self._request)


class Load:
    """How many deliveries are still to be made, and how long those took that were."""

    def __init__(self, deliveries: int) -> None:
        self._left = deliveries
        self._warming = int(deliveries * _WARMING)
        self._began = 0.0
        self._seconds: list[float] = []
        self.ended = asyncio.Event()

    def took(self, seconds: float) -> bool:
        """Count one; whether another is to be made."""
        if self._warming:
            self._warming -= 1
            self._began = time.perf_counter()
            return True
        self._seconds.append(seconds)
        self._left -= 1
        if self._left <= 0:
            self._ended = time.perf_counter()
            self.ended.set()
        return self._left > 0

    def told(self) -> dict[str, float]:
        ordered = sorted(self._seconds)
        return {
            "per_second": len(ordered) / (self._ended - self._began),
            "half_ms": ordered[len(ordered) // 2] * 1000,
            "most_ms": ordered[int(len(ordered) * 0.99)] * 1000,
        }


async def _deliver(port: int, connections: int, deliveries: int, request: bytes) -> dict[str, float]:
    load, loop = Load(deliveries), asyncio.get_running_loop()
    for _ in range(connections):
        await loop.create_connection(lambda: _Sender(request, load), "127.0.0.1", port)
    await load.ended.wait()
    return load.told()


if __name__ == "__main__":
    port_, connections_, deliveries_, file_ = sys.argv[1:]
    told = uvloop.run(_deliver(int(port_), int(connections_), int(deliveries_), Path(file_).read_bytes()))
    print(json.dumps(told))
