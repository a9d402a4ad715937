"""Names that one process holds at a time, and whoever is second knows which."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

import pytest

from wamon.host import claim as claims
from wamon.host.claim import Claim

_HOLDING = """
import sys
from pathlib import Path
from wamon.host import claim
claim.FOLDERS = (Path(sys.argv[1]),)
held = claim.Claim()
print(held.hold(sys.argv[2]), flush=True)
sys.stdin.read()
"""
_FORKING = """
import os, sys
from pathlib import Path
from wamon.host import claim
claim.FOLDERS = (Path(sys.argv[1]),)
held = claim.Claim()
held.hold(sys.argv[2])
if os.fork() == 0:
    held.release()
    os._exit(0)
os.wait()
print(*os.listdir(sys.argv[1]))
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(claims, "FOLDERS", (tmp_path,))
    return tmp_path


@pytest.fixture
def name(folder: Path) -> str:
    return f"/tmp/{uuid4().hex}/messages.db"


def file_of(folder: Path, name: str) -> Path:
    return folder / f"wamon-{sha256(name.encode()).hexdigest()[:16]}.lock"


@contextmanager
def held_elsewhere(folder: Path, name: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", _HOLDING, str(folder), name]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "{}\n"
        try:
            yield process
        finally:
            process.kill()


def test_free_names_are_held_and_may_be_held_again_by_the_same(name: str) -> None:
    claim = Claim()
    assert claim.hold(name, "another") == {}
    assert claim.hold(name, "another") == {}


def test_the_second_knows_which_process_is_the_first(folder: Path, name: str) -> None:
    with held_elsewhere(folder, name) as first:
        assert f"(pid {first.pid})" in Claim().hold(name, "a free one")[name]


def test_however_its_holder_ends_the_name_is_free(folder: Path, name: str) -> None:
    with held_elsewhere(folder, name) as first:
        assert Claim().hold(name)
        first.kill()
        first.wait()
        assert Claim().hold(name) == {}


def test_names_that_are_released_or_not_held_again_are_free(name: str) -> None:
    claim, other = Claim(), Claim()
    assert claim.hold(name, "x") == {}
    assert f"(pid {os.getpid()})" in other.hold(name)[name]
    assert claim.hold("x", "y") == {}
    assert other.hold(name) == {}
    other.release()
    assert claim.hold(name) == {}


def test_a_name_that_nobody_refers_to_any_more_is_free(name: str) -> None:
    claim = Claim()
    claim.hold(name)
    del claim
    assert Claim().hold(name) == {}


def test_no_file_is_left_behind_but_a_killed_one_s(folder: Path, name: str) -> None:
    claim = Claim()
    claim.hold(name)
    claim.release()
    assert not file_of(folder, name).exists()
    with held_elsewhere(folder, name) as first:
        first.kill()
        first.wait()
    assert file_of(folder, name).exists()


def test_who_takes_turns_without_a_pause_never_holds_beside_another(name: str) -> None:
    both, holders = [0], [0]

    def take_turns() -> None:
        claim = Claim()
        for _ in range(200):
            if not claim.hold(name):
                holders[0] += 1
                both[0] += holders[0] - 1
                holders[0] -= 1
            claim.release()

    threads = [threading.Thread(target=take_turns) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert both == [0]


def test_a_lock_that_its_last_holder_takes_away_just_now_is_held_anew(
    folder: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    original, taken_away = fcntl.flock, list[str]()

    def flock(number: int, how: int) -> None:
        if not taken_away:
            taken_away.append(name)
            file_of(folder, name).unlink()
        original(number, how)

    monkeypatch.setattr(fcntl, "flock", flock)
    claim = Claim()
    assert claim.hold(name) == {}
    assert Claim().hold(name)


def test_a_forked_process_that_lets_go_takes_no_file_away(folder: Path, name: str) -> None:
    done = subprocess.run([sys.executable, "-c", _FORKING, folder, name], check=True, capture_output=True, text=True)
    assert done.stdout.split() == [file_of(folder, name).name]


def test_any_account_may_take_the_next_turn(folder: Path, name: str) -> None:
    was = os.umask(0o077)
    try:
        claim = Claim()
        claim.hold(name)
    finally:
        os.umask(was)
    assert file_of(folder, name).stat().st_mode & 0o777 == 0o666


def test_a_lock_whose_file_was_taken_away_is_held_anew(folder: Path, name: str) -> None:
    claim = Claim()
    claim.hold(name)
    file_of(folder, name).unlink()
    assert claim.hold(name) == {}
    assert Claim().hold(name)


def test_a_link_that_somebody_laid_there_is_neither_followed_nor_written(folder: Path, name: str) -> None:
    for lay in (Path.symlink_to, Path.hardlink_to):
        (target := folder / "somebodys").write_text("theirs")
        lay(file_of(folder, name), target)
        with pytest.raises(OSError, match=r"symbolic|no lock"):
            Claim().hold(name)
        assert target.read_text() == "theirs"
        file_of(folder, name).unlink()


def test_what_somebody_wrote_there_is_not_believed_where_it_is_no_name(folder: Path, name: str) -> None:
    claim = Claim()
    claim.hold(name)
    file_of(folder, name).write_text("\x1b[31m")
    assert Claim().hold(name) == {name: "another process"}


def test_where_one_folder_is_closed_the_next_is_the_place(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "FOLDERS", (tmp_path / "missing", tmp_path))
    claim = Claim()
    claim.hold(name)
    assert file_of(tmp_path, name).exists()
