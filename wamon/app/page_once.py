"""A `wamon web` that is started, asked a few things, and stopped: what `wamon demo` shows of it."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
from contextlib import contextmanager, suppress
from dataclasses import dataclass
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
    from wamon.net.message import Answer

_BOUNDS = Bounds(1, 10, 1_000_000)
_START_SECONDS = 30
_STOP_SECONDS = 10


def is_there() -> bool:
    """Whether the extra that the page needs is installed."""
    return all(find_spec(name) for name in ("starlette", "uvicorn", "httptools", "uvloop", "prometheus_client"))


@dataclass(frozen=True, slots=True)
class Served:
    """A `wamon web` that answers."""

    address: str
    token: str

    def home_page(self) -> dict[str, Any]:
        """What /home.json answers."""
        found: dict[str, Any] = json.loads(self.ask("GET", "/home.json").body)
        return found

    def ask(self, method: str, path: str, body: bytes | None = None) -> Answer:
        """Raises NotSent or Unknown where nobody answers."""
        headers = {"Authorization": f"Bearer {self.token}"}
        return request(method, f"http://{self.address}{path}", body, headers, bounds=_BOUNDS, allow_private=True)


@contextmanager
def served(command: Sequence[str], config: Path, clock: Clock) -> Iterator[Served]:
    """One for as long as the block runs. The config's web.token is ${WAMON_WEB_TOKEN:-}. Raises Fatal."""
    with sockets.listening("127.0.0.1", 0, 1) as free:
        site = Served(f"127.0.0.1:{free.getsockname()[1]}", secrets.token_hex(24))
    words = [*command, "--config", str(config), "web", "--listen", site.address]
    with running(words, WAMON_WEB_TOKEN=site.token):
        deadline_seconds = clock.monotonic_seconds() + _START_SECONDS
        while not _is_up(site):
            if clock.monotonic_seconds() > deadline_seconds:
                raise Fatal("`wamon web` didn't show its page.", hint=f"Try it: wamon --config {config} web")
            sleep(0.1)
        yield site


@contextmanager
def running(words: Sequence[str], **more: str) -> Iterator[None]:
    """A wamon for as long as the block runs, with no settings but the config's and these variables."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("WAMON_")} | more
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


def _is_up(site: Served) -> bool:
    with suppress(NotSent, Unknown):
        return site.ask("GET", "/home.json").status == 200
    return False
