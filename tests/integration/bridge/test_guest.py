"""wamon is a guest in the bridge's store: it leaves no trace, and makes nobody wait."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.bridges import BRIDGES, LAWLEY, Bridge, Lharries, Wacli
from tests.support.clock import first_morning
from wamon.bridge.snapshot import unlocked
from wamon.bridge.store import Overlap, Page, Store
from wamon.errors import BridgeUnavailable, BridgeUnknown
from wamon.model import BEGINNING, Sizes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

WANTED = {LAWLEY.encode(): LAWLEY}
SMALL_PAGES = Sizes(page_rows=7)
READS: dict[str, Callable[[Store], object]] = {
    "read_page": lambda store: store.read_page(BEGINNING, WANTED, Overlap()),
    "read_recent": lambda store: store.read_recent(store.top(), WANTED, first_morning()),
    "top": lambda store: store.top(),
    "place_of": lambda store: store.place_of(LAWLEY, "3A"),
    "place_before": lambda store: store.place_before(first_morning()),
    "standing": lambda store: store.standing(store.top()),
    "one of its pages": lambda store: next(store.pages(WANTED)),
    "find": lambda store: store.find([(LAWLEY, "3A")], WANTED),
    "rows": lambda store: store.rows(),
    "chats": lambda store: store.chats(),
    "traffic": lambda store: store.traffic(),
    "one page of bare media": lambda store: next(store.bare_media(WANTED, first_morning()), None),
    "flavour": lambda store: store.flavour(),
}


@pytest.fixture(params=BRIDGES, ids=lambda kind: kind.__name__)
def bridge(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bridge]:
    kind: type[Bridge] = request.param
    with kind(tmp_path / "messages.db", durable=False) as bridge:
        post(bridge, 30)
        yield bridge


@pytest.fixture
def lharries(tmp_path: Path) -> Iterator[Lharries]:
    with Lharries(tmp_path / "messages.db", durable=False) as bridge:
        post(bridge, 30)
        yield bridge


def post(bridge: Bridge, count: int) -> None:
    with bridge.batch():
        for n in range(count):
            bridge.post(LAWLEY, f"DR{1_752_000 + n}")


def traces(path: Path) -> dict[str, tuple[int, int, int, bytes]]:
    """Every file beside the store, and what a guest could change of it; but for the marks of readers in -shm."""
    return {
        each.name: (
            each.stat().st_ino,
            each.stat().st_mode,
            0 if each.name.endswith("-shm") else each.stat().st_mtime_ns,
            b"" if each.name.endswith("-shm") else each.read_bytes(),
        )
        for each in path.parent.iterdir()
    }


# No trace


@pytest.mark.parametrize("read", READS.values(), ids=list(READS))
def test_a_read_leaves_no_trace_while_the_bridge_runs(bridge: Bridge, read: Callable[[Store], object]) -> None:
    before = traces(bridge.path)
    assert len(before) == (3 if bridge.wal else 1)

    for _ in range(5):
        read(Store(bridge.path))

    assert traces(bridge.path) == before


def test_a_read_leaves_no_trace_beside_a_stopped_bridges_journal_file(lharries: Lharries) -> None:
    lharries.close()
    before = traces(lharries.path)

    for read in READS.values():
        read(Store(lharries.path))

    assert traces(lharries.path) == before


def test_a_read_checkpoints_nothing_of_a_killed_bridges_log(tmp_path: Path) -> None:
    path, killed = tmp_path / "wacli.db", tmp_path / "killed"
    killed.mkdir()
    with Wacli(path, durable=False) as bridge:
        post(bridge, 30)
        for suffix in ("", "-wal", "-shm"):
            shutil.copyfile(f"{path}{suffix}", killed / f"wacli.db{suffix}")
    before = traces(killed / "wacli.db")

    for read in READS.values():
        read(Store(killed / "wacli.db"))

    assert traces(killed / "wacli.db") == before
    assert Store(killed / "wacli.db").rows() == 30


def test_a_log_beside_an_empty_file_is_not_deleted(tmp_path: Path) -> None:
    """SQLite takes it for a remnant and deletes it, also for a reader who asked for mode=ro."""
    path = tmp_path / "wacli.db"
    path.touch()
    Path(f"{path}-wal").write_bytes(b"the bridge's")
    before = traces(path)

    with pytest.raises(BridgeUnavailable, match="is empty"):
        Store(path).top()

    assert traces(path) == before


def test_a_bridge_starts_where_its_store_was_read_while_it_was_stopped(bridge: Bridge) -> None:
    bridge.close()
    for read in READS.values():
        read(Store(bridge.path))

    bridge.reopen()
    message_id = bridge.post(LAWLEY, "DR1752028")
    assert [m.message_id for m in Store(bridge.path).find([(LAWLEY, message_id)], WANTED)] == [message_id]
    bridge.close()

    assert [each.name for each in bridge.path.parent.iterdir()] == ["messages.db"]


# Nobody waits


def write_at_once(path: Path) -> None:
    """As a bridge that waits for no lock. Raises sqlite3.OperationalError where anybody holds one."""
    with closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as db:
        db.execute("BEGIN EXCLUSIVE")
        db.execute("UPDATE messages SET rowid = rowid WHERE rowid = 1")
        db.execute("COMMIT")


@pytest.mark.parametrize("read", READS.values(), ids=list(READS))
@pytest.mark.fault("F32")
def test_what_was_read_holds_no_lock(lharries: Lharries, read: Callable[[Store], object]) -> None:
    result = read(Store(lharries.path))

    write_at_once(lharries.path)
    del result


@pytest.mark.fault("F32")
def test_a_page_is_worked_on_without_a_lock(lharries: Lharries) -> None:
    store, overlap, place = Store(lharries.path, sizes=SMALL_PAGES), Overlap(), BEGINNING

    for n in range(6):
        page = store.read_page(place, WANTED, overlap)
        place = page.place
        for _ in page.messages:
            write_at_once(lharries.path)
        assert page.complete == (n >= 4)


def test_a_page_cut_at_its_bytes_holds_no_lock(lharries: Lharries) -> None:
    with lharries.batch():
        for _ in range(20):
            lharries.post(LAWLEY, "x" * 2**20)

    page = Store(lharries.path).read_page(BEGINNING, WANTED, Overlap())

    assert not page.complete
    write_at_once(lharries.path)


def test_whoever_walks_through_the_pages_holds_no_lock_at_any_of_them(lharries: Lharries) -> None:
    walked = 0

    for messages, rows in Store(lharries.path, sizes=SMALL_PAGES).pages(WANTED):
        walked += rows
        for _ in messages:
            write_at_once(lharries.path)

    assert walked == 30


def test_a_walk_that_is_given_up_holds_no_lock(lharries: Lharries) -> None:
    pages = Store(lharries.path, sizes=SMALL_PAGES).pages(WANTED)
    next(pages)

    write_at_once(lharries.path)
    del pages
    write_at_once(lharries.path)


def test_a_read_that_failed_holds_no_lock(lharries: Lharries) -> None:
    with pytest.raises(BridgeUnknown) as caught:
        Store(lharries.path, "wacli").top()

    write_at_once(lharries.path)
    assert caught.tb is not None  # and with it every frame that could hold a connection


_READ = """
import pathlib, sys
import wamon.failpoints
from wamon.bridge.store import Overlap, Store
from wamon.model import BEGINNING
wait = wamon.failpoints.hang
wamon.failpoints.hang = lambda: (print("reading", flush=True), wait())
store = Store(pathlib.Path(sys.argv[1]))
store.flavour()
page = store.read_page(BEGINNING, {sys.argv[2].encode(): sys.argv[2]}, Overlap())
print(len(page.messages))
"""


@pytest.mark.fault("F90")
def test_a_reader_that_is_frozen_within_a_page_keeps_the_bridge_from_writing_nothing(lharries: Lharries) -> None:
    command = [sys.executable, "-c", _READ, str(lharries.path), LAWLEY]
    frozen = {**os.environ, "WAMON_FAILPOINT": "bridge.read:2:hang"}  # the first look is the flavour's
    with subprocess.Popen(command, env=frozen, stdout=subprocess.PIPE) as reader:
        assert reader.stdout
        assert reader.stdout.readline() == b"reading\n"
        try:
            for _ in range(20):
                write_at_once(lharries.path)
        finally:
            reader.kill()


def test_what_was_written_while_it_was_read_without_a_lock_is_read_again(lharries: Lharries) -> None:
    store, overlap = Store(lharries.path), Overlap()
    assert len(store.read_page(BEGINNING, WANTED, overlap).messages) == 30
    looks: list[int] = []

    def read(db: sqlite3.Connection) -> list[object]:
        found = db.execute("SELECT rowid FROM messages").fetchall()
        if not looks:
            lharries.post(LAWLEY, "DR1999999")
        looks.append(len(found))
        return found

    assert unlocked(lharries.path, read) is None
    assert len(unlocked(lharries.path, read) or ()) == 31
    assert looks == [30, 31]


def test_what_was_written_and_rolled_back_meanwhile_is_read_again(lharries: Lharries) -> None:
    """Pages that a transaction wrote before it was given up leave SQLite's own count as it was."""

    def read(db: sqlite3.Connection) -> object:
        with closing(sqlite3.connect(lharries.path, isolation_level=None)) as other:
            other.execute("PRAGMA cache_size = 1")  # so that it writes before its end
            other.execute("BEGIN EXCLUSIVE")
            other.execute("UPDATE messages SET content = hex(randomblob(2000))")
            other.execute("ROLLBACK")
        return db.execute("SELECT count(*) FROM messages").fetchone()

    assert unlocked(lharries.path, read) is None


def test_of_a_backlog_several_pages_are_read_at_once_and_one_alone_where_that_takes_a_lock(lharries: Lharries) -> None:
    store = Store(lharries.path, sizes=SMALL_PAGES)
    assert store.read_rows(BEGINNING, WANTED, 1_000).read == 28
    assert store.read_rows(BEGINNING, WANTED, 10).read == 10

    Path(f"{lharries.path}-wal").touch()
    assert store.read_rows(BEGINNING, WANTED, 1_000).read == 7
    assert store.read_rows(BEGINNING, WANTED, 3).read == 3


@pytest.mark.parametrize("error", [ValueError("torn"), sqlite3.DatabaseError("malformed")], ids=repr)
def test_what_fails_without_a_lock_is_tried_with_one(lharries: Lharries, error: Exception) -> None:
    def read(_: sqlite3.Connection) -> object:
        raise error

    assert unlocked(lharries.path, read) is None


def test_beside_a_write_ahead_log_nothing_is_read_without_a_lock(tmp_path: Path) -> None:
    with Wacli(tmp_path / "wacli.db", durable=False) as bridge:
        bridge.post(LAWLEY, "DR1752028")
        assert unlocked(bridge.path, lambda db: db.execute("SELECT 1").fetchone()) is None
        bridge.close()
        assert unlocked(bridge.path, lambda db: db.execute("SELECT 1 FROM messages").fetchone()) is None


_HURRIED_BRIDGE = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], timeout=1, isolation_level=None)
db.execute("PRAGMA foreign_keys = ON")
lost = 0
for n in range(300):
    try:
        db.execute("INSERT OR REPLACE INTO chats (jid, name) VALUES (?, 'Lawley')", (sys.argv[2],))
        db.execute(
            "INSERT OR REPLACE INTO messages (id, chat_jid, content, media_type) VALUES (?, ?, 'DR1752028', '')",
            (f"NEW{n}", sys.argv[2]),
        )
    except sqlite3.OperationalError:
        lost += 1  # as the real ones do: they log it, and it is gone
print(lost)
"""


@pytest.mark.fault("F32")
def test_a_bridge_that_waits_one_second_loses_nothing_while_pages_are_read_in_a_loop(lharries: Lharries) -> None:
    post(lharries, 3_000)
    command = [sys.executable, "-c", _HURRIED_BRIDGE, str(lharries.path), LAWLEY]
    store, overlap, place, read, busy = Store(lharries.path), Overlap(), BEGINNING, 0, 0
    seen: set[str] = set()

    def follow() -> Page:
        page = store.read_page(place, WANTED, overlap)
        seen.update(message.message_id for message in page.messages)
        return page

    with subprocess.Popen(command, stdout=subprocess.PIPE) as bridge:
        while bridge.poll() is None:
            try:
                place = follow().place
                read += sum(rows for _, rows in store.pages(WANTED))
            except BridgeUnavailable:  # the writer was quicker: nothing is lost, try again
                busy += 1
        assert bridge.stdout
        assert bridge.stdout.read().strip() == b"0"

    while not (page := follow()).complete:
        place = page.place
    assert {f"NEW{n}" for n in range(300)} <= seen
    assert read > 3_000
