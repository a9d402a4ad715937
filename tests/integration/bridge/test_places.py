"""Where the store lies: behind links, under another name, or mounted as a file without its log."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.bridges import LAWLEY, Bridge, Lharries, VeryGoodPlugins, Wacli
from tests.support.environment import program
from tests.support.namespaces import own_mounts
from tests.support.office import Office
from tests.support.people import write_people
from wamon.bridge.access import access, real
from wamon.bridge.people import whatsmeow_beside
from wamon.bridge.store import Overlap, Store
from wamon.errors import BridgeUnavailable, BridgeUnknown
from wamon.host.mounts import is_mounted
from wamon.model import BEGINNING

Open = Callable[..., Office]
KINDS = pytest.mark.parametrize("kind", [Lharries, Wacli], ids=["rollback journal", "WAL"])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the bridge writes; beside it `data`, from where wamon reads."""
    (tmp_path / "data").mkdir()
    (tmp_path / "bridge").mkdir()
    return tmp_path / "bridge"


@pytest.fixture
def wacli(folder: Path) -> Iterator[Wacli]:
    with Wacli(folder / "wacli.db", durable=False) as bridge:
        bridge.post(LAWLEY, "DR1000001")
        yield bridge


def read(path: Path) -> list[str]:
    page = Store(path).read_page(BEGINNING, {LAWLEY.encode(): LAWLEY}, Overlap())
    return [message.text for message in page.messages]


# Links


@pytest.mark.fault("F88")
def test_the_people_beside_the_real_store_are_found_through_a_link(tmp_path: Path, folder: Path) -> None:
    link = tmp_path / "data" / "messages.db"
    link.symlink_to(folder / "messages.db")
    assert whatsmeow_beside(link) is None
    people = write_people(folder)
    assert whatsmeow_beside(link) == people


@pytest.mark.fault("F88")
def test_the_rights_are_those_beside_the_real_store(tmp_path: Path, wacli: Wacli) -> None:
    link = tmp_path / "data" / "wacli.db"
    link.symlink_to(wacli.path)
    assert real(link) == wacli.path
    assert access(link) == access(wacli.path)
    assert access(link).has_log


# A file without its log


@pytest.mark.fault("F89")
def test_a_hard_link_to_a_store_in_wal_mode_is_refused_for_its_log_stands_beside_the_other_name(
    tmp_path: Path, wacli: Wacli
) -> None:
    wacli.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    other = tmp_path / "data" / "wacli.db"
    other.hardlink_to(wacli.path)
    wacli.post(LAWLEY, "DR1000002")
    for _ in range(2):
        with pytest.raises(BridgeUnavailable, match=r"2 names \(hard links\), and its -wal"):
            read(other)
    assert read(wacli.path) == ["DR1000001", "DR1000002"], "by the bridge's own name nothing is hidden"


@pytest.mark.fault("F89")
def test_a_hard_link_to_a_store_with_a_rollback_journal_is_read_and_doctor_warns(
    tmp_path: Path, folder: Path, open_office: Open
) -> None:
    other = tmp_path / "data" / "messages.db"
    with Lharries(folder / "messages.db", durable=False) as bridge:
        bridge.post(LAWLEY, "DR1000001")
        other.hardlink_to(bridge.path)
        assert read(other) == ["DR1000001"]
    checks = json.loads(open_office(other).run("doctor", "--json").stdout)["checks"]
    [told] = [check for check in checks if check["name"] == "bridge.journal"]
    assert told["state"] == "warn"
    assert "2 names (hard links)" in told["sentence"]


def mounted_alone(office: Office, store: Path, *words: str, first: str = "") -> subprocess.CompletedProcess[str]:
    """A command of wamon's where the store's file alone is mounted; `first` is done after that."""
    script = f'touch "{office.store}"; mount --bind "{store}" "{office.store}"\n{first}\n"$@"'
    command = [*program(office.clock), "--config", str(office.config_path), *words]
    return subprocess.run(own_mounts(script, *command), check=False, capture_output=True, text=True, timeout=100)


@pytest.mark.parametrize(("words", "status"), [(["scan"], 69), (["verify"], 2), (["doctor"], 1)], ids=str)
@pytest.mark.fault("F89")
def test_a_store_in_wal_mode_whose_file_alone_is_mounted_is_refused_in_words(
    tmp_path: Path, wacli: Wacli, open_office: Open, words: list[str], status: int
) -> None:
    office = open_office(wacli.path)
    office.scan()
    office.store = tmp_path / "data" / "wacli.db"
    office.set(bridge={"path": str(office.store)})
    done = mounted_alone(office, wacli.path, *words)
    assert done.returncode == status, done.stderr
    said = " ".join((done.stdout + done.stderr).split())
    assert "the file alone is mounted here, and its -wal" in said
    assert "Mount the bridge's whole folder" in said
    assert "Traceback" not in said


@KINDS
@pytest.mark.fault("F89")
def test_a_mounted_file_that_the_bridge_replaced_since_is_refused(
    tmp_path: Path, folder: Path, open_office: Open, kind: type[Bridge]
) -> None:
    """A mount keeps the inode: what the bridge writes from then on is another file."""
    with kind(folder / "messages.db", durable=False) as bridge:
        bridge.post(LAWLEY, "DR1000001")
    office = open_office(tmp_path / "data" / "messages.db")
    replaced = f'cp "{bridge.path}" "{folder}/new"; mv "{folder}/new" "{bridge.path}"'
    done = mounted_alone(office, bridge.path, "scan", first=replaced)
    assert done.returncode == 69
    assert "a mount keeps a file that was deleted or replaced where the bridge writes" in done.stderr


@pytest.mark.fault("F89")
def test_a_folder_that_is_mounted_whole_is_read(tmp_path: Path, wacli: Wacli, open_office: Open) -> None:
    office = open_office(tmp_path / "data" / "wacli.db")
    command = [*program(office.clock), "--config", str(office.config_path), "scan"]
    script = f'mount --bind "{wacli.path.parent}" "{tmp_path}/data"\n"$@"'
    done = subprocess.run(own_mounts(script, *command), check=False, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    assert office.drops() == {("Lawley", "DR1000001")}


def test_a_path_with_spaces_is_known_in_the_table_of_mounts(tmp_path: Path) -> None:
    place = tmp_path / "a place"
    place.mkdir()
    assert not is_mounted(place)
    code = f"import pathlib; from wamon.host.mounts import is_mounted; print(is_mounted(pathlib.Path({str(place)!r})))"
    words = own_mounts(f'mount -t tmpfs tmpfs "{place}"\n"$@"', *program()[:1], "-c", code)
    assert subprocess.run(words, check=True, capture_output=True, text=True, timeout=60).stdout == "True\n"


# Damage


@pytest.mark.fault("F49")
def test_a_damaged_schema_is_a_damaged_store_wherever_it_is_damaged(tmp_path: Path) -> None:
    with VeryGoodPlugins(tmp_path / "messages.db", durable=False) as bridge:
        bridge.post(LAWLEY, "DR1000001")
    whole, told = bridge.path.read_bytes(), set()
    for at in range(100, 4096, 7):
        for bad in (b"\xff\xfe", b"\0\0"):
            bridge.path.write_bytes(whole[:at] + bad + whole[at + 2 :])
            try:
                read(bridge.path)
            except (BridgeUnavailable, BridgeUnknown) as error:
                told.add(str(error))
    assert any("its pages are damaged" in one for one in told)
    assert all(str(bridge.path) in one for one in told)
