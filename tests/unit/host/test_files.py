"""Files replaced whole, and locked, whatever becomes of their writer."""

from __future__ import annotations

import fcntl
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from wamon.host.files import fsync_folder, locked, remove_leftovers, replace_all, replacing


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def flushed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths of what was flushed to the disk, in order."""
    found: list[str] = []
    original = os.fsync

    def fsync(handle: int) -> None:
        found.append(str(Path(f"/proc/self/fd/{handle}").readlink()))
        original(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    return found


@pytest.mark.fault("F22")
def test_the_file_is_on_the_disk_before_its_name_and_its_name_before_the_block_is_left(
    tmp_path: Path, flushed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x"
    original = Path.replace

    def replace(self: Path, target: Path) -> Path:
        flushed.append("renamed")
        return original(self, target)

    monkeypatch.setattr(Path, "replace", replace)
    with replacing(path) as temporary:
        temporary.write_text("new")
    assert flushed == [str(temporary), "renamed", str(tmp_path)]


def test_others_see_the_former_file_until_the_block_ends(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text("former")
    with replacing(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "former"
    assert path.read_text() == "new"
    assert names(tmp_path) == ["x"]


def test_a_block_that_fails_leaves_the_former_file_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text("former")
    with pytest.raises(RuntimeError), replacing(path) as temporary:
        temporary.write_text("half of it")
        raise RuntimeError
    assert path.read_text() == "former"
    assert names(tmp_path) == ["x"]


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir], ids=["a pipe", "a folder"])
def test_what_is_no_file_is_never_replaced(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "stdout")
    with pytest.raises(OSError, match=r"no file that could be replaced|Is a directory"), replacing(tmp_path / "stdout"):
        pass
    assert names(tmp_path) == ["stdout"]
    assert not (tmp_path / "stdout").is_file()


def test_what_a_killed_process_left_is_removed_by_the_next_writer(tmp_path: Path) -> None:
    path = tmp_path / "x[1]"
    child = os.fork()
    if child == 0:
        with replacing(path):
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    assert len(names(tmp_path)) == 1
    with replacing(path) as temporary:
        assert names(tmp_path) == [temporary.name]
    assert names(tmp_path) == ["x[1]"]


def test_what_another_writes_at_the_same_time_is_no_leftover(tmp_path: Path) -> None:
    path = tmp_path / "x"
    with replacing(path) as first, replacing(path) as second:
        first.write_text("first")
        second.write_text("second")
    assert (path.read_text(), names(tmp_path)) == ("first", ["x"])


def test_a_file_that_is_removed_before_its_writer_locks_it_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original, made = os.open, list[Path]()

    def opened(path: Path, flags: int, mode: int = 0o777) -> int:
        handle = original(path, flags, mode)
        if flags & os.O_EXCL:
            made.append(Path(path))
            if len(made) == 1:
                remove_leftovers(tmp_path, "x")
        return handle

    monkeypatch.setattr(os, "open", opened)
    with replacing(tmp_path / "x") as temporary:
        assert [path.exists() for path in made] == [False, True]
        assert temporary == made[1]


def test_leftovers_are_ours_by_their_names_alone(tmp_path: Path) -> None:
    others = [".x.12345678.tmp.bak", ".x.old.tmp", ".y.12345678.tmp", "x.12345678.tmp"]
    for name in [*others, ".x.12345678.tmp"]:
        (tmp_path / name).touch()
    (tmp_path / ".x.87654321.tmp").symlink_to(tmp_path / "x.12345678.tmp")
    remove_leftovers(tmp_path, "x")
    assert names(tmp_path) == sorted([*others, ".x.87654321.tmp"])


@pytest.mark.parametrize(("mode", "kept"), [(0o600, 0o600), (0o666, 0o640)])
def test_the_umask_holds(tmp_path: Path, mode: int, kept: int) -> None:
    former = os.umask(0o027)
    try:
        with replacing(tmp_path / "x", mode=mode):
            pass
    finally:
        os.umask(former)
    assert (tmp_path / "x").stat().st_mode & 0o777 == kept


def test_of_several_files_none_is_replaced_before_all_are_on_the_disk(tmp_path: Path, flushed: list[str]) -> None:
    replace_all({tmp_path / "x": "1", tmp_path / "y": "2"}, mode=0o644)
    assert [Path(path).name[:2] for path in flushed[:2]] == [".x", ".y"]
    assert flushed[2:] == [str(tmp_path)]
    assert [(tmp_path / name).read_text() for name in names(tmp_path)] == ["1", "2"]


def test_a_file_system_that_cannot_flush_a_folder_is_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(number: int) -> None:
        def fsync(_: int) -> None:
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(os, "fsync", fsync)

    refuse(22)
    fsync_folder(tmp_path)
    refuse(5)
    with pytest.raises(OSError, match="Input/output error"):
        fsync_folder(tmp_path)


def test_one_holds_a_lock_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "new" / "lock"
    with locked(path), path.open("a") as other, pytest.raises(BlockingIOError):
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    with path.open("a") as other:
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    assert path.parent.stat().st_mode & 0o777 == 0o700
