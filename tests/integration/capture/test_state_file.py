"""The state file follows PostgreSQL: it can be lost, torn, foreign, stale or ahead, and costs nothing but a re-read."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from math import inf
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.support.bridges import LAWLEY, MAMELODI, MOHADIN, PROJECTS, VELO_TEST, Lharries
from tests.support.clock import CLOCK
from tests.support.environment import program
from tests.support.office import Office
from tests.support.truth import Field
from wamon.app.commands import rehearsing
from wamon.app.configured import bridge_of, configured
from wamon.capture import state_file
from wamon.capture.pipeline import run_pass
from wamon.capture.scan import scan
from wamon.errors import ConfigError
from wamon.model import Sizes

Open = Callable[..., Office]


ONE_BY_ONE = Sizes(page_rows=1, pages_a_batch=1)


@pytest.fixture
def field(tmp_path: Path) -> Iterator[Field]:
    with Field(Lharries(tmp_path / "messages.db", durable=False)) as field:
        for n, jid in enumerate([LAWLEY, MOHADIN] * 3):
            field.post(jid, f"DR175000{n}")
        yield field


@pytest.fixture
def new_dsn(own_dsn: str) -> str:
    """A second database, as after a failover to an empty one: another instance."""
    with psycopg.connect(own_dsn, autocommit=True) as db:
        db.execute("UPDATE wamon.instance SET instance_id = DEFAULT")
    return own_dsn


def read(office: Office) -> Any:
    return json.loads(office.state_path.read_text("utf-8"), parse_constant=pytest.fail)


def set_aside(office: Office) -> list[Path]:
    return list(office.state_path.parent.glob("state.json.bad-*"))


def assert_whole(office: Office, field: Field) -> None:
    assert office.submissions() == field.truth.submissions()
    verified = office.verify()
    assert verified.clean, verified.problems


# What it says


def test_after_a_scan_it_says_where_each_group_stands(field: Field, open_office: Open) -> None:
    office = open_office(field.path)
    office.scan()
    newest = [key.message_id for key in field.bridge.rowids() if key.chat == LAWLEY][-1]
    document = read(office)
    ((instance_id,), (seq,), (rowid,), (anchors,)) = (
        office.query("SELECT instance_id::text FROM wamon.instance"),
        office.query("SELECT seq FROM wamon.cursors"),
        office.query("SELECT rowid FROM wamon.cursors"),
        office.query("SELECT anchors FROM wamon.cursors"),
    )
    assert (document["version"], document["instance_id"]) == (1, instance_id)
    assert document["sources"] == {"main": {"seq": seq, "rowid": rowid, "anchors": anchors}}
    assert set(document["groups"]) == set(PROJECTS)
    lawley = document["groups"][LAWLEY]
    sent_at = field.bridge.sent[field.bridge.key(newest)].at
    assert (lawley["name"], lawley["start"], lawley["messages"]) == ("Lawley", "beginning", 3)
    assert (lawley["last_processed_id"], lawley["last_processed_at"]) == (newest, f"{sent_at:%Y-%m-%dT%H:%M:%SZ}")
    silent = document["groups"][MAMELODI]
    assert (silent["last_processed_id"], silent["last_processed_at"], silent["messages"]) == (None, None, 0)


def test_last_processed_is_the_group_s_last_row_and_not_its_latest_time(field: Field, open_office: Open) -> None:
    at = field.bridge.now - timedelta(days=400)
    late = field.post(LAWLEY, "DR1750100", at=at)
    office = open_office(field.path)
    office.scan()
    assert read(office)["groups"][LAWLEY]["last_processed_id"] == late
    assert read(office)["groups"][LAWLEY]["last_processed_at"] == f"{at:%Y-%m-%dT%H:%M:%SZ}"


def test_it_is_the_owner_s_alone_and_leaves_nothing_beside_it(field: Field, open_office: Open) -> None:
    office = open_office(field.path)
    office.scan()
    assert stat.S_IMODE(office.state_path.stat().st_mode) == 0o600
    assert stat.S_IMODE(office.state_path.parent.stat().st_mode) == 0o700
    assert {path.name for path in office.state_path.parent.iterdir()} == {"state.json", "lock"}


def test_it_never_leads_what_is_committed(field: Field, open_office: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whenever the file is written, PostgreSQL has come as far already."""
    monkeypatch.setattr(state_file, "_LEAST_SECONDS_BETWEEN_WRITES", 0)
    monkeypatch.setattr(state_file, "_LARGEST_SHARE", inf)
    office = open_office(field.path, ONE_BY_ONE)
    seen: list[tuple[int, int]] = []

    def written(name: str) -> None:
        if name == "state.renamed":
            seen.append((read(office)["sources"]["main"]["seq"], office.query("SELECT seq FROM wamon.cursors")[0]))

    monkeypatch.setattr(state_file, "failpoint", written)
    office.scan()
    assert len(seen) >= 6
    assert all(told == committed for told, committed in seen)


def test_it_is_written_at_most_once_a_second_and_at_the_end(
    field: Field, open_office: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state_file, "_LEAST_SECONDS_BETWEEN_WRITES", 3600)
    office = open_office(field.path, ONE_BY_ONE)
    renamed: list[str] = []
    monkeypatch.setattr(state_file, "failpoint", lambda name: renamed.append(name) if name == "state.renamed" else None)
    office.scan()
    assert len(renamed) == 2
    assert read(office)["sources"]["main"]["rowid"] == 6


def test_where_nothing_happened_it_isn_t_written_again(field: Field, open_office: Open) -> None:
    office = open_office(field.path)
    with office.opened() as pipeline:
        scan(pipeline)
        before = office.state_path.stat().st_ino
        run_pass(pipeline)
        pipeline.state.flush()
        assert office.state_path.stat().st_ino == before
        office.state_path.unlink()
        run_pass(pipeline)
        pipeline.state.flush()
    assert read(office)["groups"][LAWLEY]["messages"] == 3


def test_another_source_s_part_stays_as_it_is(field: Field, open_office: Open, tmp_path: Path) -> None:
    office = open_office(field.path)
    office.scan()
    first = read(office)
    with Field(Lharries(tmp_path / "second.db", durable=False, seed=5)) as second:
        second.post(VELO_TEST, "DR1760000")
        velo = [{"name": "Velo Test", "jid": VELO_TEST}]
        office.set(bridge={"path": str(second.path), "name": "second"}, groups=velo)
        office.scan()
    both = read(office)
    assert both["sources"]["main"] == first["sources"]["main"]
    assert both["sources"]["second"]["rowid"] == 1
    assert both["groups"][LAWLEY] == first["groups"][LAWLEY]
    assert both["groups"][VELO_TEST]["messages"] == 1


# What happens to it


def _ours(office: Office, **changed: object) -> bytes:
    return json.dumps({**read(office), **changed}).encode()


def _torn(office: Office) -> bytes:
    return office.state_path.read_bytes()[:-40]


def _nan(office: Office) -> bytes:
    return _ours(office, sources={"main": {"seq": float("nan")}, "other": {"seq": float("inf")}})


def _entries_of_wrong_types(office: Office) -> bytes:
    return _ours(office, groups={LAWLEY: ["x"]})


def _parts_of_wrong_types(office: Office) -> bytes:
    return _ours(office, sources=[], groups="x")


def _nested_within(office: Office) -> bytes:
    deep = b'{"a":' * 500 + b"1" + b"}" * 500
    return _ours(office, groups={"a@g.us": {"start": "HERE"}}).replace(b'"HERE"', deep)


def _of_a_future_version(office: Office) -> bytes:
    return _ours(office, version=2)


UNREADABLE: dict[str, Callable[[Office], bytes]] = {
    "empty": lambda _: b"",
    "torn": _torn,
    "foreign": lambda _: b'{"theme": "dark", "tabs": [1, 2]}',
    "NaN": _nan,
    "entries of wrong types": _entries_of_wrong_types,
    "parts of wrong types": _parts_of_wrong_types,
    "nested within": _nested_within,
    "nested beyond all bounds": lambda _: b"[" * 200_000,
    "binary": lambda _: bytes(range(256)) * 9,
    "a future version": _of_a_future_version,
}


@pytest.mark.parametrize("made", UNREADABLE.values(), ids=UNREADABLE)
@pytest.mark.fault("F25")
def test_a_file_that_cannot_be_read_is_set_aside_and_nothing_is_lost(
    field: Field, open_office: Open, made: Callable[[Office], bytes]
) -> None:
    office = open_office(field.path)
    office.scan()
    before, said = office.everything(), read(office)
    junk = made(office)
    office.state_path.write_bytes(junk)
    office.scan()
    assert [path.read_bytes() for path in set_aside(office)] == [junk]
    assert office.everything() == before
    assert (read(office)["instance_id"], read(office)["groups"]) == (said["instance_id"], said["groups"])
    field.post(LAWLEY, "DR1760000")
    office.scan()
    assert_whole(office, field)


def _ahead(office: Office) -> None:
    document = read(office)
    document["sources"]["main"] = {"seq": 10**9, "rowid": 10**9, "anchors": [[10**9, "f" * 16]]}
    for group in document["groups"].values():
        group.update(messages=10**9, last_processed_id="FUTURE", last_processed_at="2999-01-01T00:00:00Z")
    office.state_path.write_text(json.dumps(document))


def _of_another_database(office: Office) -> None:
    _ahead(office)
    office.state_path.write_text(json.dumps({**read(office), "instance_id": "another"}))


def _said_twice(office: Office) -> None:
    text = office.state_path.read_text()
    office.state_path.write_text(text.replace('"version": 1', '"version": 9, "sources": 5, "version": 1'))


def _with_half_a_surrogate(office: Office) -> None:
    document = read(office)
    document["groups"]["a\ud800@g.us"] = {"name": "\udfff"}
    office.state_path.write_text(json.dumps(document))


def _deleted(office: Office) -> None:
    office.state_path.unlink()


def _deleted_with_its_directory(office: Office) -> None:
    shutil.rmtree(office.state_path.parent)


def _a_link_to_nowhere(office: Office) -> None:
    office.state_path.unlink()
    office.state_path.symlink_to("/nowhere/at/all")


def _with_leftovers(office: Office) -> None:
    for name, text in (("state.json.abc.tmp", "{"), ("state.json.def.tmp", office.state_path.read_text())):
        (office.state_path.parent / name).write_text(text)


@pytest.mark.parametrize(
    "change",
    [
        _ahead,
        _of_another_database,
        _said_twice,
        _with_half_a_surrogate,
        _deleted,
        _deleted_with_its_directory,
        _a_link_to_nowhere,
        _with_leftovers,
    ],
)
@pytest.mark.fault("F25", "F26", "F27", "F29")
def test_a_file_that_is_wrong_or_gone_is_made_right_by_the_next_scan(
    field: Field, open_office: Open, change: Callable[[Office], None]
) -> None:
    office = open_office(field.path)
    office.scan()
    before, said = office.everything(), read(office)
    change(office)
    office.scan()
    assert set_aside(office) == []
    assert office.everything() == before
    assert read(office)["groups"].items() >= said["groups"].items()
    assert read(office)["sources"]["main"]["rowid"] == said["sources"]["main"]["rowid"]
    assert list(office.state_path.parent.glob("*.tmp")) == []
    field.post(LAWLEY, "DR1760000")
    office.scan()
    assert_whole(office, field)


@pytest.mark.fault("F28")
def test_a_copy_from_before_is_followed_by_nobody(field: Field, open_office: Open) -> None:
    office = open_office(field.path)
    office.scan()
    old = office.state_path.read_bytes()
    field.post(LAWLEY, "DR1760000")
    office.scan()
    before = office.everything()
    office.state_path.write_bytes(old)
    scanned = office.scan()
    assert scanned.read.total() == 0
    assert office.everything() == before
    assert read(office)["groups"][LAWLEY]["messages"] == 4


@pytest.mark.parametrize("kind", ["directory", "loop of links", "pipe"])
@pytest.mark.fault("F26")
def test_what_is_no_file_is_set_aside(field: Field, open_office: Open, kind: str) -> None:
    office = open_office(field.path)
    office.scan()
    before = office.everything()
    office.state_path.unlink()
    if kind == "directory":
        office.state_path.mkdir()
        (office.state_path / "something").touch()
    elif kind == "pipe":
        os.mkfifo(office.state_path)
    else:
        office.state_path.symlink_to(office.state_path)
    office.scan()
    assert len(set_aside(office)) == 1
    assert office.everything() == before
    assert read(office)["groups"][LAWLEY]["messages"] == 3


# Where it can't be written


def _run_limited(office: Office, prologue: str, *words: str) -> subprocess.CompletedProcess[str]:
    """A real wamon whose process does something to itself first."""
    code = f"import sys; from wamon.__main__ import main; sys.argv[0] = 'wamon'\n{prologue}\nmain()"
    # -B: it would cut off the bytecode of a module that changed, for all who import that later.
    command = [sys.executable, "-B", "-c", code, "--config", str(office.config_path), *words]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=100)


@pytest.mark.fault("F22", "F23")
def test_where_the_disk_is_full_the_old_file_stays_and_the_scan_succeeds_with_a_warning(
    field: Field, open_office: Open
) -> None:
    office = open_office(field.path)
    office.scan()
    old = office.state_path.read_bytes()
    field.post(LAWLEY, "DR1760000")
    no_file_grows_beyond_200_bytes = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (200, 200))"
    done = _run_limited(office, no_file_grows_beyond_200_bytes, "scan", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["groups"][0]["name"] == "Lawley"
    assert json.loads(done.stdout)["groups"][0]["submissions"]["new"] == 1
    assert f"The state file {office.state_path} couldn't be written: File too large." in done.stderr
    assert "Traceback" not in done.stderr
    assert office.state_path.read_bytes() == old
    assert list(office.state_path.parent.glob("*.tmp")) == []
    office.scan()
    assert read(office)["groups"][LAWLEY]["messages"] == 4
    assert_whole(office, field)


@pytest.mark.fault("F22")
def test_on_a_full_file_system_the_old_file_stays_and_the_scan_succeeds_with_a_warning(
    field: Field, open_office: Open
) -> None:
    unshare = ["unshare", "-m" if os.geteuid() == 0 else "-Urm"]
    if shutil.which("unshare") is None or subprocess.run([*unshare, "true"], check=False).returncode:
        pytest.skip("this host lets nobody mount a file system of their own")
    office = open_office(field.path)
    office.scan()
    field.post(LAWLEY, "DR1760000")
    folder = office.state_path.parent
    script = f"""
        set -e
        cp {folder}/state.json {folder}/../kept.json
        mount -t tmpfs -o size=64k tmpfs {folder}
        cp {folder}/../kept.json {folder}/state.json
        head -c 200000 /dev/zero > {folder}/filling || true
        "$@"
        cmp {folder}/../kept.json {folder}/state.json
        test -z "$(ls -A {folder} | grep tmp)"
    """
    wamon = [*program(), "--config", str(office.config_path), "scan"]
    done = subprocess.run(
        [*unshare, "sh", "-c", script, "sh", *wamon], check=False, capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0, done.stderr
    assert "couldn't be written: No space left on device." in done.stderr
    assert_whole(office, field)


@pytest.mark.parametrize("step", ["fsync", "replace"])
@pytest.mark.fault("F24")
def test_a_write_that_fails_is_told_and_tried_again_with_a_new_file(
    field: Field, open_office: Open, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, step: str
) -> None:
    office = open_office(field.path)
    office.scan()
    old = office.state_path.read_bytes()
    field.post(LAWLEY, "DR1760000")

    def fail(*_: object) -> None:
        raise OSError(5, "Input/output error")

    with pytest.MonkeyPatch.context() as failing:
        failing.setattr(*((os, "fsync", fail) if step == "fsync" else (Path, "replace", fail)))
        office.scan()
    assert "couldn't be written: Input/output error" in caplog.text
    assert office.state_path.read_bytes() == old
    assert list(office.state_path.parent.glob("*.tmp")) == []
    office.scan()
    assert read(office)["groups"][LAWLEY]["messages"] == 4
    assert_whole(office, field)


@pytest.mark.fault("F26")
def test_in_a_directory_that_may_not_be_written_a_command_ends_with_78_and_one_paragraph(
    field: Field, open_office: Open
) -> None:
    office = open_office(field.path)
    office.scan()
    before = office.everything()
    field.post(LAWLEY, "DR1760000")
    folder = office.state_path.parent
    folder.chmod(0o500)
    (folder / "lock").unlink()
    try:
        done = _run_without_privilege(office, "scan")
    finally:
        folder.chmod(0o700)
    assert done.returncode == 78, done.stderr
    (paragraph,) = done.stderr.strip().splitlines()
    assert paragraph.startswith(f"The state directory {folder} can't be written: Permission denied.")
    assert office.everything() == before


def _run_without_privilege(office: Office, *words: str) -> subprocess.CompletedProcess[str]:
    """As `office.run`, and as root without root's way around file modes."""
    command = [*program(), "--config", str(office.config_path), *words]
    if os.geteuid() == 0:
        if shutil.which("setpriv") is None:
            pytest.skip("root without setpriv can't give up its way around file modes")
        command = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search", *command]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=100)


@pytest.mark.parametrize("in_the_way", ["a file for the directory", "a file above it", "a directory for the lock"])
def test_what_stands_in_the_way_of_the_state_directory_is_named(
    field: Field, open_office: Open, in_the_way: str
) -> None:
    office = open_office(field.path)
    folder = office.state_path.parent
    if in_the_way == "a file for the directory":
        folder.write_text("")
    elif in_the_way == "a file above it":
        (office.folder / "file").write_text("")
        office.set(state={"dir": "file/state"})
        folder = office.folder / "file" / "state"
    else:
        (folder / "lock").mkdir(parents=True)
    with pytest.raises(ConfigError, match=f"The state directory {folder} can't be written"):
        office.scan()
    assert office.query("SELECT count(*) FROM wamon.groups") == [0]


def test_a_rehearsal_leaves_no_trace_of_itself(field: Field, open_office: Open) -> None:
    office = open_office(field.path)
    config = configured(office.config_path, {})
    with rehearsing(config, bridge_of(config), CLOCK) as pipeline:
        assert scan(pipeline).read.total() == 6
    assert not office.state_path.parent.exists()
    assert office.query("SELECT count(*) FROM wamon.groups") == [0]


# The old form


def legacy(office: Office, document: dict[str, str]) -> None:
    office.state_path.parent.mkdir(exist_ok=True)
    office.state_path.write_text(json.dumps(document))


def reasons(office: Office, jid: str = LAWLEY) -> list[str | None]:
    """Why each of a group's messages has no submission, in row order."""
    return office.query("SELECT reason FROM wamon.ledger WHERE chat_jid = %s ORDER BY sent_at, message_id", jid)


BEFORE = "before-start"


def test_the_old_form_is_adopted_in_row_order_and_kept(field: Field, open_office: Open) -> None:
    ids = [key.message_id for key in field.bridge.rowids() if key.chat == LAWLEY]
    office = open_office(field.path)
    old = {LAWLEY: ids[1], "120363000000000009@g.us": "UNCONFIGURED"}
    legacy(office, old)
    office.scan()
    assert reasons(office) == [BEFORE, BEFORE, None]
    assert reasons(office, MOHADIN) == [None, None, None]
    kept = office.state_path.with_name("state.json.legacy")
    assert json.loads(kept.read_text()) == old
    assert read(office)["groups"][LAWLEY]["start"] == f"after {ids[1]}"
    assert set(read(office)["groups"]) == set(PROJECTS)
    assert office.verify().clean


def test_rows_after_the_old_position_count_whatever_their_ids_and_times(field: Field, open_office: Open) -> None:
    """An id that compares as older, and a time that is older, are what the old monitors lost."""
    position = field.post(LAWLEY, "DR1750100", message_id="ACF6000000")
    field.post(LAWLEY, "DR1750101", message_id="3A67000000", at=field.bridge.now - timedelta(days=400))
    field.post(LAWLEY, "DR1750102", message_id="0000000000")
    office = open_office(field.path, groups=[{"name": "Lawley", "jid": LAWLEY}], scan={"start": "now"})
    legacy(office, {LAWLEY: position})
    office.scan()
    assert office.drops() == {("Lawley", "DR1750101"), ("Lawley", "DR1750102")}
    assert office.verify().clean


def test_where_the_old_position_is_no_longer_in_the_store_the_group_begins_at_the_beginning(
    field: Field, open_office: Open, caplog: pytest.LogCaptureFixture
) -> None:
    office = open_office(field.path, scan={"start": "now"})
    legacy(office, {LAWLEY: "VANISHED"})
    office.scan()
    assert reasons(office) == [None, None, None]
    assert reasons(office, MOHADIN) == [BEFORE, BEFORE, BEFORE]
    assert "The old position of Lawley is no longer in the store" in caplog.text


def test_where_a_file_that_cannot_be_read_may_have_held_a_start_that_is_told(
    field: Field, open_office: Open, caplog: pytest.LogCaptureFixture
) -> None:
    office = open_office(field.path)
    office.state_path.parent.mkdir()
    office.state_path.write_text("{torn")
    office.scan()
    told = "If that file held where Lawley, Mohadin, Velo Test, Mamelodi began, it is lost"
    assert sorted(told.split()) == sorted(next(m for m in caplog.messages if "it is lost" in m).split(":")[0].split())
    office.state_path.write_text("{torn again")
    caplog.clear()
    office.scan()
    assert "set aside" in caplog.text
    assert "it is lost" not in caplog.text


def test_an_old_form_that_comes_after_the_group_is_known_changes_nothing(field: Field, open_office: Open) -> None:
    office = open_office(field.path)
    office.scan()
    before = office.everything()
    legacy(office, {LAWLEY: next(iter(field.bridge.rowids())).message_id})
    office.scan()
    assert office.everything() == before
    assert read(office)["version"] == 1


@pytest.mark.parametrize("failpoint", ["groups.joined:1:kill", "state.adopted:1:kill", "state.temporary:1:kill"])
def test_an_adoption_that_is_killed_is_made_good(field: Field, open_office: Open, failpoint: str) -> None:
    ids = [key.message_id for key in field.bridge.rowids() if key.chat == LAWLEY]
    office = open_office(field.path)
    legacy(office, {LAWLEY: ids[1]})
    assert office.run("scan", WAMON_FAILPOINT=failpoint).returncode == -9
    office.scan()
    assert reasons(office) == [BEFORE, BEFORE, None]
    assert office.state_path.with_name("state.json.legacy").exists()
    assert office.verify().clean


def test_an_adoption_that_is_killed_before_the_old_file_is_renamed_is_made_good(
    field: Field, open_office: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [key.message_id for key in field.bridge.rowids() if key.chat == LAWLEY]
    office = open_office(field.path)
    legacy(office, {LAWLEY: ids[1]})

    def killed(_: object) -> None:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as dying:
        dying.setattr(state_file.StateFile, "keep_legacy", killed)
        with pytest.raises(KeyboardInterrupt):
            office.scan()
    office.scan()
    assert reasons(office) == [BEFORE, BEFORE, None]
    assert office.state_path.with_name("state.json.legacy").exists()


# A new database beside the old file


@pytest.mark.fault("F13")
def test_in_a_new_database_what_was_excluded_stays_excluded_and_all_else_is_processed(
    field: Field, open_office: Open, new_dsn: str
) -> None:
    office = open_office(field.path, scan={"start": "now"})
    office.scan()
    field.post(LAWLEY, "DR1760000")
    office.scan()
    field.post(LAWLEY, "DR1760001")
    office.set(database={"url": new_dsn})
    office.dsn = new_dsn
    office.scan()
    assert office.drops() == {("Lawley", "DR1760000"), ("Lawley", "DR1760001")}
    assert reasons(office) == [BEFORE, BEFORE, BEFORE, None, None]
    assert reasons(office, MOHADIN) == [BEFORE, BEFORE, BEFORE]
    assert office.verify().clean
    assert read(office)["instance_id"] == office.query("SELECT instance_id::text FROM wamon.instance")[0]


def test_in_a_new_database_a_start_at_a_time_is_the_one_of_then(field: Field, open_office: Open, new_dsn: str) -> None:
    office = open_office(field.path, scan={"start": f"{field.bridge.now:%Y-%m-%dT%H:%M:%SZ}"})
    office.scan()
    before = office.drops()
    late = field.bridge.now - timedelta(days=400)
    field.post(LAWLEY, "DR1760000", at=late)
    office.set(database={"url": new_dsn}, scan={"start": "now"})
    office.dsn = new_dsn
    office.scan()
    assert office.drops() == before | {("Lawley", "DR1760000")}


@pytest.mark.fault("F13")
def test_in_a_new_database_a_group_that_began_at_the_beginning_begins_there_again(
    field: Field, open_office: Open, new_dsn: str
) -> None:
    office = open_office(field.path)
    office.scan()
    office.set(database={"url": new_dsn}, scan={"start": "now"})
    office.dsn = new_dsn
    office.scan()
    assert_whole(office, field)


@pytest.mark.parametrize(
    "start",
    [
        {"start_anchors": "x"},
        {"start_anchors": [[10**30, "f" * 16]]},
        {"start_before": "yesterday"},
        {"start_before": "0001-01-01T00:00:00+14:00"},
    ],
    ids=str,
)
def test_in_a_new_database_a_start_that_makes_no_sense_is_the_beginning(
    field: Field, open_office: Open, new_dsn: str, start: dict[str, Any]
) -> None:
    office = open_office(field.path, scan={"start": "now"})
    office.scan()
    document = read(office)
    for group in document["groups"].values():
        group.update(start)
    office.state_path.write_text(json.dumps(document))
    office.set(database={"url": new_dsn})
    office.dsn = new_dsn
    office.scan()
    assert_whole(office, field)
