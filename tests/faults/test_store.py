"""What happens to the bridge's store while wamon reads it, and to the places that wamon remembers of it."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from tests.support.bridges import LAWLEY, MOHADIN, Bridge, Lharries, VeryGoodPlugins
from tests.support.checks import assert_whole, recorded
from tests.support.clock import CLOCK
from tests.support.office import Office, eventually
from tests.support.traffic import write_traffic
from tests.support.truth import Field
from wamon.errors import BridgeUnavailable, BridgeUnknown, ConfigError
from wamon.model import USUAL_SIZES, Sizes

Open = Callable[..., Office]

KINDS = pytest.mark.parametrize("kind", [Lharries, VeryGoodPlugins], ids=["rollback journal", "WAL"])
LID, PHONE = "100000000000077@lid", "27820000077@s.whatsapp.net"


@pytest.fixture
def field(tmp_path: Path) -> Iterator[Field]:
    with Field(Lharries(tmp_path / "messages.db", durable=False), watched=False) as field:
        field.post(LAWLEY, "DR1000001")
        yield field


@pytest.mark.parametrize("value", [0, -1, 2**63 - 1])
@pytest.mark.fault("F30")
def test_a_position_of_any_size_in_the_database_costs_a_re_read_at_most(
    field: Field, open_office: Open, value: int
) -> None:
    office = open_office(field.path)
    office.scan()
    before = office.everything()
    office.query("UPDATE wamon.cursors SET rowid = %s", value)
    office.scan()
    assert office.everything() == before
    office.query("UPDATE wamon.cursors SET rowid = %s, anchors = '[]'", value)
    field.post(LAWLEY, "DR1000002")
    office.scan()
    assert_whole(office, field)


@pytest.mark.parametrize("value", [-1, 2**63, None])
@pytest.mark.fault("F30", "F27")
def test_a_position_of_any_kind_in_the_state_file_is_followed_by_nobody(
    field: Field, open_office: Open, value: object
) -> None:
    office = open_office(field.path)
    office.scan()
    before = office.everything()
    document = json.loads(office.state_path.read_text())
    document["sources"]["main"] = {"seq": value, "rowid": value, "anchors": [[value, "f" * 16]]}
    for group in document["groups"].values():
        group["messages"] = value
    office.state_path.write_text(json.dumps(document))
    office.scan()
    assert office.everything() == before
    field.post(LAWLEY, "DR1000002")
    office.scan()
    assert json.loads(office.state_path.read_text())["sources"]["main"]["rowid"] == 2
    assert_whole(office, field)


@pytest.mark.fault("F31")
def test_a_daemon_outlives_a_locked_store_and_then_records_what_came(field: Field, open_office: Open) -> None:
    office = open_office(field.path, scan={"interval": "1s"})
    with office.running() as daemon:
        recorded(office, "DR1000001", daemon.said)
        field.post(LAWLEY, "DR1000002")
        with field.bridge.locked():
            eventually("it says so", lambda: "its writer holds it locked" in daemon.said(), said=daemon.said)
            assert daemon.process.poll() is None
        field.post(LAWLEY, "DR1000003")
        recorded(office, "DR1000003", daemon.said)
        assert daemon.end() == 0
    assert_whole(office, field)


@KINDS
@pytest.mark.fault("F39")
def test_a_store_that_is_vacuumed_while_it_is_read_loses_and_doubles_nothing(
    tmp_path: Path, open_office: Open, kind: type[Bridge]
) -> None:
    with Field(kind(tmp_path / "messages.db", seed=3, durable=False), watched=False) as field:
        write_traffic(field, 150, seed=3)
        office = open_office(field.path, Sizes(page_rows=20))
        ended = threading.Event()
        vacuuming = threading.Thread(target=vacuum_until, args=(field.path, ended))
        vacuuming.start()
        try:
            for wave in range(3):
                scan_patiently(office)
                field.truth.scanned()
                write_traffic(field, 30, seed=10 + wave)
        finally:
            ended.set()
            vacuuming.join()
        office.sweep()
        office.scan()
        assert_whole(office, field)


def vacuum_until(path: Path, ended: threading.Event) -> None:
    copy = path.with_name("copy.db")
    with closing(sqlite3.connect(path, timeout=10, isolation_level=None)) as db:
        while not ended.is_set():
            db.execute("VACUUM")
            copy.unlink(missing_ok=True)
            db.execute("VACUUM INTO ?", (str(copy),))


def scan_patiently(office: Office) -> None:
    """As the daemon does where the store is locked: again."""
    while True:
        try:
            office.scan()
        except BridgeUnavailable:
            continue
        return


@pytest.mark.fault("F42")
def test_a_history_that_is_delivered_again_whole_is_read_again_and_doubles_nothing(
    field: Field, open_office: Open
) -> None:
    sizes = Sizes(page_rows=100, overlap_rows=50, recent_rows=200, long_backlog_rows=1_000)
    with field.batch():
        for number in range(2_000):
            field.bridge.post(LAWLEY, f"DR{1_100_000 + number}")
    office = open_office(field.path, sizes)
    office.scan()
    before = office.everything()
    field.bridge.db.execute("INSERT OR REPLACE INTO messages SELECT * FROM messages ORDER BY rowid")
    assert min(field.bridge.rowids().values()) > 2_000
    office.scan()
    assert office.everything() == before
    assert office.query("SELECT reason FROM wamon.rewinds") == ["the store was replaced or renumbered"]
    field.post(LAWLEY, "DR1000002")
    office.scan()
    assert len(office.drops()) == 2_002
    assert office.verify().clean


@pytest.fixture
def busy_half_hour(tmp_path: Path) -> Iterator[Field]:
    """More messages of the last minutes than the overlap holds, in a store whose bridge edits in place."""
    with Field(VeryGoodPlugins(tmp_path / "messages.db", durable=False), watched=False) as field:
        begun = CLOCK.now() - timedelta(minutes=10)
        with field.batch():
            for n in range(USUAL_SIZES.overlap_rows + 50):
                field.post(LAWLEY, f"DR{1_100_000 + n}", message_id=f"{n:04}", at=begun + timedelta(seconds=n / 2))
        yield field


@pytest.mark.fault("F47")
def test_an_edit_of_the_last_half_hour_is_found_by_the_next_scan_also_beyond_the_overlap(
    busy_half_hour: Field, open_office: Open
) -> None:
    office = open_office(busy_half_hour.path)
    office.scan()
    busy_half_hour.edit("0000", "DR1000002")
    office.scan()
    assert_whole(office, busy_half_hour)


@pytest.mark.fault("F47")
def test_an_edit_of_the_last_half_hour_is_found_by_a_daemon_also_beyond_the_overlap(
    busy_half_hour: Field, open_office: Open
) -> None:
    office = open_office(busy_half_hour.path, scan={"interval": "1s"})
    office.scan()
    with office.running() as daemon:
        busy_half_hour.post(LAWLEY, "DR1000002")
        recorded(office, "DR1000002", daemon.said)
        busy_half_hour.edit("0000", "DR1000003")
        recorded(office, "DR1000003", daemon.said)
        assert daemon.end() == 0
    assert_whole(office, busy_half_hour)


@pytest.mark.fault("F43")
def test_messages_that_come_back_under_other_ids_count_as_posted_again_and_lose_nothing(
    field: Field, open_office: Open
) -> None:
    field.post(MOHADIN, "DR1000002")
    office = open_office(field.path)
    office.scan()
    before = office.drops()
    field.truth.scanned()
    for n, key in enumerate(list(field.bridge.rowids())):
        text = field.bridge.text(key.message_id) or ""
        field.delete(key.message_id)
        field.post(key.chat, text, message_id=f"OTHER{n}")
    office.sweep()
    office.scan()
    assert office.drops() == before
    assert set(office.query("SELECT message_id FROM wamon.ledger WHERE gone_at IS NULL")) == {"OTHER0", "OTHER1"}
    assert office.verify().clean


@pytest.mark.fault("F43")
def test_a_chat_that_gets_another_jid_goes_on_as_the_same_project(tmp_path: Path, open_office: Open) -> None:
    """A direct chat may move from a phone number to a LID; the operator lists both under one name."""
    with Field(Lharries(tmp_path / "messages.db", durable=False), {PHONE: "Depot"}) as field:
        field.post(PHONE, "DR1000001")
        office = open_office(field.path, groups=[{"name": "Depot", "jid": jid} for jid in (PHONE, LID)])
        office.scan()
        field.bridge.db.execute("INSERT INTO chats (jid, name) VALUES (?, 'Thandi')", (LID,))
        field.bridge.db.execute("UPDATE messages SET chat_jid = ?", (LID,))
        office.sweep()
        office.scan()
        field.bridge.post(LID, "DR1000002")
        office.scan()
    assert office.drops() == {("Depot", "DR1000001"), ("Depot", "DR1000002")}
    assert sorted(office.kinds().values()) == ["new", "new", "resubmission"]
    assert office.verify().clean


@pytest.mark.parametrize("rows", [41, 500])
@pytest.mark.fault("F46")
def test_where_a_page_ends_among_messages_of_one_second_none_is_left_out(
    field: Field, open_office: Open, rows: int
) -> None:
    at = field.bridge.now
    with field.batch():
        for n in range(rows):
            field.post(LAWLEY, f"DR{1_100_000 + n}", at=at)
    office = open_office(field.path, Sizes(page_rows=40))
    office.scan()
    assert_whole(office, field)


@pytest.mark.fault("F49", "F50")
@pytest.mark.parametrize("damage", ["cut", "overwritten", "emptied", "no database"])
def test_over_a_damaged_store_the_position_stays_and_goes_on_when_the_file_is_whole_again(
    field: Field, open_office: Open, damage: str
) -> None:
    with field.batch():
        for n in range(300):
            field.post(LAWLEY, f"DR{1_100_000 + n} {'x' * 200}")
    office = open_office(field.path)
    office.scan()
    before = office.everything(), office.query("SELECT seq, rowid FROM wamon.cursors")
    field.post(LAWLEY, "DR1000002")
    field.close()
    whole = field.path.read_bytes()
    field.path.write_bytes(spoilt(whole, damage))
    for look in (office.scan, office.verify):
        with pytest.raises((BridgeUnavailable, BridgeUnknown)):
            look()
    assert (office.everything(), office.query("SELECT seq, rowid FROM wamon.cursors")) == before
    field.path.write_bytes(whole)
    office.scan()
    assert_whole(office, field)


def spoilt(whole: bytes, damage: str) -> bytes:
    return {
        "cut": whole[: len(whole) // 3],
        "overwritten": whole[:100] + b"\xee" * (len(whole) - 100),
        "emptied": b"",
        "no database": b"this is a letter\n" * 300,
    }[damage]


ODD = [
    "Robert'); DROP TABLE wamon.ledger_rows; --",
    'x"; DROP SCHEMA wamon CASCADE; --',
    "%s %(a)s {} $1 \\",
]


@pytest.mark.parametrize("name", ODD, ids=["a value", "an identifier", "a placeholder"])
@pytest.mark.fault("F71")
def test_a_name_in_the_config_is_data_and_never_sql(field: Field, open_office: Open, name: str) -> None:
    office = open_office(field.path, groups=[{"name": name, "jid": LAWLEY}])
    office.set(bridge={"name": name})
    field.bridge.chat("a'; DROP TABLE messages; --@g.us", name)
    office.scan()
    assert office.drops() == {(name, "DR1000001")}
    assert office.query("SELECT project FROM public.qa_photo_reviews") == [name]
    assert office.verify().clean


@pytest.mark.parametrize("table", ['reviews"; DROP SCHEMA wamon CASCADE; --', "a'b", "public.my table"])
@pytest.mark.fault("F71")
def test_a_review_tables_name_that_is_no_identifier_is_refused(field: Field, open_office: Open, table: str) -> None:
    office = open_office(field.path, database={"review_table": table})
    with pytest.raises(ConfigError, match="letters, digits and underscores"):
        office.scan()


@pytest.mark.fault("F71")
def test_a_review_table_may_be_called_like_a_word_of_sql(field: Field, open_office: Open) -> None:
    office = open_office(field.path, database={"review_table": "Select"})
    office.scan()
    assert office.query('SELECT drop_number FROM public."Select"') == ["DR1000001"]
