"""The README by doing: every command in it runs as it stands there, beside a bridge's store and no config."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import forked
from tests.support.bridges import LAWLEY, MAMELODI, VelocityFibre
from tests.support.pages import beside
from wamon.config.load import load
from wamon.postgres.embedded import server as embedded

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")
STORE = "/opt/whatsapp-bridge/store/messages.db"
"""The place of a bridge's store, which is all that a test puts another in for."""

POSTED = ("DR1752028", "DR1752034", "DR1752040", "DR1752011", "DR1752039")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.DOTALL | re.MULTILINE)


def commands() -> list[str]:
    return [line for block in blocks("sh") for line in block.splitlines()]


class Desk:
    """A shell in a folder where the README is followed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state = folder / "state"
        self.store = folder / "messages.db"
        (folder / ".venv").symlink_to(sys.prefix)
        self.environ = {
            "HOME": str(folder),
            "PATH": f"{sys.prefix}/bin:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "WAMON_STATE_DIR": str(self.state),  # else root's would lie in /var/lib/wamon, among real ones
        }

    def run(self, line: str) -> str:
        """A line of the README, which must end well; what it prints."""
        there = line.replace(STORE, str(self.store)).replace("/srv/wamon", str(self.folder))
        done = forked.run_line(there, env=self.environ, cwd=self.folder)
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
        return done.stdout

    def leave(self) -> None:
        """Stop the server, and take away what root's leaves outside the folder."""
        embedded.stop(self.state)
        home = embedded.home(self.state)
        for path in (home.data, home.socket):
            shutil.rmtree(path, ignore_errors=True)
        for path in (home.log, home.lock, home.users, home.keep):
            path.unlink(missing_ok=True)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """The README's blocks, followed from the first line to the last."""
    desk = Desk(tmp_path_factory.mktemp("desk"))
    with VelocityFibre(desk.store) as bridge:
        bridge.chat(LAWLEY, "Lawley")
        for number in POSTED:
            bridge.post(LAWLEY, f"{number} done")
        bridge.post(MAMELODI, "Good morning team")
    try:
        for line in commands():
            if not line.startswith("make "):
                desk.run(line)
        embedded.keep(desk.state)  # else each command below starts and stops the server
        yield desk
    finally:
        desk.leave()


@pytest.mark.timeout(300)
def test_following_the_readme_finds_every_drop(desk: Desk) -> None:
    found = json.loads(desk.run("wamon drops list --json"))
    assert {drop["drop_number"] for drop in found["drops"]} == set(POSTED)


@pytest.mark.parametrize("line", [line for line in beside(README) if line not in {"wamon run", "wamon web"}])
def test_a_command_in_the_text_runs(desk: Desk, line: str) -> None:
    (desk.folder / "FILE").write_text(json.dumps({LAWLEY: "3A0000000000000000"}), "utf-8")
    desk.run(line.replace("DR…", POSTED[0]))


def test_the_daemon_runs_until_it_is_asked_to_end(desk: Desk) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind("\0wamon readme")
        listener.settimeout(60)
        environ = {**desk.environ, "NOTIFY_SOCKET": "@wamon readme"}
        with subprocess.Popen(
            ["wamon", "run"], cwd=desk.folder, env=environ, stderr=subprocess.PIPE, text=True
        ) as daemon:
            try:
                while listener.recv(1000) != b"READY=1":
                    pass
                daemon.terminate()
                _, said = daemon.communicate(timeout=60)
            finally:
                daemon.kill()
    assert daemon.returncode == 0, said


def test_the_crontab_line_runs(desk: Desk) -> None:
    (line,) = (line for block in blocks("cron") for line in block.splitlines())
    desk.run(" ".join(line.split()[5:]))
    assert json.loads((desk.folder / "scan.log").read_text("utf-8"))["complete"]


def test_the_config_of_the_readme_is_one(tmp_path: Path) -> None:
    (text,) = blocks("yaml")
    assert len(text.splitlines()) <= 5
    path = tmp_path / "wamon.yaml"
    path.write_text(text, "utf-8")
    loaded = load(path, {})
    assert str(loaded.bridge.path) == STORE
    assert loaded.database.url is None
    assert [group.jid for group in loaded.groups] == [LAWLEY]


def test_the_readmes_make_targets_are_there() -> None:
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    asked = [line.removeprefix("make ") for line in commands() if line.startswith("make ")]
    assert asked == ["demo", "test"]
    assert set(asked) <= set(targets)


def test_an_installed_wamon_has_everything(tmp_path: Path) -> None:
    """What `pipx install .` installs runs without the checkout, and holds each file of the package."""
    build = "from hatchling.build import build_wheel; import sys; print(build_wheel(sys.argv[1]))"
    built = subprocess.run(
        [sys.executable, "-c", build, str(tmp_path)], check=True, capture_output=True, cwd=ROOT, text=True
    )
    with zipfile.ZipFile(tmp_path / built.stdout.split()[-1]) as wheel:
        wheel.extractall(tmp_path / "site")
    files = {path.relative_to(ROOT) for path in (ROOT / "wamon").rglob("*.*") if path.suffix != ".pyc"}
    assert {path for path in files if not (tmp_path / "site" / path).exists()} == set()
    (names,) = (tmp_path / "site").glob("*.dist-info/entry_points.txt")
    assert "wamon = wamon.__main__:main" in names.read_text("utf-8")
    check = "import wamon, wamon.postgres.migrations as m; print(wamon.__file__); m.migrations()"
    environ = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}
    ran = subprocess.run(
        [sys.executable, "-c", check], check=True, capture_output=True, cwd=tmp_path, env=environ, text=True
    )
    assert Path(ran.stdout.strip()).is_relative_to(tmp_path)
