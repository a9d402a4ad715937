"""What happens to the server, or to the database in it, costs no message and no message's tries."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from random import Random
from uuid import uuid4

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.conftest import fresh
from tests.support.bridges import LAWLEY, MOHADIN
from tests.support.checks import assert_whole, recorded
from tests.support.office import Office, eventually
from tests.support.server import Server
from tests.support.truth import Field
from wamon.errors import DatabaseUnavailable
from wamon.postgres.migrations import migrations

Open = Callable[..., Office]
MIB = 1 << 20


# A server that stops


@pytest.fixture
def mortal(tmp_path: Path, field: Field, server: Server) -> Iterator[Office]:
    for dsn in fresh(server.dsn):
        office = Office(tmp_path / "office", dsn, field.path, scan={"interval": "1h"})
        office.scan()
        yield office


@pytest.mark.fault("F9")
def test_a_daemon_outlives_its_server_and_records_after_it_what_came_meanwhile(
    mortal: Office, field: Field, server: Server
) -> None:
    field.post(LAWLEY, "DR1000002")
    with mortal.running() as daemon:
        recorded(mortal, "DR1000002", daemon.said)
        before = mortal.query("SELECT seq, rowid FROM wamon.cursors")
        server.stop("fast")
        field.post(LAWLEY, "DR1000003")
        eventually("it says so", lambda: "PostgreSQL can't be used now" in daemon.said(), said=daemon.said)
        assert daemon.process.poll() is None
        server.start()
        assert mortal.query("SELECT seq, rowid FROM wamon.cursors") >= before
        recorded(mortal, "DR1000003", daemon.said)
        assert daemon.end() == 0
    assert mortal.query("SELECT seq, rowid FROM wamon.cursors") > before
    assert mortal.query("SELECT count(*) FROM wamon.dead_letters") == [0]
    assert_whole(mortal, field)


@pytest.mark.parametrize("step", ["record.cursor", "record.committed"])
@pytest.mark.fault("F10")
def test_a_server_that_dies_at_a_commit_keeps_the_batch_whole_or_not_at_all(
    mortal: Office, field: Field, server: Server, step: str
) -> None:
    field.post(LAWLEY, "DR1000002 DR1000003")
    with mortal.running(WAMON_FAILPOINT=f"{step}:1:hang") as daemon:
        eventually("it hangs there", lambda: in_the_middle(mortal, step), said=daemon.said)
        server.stop("immediate")
        daemon.process.kill()
        daemon.process.wait()
    server.start()
    numbers = {number for _, number in mortal.drops()}
    assert numbers == {"DR1000001"} | ({"DR1000002", "DR1000003"} if step == "record.committed" else set())
    mortal.scan()
    assert_whole(mortal, field)


def in_the_middle(office: Office, step: str) -> bool:
    if step == "record.committed":
        return ("Lawley", "DR1000002") in office.drops()
    return bool(
        office.query(
            "SELECT 1 FROM pg_stat_activity WHERE application_name = 'wamon' AND backend_xid IS NOT NULL"
            " AND state = 'idle in transaction' AND state_change < now() - interval '50 milliseconds'"
        )
    )


# Another database, or an older one


@pytest.mark.fault("F13")
def test_when_the_database_is_suddenly_empty_everything_is_recorded_anew(field: Field, open_office: Open) -> None:
    office = open_office(field.path, scan={"interval": "1h"})
    with office.running() as daemon:
        recorded(office, "DR1000001", daemon.said)
        office.query("DROP SCHEMA wamon CASCADE; DROP TABLE public.qa_photo_reviews")
        field.post(LAWLEY, "DR1000002")
        everything = partial(holds_both, office)
        eventually("its end, or a new begin", lambda: daemon.process.poll() is not None or everything())
    with office.running("--standby") as following:  # as systemd does
        eventually("all is recorded", everything, said=following.said)
    assert_whole(office, field)


def holds_both(office: Office) -> bool:
    return stands(office) and office.drops() == {("Lawley", "DR1000001"), ("Lawley", "DR1000002")}


def stands(office: Office) -> bool:
    """Whether the schema is whole again: who reads its views while steps replace them may end in a deadlock."""
    if office.query("SELECT to_regclass('wamon.migrations') IS NOT NULL") != [True]:
        return False
    return office.query("SELECT max(version) FROM wamon.migrations") == [migrations()[-1].version]


@pytest.mark.fault("F14", "F27")
def test_on_an_older_copy_of_the_database_a_scan_fills_in_what_the_copy_lacks(
    field: Field, open_office: Open, own_dsn: str
) -> None:
    """The state file is ahead of it then."""
    office = open_office(field.path, database={"url": own_dsn})
    office.dsn = own_dsn
    edited = field.post(LAWLEY, "DR1000002")
    office.scan()
    older = f"older{uuid4().hex}"
    maintenance = make_conninfo(own_dsn, dbname="postgres")
    copied = conninfo_to_dict(own_dsn)["dbname"]
    with psycopg.connect(maintenance, autocommit=True) as db:
        db.execute(f"CREATE DATABASE {older} TEMPLATE {copied}")
    try:
        field.edit(edited, "DR1000003")
        for number in range(1_000_010, 1_000_020):
            field.post(MOHADIN, f"DR{number}")
        office.scan()
        assert json.loads(office.state_path.read_text())["sources"]["main"]["seq"] > 1
        office.dsn = make_conninfo(own_dsn, dbname=older)
        office.set(database={"url": office.dsn})
        office.scan()
        assert_whole(office, field)
        told = json.loads(office.state_path.read_text())["sources"]["main"]["seq"]
        assert office.query("SELECT seq FROM wamon.cursors") == [told]
    finally:
        with psycopg.connect(maintenance, autocommit=True) as db:
            db.execute(f"DROP DATABASE {older} WITH (FORCE)")


# What the server says while it works

TROUBLES = {
    "disk full": ("53100", "wamon.ledger_rows"),
    "disk full in the review table": ("53100", "public.qa_photo_reviews"),
    "out of memory": ("53200", "wamon.submission_rows"),
    "deadlock": ("40P01", "wamon.submission_rows"),
    "serialization": ("40001", "wamon.ledger_rows"),
    "disk failed": ("58030", "wamon.submission_rows"),
}


@pytest.mark.parametrize(("code", "table"), TROUBLES.values(), ids=TROUBLES)
@pytest.mark.fault("F17", "F18")
def test_a_trouble_of_the_server_is_no_messages_and_the_next_scan_records_it(
    field: Field, open_office: Open, code: str, table: str
) -> None:
    office = open_office(field.path)
    office.scan()
    before = office.everything(), office.query("SELECT rowid FROM wamon.cursors")
    field.post(LAWLEY, "DR1000002")
    office.query(
        "CREATE FUNCTION public.trouble() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$ BEGIN RAISE 'trouble' USING ERRCODE = '{code}'; END $$"
    )
    office.query(f"CREATE TRIGGER trouble BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION public.trouble()")
    with pytest.raises(DatabaseUnavailable):
        office.scan()
    assert (office.everything(), office.query("SELECT rowid FROM wamon.cursors")) == before
    assert office.query("SELECT count(*) FROM wamon.dead_letters") == [0]
    office.query(f"DROP TRIGGER trouble ON {table}")
    office.scan()
    assert_whole(office, field)


@pytest.mark.fault("F17")
def test_where_the_servers_files_can_grow_no_more_no_message_is_parked_and_the_next_scan_completes(
    mortal: Office, field: Field, server: Server
) -> None:
    """The server's log is written in files of 16 MB as ever, and no table's file may grow beyond that."""
    mortal.set(privacy={"keep_text": "forever"})
    noise, signs = Random(1), str.maketrans("0123456789abcdef", "!$%&()*+,/;<=>?@")  # in which nobody seeks a number
    with field.batch():
        for number in range(1_100_000, 1_100_045):
            field.post(LAWLEY, f"DR{number} {noise.randbytes(200_000).hex().translate(signs)}")
    with server.with_files_of_at_most(16 * MIB), pytest.raises(DatabaseUnavailable, match="can't be used now"):
        mortal.scan()
    assert mortal.query("SELECT count(*) FROM wamon.dead_letters") == [0]
    assert len(mortal.drops()) < 46
    mortal.scan()
    assert_whole(mortal, field)


@pytest.fixture
def debian_dsn(_debian_15: str) -> Iterator[str]:
    """A database of its own on Debian's server, whose roles sign in without a password."""
    yield from fresh(_debian_15)


@pytest.fixture
def small_disk(debian_dsn: str) -> Iterator[Path]:
    """Where the ledger's rows lie: a file system of 256 KiB."""
    folder = Path(str(conninfo_to_dict(debian_dsn)["host"])).parent / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "none", str(folder)], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("this user may mount no file system here")
    shutil.chown(folder, "nobody", "nogroup")
    folder.chmod(0o700)
    try:
        with psycopg.connect(debian_dsn, autocommit=True) as db:
            db.execute(f"CREATE TABLESPACE small LOCATION '{folder}'".encode())
            db.execute("ALTER TABLE wamon.ledger_rows SET TABLESPACE small")
            yield folder
            db.execute("ALTER TABLE wamon.ledger_rows SET TABLESPACE pg_default")
            db.execute("DROP TABLESPACE small")
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.fault("F17")
def test_a_full_disk_of_one_table_moves_no_position_and_room_is_all_that_it_takes(
    tmp_path: Path, field: Field, debian_dsn: str, small_disk: Path
) -> None:
    office = Office(tmp_path / "office", debian_dsn, field.path)
    office.scan()
    before = office.query("SELECT rowid FROM wamon.cursors")
    with field.batch():
        for number in range(1_100_000, 1_102_500):
            field.post(LAWLEY, f"DR{number}")
    with pytest.raises(DatabaseUnavailable, match="its disk is full"):
        office.scan()
    assert office.query("SELECT rowid FROM wamon.cursors") == before
    assert office.query("SELECT count(*) FROM wamon.dead_letters") == [0]
    subprocess.run(["mount", "-o", "remount,size=60m", str(small_disk)], check=True)
    office.scan()
    assert_whole(office, field)


@pytest.mark.fault("F17")
def test_a_role_that_may_connect_but_once_is_told_and_records_all_the_same(
    tmp_path: Path, field: Field, debian_dsn: str
) -> None:
    office = Office(tmp_path / "office", debian_dsn, field.path, scan={"interval": "1h"})
    office.scan()
    office.query("CREATE ROLE clerk LOGIN CONNECTION LIMIT 1")
    try:
        for schema in ("wamon", "public"):
            office.query(f"GRANT ALL ON SCHEMA {schema} TO clerk")
            office.query(f"GRANT ALL ON ALL TABLES IN SCHEMA {schema} TO clerk")
        office.set(database={"url": make_conninfo(debian_dsn, user="clerk")})
        with office.running() as daemon:
            eventually("it says so", lambda: "CONNECTION LIMIT of this role" in daemon.said(), said=daemon.said)
            office.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'clerk'")
            field.post(LAWLEY, "DR1000002")
            recorded(office, "DR1000002", daemon.said)
            assert daemon.end() == 0
        assert "Traceback" not in daemon.said()
    finally:
        office.query("DROP OWNED BY clerk")
        office.query("DROP ROLE clerk")
    office.set(database={"url": debian_dsn})
    assert_whole(office, field)


@pytest.mark.fault("F18")
def test_whoever_loses_a_real_deadlock_records_everything_at_its_next_try(field: Field, open_office: Open) -> None:
    office = open_office(field.path)
    office.scan()
    field.post(LAWLEY, "DR1000002")
    with psycopg.connect(office.dsn) as other, office.begun("scan") as scan:
        other.execute("SET deadlock_timeout = '90s'")  # so that it is the scan that finds out
        other.execute("LOCK TABLE wamon.submission_rows IN SHARE MODE")
        eventually("the scan waits", lambda: office.query("SELECT 1 FROM pg_locks WHERE NOT granted"))
        other.execute("UPDATE wamon.cursors SET seq = seq")
        other.rollback()
        assert scan.process.wait(timeout=60) == 69
    assert "DeadlockDetected" in scan.said()
    office.scan()
    assert_whole(office, field)
