"""What lies around a running wamon: inotify, the store's folder, the state directory, file descriptors.

A trouble of one thing degrades that thing only: it is told once, nothing is lost, and it is over by itself.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from tests.support.bridges import LAWLEY, Wacli
from tests.support.checks import assert_whole, recorded
from tests.support.environment import EXAMPLES, program
from tests.support.namespaces import give_inotify, without_inotify
from tests.support.office import Daemon, Office, eventually
from tests.support.proxy import Proxy
from tests.support.truth import Field

Open = Callable[..., Office]
Wrap = Callable[[list[str]], Sequence[str]]
SHORT = {"scan": {"interval": "1s"}}
LONG = {"scan": {"interval": "1h"}}


@pytest.fixture
def dsn(dsn: str) -> Iterator[str]:
    """By TCP: the server's socket lies in a folder of its account's, which who gives up rights can't enter."""
    with Proxy(dsn) as proxy:
        yield proxy.dsn


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The store's, with nothing else in it."""
    (tmp_path / "store").mkdir()
    return tmp_path / "store"


@pytest.fixture
def field(folder: Path) -> Iterator[Field]:
    with Field(Wacli(folder / "wacli.db", durable=False)) as field:
        field.post(LAWLEY, "DR1000001")
        yield field


@contextmanager
def running(office: Office, wrap: Wrap, *, prologue: str = "") -> Iterator[Daemon]:
    """A real `wamon run`, its command wrapped, whose process does something to itself first."""
    code = f"import sys; from wamon.__main__ import main; sys.argv[0] = 'wamon'\n{prologue}\nmain()"
    command = [sys.executable, "-c", code, "--config", str(office.config_path), "run"]
    log = office.folder / f"run-{uuid4().hex}.log"
    with log.open("wb") as stderr, subprocess.Popen(wrap(command), stdin=subprocess.DEVNULL, stderr=stderr) as process:
        try:
            yield Daemon(process, log)
        finally:
            process.kill()
    assert "Traceback" not in log.read_text("utf-8", "replace")


def says(daemon: Daemon, what: str) -> None:
    eventually(f"it says {what!r}", lambda: what in daemon.said(), said=daemon.said)


def without_privilege(command: list[str]) -> list[str]:
    """As root without root's way around file modes."""
    if os.geteuid() != 0:
        return command
    if shutil.which("setpriv") is None:
        pytest.skip("root without setpriv can't give up its way around file modes")
    return ["setpriv", "--bounding-set", "-dac_override,-dac_read_search", *command]


@contextmanager
def shut(folder: Path, mode: int = 0) -> Iterator[None]:
    folder.chmod(mode)
    try:
        yield
    finally:
        folder.chmod(0o700)


# Inotify


@pytest.mark.fault("F86")
def test_without_inotify_it_works_by_its_interval_says_so_once_and_is_rung_for_when_there_is_some(
    field: Field, open_office: Open
) -> None:
    office = open_office(field.path, **SHORT)
    with running(office, without_inotify) as daemon:
        for number in ("DR1000002", "DR1000003"):
            field.post(LAWLEY, number)
            recorded(office, number, daemon.said)
        assert daemon.said().count("The store can't be watched: ") == 1
        give_inotify(daemon.process.pid)
        says(daemon, "The store is watched again.")
        assert daemon.end() == 0
    assert_whole(office, field)


@pytest.mark.fault("F86")
def test_doctor_tells_that_no_write_can_be_noticed(field: Field, open_office: Open) -> None:
    office = open_office(field.path)
    office.scan()
    command = [*program(), "--config", str(office.config_path), "doctor", "--json"]
    there = office.run("doctor", "--json")
    without = subprocess.run(without_inotify(command), check=False, capture_output=True, text=True, timeout=100)
    for done, state in ((there, "ok"), (without, "warn")):
        checks = {check["name"]: check for check in json.loads(done.stdout)["checks"]}
        assert checks["bridge.doorbell"]["state"] == state, done.stderr
    assert "fs.inotify.max_user_instances" in checks["bridge.doorbell"]["sentence"]


# The store's folder


@pytest.mark.fault("F35", "F86")
def test_a_folder_that_is_missing_at_the_start_is_waited_for(
    tmp_path: Path, field: Field, open_office: Open, folder: Path
) -> None:
    office = open_office(field.path, **SHORT)
    away = tmp_path / "away"
    folder.rename(away)
    with office.running() as daemon:
        says(daemon, "isn't there")
        says(daemon, f"The store can't be watched: {folder}: No such file or directory.")
        away.rename(folder)
        recorded(office, "DR1000001", daemon.said)
        says(daemon, "The store is watched again.")
        assert daemon.end() == 0
    assert_whole(office, field)


@pytest.mark.fault("F51", "F86")
def test_a_folder_that_may_not_be_read_is_told_and_read_when_it_may(
    field: Field, open_office: Open, folder: Path
) -> None:
    office = open_office(field.path, **SHORT)
    with running(office, without_privilege) as daemon:
        recorded(office, "DR1000001", daemon.said)
        field.post(LAWLEY, "DR1000002")
        with shut(folder):
            says(daemon, "can't be read now: Permission denied")
            end_connections(office)
            says(daemon, f"The store can't be watched: {folder}: Permission denied.")
        field.post(LAWLEY, "DR1000003")
        recorded(office, "DR1000003", daemon.said)
        assert daemon.end() == 0
        assert "PermissionError" not in daemon.said(), "each trouble is told in words"
    assert_whole(office, field)


@pytest.mark.fault("F36", "F86")
def test_a_folder_that_takes_the_place_of_another_is_read_and_watched(
    tmp_path: Path, field: Field, open_office: Open, folder: Path
) -> None:
    """As after a restore, or a new release of the bridge."""
    office = open_office(field.path, **SHORT)
    with office.running() as daemon:
        recorded(office, "DR1000001", daemon.said)
        field.bridge.close()
        folder.rename(tmp_path / "old")
        says(daemon, f"The store can't be watched: {folder}: No such file or directory.")
        shutil.copytree(tmp_path / "old", folder)
        field.bridge.reopen()
        says(daemon, "The store is watched again.")
        for number in ("DR1000002", "DR1000003"):
            field.post(LAWLEY, number)
            recorded(office, number, daemon.said)
        assert daemon.end() == 0
    assert_whole(office, field)


@pytest.mark.fault("F88")
def test_a_store_in_wal_mode_behind_a_link_is_read_as_it_is_written(
    tmp_path: Path, field: Field, open_office: Open
) -> None:
    link = tmp_path / "messages.db"
    link.symlink_to(field.path)
    office = open_office(link, **LONG)
    with office.running() as daemon:
        recorded(office, "DR1000001", daemon.said)
        for number in ("DR1000002", "DR1000003"):
            field.post(LAWLEY, number)
            recorded(office, number, daemon.said)
        assert daemon.end() == 0
    assert_whole(office, field)


# The state directory

SOON = "import wamon.capture.state_file as tested; tested._SECONDS_AFTER_FAILURE = 0.2"


@pytest.mark.fault("F26")
def test_a_state_directory_that_may_not_be_written_costs_the_mirror_and_nothing_else(
    field: Field, open_office: Open
) -> None:
    office = open_office(field.path, **SHORT)
    office.scan()
    state = office.state_path.parent
    old = office.state_path.read_bytes()
    with shut(state, 0o500):
        (state / "lock").unlink(missing_ok=True)
        with running(office, without_privilege, prologue=SOON) as daemon:
            for number in ("DR1000002", "DR1000003"):
                field.post(LAWLEY, number)
                recorded(office, number, daemon.said)
                end_connections(office)
            assert office.state_path.read_bytes() == old
            assert daemon.said().count("The state file") == 1
            state.chmod(0o700)
            says(daemon, f"The state file {office.state_path} is written again.")
            eventually("the mirror", lambda: office.state_path.read_bytes() != old, said=daemon.said)
            assert daemon.end() == 0
    assert_whole(office, field)


@pytest.mark.fault("F26")
def test_where_only_the_state_file_could_know_the_starts_an_unwritable_directory_is_waited_for(
    field: Field, open_office: Open
) -> None:
    office = open_office(field.path, **SHORT)
    state = office.state_path.parent
    state.mkdir()
    with shut(state, 0o500), running(office, without_privilege) as daemon:
        says(daemon, f"The state directory {state} can't be written: Permission denied.")
        assert daemon.process.poll() is None
        assert office.drops() == set()
        state.chmod(0o700)
        recorded(office, "DR1000001", daemon.said)
        assert daemon.end() == 0
    assert_whole(office, field)


# File descriptors


@pytest.mark.parametrize("room", [2, 4, 8] if EXAMPLES else [4])
@pytest.mark.fault("F87")
def test_the_first_run_on_a_host_without_file_descriptors_goes_on_when_there_are_some(
    field: Field, open_office: Open, room: int
) -> None:
    office = open_office(field.path, **SHORT)
    few = (
        "import os, resource\n"
        f"most = max(map(int, os.listdir('/proc/self/fd'))) + {room}\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (most, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))"
    )
    with running(office, list, prologue=few) as daemon:
        eventually("trouble", lambda: daemon.said() or office.drops(), said=daemon.said)
        assert daemon.process.poll() is None, daemon.said()
        hard = resource.prlimit(daemon.process.pid, resource.RLIMIT_NOFILE)[1]
        resource.prlimit(daemon.process.pid, resource.RLIMIT_NOFILE, (min(1024, hard), hard))
        recorded(office, "DR1000001", daemon.said)
        assert daemon.end() == 0
    assert_whole(office, field)


# Threads


@pytest.mark.parametrize("room", [1, 2, 4] if EXAMPLES else [2])
@pytest.mark.fault("F108")
def test_on_a_host_that_starts_no_thread_it_goes_on_when_there_are_some(
    field: Field, open_office: Open, room: int
) -> None:
    """Each thread takes a GiB of addresses, of which there are few."""
    office = open_office(field.path, **SHORT)
    few = (
        "import resource, threading\n"
        "threading.stack_size(1 << 30)\n"
        "pages = int(open('/proc/self/statm').read().split()[0])\n"
        f"most = pages * resource.getpagesize() + (700 << 20) + ({room} << 30)\n"
        "resource.setrlimit(resource.RLIMIT_AS, (most, resource.getrlimit(resource.RLIMIT_AS)[1]))"
    )
    with running(office, list, prologue=few) as daemon:
        eventually("trouble", lambda: "no thread" in daemon.said(), said=daemon.said)
        assert daemon.process.poll() is None, daemon.said()
        hard = resource.prlimit(daemon.process.pid, resource.RLIMIT_AS)[1]
        resource.prlimit(daemon.process.pid, resource.RLIMIT_AS, (hard, hard))
        recorded(office, "DR1000001", daemon.said)
        eventually("all of it works", lambda: office.query("SELECT count(*) FROM wamon.source_status") == [1])
        assert daemon.end() == 0
    assert_whole(office, field)


def end_connections(office: Office) -> None:
    office.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
