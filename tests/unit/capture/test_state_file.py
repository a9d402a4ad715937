"""The state file by itself: when it is written, what it keeps, and what it makes of what it finds."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.support.clock import Standing
from wamon.capture.old_state import OldState
from wamon.capture.state_file import Found, ReadOnlyStateFile, StateFile
from wamon.model import BEGINNING, Anchor, Group, Place

LAWLEY = "120363418298130331@g.us"
PLACE = Place((Anchor(48211, "9f00000000000000"), Anchor(48207, "1a00000000000000")))


OURS = b'{"version": 1, "instance_id": "x", "sources": {%s}, "groups": {}}'
JUNK = {
    "nothing": b"",
    "one byte": b"{",
    "an empty object": b"{}",
    "a list": b"[1, 2, 3]",
    "a number": b"412",
    "null": b"null",
    "NaN": b"NaN",
    "foreign": b'{"theme": "dark"}',
    "a future version": b'{"version": 2, "instance_id": "x", "sources": {}, "groups": {}}',
    "a number for an instance": b'{"version": 1, "instance_id": 5, "sources": {}, "groups": {}}',
    "no groups": b'{"version": 1, "instance_id": "x", "sources": []}',
    "NaN within": OURS % b'"x": {"seq": NaN}',
    "anchors of wrong types": OURS % b'"x": {"anchors": [["1", "a"]]}',
    "nested too deep to be ours": OURS % b'"x": {"start": {"deep": 1}}',
    "a number for an id": b'{"120363418298130331@g.us": 5}',
    "a name for a JID": b'{"Lawley": "3A67"}',
    "UTF-16": '{"version": 1}'.encode("utf-16"),
    "binary": bytes(range(256)),
    "nested beyond all bounds": b"[" * 200_000,
}


class StoppedClock(Standing):
    def __init__(self) -> None:
        super().__init__(datetime(2026, 11, 21, 4, 47, 12, tzinfo=UTC))
        self.seconds = 0.0

    def monotonic_seconds(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> StoppedClock:
    return StoppedClock()


@pytest.fixture
def state(tmp_path: Path, clock: StoppedClock) -> StateFile:
    file = StateFile(tmp_path / "state", clock)
    file.prepare()
    return file


def group(messages: int = 1234, project: str = "Lawley") -> Group:
    return Group(
        chat=1,
        jid=LAWLEY,
        project=project,
        tail="main",
        enabled=True,
        start="beginning",
        start_before=None,
        start_place=BEGINNING,
        start_passed=True,
        messages=messages,
        last_message_id="FC81",
        last_sent_at=datetime(2026, 11, 10, 4, 47, 12, tzinfo=UTC),
    )


def follow(state: StateFile, seq: int, *, source: str = "main", instance: str = "ours", **of_group: Any) -> None:
    state.follow(instance, source, seq, PLACE, {LAWLEY: group(**of_group)})


def read(state: StateFile) -> Any:
    return json.loads(state.path.read_text("utf-8"))


def test_the_document_is_the_contract_s(state: StateFile) -> None:
    follow(state, 412)
    assert read(state) == {
        "version": 1,
        "instance_id": "ours",
        "sources": {
            "main": {"seq": 412, "rowid": 48211, "anchors": [[48211, "9f00000000000000"], [48207, "1a00000000000000"]]}
        },
        "groups": {
            LAWLEY: {
                "name": "Lawley",
                "start": "beginning",
                "start_before": None,
                "start_anchors": [],
                "last_processed_id": "FC81",
                "last_processed_at": "2026-11-10T04:47:12Z",
                "messages": 1234,
            }
        },
    }


def test_each_source_and_each_group_has_a_line_of_its_own(state: StateFile) -> None:
    follow(state, 412, project="Môreson")
    lines = state.path.read_text("utf-8").splitlines()
    assert [line for line in lines if LAWLEY in line and '"name": "Môreson"' in line and '"messages": 1234' in line]
    assert [line for line in lines if '"main": {"seq": 412' in line]


def test_within_a_second_it_waits_and_then_says_the_latest(state: StateFile, clock: StoppedClock) -> None:
    follow(state, 1, messages=1)
    clock.seconds = 0.9
    follow(state, 2, messages=2)
    follow(state, 3, messages=3)
    assert read(state)["sources"]["main"]["seq"] == 1
    clock.seconds = 1.0
    follow(state, 4, messages=4)
    assert (read(state)["sources"]["main"]["seq"], read(state)["groups"][LAWLEY]["messages"]) == (4, 4)


def test_what_waits_is_written_at_the_end(state: StateFile) -> None:
    follow(state, 1)
    follow(state, 2)
    state.flush()
    assert read(state)["sources"]["main"]["seq"] == 2


def test_without_anything_to_say_nothing_is_written(state: StateFile) -> None:
    state.flush()
    assert not state.path.exists()


def test_another_instance_s_parts_are_dropped(state: StateFile, clock: StoppedClock) -> None:
    follow(state, 1, source="second", instance="theirs")
    clock.seconds = 5
    follow(state, 2)
    assert set(read(state)["sources"]) == {"main"}


def test_another_source_s_part_is_kept(state: StateFile, clock: StoppedClock) -> None:
    follow(state, 7, source="second")
    clock.seconds = 5
    follow(state, 2)
    assert {name: source["seq"] for name, source in read(state)["sources"].items()} == {"main": 2, "second": 7}


def test_a_kept_name_that_is_no_unicode_stays_the_escape_that_it_was(state: StateFile) -> None:
    follow(state, 1)
    document = read(state)
    document["groups"]["x@g.us"] = {"name": "\ud800"}
    state.path.write_text(json.dumps(document))
    follow(state, 2)
    state.flush()
    assert read(state)["groups"]["x@g.us"] == {"name": "\ud800"}
    assert state.path.read_bytes().decode("utf-8")


def test_no_file_is_nothing_found(state: StateFile) -> None:
    assert state.open() == Found()


def test_our_own_file_says_which_database_it_followed(state: StateFile) -> None:
    follow(state, 1)
    found = state.open()
    assert (found.instance_id, found.legacy, found.set_aside) == ("ours", None, None)
    assert found.groups[LAWLEY]["start"] == "beginning"


def test_the_old_form_is_known_by_its_jids(state: StateFile) -> None:
    old = {LAWLEY: "3A67", "27820000077@s.whatsapp.net": "ACF6"}
    state.path.write_text(json.dumps(old))
    assert state.open() == Found(legacy=OldState(old))
    state.keep_legacy()
    assert json.loads(state.path.with_name("state.json.legacy").read_text()) == old
    assert state.open() == Found()


def test_a_file_that_cannot_be_read_is_set_aside_under_the_time(state: StateFile) -> None:
    state.path.write_text("{")
    aside = state.path.with_name("state.json.bad-20261121T044712Z")
    assert state.open() == Found(set_aside=aside)
    assert aside.read_text() == "{"
    assert not state.path.exists()


@pytest.mark.parametrize("content", JUNK.values(), ids=JUNK)
def test_what_is_neither_ours_nor_the_old_form_is_set_aside(state: StateFile, content: bytes) -> None:
    state.path.write_bytes(content)
    aside = state.open().set_aside
    assert aside is not None
    assert aside.read_bytes() == content


def test_what_it_says_of_groups_is_read_where_it_is_of_another_database_alone(state: StateFile) -> None:
    group = {"name": "Lawley", "start": "now", "last_processed_id": None, "messages": 3}
    document = {"version": 1, "instance_id": "x", "sources": {"main": {"seq": 1}}, "groups": {LAWLEY: group}}
    state.path.write_text(json.dumps(document), "utf-8")
    assert state.open("another").groups == {LAWLEY: group}
    assert state.open("x").groups == {LAWLEY: {}}
    assert state.look() == state.open("x")
    assert state.look().sources == {"main": {"seq": 1}}


def test_a_look_leaves_a_file_that_it_cant_read_as_it_is(state: StateFile) -> None:
    assert state.look() == Found()
    state.path.write_bytes(b"{")
    assert state.look() == Found(set_aside=state.path)
    assert state.path.read_bytes() == b"{"


def test_what_has_the_form_of_ours_is_not_junk(state: StateFile) -> None:
    state.path.write_bytes(OURS % b'"x": {"seq": 1, "anchors": [[1, "a"]]}')
    assert state.open().instance_id == "x"


@pytest.mark.fault("F25")
def test_of_a_name_that_is_said_twice_the_last_counts(state: StateFile) -> None:
    state.path.write_text(f'{{"{LAWLEY}": "FIRST", "{LAWLEY}": "LAST"}}')
    assert state.open() == Found(legacy=OldState({LAWLEY: "LAST"}))


@pytest.mark.fault("F25")
def test_a_file_too_large_to_be_ours_is_not_even_read(state: StateFile) -> None:
    with state.path.open("wb") as file:
        file.truncate(1 << 40)
    assert state.open().set_aside is not None


@pytest.mark.fault("F29")
def test_preparing_clears_what_a_killed_writer_left(state: StateFile) -> None:
    (state.path.parent / "state.json.k3x.tmp").write_text('{"version": 1')
    (state.path.parent / "state.json.bad-20261121T044712Z").write_text("{")
    state.prepare()
    assert {path.name for path in state.path.parent.iterdir()} == {"lock", "state.json.bad-20261121T044712Z"}


def test_what_another_wamon_is_writing_is_no_leftover(state: StateFile, monkeypatch: pytest.MonkeyPatch) -> None:
    """Writers hold the lock: so what still lies there once it is held was left."""
    being_written = state.path.parent / "state.json.k3x.tmp"
    being_written.touch()
    lying_there: list[bool] = []
    monkeypatch.setattr("wamon.host.files.fcntl.flock", lambda *_: lying_there.append(being_written.exists()))
    state.prepare()
    assert lying_there == [True]
    assert not being_written.exists()


@pytest.mark.fault("F24")
def test_the_new_files_name_is_on_the_disk_once_it_is_said_to_be_written(
    state: StateFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rename alone can be lost with the power."""
    flushed: list[str] = []
    original = os.fsync

    def fsync(handle: int) -> None:
        flushed.append(str(Path(f"/proc/self/fd/{handle}").readlink()))
        original(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    follow(state, 1)
    assert len(flushed) == 2
    assert flushed[-1] == str(state.path.parent)


def test_for_a_rehearsal_it_changes_nothing(tmp_path: Path, clock: StoppedClock) -> None:
    state = ReadOnlyStateFile(tmp_path / "state", clock)
    assert state.open() == Found()
    follow(state, 1)
    state.keep_legacy()
    assert not (tmp_path / "state").exists()
    (tmp_path / "state").mkdir()
    state.path.write_text("{")
    assert state.open().set_aside is not None
    assert [path.name for path in (tmp_path / "state").iterdir()] == ["state.json"]


@pytest.mark.parametrize(
    "content",
    [
        f'{{"{LAWLEY}": "LAST"}}'.encode("utf-8-sig"),
        f'{{\r\n  "{LAWLEY}": "LAST"\r\n}}\r\n'.encode("utf-8-sig"),
        f'{{"{LAWLEY}": "LAST"}}'.encode("utf-16"),
        f'{{" {LAWLEY}": "LAST\\r"}}'.encode(),
    ],
    ids=["byte order mark", "CRLF", "UTF-16", "spaces"],
)
def test_an_old_form_that_was_edited_elsewhere_gives_what_it_holds(state: StateFile, content: bytes) -> None:
    state.path.write_bytes(content)
    assert state.open() == Found(legacy=OldState({LAWLEY: "LAST"}))


def test_odd_entries_of_an_old_form_are_named_and_cost_no_other(state: StateFile) -> None:
    odd = {
        "note": "moved",
        "120363421532174586@g.us": None,
        "27820000077@s.whatsapp.net": "",
        "120363421664266245@g.us": ["X"],
    }
    state.path.write_text(json.dumps({LAWLEY: "LAST", **odd}))
    assert state.open().legacy == OldState(
        {LAWLEY: "LAST"}, ("entry 2", "120363421532174586@g.us", "entry 4", "120363421664266245@g.us")
    )


def test_a_file_of_ours_that_begins_with_a_byte_order_mark_is_read(state: StateFile) -> None:
    state.path.write_bytes(b"\xef\xbb\xbf" + OURS % b'"x": {"seq": 1, "anchors": [[1, "a"]]}')
    assert state.open().instance_id == "x"
