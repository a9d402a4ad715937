"""The day's dump, as files: whole, or not there."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import IO

import pytest

from wamon.errors import DatabaseUnavailable
from wamon.postgres import backup

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def dumping(_: str, __: object, output: IO[bytes]) -> None:
    output.write(b"a dump")


def failing(_: str, __: object, output: IO[bytes]) -> None:
    output.write(b"half of")
    raise DatabaseUnavailable("pg_dump failed.")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_dump_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backup, "dump", failing)
    with pytest.raises(DatabaseUnavailable):
        backup.dump_today("", None, tmp_path, NOW)
    assert names(tmp_path) == []


def test_what_a_killed_dump_left_on_another_day_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for left in (".wamon-2026-11-19.dump.0123abcd.tmp", "wamon-2026-11-18.half"):
        (tmp_path / left).touch()
    monkeypatch.setattr(backup, "dump", dumping)
    assert backup.dump_today("", None, tmp_path, NOW) == tmp_path / "wamon-2026-11-20.dump"
    assert names(tmp_path) == ["wamon-2026-11-20.dump"]
    assert (tmp_path / "wamon-2026-11-20.dump").stat().st_mode & 0o777 == 0o600
