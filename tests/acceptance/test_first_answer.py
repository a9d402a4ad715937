"""docs/first-answer.md by doing: from an empty folder to the first answer, by a stand-in for WATI."""

from __future__ import annotations

import re
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support import forked
from tests.support.asking import ask
from tests.support.clock import HOST
from tests.support.environment import environment
from tests.support.forked import Forked
from tests.support.office import eventually
from tests.support.pages import Step, blocks, pattern, steps
from tests.support.ports import free_port
from tests.support.send_api import TOKEN, StandIn, send_api

PAGE = (Path(__file__).parents[2] / "docs/first-answer.md").read_text("utf-8")
QUICK = {"settle: 5s, max_wait: 30s": "settle: 1s, max_wait: 1s"}


@dataclass
class Newcomer:
    """Who has a folder, a database's address and an account at WATI, and types what the page says."""

    folder: Path
    dsn: str
    api: StandIn
    end: ExitStack
    port: int = field(default_factory=free_port)

    @property
    def environ(self) -> dict[str, str]:
        path = f"{sys.prefix}/bin:/usr/bin:/bin"
        return environment(WAMON_DATABASE_URL=self.dsn, HOME=str(self.folder), PATH=path, COLUMNS="120")

    def here(self, text: str) -> str:
        """The page's words with this host's addresses."""
        host = f"127.0.0.1:{self.port}"
        return text.replace("https://wamon.example.com", f"http://{host}").replace("127.0.0.1:8006", host)

    def do(self, step: Step) -> None:
        if step.command.startswith("cat > "):
            (self.folder / step.command.split()[-1]).write_text(f"{TOKEN}\n")
            return
        if step.command in {"wamon run", "wamon web"}:
            self.begin(step.command.split()[1])
            return
        done = forked.run_line(self.here(step.command), env=self.environ, cwd=self.folder)
        assert done.returncode == 0, f"{step.command}\n{done.stdout}{done.stderr}"
        assert re.fullmatch(pattern(self.here(step.said)), done.stdout.strip(), re.DOTALL), done.stdout
        if " init " in step.command:
            self.settle_here()

    def settle_here(self) -> None:
        """Have it listen on a free port, send to the stand-in, and not wait for long."""
        config = self.folder / "config/wamon.yaml"
        text = config.read_text("utf-8").replace("\nweb:\n", f"\nweb:\n  listen: 127.0.0.1:{self.port}\n")
        text, sent = re.subn(r'url: "https://live-mt-server\.wati\.io/[^"]+"', f"url: {self.api.replies['url']}", text)
        assert sent == 1
        config.write_text(text.replace(*next(iter(QUICK.items()))), "utf-8")

    def begin(self, command: str) -> None:
        log = self.end.enter_context((self.folder / f"{command}.log").open("wb"))
        process = Forked([command], env=self.environ, clock=HOST, stderr=log, cwd=self.folder)
        self.end.callback(process.wait)
        self.end.callback(process.kill)
        if command == "web":
            eventually("the hooks are served", self.is_served, said=(self.folder / "web.log").read_text)

    def is_served(self) -> bool:
        with socket.socket() as connection:
            return connection.connect_ex(("127.0.0.1", self.port)) == 0

    def has_counted_both(self) -> bool:
        return ask(self.dsn, "SELECT stored FROM wamon.hook_status") == [(2,)]

    def is_answered(self) -> bool:
        return ask(self.dsn, "SELECT state FROM wamon.replies") == [("sent",)]


@pytest.fixture
def newcomer(dsn: str, tmp_path: Path) -> Iterator[Newcomer]:
    with send_api(TOKEN) as api, ExitStack() as end:
        api.says = {"message": {"local_message_id": "L1"}}
        yield Newcomer(tmp_path, dsn, api, end)


def test_the_page_leads_from_an_empty_folder_to_the_first_answer(newcomer: Newcomer) -> None:
    for block in blocks(PAGE):
        if "hooks list" in block:
            eventually("both are counted", newcomer.has_counted_both, said=(newcomer.folder / "web.log").read_text)
        if "conversations show" in block:
            eventually("it is answered", newcomer.is_answered, said=(newcomer.folder / "run.log").read_text)
        for step in steps(block):
            newcomer.do(step)
    assert newcomer.api.texts == ["1752028: recorded now (Lawley)."]
    for secret in (newcomer.folder / "config/secrets").iterdir():
        assert secret.stat().st_mode & 0o777 == 0o600
