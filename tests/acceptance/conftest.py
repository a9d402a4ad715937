"""The real command, run as users run it: a process of its own, in a folder of its own, in a clean environment."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tests.support import forked
from tests.support.bridges import LAWLEY, MOHADIN, PROJECTS, VELO_TEST, VeryGoodPlugins
from tests.support.clock import CLOCK
from tests.support.environment import ROOT_HOME, environment
from tests.support.machine import Machine
from tests.support.office import Office
from tests.support.server import Initialised
from wamon.postgres.embedded.home import locate

PRIVATE_CHAT = "27820000077@s.whatsapp.net"
FAMILY = "120363000000000009@g.us"

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def wamon(tmp_path: Path) -> Run:
    """Run `wamon` with these words."""

    def run(*words: str, **environ: str) -> subprocess.CompletedProcess[str]:
        return forked.run(words, env=environment(**environ), cwd=tmp_path)

    return run


@pytest.fixture
def embedded_in(initialised: Initialised) -> Iterator[Callable[..., Path]]:
    """Say which state directory's embedded server a test will use; afterwards it is stopped and gone.

    `is_new`: nothing of it is there yet. Else initdb has been run.
    """
    folders: list[Path] = []

    def noted(state_dir: Path, *, is_new: bool = False) -> Path:
        folders.append(state_dir)
        if not is_new:
            initialised.copy(state_dir, ROOT_HOME)
        return state_dir

    yield noted
    for folder in folders:
        data = locate(folder, ROOT_HOME).data
        if (data / "postmaster.pid").exists():
            assert forked.run(["db", "stop"], env=environment(WAMON_STATE_DIR=str(folder))).returncode == 0
        for left in data.parent.glob(f"{data.name}*"):
            shutil.rmtree(left) if left.is_dir() else left.unlink()
        with contextlib.suppress(OSError):
            data.parent.rmdir()


def write_store(path: Path) -> Path:
    """Four groups: drops, one posted again, two to be corrected; and beside them a family's and a private chat."""
    with VeryGoodPlugins(path, seed=1, durable=False) as bridge:
        for jid, name in {**PROJECTS, FAMILY: "Family", PRIVATE_CHAT: "Thandi"}.items():
            bridge.chat(jid, name)
        bridge.post(LAWLEY, "DR1752028 done", message_id="FIRST")
        bridge.post(LAWLEY, "DR1752034, DR1752040", message_id="TWO")
        bridge.post(LAWLEY, "Good morning team")
        bridge.post(LAWLEY, "dr 1752028 again", message_id="AGAIN", sender="27820000002")
        bridge.post(MOHADIN, "DR1760001", message_id="TYPO")
        bridge.post(MOHADIN, "DR1760009 sorry", message_id="TAKEN BACK")
        bridge.post(VELO_TEST, "", media="image")
        bridge.post(FAMILY, "See you on Sunday")
        bridge.post(PRIVATE_CHAT, "Hello")
    return path


def edit_store(path: Path) -> None:
    """What people correct later, once the first scan has seen what they said."""
    with VeryGoodPlugins(path, seed=2, durable=False) as bridge:
        for message_id, text in {"TYPO": "DR1760002", "TAKEN BACK": "sorry, wrong group"}.items():
            bridge.db.execute("UPDATE messages SET content = ? WHERE id = ?", (text, message_id))


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A small bridge's store."""
    return write_store(tmp_path / "messages.db")


@pytest.fixture
def office(open_office: Callable[..., Office], store: Path) -> Office:
    """An office over that store, nothing scanned."""
    return open_office(store)


@pytest.fixture(scope="session")
def scanned(_embedded_18: str, tmp_path_factory: pytest.TempPathFactory) -> Office:
    """An office that has scanned the store and its edits, for tests that only look."""
    folder = tmp_path_factory.mktemp("scanned")
    name = f"t{uuid4().hex}"
    with psycopg.connect(_embedded_18, autocommit=True) as db:
        db.execute(f"CREATE DATABASE {name} TEMPLATE migrated".encode())
    office = Office(folder / "office", make_conninfo(_embedded_18, dbname=name), write_store(folder / "messages.db"))
    office.scan()
    edit_store(office.store)
    office.scan()
    return office


@pytest.fixture
def machine(tmp_path: Path, open_office: Callable[..., Office]) -> Iterator[Machine]:
    """A host that systemd runs, by whose clock its services go. A drop was posted; nothing is installed."""
    short = tempfile.TemporaryDirectory(prefix="wamon-machine-")  # as a socket's path must be
    with CLOCK.as_hosts(), short as root:
        with VeryGoodPlugins(tmp_path / "messages.db", seed=1, durable=False) as bridge:
            bridge.chat(LAWLEY, "Lawley")
            bridge.post(LAWLEY, "DR1000001")
        office = open_office(tmp_path / "messages.db", scan={"interval": "1s"}, database={"url": ""})
        machine = Machine(Path(root), office)
        yield machine
        machine.clear()
