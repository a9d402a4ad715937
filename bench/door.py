"""Deliveries to a hook: how many are durable in a second, and how long one waits, beside floors that only keep them."""

from __future__ import annotations

import hmac
import json
import socket
import sys
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import psycopg
import yaml

from bench import catchups, latency
from bench.door_floor import INSERT, TABLE, row
from bench.figures import FLOOR, WAMON
from bench.ground import WAMON as COMMAND
from bench.ground import measured, process, say
from bench.subjects import DELIVERED, DELIVERED_EACH, DELIVERY_ALONE, DELIVERY_MOST, RECORDED_BESIDE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bench.figures import Figures
    from bench.ground import Ground

_SECRET = "a-secret-of-the-bench"
_MANY = 32
_TO_BEGIN = 500
_FOR_EVER = 10**9
_BODY = json.dumps(
    {
        "event": "message",
        "device_id": "27820000009@s.whatsapp.net",
        "payload": {
            "id": "3EB0AABBCCDDEEFF",
            "chat_id": "120363000000000001@g.us",
            "from": "27820000001@s.whatsapp.net",
            "timestamp": "2026-11-28T08:00:00Z",
            "is_from_me": False,
            "body": "DR1752028",
        },
    }
).encode()


def measure(ground: Ground, figures: Figures, deliveries: int, rounds: int) -> None:
    """Each in turn with what it is held against."""
    say("delivering to a hook")
    request = ground.folder / "request"
    request.write_bytes(_request())
    with ground.database() as dsn, psycopg.connect(dsn, autocommit=True) as db:
        db.execute(TABLE)
        config = _config(ground, dsn)
        measured(*COMMAND, "--config", config, "db", "migrate")
        for _ in range(rounds):
            for who, how in ((WAMON, "wamon"), (FLOOR, "copy"), (FLOOR, "each")):
                _round(figures, who, how, config, dsn, request, deliveries)
            figures.add(DELIVERY_ALONE, FLOOR, *_inserts_ms(db, deliveries // 10))


def measure_beside(ground: Ground, figures: Figures, messages: int, posts: int) -> None:
    """What a flood of deliveries costs the passes over a store: posts are recorded without one, then beside one."""
    store, request = ground.copy(ground.store(messages)), ground.folder / "request"
    request.write_bytes(_request())
    with ground.database() as dsn:
        config = _config(ground, dsn, store)
        catchups.scan(config, messages)
        with process(*COMMAND, "--config", config, "run"), _serving("wamon", config, dsn) as port:
            _load(port, _MANY, _TO_BEGIN, request)  # and the daemon has begun by then
            say(f"{posts} posts beside no delivery")
            figures.add(RECORDED_BESIDE, FLOOR, latency.of(latency.measure(dsn, store, 4, posts)).p99_seconds * 1000)
            with process(*_load_words(port, _MANY, _FOR_EVER, request)):
                say(f"{posts} posts beside a flood of them")
                beside = latency.of(latency.measure(dsn, store, 4, posts, first=posts))
                figures.add(RECORDED_BESIDE, WAMON, beside.p99_seconds * 1000)


def _round(figures: Figures, who: str, how: str, config: Path, dsn: str, request: Path, deliveries: int) -> None:
    with _serving(how, config, dsn) as port:
        _load(port, _MANY, deliveries // 5, request)  # it has just begun: wamon still reads its templates
        many = _load(port, _MANY, deliveries, request)
        if how == "each":
            figures.add(DELIVERED_EACH, who, many["per_second"])
            return
        figures.add(DELIVERED, who, many["per_second"])
        figures.add(DELIVERY_MOST, who, many["most_ms"])
        if who == WAMON:
            figures.add(DELIVERY_ALONE, who, _load(port, 1, deliveries // 10, request)["half_ms"])


def _load(port: int, connections: int, deliveries: int, request: Path) -> dict[str, float]:
    told: dict[str, float] = json.loads(measured(*_load_words(port, connections, deliveries, request)).out)
    return told


def _load_words(port: int, connections: int, deliveries: int, request: Path) -> list[str]:
    return [sys.executable, "-m", "bench.door_load", *map(str, (port, connections, deliveries, request))]


def _inserts_ms(db: psycopg.Connection, many: int) -> list[float]:
    """Committed INSERTs of the same body, one after the other: half of them within."""
    taken = []
    for _ in range(many):
        began = time.perf_counter()
        db.execute(INSERT, row(_BODY))
        taken.append((time.perf_counter() - began) * 1000)
    return [sorted(taken)[many // 2]]


@contextmanager
def _serving(how: str, config: Path, dsn: str) -> Iterator[int]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = (
        (*COMMAND, "--config", config, "web", "--listen", f"127.0.0.1:{port}")
        if how == "wamon"
        else (sys.executable, "-m", "bench.door_floor", dsn, str(port), how)
    )
    with process(*map(str, words)):
        while not _listens(port):
            time.sleep(0.02)
        yield port


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
        return True
    return False


def _config(ground: Ground, dsn: str, store: Path | None = None) -> Path:
    path = ground.config(store or ground.folder / "no-store.db", dsn)
    settings = yaml.safe_load(path.read_text("utf-8"))
    settings["hooks"] = [{"name": "bench", "provider": "gowa", "secret": _SECRET}]
    path.write_text(yaml.safe_dump(settings), "utf-8")
    return path


def _request() -> bytes:
    proof = hmac.new(_SECRET.encode(), _BODY, "sha256").hexdigest()
    head = (
        f"POST /hooks/bench HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"X-Hub-Signature-256: sha256={proof}\r\nContent-Length: {len(_BODY)}\r\n\r\n"
    )
    return head.encode() + _BODY
