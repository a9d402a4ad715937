"""A `wamon web` that is started, asked for its home page once, and stopped: what `wamon demo` shows of it."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from time import sleep
from typing import TYPE_CHECKING, Any

from wamon.errors import Fatal
from wamon.host import sockets
from wamon.net.address import NotSent
from wamon.net.http import Unknown, request
from wamon.net.message import Bounds

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from wamon.clock import Clock

_BOUNDS = Bounds(1, 10, 1_000_000)
_START_SECONDS = 30
_STOP_SECONDS = 10


def is_there() -> bool:
    """Whether the extra that the page needs is installed."""
    return all(find_spec(name) for name in ("starlette", "uvicorn", "httptools", "uvloop", "prometheus_client"))


def home_page(command: Sequence[str], config: Path, clock: Clock) -> dict[str, Any]:
    """What /home.json answers. The config's web.token is ${WAMON_WEB_TOKEN:-}. Raises Fatal where nothing comes."""
    token = secrets.token_hex(24)
    with sockets.listening("127.0.0.1", 0, 1) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    words = [*command, "--config", str(config), "web", "--listen", address]
    environ = {name: value for name, value in os.environ.items() if not name.startswith("WAMON_")}
    with _running(words, {**environ, "WAMON_WEB_TOKEN": token}):
        headers = {"Authorization": f"Bearer {token}"}
        deadline_seconds = clock.monotonic_seconds() + _START_SECONDS
        while clock.monotonic_seconds() < deadline_seconds:
            with suppress(NotSent, Unknown, ValueError):
                answer = request(
                    "GET", f"http://{address}/home.json", None, headers, bounds=_BOUNDS, allow_private=True
                )
                if answer.status == 200:
                    found: dict[str, Any] = json.loads(answer.body)
                    return found
            sleep(0.1)
    raise Fatal("`wamon web` didn't show its page.", hint=f"Try it: wamon --config {config} web")


@contextmanager
def _running(words: Sequence[str], environ: dict[str, str]) -> Iterator[None]:
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(words, stdin=quiet, stdout=quiet, stderr=quiet, env=environ)  # noqa: S603
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
