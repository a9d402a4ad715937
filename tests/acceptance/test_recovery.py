"""docs/recovery.md by doing: each section is a drill that a test follows, with the commands that stand there."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tests.support.bridges import LAWLEY, MAMELODI, MOHADIN, PROJECTS, VELO_TEST
from tests.support.clock import first_morning
from tests.support.clusters import PROGRAMS, dsn_of_both, streaming_pair
from tests.support.drill import Drill
from tests.support.environment import ROOT_HOME
from tests.support.office import eventually
from tests.support.pages import sections
from tests.support.truth import Field
from wamon.postgres.backup import Table, dump
from wamon.postgres.embedded.home import locate
from wamon.postgres.migrations import migrations

PAGE = (Path(__file__).parents[2] / "docs/recovery.md").read_text("utf-8")
SECTIONS = sections(PAGE)
BACKUP = "/mnt/backup/wamon.dump"

NewDatabase = Callable[..., str]


def name_of_test(heading: str) -> str:
    return "test_" + "_".join(re.findall(r"\w+", heading.lower()))


@pytest.fixture
def drill(tmp_path: Path, dsn: str, request: pytest.FixtureRequest) -> Iterator[Drill]:
    """The drill of the section that the test is named for. A test of just that name follows all of its blocks."""
    name = request.node.originalname
    heading = max((h for h in SECTIONS if name.startswith(name_of_test(h))), key=len)
    drill = Drill(tmp_path, SECTIONS, heading, dsn)
    field = drill.field
    field.post(LAWLEY, "DR1752028 done", message_id="FIRST")
    field.post(LAWLEY, "DR1752034, DR1752040", message_id="TWO")
    field.post(LAWLEY, "Good morning team")
    field.post(LAWLEY, "DR12345, at last")
    field.post(LAWLEY, "dr 1752028 again")
    for jid, number in ((MOHADIN, "DR1760001"), (VELO_TEST, "DR1770001"), (MAMELODI, "DR1780001")):
        field.post(jid, number)
    yield drill
    if drill.daemon:
        drill.daemon.kill()
    field.close()
    if name == name_of_test(heading):
        assert drill.followed == set(range(len(drill.blocks)))


@pytest.fixture
def new_database(dsn: str) -> Iterator[NewDatabase]:
    """Make a new database on the same server: empty, or as a copy of another."""
    made: list[str] = []

    def make(template: str = "template0") -> str:
        made.append(f"t{uuid4().hex}")
        with psycopg.connect(dsn, dbname="postgres", autocommit=True) as db:
            # A copy is made only of what nobody is connected to, and the suite keeps a connection.
            db.execute("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = %s", (template,))
            db.execute(f"CREATE DATABASE {made[-1]} TEMPLATE {template}".encode())
        return make_conninfo(dsn, dbname=made[-1])

    yield make
    with psycopg.connect(dsn, dbname="postgres", autocommit=True) as db:
        for name in made:
            db.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def test_every_section_is_followed() -> None:
    assert [heading for heading in SECTIONS if name_of_test(heading) not in globals()] == []


def test_every_command_of_the_page_stands_in_a_block_that_is_followed() -> None:
    assert set(re.findall(r"^```(\w+)$", PAGE, re.MULTILINE)) == {"console"}


def test_the_page_is_short_enough_to_be_read_in_need() -> None:
    assert len(PAGE.splitlines()) < 250


def test_there_is_a_backup(drill: Drill) -> None:
    drill.office.scan()
    drill.follow()
    assert drill.path(BACKUP).stat().st_mode & 0o777 == 0o600


def test_the_state_file_is_lost(drill: Drill) -> None:
    office = drill.office
    office.scan()
    old = office.state_path.read_text("utf-8")
    drill.field.post(LAWLEY, "DR1752011")
    office.scan()
    was = json.loads(office.state_path.read_text("utf-8"))["groups"]
    office.state_path.unlink()
    scanned, *_ = drill.follow()
    assert "\n0 messages read" in scanned
    assert json.loads(office.state_path.read_text("utf-8"))["groups"] == was
    for damaged in ("{", old):
        office.state_path.write_text(damaged, "utf-8")
        assert office.scan().read.total() == 0
        assert json.loads(office.state_path.read_text("utf-8"))["groups"] == was
    assert [path.read_text("utf-8") for path in drill.state.glob("state.json.bad-*")] == ["{"]
    assert drill.all_is_right()


@pytest.fixture
def gone_on(drill: Drill) -> Drill:
    """A drill with a backup in which a drop was reviewed; since then, what was said was edited and more was posted."""
    drill.office.scan()
    drill.work()
    with drill.path(BACKUP).open("wb") as file:
        dump(drill.office.dsn, Table.named("qa_photo_reviews"), file)
    drill.field.edit("TWO", "DR1752034")
    drill.field.post(LAWLEY, "DR1752011")
    drill.field.post(MOHADIN, "DR1760001 is new for us", message_id="AGAIN")
    drill.field.post(VELO_TEST, "DR1752039")
    drill.office.scan()
    return drill


def test_postgresql_goes_back_to_a_backup(gone_on: Drill) -> None:
    office = gone_on.office
    office.query("UPDATE qa_photo_reviews SET comment = 'the work of a day'")
    office.query("DELETE FROM wamon.ledger WHERE message_id = 'FIRST'")
    office.query("DELETE FROM wamon.submissions WHERE message_id = 'FIRST'")
    assert not office.verify().clean
    gone_on.systemctl("start")
    gone_on.follow()
    assert gone_on.all_is_right()
    assert {comment.split("\n")[0] for _, _, _, comment in gone_on.reviews()} == {"the work of a day"}
    gone_on.field.post(LAWLEY, "DR1799999")
    gone_on.wait_for("DR1799999")


def test_postgresql_goes_back_to_a_backup_by_its_own_tools(drill: Drill, new_database: NewDatabase) -> None:
    drill.office.scan()
    drill.work()
    snapshot = new_database(str(psycopg.conninfo.conninfo_to_dict(drill.office.dsn)["dbname"]))
    drill.field.edit("TWO", "DR1752034")
    drill.field.post(LAWLEY, "DR1752011")
    drill.office.scan()
    drill.works_on(snapshot)
    drill.follow(without="restore")
    assert drill.all_is_right()


def test_postgresql_is_lost_and_there_is_a_backup(gone_on: Drill, new_database: NewDatabase) -> None:
    gone_on.works_on(new_database())
    gone_on.follow()
    assert gone_on.all_is_right()
    assert ("DR1752028", "Lawley", True, "seen") in gone_on.reviews()
    gone_on.systemctl("stop")
    gone_on.works_on(new_database())
    gone_on.office.scan()  # before the restore
    assert "holds rows already" in gone_on.sh(gone_on.there(f"wamon db restore {BACKUP}"), 2)
    assert ("DR1752028", "Lawley", True, "seen") not in gone_on.reviews()
    gone_on.follow(1)
    gone_on.office.scan()
    assert gone_on.all_is_right()
    assert ("DR1752028", "Lawley", True, "seen") in gone_on.reviews()


def test_postgresql_is_lost_and_there_is_no_backup(drill: Drill, new_database: NewDatabase) -> None:
    office = drill.office
    office.set(scan={"start": "now"})
    office.scan()
    drill.field.post(LAWLEY, "DR1752011")
    office.scan()
    was = office.everything()
    assert office.drops() == {("Lawley", "DR1752011")}
    drill.works_on(new_database())
    drill.follow()
    assert office.everything() == was
    drill.works_on(new_database())
    office.state_path.unlink()
    drill.follow(1)
    drill.follow()
    assert drill.all_is_right()


@pytest.mark.skipif(PROGRAMS is None, reason="Debian's PostgreSQL isn't installed here")
@pytest.mark.fault("F98")
def test_the_primary_is_lost_and_a_standby_takes_over(drill: Drill) -> None:
    with streaming_pair() as (primary, standby):
        drill.works_on(dsn_of_both(primary, standby))
        drill.office.scan()
        drill.work()
        drill.systemctl("start")
        standby.catch_up_with(primary)
        standby.fall_behind()
        drill.field.post(LAWLEY, "DR1752011")
        drill.wait_for("DR1752011")
        primary.stop()
        services = drill.root / "services"
        services.write_text(f"[standby]\nhost=127.0.0.1\nport={standby.port}\nuser=wamon\ndbname=postgres\n")
        drill.environ["PGSERVICEFILE"] = str(services)
        drill.follow()
        assert drill.all_is_right()
        assert ("DR1752028", "Lawley", True, "seen") in drill.reviews()
        drill.systemctl("stop")


def test_the_embedded_postgresql_is_lost(embedded_in: Callable[..., Path], drill: Drill) -> None:
    office = drill.office
    home = locate(embedded_in(drill.state), ROOT_HOME)
    office.set(database={"url": ""})
    drill.systemctl("start")
    eventually("a dump", lambda: list(drill.state.glob("dumps/*.dump")))
    office.dsn = make_conninfo("", host=str(home.socket), port=5432, user="wamon", dbname="wamon")
    drill.field.post(LAWLEY, "DR1752011")
    drill.wait_for("DR1752011")
    drill.systemctl("stop")
    (home.data / "global/pg_control").write_bytes(b"")
    assert f"The embedded PostgreSQL in {home.data} doesn't start" in drill.sh("wamon scan", 69)
    drill.follow()
    assert office.submissions() == drill.field.truth.submissions()
    assert office.kinds() == drill.field.truth.kinds()
    drill.systemctl("stop")


def paired_anew(drill: Drill, folder: str, *, knows: int) -> None:
    """The bridge writes a new file there, with its newest messages of old, one of long ago, and one that is new."""
    old = drill.field
    old.close()
    drill.path(folder).mkdir(parents=True, exist_ok=True)
    (drill.path(folder) / "messages.db").unlink(missing_ok=True)
    drill.field = Field(drill.store(folder))
    drill.field.truth = old.truth
    drill.field.bridge.now = old.bridge.now
    if knows:
        drill.field.post(LAWLEY, f"DR150000{knows}", at=first_morning() - timedelta(days=400))
        for sent in list(old.bridge.sent.values())[-knows:]:
            drill.field.post(sent.chat, sent.text, message_id=sent.message_id, at=sent.at)
    drill.field.post(LAWLEY, f"DR180000{knows}")


def test_the_bridge_is_paired_again(drill: Drill) -> None:
    drill.office.scan()
    drill.systemctl("start")
    paired_anew(drill, "/opt/whatsapp-bridge/store", knows=4)
    drill.wait_for("DR1800004")
    groups, *_ = drill.follow()
    assert all(project in groups for project in PROJECTS.values())
    assert drill.all_is_right()
    paired_anew(drill, "/opt/new-bridge/store", knows=0)
    drill.follow(1)
    drill.wait_for("DR1800000")
    assert drill.office.submissions() == drill.field.truth.submissions()
    assert drill.office.kinds() == drill.field.truth.kinds()
    assert drill.office.verify().clean
    assert drill.office.query("SELECT DISTINCT source FROM wamon.submissions") == ["main"]


def test_the_bridge_s_file_comes_from_a_backup(drill: Drill) -> None:
    field = drill.field
    older = field.path.read_bytes()
    lost = [field.post(LAWLEY, "DR1752011"), field.post(MOHADIN, "DR1760002")]
    drill.office.scan()
    stood = [field.bridge.rowid(message_id) for message_id in lost]
    drill.systemctl("start")
    field.bridge.close()
    field.path.write_bytes(older)
    field.bridge.reopen()
    for jid, message_id in zip((LAWLEY, MOHADIN), lost, strict=True):
        field.truth.vanished(jid, message_id)
    new = [field.post(MAMELODI, "DR1780002"), field.post(VELO_TEST, "DR1770002")]
    assert [field.bridge.rowid(message_id) for message_id in new] == stood
    drill.wait_for("DR1770002")
    drill.follow()
    assert drill.all_is_right()


def test_wamon_moves_to_another_host(drill: Drill, new_database: NewDatabase) -> None:
    drill.office.scan()
    drill.work()
    drill.environ["WAMON_DATABASE_URL"] = drill.office.dsn
    drill.office.set(database={"url": "${WAMON_DATABASE_URL:-}"})
    drill.follow()
    was = drill.office.everything(), drill.reviews()
    shutil.copytree(drill.path("/opt/whatsapp-bridge/store"), drill.path("/opt/bridge"))
    drill.office.dsn = drill.environ["WAMON_DATABASE_URL"] = new_database()
    drill.follow(1)
    assert (drill.office.everything(), drill.reviews()) == was
    state = json.loads(drill.path("/opt/wamon/state/state.json").read_text())
    assert state["instance_id"] == drill.office.query("SELECT instance_id::text FROM wamon.instance")[0]
    assert drill.office.submissions() == drill.field.truth.submissions()


def test_a_group_is_read_again(drill: Drill) -> None:
    office = drill.office
    office.scan()
    was = office.everything()["submissions"]
    office.query("DELETE FROM wamon.ledger WHERE message_id = 'FIRST'")
    office.set(drops={"pattern": "DR[0-9]{5,8}"})
    drill.follow(1)
    drill.follow()
    assert office.drops() == {*drill.field.truth.drops(), ("Lawley", "DR12345")}
    assert [row for row in office.everything()["submissions"] if row[2] != "DR12345"] == was
    assert office.verify().clean


def test_the_previous_version_comes_back(gone_on: Drill) -> None:
    office = gone_on.office
    later = migrations()[-1].version + 1
    office.query("INSERT INTO wamon.migrations VALUES (%s, 'later', 1)", later)
    office.scan()
    office.query("INSERT INTO wamon.migrations VALUES (99, 'later still', 99)")
    was = office.everything()
    gone_on.follow(ends=69)
    assert office.everything() == was
    gone_on.follow(of="PostgreSQL goes back to a backup")
    assert office.query("SELECT max(version) FROM wamon.migrations") == [migrations()[-1].version]
    assert gone_on.all_is_right()
