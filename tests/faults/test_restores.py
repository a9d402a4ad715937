"""A database that is set back in place under a running wamon costs no message, doubles none and ends no daemon."""

from __future__ import annotations

import subprocess
from pathlib import Path

import psycopg
import pytest

from tests.support.bridges import LAWLEY, MOHADIN
from tests.support.checks import assert_whole, recorded
from tests.support.office import Office, eventually
from tests.support.truth import Field
from wamon.capture.pipeline import run_pass
from wamon.errors import Superseded
from wamon.postgres.embedded import server as embedded

LONG = {"interval": "1h"}
SEQ = "SELECT seq FROM wamon.cursors WHERE tail = 'main'"


@pytest.fixture
def office(tmp_path: Path, own_dsn: str, field: Field) -> Office:
    return Office(tmp_path / "office", own_dsn, field.path, scan=LONG)


def pg(program: str, *words: str) -> bytes:
    """What one of PostgreSQL's own tools prints."""
    done = subprocess.run([str(embedded.binary(program)), *words], check=False, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.fault("F14", "F57")
def test_a_pass_that_was_frozen_over_a_restore_writes_nothing_though_the_fence_has_its_number_again(
    office: Office, field: Field, tmp_path: Path
) -> None:
    office.scan()
    dump = tmp_path / "backup.dump"
    assert office.run("db", "dump", str(dump)).returncode == 0
    with office.opened() as frozen:
        for n in range(3):
            field.post(LAWLEY, f"DR100001{n}")
            run_pass(frozen)
        assert office.run("db", "restore", str(dump), "--force").returncode == 0
        with office.opened() as other:
            while office.query(SEQ) != [frozen.source.seq]:
                field.post(MOHADIN, f"DR{1_000_020 + other.source.seq}")
                run_pass(other)
        field.post(LAWLEY, "DR1000030")
        before = office.everything()
        with pytest.raises(Superseded):
            run_pass(frozen)
        assert office.everything() == before
    office.scan()
    assert_whole(office, field)


@pytest.mark.fault("F96")
def test_a_daemon_waits_until_a_dump_is_played_and_records_what_it_lacks(
    office: Office, field: Field, tmp_path: Path
) -> None:
    """Part by part, as pg_restore does, so that first the rows and then the keys are missing."""
    dump = str(tmp_path / "backup.dump")
    with office.running() as daemon:
        recorded(office, "DR1000001", daemon.said)
        pg("pg_dump", "--format=custom", "--schema=wamon", f"--file={dump}", office.dsn)
        field.post(LAWLEY, "DR1000002")
        recorded(office, "DR1000002", daemon.said)
        with psycopg.connect(office.dsn) as db:
            db.execute("DROP SCHEMA wamon CASCADE")
            db.execute(without_psqls_words(pg("pg_restore", "--section=pre-data", "--file=-", dump)))
        field.post(LAWLEY, "DR1000003")
        eventually("it waits", lambda: "isn't whole" in daemon.said(), said=daemon.said)
        pg("pg_restore", "--section=data", f"--dbname={office.dsn}", dump)
        field.post(LAWLEY, "DR1000004")
        assert office.run("scan").returncode == 69
        pg("pg_restore", "--section=post-data", f"--dbname={office.dsn}", dump)
        for number in ("DR1000002", "DR1000003", "DR1000004"):
            recorded(office, number, daemon.said)
        assert daemon.end() == 0
    assert_whole(office, field)


def without_psqls_words(script: bytes) -> bytes:
    return b"\n".join(line for line in script.splitlines() if not line.startswith(b"\\"))


@pytest.mark.fault("F96")
def test_a_daemon_outlives_pg_restore_over_its_own_database(office: Office, field: Field, tmp_path: Path) -> None:
    dump = str(tmp_path / "backup.dump")
    with office.running() as daemon:
        recorded(office, "DR1000001", daemon.said)
        pg("pg_dump", "--format=custom", f"--file={dump}", office.dsn)
        field.post(LAWLEY, "DR1000002")
        recorded(office, "DR1000002", daemon.said)
        pg("pg_restore", "--clean", "--if-exists", f"--dbname={office.dsn}", dump)
        field.post(LAWLEY, "DR1000003")
        for number in ("DR1000002", "DR1000003"):
            recorded(office, number, daemon.said)
        assert daemon.end() == 0
    assert_whole(office, field)
