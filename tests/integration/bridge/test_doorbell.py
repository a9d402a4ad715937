"""The doorbell on real folders: what rings, where it listens, and that a failure costs nothing."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.bridges import LAWLEY, Bridge, Lharries, Wacli
from tests.support.namespaces import without_inotify
from tests.support.office import eventually
from wamon.bridge.doorbell import Doorbell
from wamon.bridge.stamp import StoreFile


class Rung(threading.Event):
    """Whether it rang since it was last looked at."""

    def soon(self) -> bool:
        rang = self.wait(20)
        self.clear()
        return rang


@pytest.fixture
def rung() -> Rung:
    return Rung()


@contextmanager
def listening(store: Path, rung: Rung) -> Iterator[Doorbell]:
    with Doorbell(store, rung.set) as doorbell:
        assert doorbell.listen() is None
        yield doorbell


@pytest.mark.parametrize("kind", [Lharries, Wacli], ids=["rollback journal", "WAL"])
@pytest.mark.parametrize("linked", ["the file", "its folder"])
@pytest.mark.fault("F88")
def test_a_write_to_a_linked_store_rings_and_shows(tmp_path: Path, rung: Rung, kind: type[Bridge], linked: str) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "data").mkdir()
    store = tmp_path / "data" / "messages.db"
    if linked == "the file":
        store.symlink_to(tmp_path / "real" / "messages.db")
    else:
        (tmp_path / "data").rmdir()
        (tmp_path / "data").symlink_to(tmp_path / "real")
    with kind(tmp_path / "real" / "messages.db", durable=False) as bridge, listening(store, rung):
        bridge.post(LAWLEY, "DR1000001")
        assert rung.soon()
        file = StoreFile(store)
        before = file.stamp()
        bridge.post(LAWLEY, "DR1000002")
        assert rung.soon()
        assert file.stamp() != before


@pytest.mark.fault("F88")
def test_a_link_that_leads_to_another_store_is_followed_there(tmp_path: Path, rung: Rung) -> None:
    for release in ("one", "two"):
        (tmp_path / release).mkdir()
        (tmp_path / release / "messages.db").touch()
    link = tmp_path / "messages.db"
    link.symlink_to(tmp_path / "one" / "messages.db")
    file = StoreFile(link)
    assert file.stamp().wal is None
    with listening(link, rung) as doorbell:
        link.unlink()
        link.symlink_to(tmp_path / "two" / "messages.db")
        assert doorbell.listen() is None
        rung.clear()
        (tmp_path / "two" / "messages.db").write_text("written")
        assert rung.soon()
    (tmp_path / "two" / "messages.db-wal").touch()
    assert file.stamp() == StoreFile(tmp_path / "two" / "messages.db").stamp()
    assert file.stamp().wal


@pytest.mark.fault("F86")
def test_a_folder_that_is_replaced_is_listened_to_anew(tmp_path: Path, rung: Rung) -> None:
    folder = tmp_path / "store"
    folder.mkdir()
    (folder / "messages.db").touch()
    with listening(folder / "messages.db", rung) as doorbell:
        folder.rename(tmp_path / "old")
        assert doorbell.listen() == f"{folder}: No such file or directory"
        shutil.copytree(tmp_path / "old", folder)
        assert doorbell.listen() is None
        rung.clear()
        (folder / "messages.db").write_text("written")
        assert rung.soon()


@pytest.mark.fault("F86")
def test_a_folder_that_is_made_again_is_listened_to_though_its_inode_is_the_same(tmp_path: Path, rung: Rung) -> None:
    folder = tmp_path / "store"
    folder.mkdir()
    with listening(folder / "messages.db", rung) as doorbell:

        def rings() -> bool:
            assert doorbell.listen() is None
            rung.clear()
            (folder / "messages.db").write_text("written")
            return rung.wait(0.2)

        shutil.rmtree(folder)
        folder.mkdir()  # which takes the inode that became free, on most file systems
        eventually("a write is heard", rings)


@pytest.mark.fault("F86")
def test_a_folder_that_is_not_there_at_the_start_is_listened_to_as_soon_as_it_is(tmp_path: Path, rung: Rung) -> None:
    folder = tmp_path / "mounted"
    with Doorbell(folder / "messages.db", rung.set) as doorbell:
        assert doorbell.listen() == f"{folder}: No such file or directory"
        folder.mkdir()
        assert doorbell.listen() is None
        (folder / "messages.db").touch()
        assert rung.soon()


@pytest.mark.fault("F86")
def test_listening_in_vain_leaves_no_descriptor_and_no_thread_behind(tmp_path: Path, rung: Rung) -> None:
    with Doorbell(tmp_path / "none" / "messages.db", rung.set) as doorbell:
        doorbell.listen()
        before = held()
        for _ in range(50):
            assert doorbell.listen() is not None
        assert held() == before


def held() -> tuple[int, int]:
    """How many descriptors and threads this process has."""
    return len(list(Path("/proc/self/fd").iterdir())), threading.active_count()


_IN_VAIN = """
import os, pathlib, sys, threading
from wamon.bridge.doorbell import Doorbell
with Doorbell(pathlib.Path(sys.argv[1]), lambda: None) as doorbell:
    told = {doorbell.listen() for _ in range(50)}
print(*told, len(os.listdir("/proc/self/fd")), threading.active_count(), sep="\\n")
"""


@pytest.mark.fault("F86")
def test_without_an_inotify_instance_it_says_which_limit_that_is_and_leaves_nothing_behind(tmp_path: Path) -> None:
    command = without_inotify([sys.executable, "-c", _IN_VAIN, str(tmp_path / "messages.db")])
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    why, descriptors, threads = done.stdout.splitlines()
    assert "fs.inotify.max_user_instances" in why
    assert (int(descriptors), threads) == (4, "1"), "stdin, stdout, stderr and the folder that is listed"


def test_nothing_rings_for_what_lies_beside_the_store(tmp_path: Path, rung: Rung) -> None:
    store = tmp_path / "messages.db"
    with listening(store, rung):
        for name in ("messages.db-shm", "messages.db-journal", "other.db"):
            (tmp_path / name).write_text("written")
        store.touch()
        assert rung.soon()
        (tmp_path / "other.db").write_text("again")
        with listening(tmp_path / "other.db", other := Rung()):
            (tmp_path / "other.db").write_text("and again")
            assert other.soon()
        assert not rung.is_set()
