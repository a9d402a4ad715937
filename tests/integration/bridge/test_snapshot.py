"""A store that can't be read is told apart: which file, why, what to do, and whether to try again."""

from __future__ import annotations

import os
import pwd
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import wamon
from tests.support.bridges import BRIDGES, LAWLEY, Bridge, Lharries, Wacli
from wamon.bridge import snapshot as tested
from wamon.bridge.snapshot import snapshot
from wamon.bridge.store import Overlap, Store
from wamon.errors import BridgeUnavailable, BridgeUnknown, WamonError
from wamon.model import BEGINNING

if TYPE_CHECKING:
    from collections.abc import Iterator

WANTED = {LAWLEY.encode(): LAWLEY}
PRIVATE = ("27820000001", "DR1752028", "hello")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "messages.db"


@pytest.fixture
def lharries(path: Path) -> Iterator[Lharries]:
    with Lharries(path, durable=False) as bridge:
        yield bridge


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tested, "_BUSY_TIMEOUT_SECONDS", 0.01)


def post(bridge: Bridge, count: int) -> None:
    with bridge.batch():
        for n in range(count):
            bridge.post(LAWLEY, f"DR{1_752_000 + n}")


def texts(path: Path) -> list[str]:
    return [message.text for messages, _ in Store(path).pages(WANTED) for message in messages]


def refusal(path: Path, kind: type[WamonError] = BridgeUnavailable) -> str:
    """What a read says, with what to do; it names the file and nobody's words."""
    with pytest.raises(WamonError) as caught:
        Store(path).read_page(BEGINNING, WANTED, Overlap())
    assert type(caught.value) is kind
    assert str(path) in str(caught.value)
    assert caught.value.hint
    assert not any(private in caught.value.paragraph() for private in PRIVATE)
    return caught.value.paragraph()


# Nothing there


@pytest.mark.fault("F35")
def test_a_missing_file_is_told_and_not_made(path: Path) -> None:
    assert "isn't there" in refusal(path)
    assert list(path.parent.iterdir()) == []


def test_a_missing_folder_is_told(tmp_path: Path) -> None:
    assert "isn't there" in refusal(tmp_path / "gone" / "messages.db")


def test_a_path_through_a_file_is_told(lharries: Lharries) -> None:
    assert "isn't there" in refusal(lharries.path / "messages.db")


@pytest.mark.fault("F35")
def test_a_dangling_link_is_told_and_its_target_not_made(tmp_path: Path, path: Path) -> None:
    path.symlink_to(tmp_path / "target.db")

    assert "isn't there" in refusal(path)
    assert not (tmp_path / "target.db").exists()


def test_a_link_to_itself_and_a_name_too_long_are_told(tmp_path: Path, path: Path) -> None:
    path.symlink_to(path)

    assert "symbolic link" in refusal(path)
    assert "name too long" in refusal(tmp_path / ("x" * 300))


def test_a_directory_is_told(tmp_path: Path) -> None:
    assert "is no file" in refusal(tmp_path)


def test_what_is_no_plain_file_is_told_and_not_waited_for(path: Path) -> None:
    os.mkfifo(path)

    assert "is no file" in refusal(path)


# Nothing in it


@pytest.mark.fault("F50")
def test_an_empty_file_is_not_taken_for_an_empty_store(path: Path) -> None:
    path.touch()

    assert "is empty" in refusal(path)


def test_an_sqlite_file_without_tables_is_told(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 1")

    assert "has no tables yet" in refusal(path)


def test_the_bridges_session_is_told(tmp_path: Path) -> None:
    path = tmp_path / "whatsapp.db"
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE whatsmeow_device (jid TEXT PRIMARY KEY)")

    assert "no table `messages`" in refusal(path, BridgeUnknown)


@pytest.mark.parametrize("size", [30, 100, 5_000])
def test_a_file_that_is_no_sqlite_is_told(path: Path, size: int) -> None:
    path.write_text("DR1752028 " * (size // 10))

    assert "no SQLite file" in refusal(path, BridgeUnknown)


# Damage


@pytest.mark.fault("F49")
def test_a_truncated_file_is_told(lharries: Lharries) -> None:
    post(lharries, 500)
    lharries.close()
    whole = lharries.path.read_bytes()
    for share in (0.1, 0.5, 0.9):
        lharries.path.write_bytes(whole[: int(len(whole) * share) // 4096 * 4096])
        assert "its pages are damaged" in refusal(lharries.path)

    lharries.path.write_bytes(whole)
    assert len(texts(lharries.path)) == 500


@pytest.mark.fault("F49")
def test_damaged_pages_are_told(lharries: Lharries) -> None:
    post(lharries, 500)
    lharries.close()
    whole = bytearray(lharries.path.read_bytes())
    with closing(sqlite3.connect(lharries.path)) as db:
        (root,) = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'messages'").fetchone()
    whole[(root - 1) * 4096 : root * 4096] = b"\xa5" * 4096
    lharries.path.write_bytes(whole)

    assert "quick_check" in refusal(lharries.path)


# The bridge at work, or dead


@pytest.mark.usefixtures("impatient")
@pytest.mark.fault("F31")
def test_a_writers_lock_is_told_and_passes(lharries: Lharries) -> None:
    post(lharries, 3)
    with lharries.locked():
        assert "its writer holds it locked. Nothing is lost" in refusal(lharries.path)

    assert len(texts(lharries.path)) == 3


@pytest.mark.usefixtures("impatient")
def test_a_writer_in_wal_mode_locks_nobody_out(path: Path) -> None:
    with Wacli(path, durable=False) as bridge:
        post(bridge, 3)
        with bridge.locked():
            assert len(texts(path)) == 3


_DYING_WRITER = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("PRAGMA cache_size = 1")
db.execute("BEGIN")
db.execute("UPDATE messages SET content = 'half-written', id = 'X' || rowid")
print("writing", flush=True)
sys.stdin.read()
"""


@contextmanager
def writing_half(path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A bridge whose transaction has spilled to the file and is not committed; killed at the end."""
    command = [sys.executable, "-c", _DYING_WRITER, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as writer:
        try:
            assert writer.stdout
            assert writer.stdout.readline() == b"writing\n"
            yield writer
        finally:
            writer.kill()


@pytest.mark.usefixtures("impatient")
@pytest.mark.fault("F34")
def test_a_hot_journal_is_left_alone_and_no_garbage_is_read(lharries: Lharries) -> None:
    path = lharries.path
    post(lharries, 600)
    lharries.close()
    with writing_half(path):
        assert "its writer holds it locked" in refusal(path)
    journal = path.with_name(path.name + "-journal")
    before = (journal.read_bytes(), path.read_bytes())
    assert b"half-written" in before[1]

    for _ in range(3):
        assert "hot journal, which only the bridge may roll back. Start the bridge" in refusal(path)

    assert (journal.read_bytes(), path.read_bytes()) == before
    lharries.reopen()
    assert texts(path) == [f"DR{1_752_000 + n}" for n in range(600)]
    assert not journal.exists()


def test_a_bridge_in_wal_mode_that_was_killed_is_read_with_all_it_committed(path: Path) -> None:
    with Wacli(path, durable=False) as bridge:
        post(bridge, 30)
        for suffix in ("", "-wal"):  # as a kill leaves them: never checkpointed
            shutil.copyfile(f"{path}{suffix}", f"{path}.killed{suffix}")
    killed = path.with_name("messages.db.killed")
    wal = Path(f"{killed}-wal").read_bytes()

    assert len(texts(killed)) == 30
    assert Path(f"{killed}-wal").read_bytes() == wal


# Another user


class Guest:
    """Reads stores as a user who owns none of them: as nobody where the tests run as root, else as ourselves."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._python = sys.executable
        shutil.copytree(Path(wamon.__file__).parent, home / "wamon", ignore=shutil.ignore_patterns("__pycache__"))

    def settle(self) -> None:
        """Find an interpreter that this user can run; the tests' own may lie in somebody's home."""
        for python in (os.path.realpath(sys.executable), "/usr/bin/python3.11", "/usr/bin/python3"):
            self._python = python
            with suppress(OSError, KeyError, subprocess.CalledProcessError):
                self.ask("import wamon.bridge.store")
                return
        pytest.skip("No other user can run an interpreter of today here.")

    def ask(self, code: str, *arguments: str) -> str:
        nobody = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
        done = subprocess.run(
            [self._python, "-c", code, *arguments],
            cwd=self._home,
            env={"PYTHONPATH": str(self._home), "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            check=True,
            user=nobody.pw_uid if nobody else None,
            group=nobody.pw_gid if nobody else None,
            extra_groups=[] if nobody else None,
        )
        return done.stdout.decode().strip()

    def read(self, path: Path) -> str:
        """The number of rows, or what the error says."""
        return self.ask(_GUEST, str(path))


_GUEST = """
import sys
from pathlib import Path
from wamon.bridge.store import Store
from wamon.errors import WamonError
try:
    print(sum(rows for _, rows in Store(Path(sys.argv[1])).pages({})))
except WamonError as error:
    print(type(error).__name__, error.paragraph())
"""


@pytest.fixture
def hall() -> Iterator[Path]:
    """A folder that every user can reach, as pytest's own can't be."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture
def guest(hall: Path) -> Guest:
    guest = Guest(hall)
    guest.settle()
    return guest


@pytest.fixture
def store(hall: Path) -> Iterator[Path]:
    """Where the bridge's file lies: its folder belongs to the bridge's user."""
    folder = hall / "store"
    folder.mkdir(mode=0o755)
    yield folder / "messages.db"
    folder.chmod(0o755)


def close_to_guests(store: Path, *, folder: int, file: int) -> None:
    for each in store.parent.iterdir():
        each.chmod(file)
    store.parent.chmod(folder)


def test_a_store_in_rollback_mode_is_read_by_whoever_may_read_the_file(guest: Guest, store: Path) -> None:
    with Lharries(store, durable=False) as bridge:
        post(bridge, 7)
        close_to_guests(store, folder=0o555, file=0o444)

        assert guest.read(store) == "7"


@pytest.mark.fault("F33")
def test_a_store_in_wal_mode_is_read_while_the_bridge_runs(guest: Guest, store: Path) -> None:
    with Wacli(store, durable=False) as bridge:
        post(bridge, 7)
        close_to_guests(store, folder=0o555, file=0o444)

        assert guest.read(store) == "7"

        close_to_guests(store, folder=0o755, file=0o644)  # or the bridge can't close it


@pytest.mark.fault("F33")
def test_a_wal_store_of_a_stopped_bridge_in_a_folder_of_its_own_is_told(guest: Guest, store: Path) -> None:
    with Wacli(store, durable=False) as bridge:
        post(bridge, 7)
    close_to_guests(store, folder=0o555, file=0o444)

    said = guest.read(store)

    assert said.startswith(f"BridgeUnavailable The bridge's store {store} can't be read now: the bridge is stopped")
    assert "Start the bridge, or run wamon as the bridge's user." in said
    assert [each.name for each in store.parent.iterdir()] == ["messages.db"]


@pytest.mark.fault("F51")
def test_a_file_that_the_user_may_not_read_is_told(guest: Guest, store: Path) -> None:
    with Lharries(store, durable=False) as bridge:
        post(bridge, 7)
    close_to_guests(store, folder=0o555, file=0o000)

    said = guest.read(store)

    assert said.startswith(f"BridgeUnavailable The bridge's store {store} can't be read now: this user may not open it")
    assert "read access" in said


@pytest.mark.fault("F51")
def test_a_folder_that_the_user_may_not_enter_is_told(guest: Guest, store: Path) -> None:
    with Lharries(store, durable=False) as bridge:
        post(bridge, 7)
    close_to_guests(store, folder=0o600, file=0o644)

    said = guest.read(store)

    assert said.startswith(f"BridgeUnavailable The bridge's store {store} can't be read now: Permission denied")
    assert "Run wamon as the bridge's user" in said


# Names


@pytest.mark.parametrize(
    "name",
    [
        "my messages.db",
        "really?.db",
        "messages.db?mode=rw",
        "messages.db?immutable=1",
        "#1.db",
        "50%.db",
        "%41.db",
        "a&b=c;d.db",
        "Môre Ω 👷🏾.db",
        ":memory:",
        "new\nline.db",
        os.fsdecode(b"no-utf-8-\xff.db"),
    ],
    ids=ascii,
)
@pytest.mark.parametrize("kind", [Lharries, Wacli], ids=lambda kind: kind.__name__)
def test_a_file_of_any_name_is_read_and_no_other_is_made(tmp_path: Path, kind: type[Bridge], name: str) -> None:
    with kind(tmp_path / "messages.db", durable=False) as bridge:
        post(bridge, 3)
    path = tmp_path / "messages.db"
    path.rename(tmp_path / name)
    path = tmp_path / name

    assert len(texts(path)) == 3
    assert {each.name for each in tmp_path.iterdir()} <= {name, f"{name}-wal", f"{name}-shm"}


@pytest.fixture(params=BRIDGES, ids=lambda kind: kind.__name__)
def bridge(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bridge]:
    kind: type[Bridge] = request.param
    (tmp_path / "store").mkdir()
    with kind(tmp_path / "store" / "messages.db", durable=False) as bridge:
        post(bridge, 3)
        yield bridge


def test_a_link_leads_to_the_store_and_to_its_log(bridge: Bridge, tmp_path: Path) -> None:
    link = tmp_path / "link.db"
    link.symlink_to(bridge.path)
    (tmp_path / "folder").symlink_to(bridge.path.parent)

    assert len(texts(link)) == len(texts(tmp_path / "folder" / "messages.db")) == 3
    assert sorted(each.name for each in tmp_path.iterdir()) == ["folder", "link.db", "store"]


@pytest.mark.parametrize("relative", ["store/messages.db", "./store/messages.db", "store/../store/messages.db"])
def test_a_relative_path_is_read_from_the_working_folder(
    bridge: Bridge, tmp_path: Path, relative: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert len(texts(Path(relative))) == 3


def test_a_path_that_begins_with_two_slashes_names_no_host(bridge: Bridge) -> None:
    assert len(texts(Path(f"/{bridge.path}"))) == 3


# The connection itself


def test_a_snapshot_sees_one_state_of_the_store(path: Path) -> None:
    count = "SELECT count(*) FROM messages"
    with Wacli(path, durable=False) as bridge:
        post(bridge, 3)
        with snapshot(path) as db:
            assert db.execute(count).fetchone() == (3,)
            bridge.post(LAWLEY, "hello")
            assert db.execute(count).fetchone() == (3,)
        with snapshot(path) as db:
            assert db.execute(count).fetchone() == (4,)


@pytest.mark.parametrize("statement", ["DELETE FROM messages", "CREATE TABLE mine (a)", "PRAGMA user_version = 5"])
def test_a_snapshot_can_not_write(bridge: Bridge, statement: str) -> None:
    before = bridge.path.read_bytes()

    with pytest.raises(BridgeUnavailable, match="READONLY"), snapshot(bridge.path) as db:
        db.execute(statement)

    assert bridge.path.read_bytes() == before


@pytest.mark.parametrize("error", [ValueError("a bug of ours"), sqlite3.DatabaseError("odd"), KeyboardInterrupt()])
def test_a_snapshot_is_closed_whatever_its_reader_raises(bridge: Bridge, error: BaseException) -> None:
    held: list[sqlite3.Connection] = []

    def read() -> None:
        with snapshot(bridge.path) as db:
            held.append(db)
            db.execute("SELECT * FROM messages").fetchone()
            raise error

    expected = BridgeUnavailable if isinstance(error, sqlite3.Error) else type(error)
    with pytest.raises(expected):
        read()
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        held[0].execute("SELECT 1")


def test_an_error_that_is_not_known_is_told_by_its_name(lharries: Lharries) -> None:
    with pytest.raises(BridgeUnavailable, match="SQLite says SQLITE_ERROR") as caught, snapshot(lharries.path) as db:
        db.execute("SELECT nothing FROM nowhere")

    assert "wamon doctor" in caught.value.hint


def test_no_two_reasons_share_a_sentence_and_each_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "empty").touch()
    (tmp_path / "text").write_text("hello " * 100)
    said = [*tested._SAYINGS.values()]
    for name in ("missing", "folder", "empty", "text"):
        with pytest.raises(WamonError) as caught:
            Store(tmp_path / name).top()
        said.append((str(caught.value).replace(name, ""), caught.value.hint))

    assert len({sentence for sentence, _ in said}) == len(said)
    assert all(advice.endswith((".", "?")) for _, advice in said)
