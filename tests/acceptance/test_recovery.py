"""docs/recovery.md by doing: each section is a drill that a test follows, with the commands that stand there."""

from __future__ import annotations

import json
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tests.acceptance.conftest import ROOT_HOME, environment
from tests.support.bridges import LAWLEY, MAMELODI, MOHADIN, PROJECTS, VELO_TEST, VeryGoodPlugins
from tests.support.office import Office, eventually
from tests.support.truth import Field
from wamon.postgres import embedded
from wamon.postgres.backup import Table, dump
from wamon.postgres.embedded_home import locate
from wamon.postgres.migrations import migrations

PAGE = (Path(__file__).parents[2] / "docs/recovery.md").read_text("utf-8")
BACKUP = "/mnt/backup/wamon.dump"

NewDatabase = Callable[..., str]


class Step(NamedTuple):
    """A command of the page, and what the page says that it prints."""

    command: str
    said: str


def sections() -> dict[str, list[list[Step]]]:
    """The steps of each block of commands, by heading."""
    found = re.findall(r"^## ([^\n]*)\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE)
    return {heading: [steps(block) for block in blocks(text)] for heading, text in found}


def blocks(text: str) -> list[str]:
    return re.findall(r"^```console\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def steps(block: str) -> list[Step]:
    return [Step(*found) for found in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE)]


def name_of_test(heading: str) -> str:
    return "test_" + "_".join(re.findall(r"\w+", heading.lower()))


def pattern(said: str) -> str:
    """What a command prints in essence: any numbers for the page's, any lines for its `…`."""
    text = re.sub(r"(?:\\[ \n])+", r"\\s+", re.escape(said.strip()))
    return re.sub(r"\d(?:[\d,]|\\\.(?=\d))*", r"[\\d,.]+", text).replace("…", ".*")


class Daemon:
    """What `systemctl` of the page starts and stops."""

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        name = f"\0wamon {uuid4().hex}"
        self._log = (folder / "run.log").open("ab")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
            listener.bind(name)
            listener.settimeout(60)
            self._process = subprocess.Popen(
                ["wamon", "run"],
                cwd=folder,
                env={**environ, "NOTIFY_SOCKET": "@" + name[1:]},
                stdin=subprocess.DEVNULL,
                stderr=self._log,
            )
            try:
                while listener.recv(1000) != b"READY=1":
                    pass
            except BaseException:
                self.kill()
                raise

    def reload(self) -> None:
        self._process.send_signal(signal.SIGHUP)

    def stop(self) -> None:
        self._process.terminate()
        assert self._process.wait(timeout=60) == 0
        self._log.close()

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        self._log.close()


class Drill:
    """A host laid out as the page says, below a folder of its own; and the page's section that is followed there."""

    def __init__(self, root: Path, blocks: list[list[Step]], dsn: str) -> None:
        self.root = root
        self.blocks = blocks
        self.followed: set[int] = set()
        self.folder = self.path("/srv/wamon")
        self.cwd = self.folder
        self.state = self.folder / "state"
        for folder in ("/srv/wamon", "/mnt/backup", "/opt/whatsapp-bridge/store"):
            self.path(folder).mkdir(parents=True)
        self.environ = environment(
            HOME=str(root), PATH=f"{sys.prefix}/bin:{embedded.binary('psql').parent}:/usr/bin:/bin", LANG="C.UTF-8"
        )
        self.field = Field(self.store("/opt/whatsapp-bridge/store"))
        self.office = Office(self.folder / "config", dsn, self.field.path, state={"dir": "../state"})
        self.office.state_path = self.state / "state.json"
        self.daemon: Daemon | None = None

    def path(self, path: str) -> Path:
        """Where something of the page lies here."""
        return self.root / path.lstrip("/")

    def store(self, folder: str) -> VeryGoodPlugins:
        self.path(folder).mkdir(parents=True, exist_ok=True)
        return VeryGoodPlugins(self.path(folder) / "messages.db", seed=len(self.blocks), durable=False)

    def there(self, text: str) -> str:
        """The page's words with this host's paths."""
        dumps = sorted(self.state.glob("dumps/*.dump"))
        if dumps:
            text = re.sub(r"wamon-\d{4}-\d\d-\d\d\.dump", dumps[-1].name, text)
        text = text.replace("/srv/wamon/state/postgres", str(locate(self.state, ROOT_HOME).data))
        return re.sub(r"(?<![\w.])/(srv|opt|mnt)/(?=\w)", rf"{self.root}/\1/", text)

    def follow(self, number: int = 0, *, ends: int = 0, of: str = "", without: str = "\n") -> list[str]:
        """Run a block as it stands, to a last command that `ends` so; what each command prints.

        `of` names another section, where the page does. `without` leaves out the command with that word.
        """
        block = sections()[of][number] if of else self.blocks[number]
        if not of:
            self.followed.add(number)
        return [self.do(step, ends if step is block[-1] else 0) for step in block if without not in step.command]

    def do(self, step: Step, ends: int) -> str:
        line = self.there(step.command)
        words = line.split()
        if words[0] == "cd":
            self.cwd = Path(words[1])
            return ""
        if words[0] == "systemctl":
            self.systemctl(words[1])
            return ""
        printed = self.sh(line, ends)
        expected = pattern(self.there(step.said))
        assert re.fullmatch(expected, printed.strip(), re.DOTALL), f"{line}\n{printed}\n{expected}"
        return printed

    def sh(self, line: str, ends: int = 0) -> str:
        """Run a line; what it prints, or says where it ends with an error."""
        done = subprocess.run(
            ["sh", "-c", line],
            check=False,
            capture_output=True,
            text=True,
            timeout=100,
            cwd=self.cwd,
            env=self.environ,
            stdin=subprocess.DEVNULL,
        )
        assert done.returncode == ends, f"{line}\n{done.stdout}{done.stderr}"
        return done.stderr if ends else done.stdout

    def systemctl(self, verb: str) -> None:
        if verb == "start":
            self.daemon = Daemon(self.folder, self.environ)
        elif self.daemon and verb == "reload":
            self.daemon.reload()
        elif self.daemon:
            self.daemon.stop()
            self.daemon = None

    def works_on(self, dsn: str) -> None:
        """From now on `database.url` names this database."""
        self.office.dsn = dsn
        self.office.set(database={"url": dsn})

    def work(self) -> None:
        """The office looks through its rows."""
        self.office.query("UPDATE qa_photo_reviews SET completed = true, comment = 'seen', feedback_sent = now()")

    def reviews(self) -> list[tuple[str, str, bool, str]]:
        return self.office.query("SELECT drop_number, project, completed, comment FROM qa_photo_reviews ORDER BY 1, 2")

    def wait_for(self, number: str) -> None:
        """Until the daemon has recorded this drop."""
        eventually(number, lambda: number in {drop for _, drop in self.office.drops()})

    def all_is_right(self) -> bool:
        """Exactly what was posted is recorded, each once, and has a row for the office."""
        assert self.office.submissions() == self.field.truth.submissions()
        assert self.office.kinds() == self.field.truth.kinds()
        assert self.office.drops() == self.field.truth.drops()
        rows = [(project, number) for number, project, *_ in self.reviews()]
        assert self.office.drops() <= set(rows)
        assert len(rows) == len(set(rows))
        return self.office.verify().clean


@pytest.fixture
def drill(tmp_path: Path, dsn: str, request: pytest.FixtureRequest) -> Iterator[Drill]:
    """The drill of the section that the test is named for. A test of just that name follows all of its blocks."""
    name = request.node.originalname
    heading = max((h for h in sections() if name.startswith(name_of_test(h))), key=len)
    drill = Drill(tmp_path, sections()[heading], dsn)
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
            db.execute(f"CREATE DATABASE {made[-1]} TEMPLATE {template}".encode())
        return make_conninfo(dsn, dbname=made[-1])

    yield make
    with psycopg.connect(dsn, dbname="postgres", autocommit=True) as db:
        for name in made:
            db.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def test_every_section_is_followed() -> None:
    assert [heading for heading in sections() if name_of_test(heading) not in globals()] == []


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


def test_the_embedded_postgresql_is_lost(embedded_in: Callable[[Path], Path], drill: Drill) -> None:
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
        drill.field.post(LAWLEY, f"DR150000{knows}", at=old.bridge.sent[old.bridge.key("FIRST")].at.replace(year=2025))
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
