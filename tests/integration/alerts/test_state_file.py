"""alerts.json: what is kept of alerts, whatever becomes of the file."""

from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.clock import first_morning
from wamon.alerts.model import Alert, Book, Fault, Firing
from wamon.alerts.state_file import AlertsFile
from wamon.errors import Fatal

NOON = first_morning().replace(hour=12)
BOOK = (
    Book({"lag": Firing({"recording.lag 1@g.us": Fault(NOON, "A is behind.", "Look.", "A", is_told=True)}, NOON)})
    .queued((Alert("1", "alert", "lag", "t", "main", "h", NOON, NOON, ("ä",), "", ("A",)),))
    .failed("mail", "refused", NOON, NOON - NOON)
)


def test_what_is_written_is_read_again_by_its_owner_alone(tmp_path: Path) -> None:
    AlertsFile(tmp_path / "state").change(lambda _: BOOK)
    file = AlertsFile(tmp_path / "state")
    assert file.read() == BOOK
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600


def test_what_does_not_change_is_not_written(tmp_path: Path) -> None:
    file = AlertsFile(tmp_path)
    file.change(lambda book: book)
    assert not file.path.exists()
    file.change(lambda _: BOOK)
    before = file.path.stat().st_ino
    file.change(lambda book: book)
    assert file.path.stat().st_ino == before


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"firing": 5}', "\0" * 100, '{"waiting": [{"alert": {}}]}', " " * 70_000_000]
)
def test_a_file_that_is_torn_is_set_aside(tmp_path: Path, content: str) -> None:
    file = AlertsFile(tmp_path)
    file.path.write_text(content)
    assert file.read() == Book()
    assert file.change(lambda _: BOOK) == BOOK
    assert file.read() == BOOK
    assert (tmp_path / "alerts.json.bad").read_text() == content


@pytest.mark.fault("F22")
def test_where_it_cannot_be_written_it_is_kept_in_memory_and_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = AlertsFile(tmp_path)
    with monkeypatch.context() as full:
        full.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        assert file.change(lambda _: BOOK) == BOOK
        assert file.change(lambda book: book) == BOOK
        assert file.read_kept() == BOOK
    assert not list(tmp_path.glob("*.tmp"))
    assert [record.getMessage() for record in caplog.records if "No space left" in record.getMessage()] != []
    assert len(caplog.records) == 1
    file.change(lambda book: book)
    assert AlertsFile(tmp_path).read() == BOOK


def test_one_that_cannot_be_seen_is_said_to_be(tmp_path: Path) -> None:
    file = AlertsFile(tmp_path)
    file.path.mkdir()
    with pytest.raises(Fatal, match="can't be read") as caught:
        file.read()
    assert "account of wamon's service" in caught.value.hint
    assert file.change(lambda _: BOOK) == BOOK


def test_two_that_change_it_at_once_lose_nothing(tmp_path: Path) -> None:
    def add(n: int) -> None:
        alert = Alert(str(n), "alert", "lag", "t", "main", "h", NOON, NOON)
        AlertsFile(tmp_path).change(lambda book: book.queued((alert,)))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(add, range(40)))
    assert {int(one.alert.id) for one in AlertsFile(tmp_path).read().waiting} == set(range(40))
