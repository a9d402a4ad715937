"""`wamon db`: the address, and backups that are whole or leave everything as it was."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
import yaml
from psycopg.conninfo import conninfo_to_dict

from tests.acceptance.conftest import Run, edit_store
from tests.support.bridges import LAWLEY, VeryGoodPlugins
from tests.support.clock import CLOCK
from tests.support.environment import environment, program
from tests.support.forked import Forked
from tests.support.office import Office, eventually
from wamon.model import Sizes
from wamon.postgres import backup
from wamon.postgres.migrations import migrations


def test_the_embedded_servers_address_serves_until_it_is_stopped(
    wamon: Run, tmp_path: Path, store: Path, embedded_in: Callable[..., Path]
) -> None:
    state = embedded_in(tmp_path / "state")
    config = tmp_path / "wamon.yaml"
    config.write_text(yaml.safe_dump({"state": {"dir": str(state)}, "bridge": {"path": str(store)}}))
    words = ("--config", str(config), "db")
    url = wamon(*words, "url")
    assert url.returncode == 0, url.stderr
    with psycopg.connect(url.stdout.strip()) as db:
        assert db.execute("SELECT to_regnamespace('wamon')").fetchone() == (None,)
    assert wamon(*words, "dump", "none.dump").returncode == 1
    assert not (tmp_path / "none.dump").exists()
    assert "0001" in wamon(*words, "migrate").stdout
    assert wamon(*words, "stop").stdout == "Stopped.\n"
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(url.stdout.strip())
    assert wamon(*words, "stop").returncode == 0


def test_a_configured_address_is_printed_as_it_is(office: Office) -> None:
    office.set(database={"url": "postgresql://ann:hunter2@127.0.0.1:1/wamon"})
    assert office.answer("db", "url") == {"url": "postgresql://ann:hunter2@127.0.0.1:1/wamon", "embedded": False}


def test_migrating_twice_does_it_once(office: Office) -> None:
    assert office.answer("db", "migrate")["applied"] == []
    assert "Nothing to do" in office.run("db", "migrate").stdout


@pytest.mark.both_servers
def test_a_backup_restores_everything_on_any_server(tmp_path: Path, any_dsn: str, empty_dsn: str, store: Path) -> None:
    there = Office(tmp_path / "there", any_dsn, store)
    there.scan()
    there.query("UPDATE qa_photo_reviews SET step_01_house_photo = true, comment = 'seen'")
    there.query("CREATE TABLE public.others (id int)")
    there.query("CREATE FUNCTION public.other(public.others) RETURNS int LANGUAGE sql AS 'SELECT 1'")
    file = tmp_path / "backup.dump"
    written = there.answer("db", "dump", str(file))
    assert written == {"path": str(file), "bytes": file.stat().st_size}
    assert file.stat().st_mode & 0o777 == 0o600
    here = Office(tmp_path / "here", empty_dsn, store)
    restored = here.answer("db", "restore", str(file))
    assert restored == {"path": str(file), "replaced": False, "review_table": "restored", "applied": []}
    assert here.everything() == there.everything()
    reviews = "SELECT drop_number, project, comment, step_01_house_photo FROM qa_photo_reviews ORDER BY 1"
    assert here.query(reviews) == there.query(reviews)
    assert here.query("SELECT to_regclass('public.others')") == [None]
    assert here.scan().recorded.counts.total() == 0
    assert here.verify().clean
    edit_store(store)  # the restored schema is one that can be written to
    here.sweep()
    here.scan()
    assert here.verify().clean


@pytest.fixture
def dumped(office: Office, tmp_path: Path) -> Path:
    """What a scanned office held once; its database has gone on since."""
    office.scan()
    file = tmp_path / "backup.dump"
    office.answer("db", "dump", str(file))
    edit_store(office.store)
    office.scan()
    return file


def test_rows_are_replaced_only_when_asked_and_the_review_is_never(office: Office, dumped: Path) -> None:
    gone_on = office.everything()
    office.query("UPDATE qa_photo_reviews SET comment = 'the work of an afternoon'")
    refused = office.run("db", "restore", str(dumped))
    assert refused.returncode == 2
    assert "--force" in refused.stderr
    assert office.everything() == gone_on
    answer = office.answer("db", "restore", str(dumped), "--force")
    assert (answer["replaced"], answer["review_table"]) == (True, "kept")
    assert ("Mohadin", "DR1760001") in office.drops()
    assert set(office.query("SELECT comment FROM qa_photo_reviews")) == {"the work of an afternoon"}
    office.sweep()
    office.scan()
    assert office.drops() == {(project, number) for project, number, *_ in gone_on["drops"]}


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_damaged_backup_leaves_the_rows_as_they_were(office: Office, dumped: Path, share: float) -> None:
    gone_on = office.everything()
    with dumped.open("r+b") as file:
        file.truncate(int(share * dumped.stat().st_size))
    done = office.run("db", "restore", str(dumped), "--force")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    assert office.everything() == gone_on
    assert office.verify().clean


def test_views_that_others_built_are_not_dropped(office: Office, dumped: Path) -> None:
    office.query("CREATE VIEW public.dashboard AS SELECT * FROM wamon.drops")
    done = office.run("db", "restore", str(dumped), "--force")
    assert done.returncode == 2
    assert "dashboard" in done.stderr
    assert office.query("SELECT count(*) FROM public.dashboard") == [len(office.drops())]


def test_a_newer_wamons_backup_is_refused(office: Office, tmp_path: Path) -> None:
    office.scan()
    office.query("INSERT INTO wamon.migrations VALUES (99, 'later', 99)")
    file = tmp_path / "newer.dump"
    office.answer("db", "dump", str(file))
    office.query("DELETE FROM wamon.migrations WHERE version = 99")
    done = office.run("db", "restore", str(file), "--force")
    assert done.returncode == 69
    assert "newer wamon" in done.stderr
    assert office.query("SELECT max(version) FROM wamon.migrations") == [migrations()[-1].version]


def test_a_dump_that_fails_leaves_the_older_file(office: Office, tmp_path: Path) -> None:
    file = tmp_path / "folder" / "backup.dump"
    file.parent.mkdir()
    file.write_text("yesterday's")
    office.query("DROP SCHEMA wamon CASCADE")
    assert office.run("db", "dump", str(file)).returncode == 1
    assert [path.read_text() for path in file.parent.iterdir()] == ["yesterday's"]
    assert office.run("db", "dump", str(tmp_path / "nowhere" / "x")).returncode == 2
    assert office.run("db", "restore", str(tmp_path / "nowhere")).returncode == 2


def test_a_dump_may_go_to_a_program(office: Office) -> None:
    office.scan()
    done = office.run("db", "dump", "-", "--json")
    assert done.returncode == 2
    with office.config_path.with_name("out").open("wb") as out:
        words = [*program(), "--config", str(office.config_path), "db", "dump", "-"]
        subprocess.run(words, stdout=out, check=True)
    assert office.config_path.with_name("out").read_bytes().startswith(b"PGDMP")


def test_no_command_line_carries_a_password() -> None:
    conninfo, environ = backup._without_password(
        "postgresql://ann:s%3Acret@db:5433/wamon?sslmode=require&sslpassword=k"
    )
    assert conninfo_to_dict(conninfo) == {
        "user": "ann",
        "host": "db",
        "port": "5433",
        "dbname": "wamon",
        "sslmode": "require",
    }
    assert environ["PGPASSWORD"] == "s:cret"


def test_a_restore_reopens_no_review_that_people_finished(tmp_path: Path, open_office: Callable[..., Office]) -> None:
    now = CLOCK.now()
    with VeryGoodPlugins(tmp_path / "messages.db", durable=False) as bridge:
        bridge.chat(LAWLEY, "Lawley")
        bridge.post(LAWLEY, "DR1752028", at=now - timedelta(hours=30))
        office = open_office(bridge.path)
        office.scan()
        office.answer("db", "dump", str(tmp_path / "wamon.dump"))
        bridge.post(LAWLEY, "DR1752028 redone", at=now - timedelta(hours=5))
        office.scan()
        office.query("UPDATE qa_photo_reviews SET resubmitted = false, completed = true, feedback_sent = now()")
        finished = office.query("SELECT * FROM qa_photo_reviews")
        bridge.post(LAWLEY, "DR1752029", at=now - timedelta(hours=1))
        office.answer("db", "restore", str(tmp_path / "wamon.dump"), "--force")
        office.scan()
        assert office.query("SELECT * FROM qa_photo_reviews WHERE drop_number = 'DR1752028'") == finished
        bridge.post(LAWLEY, "DR1752028 once more", at=now)
        office.scan()
        assert office.query("SELECT resubmitted FROM qa_photo_reviews WHERE drop_number = 'DR1752028'") == [True]
        assert office.verify().clean


def test_an_edit_that_the_backup_does_not_know_is_found_by_the_first_scan_after_its_restore(
    tmp_path: Path, open_office: Callable[..., Office]
) -> None:
    """However far it lies before the position: that scan sweeps."""
    now = CLOCK.now()
    with VeryGoodPlugins(tmp_path / "messages.db", durable=False) as bridge:
        bridge.chat(LAWLEY, "Lawley")
        old, *_ = [bridge.post(LAWLEY, f"DR175202{n}", at=now - timedelta(hours=30 - n)) for n in range(5)]
        office = open_office(bridge.path, Sizes(overlap_rows=2))
        office.scan()
        office.answer("db", "dump", str(tmp_path / "wamon.dump"))
        bridge.edit(old, "DR1752029")
        office.answer("db", "restore", str(tmp_path / "wamon.dump"), "--force")
        office.scan()
        assert ("Lawley", "DR1752029") in office.drops()
        assert office.verify().clean


def test_a_server_that_is_served_outlives_the_commands_that_use_it(
    wamon: Run, tmp_path: Path, embedded_in: Callable[..., Path]
) -> None:
    state = embedded_in(tmp_path / "state")
    config, log = tmp_path / "wamon.yaml", tmp_path / "serve.log"
    config.write_text(yaml.safe_dump({"state": {"dir": str(state)}}))
    with log.open("wb") as stderr:
        serving = Forked(["--config", str(config), "db", "serve"], env=environment(), clock=CLOCK, stderr=stderr)
    try:
        eventually("it serves", lambda: "runs." in log.read_text(), said=log.read_text)
        assert wamon("--config", str(config), "db", "migrate").returncode == 0
        assert wamon("--config", str(config), "db", "stop").returncode == 75
        serving.send_signal(signal.SIGTERM)
        assert serving.wait(timeout=30) == 0, log.read_text()
        assert wamon("--config", str(config), "db", "stop").stdout.startswith("No embedded PostgreSQL runs")
    finally:
        serving.kill()
        serving.wait()


def test_a_server_of_somebody_elses_is_not_served(office: Office) -> None:
    assert office.run("db", "serve").returncode == 78
