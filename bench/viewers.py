"""Viewers of a live page, and people who ask for pages, at one `wamon web`: as JSON what became of them.

They watch and ask until stdin ends; a line `ready` says that all watch. `python -m bench.viewers PORT TOKEN VIEWERS
REQUESTS-A-SECOND`.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from itertools import cycle
from typing import Any

import uvloop

_PATHS = ("/", "/groups", "/health", "/ready")


async def main(port: int, token: str, viewers: int, requests_a_second: int) -> dict[str, Any]:
    head = f"HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\nAccept-Encoding: gzip\r\n"
    outcomes: Counter[str] = Counter()
    watching = asyncio.Semaphore(0)
    tasks = [asyncio.create_task(_watch(port, head, outcomes, watching)) for _ in range(viewers)]
    for _ in range(viewers):
        await asyncio.wait_for(watching.acquire(), 60)
    print("ready", flush=True)
    ended = asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    asking: set[asyncio.Task[None]] = set()
    paths = cycle(_PATHS)
    while not ended.done():
        if requests_a_second:
            task = asyncio.create_task(_ask(port, head, next(paths), outcomes))
            asking.add(task)
            task.add_done_callback(asking.discard)
        await asyncio.sleep(1 / (requests_a_second or 10))
    await asyncio.gather(*asking)
    for task in tasks:
        task.cancel()
    return dict(outcomes)


async def _watch(port: int, head: str, outcomes: Counter[str], watching: asyncio.Semaphore) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET /live?page=home {head}\r\n".encode())
    is_first = True
    while part := await reader.read(65536):
        outcomes["bytes of streams"] += len(part)
        if is_first and b"event: parts" in part:
            is_first = False
            watching.release()
    outcomes["streams that ended"] += 1


async def _ask(port: int, head: str, path: str, outcomes: Counter[str]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {path} {head}Connection: close\r\n\r\n".encode())
    answer = await reader.read()
    outcomes[answer[9:12].decode() or "none"] += 1
    writer.close()


if __name__ == "__main__":
    print(json.dumps(uvloop.run(main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))))
