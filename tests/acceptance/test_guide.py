"""docs/guide.md by doing: every command in it runs as it stands there, from the first line to the last."""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from tests.support.bridges import LAWLEY, MOHADIN, VELO_TEST, VeryGoodPlugins
from tests.support.clock import HOST
from tests.support.drill import Daemon, Drill
from tests.support.machine import Machine
from tests.support.office import eventually
from tests.support.pages import Step, beside, blocks, pattern, steps
from tests.support.people import write_people
from tests.support.receivers import Hooks, hooks

PAGE = (Path(__file__).parents[2] / "docs/guide.md").read_text("utf-8")
DATABASE = "postgresql://wamon:secret@db.example.com/wamon"
HOOK = "https://hooks.example.com/wamon"
AT_ONCE = "{silence: {hold: 0s}}"
HALF_HOURS = (7 * 7 * 24 - 5) * 2
SIPHO, THANDI = "27820000001", "27820000002"
FAMILY = "120363000000000009@g.us"
LISTED = ("DR1752011", "DR1752028", "DR1752034", "DR1752040")


def zone_of_noon(now: datetime) -> str:
    """Where two hours ago is today, whenever the tests run."""
    east = (12 - now.hour + 12) % 24 - 12
    return f"Etc/GMT{-east:+d}"


class Guide(Drill):
    """The page, read from its beginning: on a host with systemd, a database of its own and a webhook."""

    def __init__(self, root: Path, dsn: str, hook: Hooks) -> None:
        self.now = HOST.now().replace(microsecond=0)
        super().__init__(root, {"": [steps(block) for block in blocks(PAGE)]}, "", dsn)
        self.office.config_path.unlink()  # `wamon init` writes it
        self.hook = hook
        self.machine = Machine(root, self.office, self.path("/var/lib/wamon"))
        path = f"{root}/bin:{self.environ['PATH']}"
        self.environ |= {"SYSTEMCTL_ROOT": str(root), "PATH": path, "COLUMNS": "80", "TZ": zone_of_noon(self.now)}
        self.field.bridge.zone = ZoneInfo(self.environ["TZ"])  # `init` proposes the zone of the store's times
        self.place = 0

    def store(self, folder: str) -> VeryGoodPlugins:
        """Its bridge runs on this host, so `wamon init` proposes this host's zone."""
        bridge = super().store(folder)
        bridge.zone = ZoneInfo(zone_of_noon(self.now))
        return bridge

    def ago(self, **span: int) -> datetime:
        return self.now - timedelta(**span)

    def go_on(self, *, ends: int = 0) -> list[str]:
        """The page's next block."""
        self.place += 1
        return self.follow(self.place - 1, ends=ends)

    def there(self, text: str) -> str:
        text = super().there(text).replace("/var/lib/wamon", str(self.machine.state_dir))
        text = text.replace("Africa/Johannesburg", self.environ["TZ"])
        channel = f'{{url: "{self.hook.url}", allow_private: true}}'
        text = text.replace(f'{{webhook: {{url: "{HOOK}"}}}}', f"{{webhook: {channel}}}, rules: {AT_ONCE}")
        return re.sub(r"^(wamon (?:service|restart|hygiene).*)$", rf"\1 --root {self.root}", text)

    def do(self, step: Step, ends: int) -> str:
        name, _, value = step.command.removeprefix("export ").partition("=")
        if step.command.startswith("export "):
            self.environ[name] = value.replace(DATABASE, self.office.dsn)
            return ""
        if step.command == "wamon run":
            return self.watched(step)
        printed = super().do(step, ends)
        if step.command == "wamon service install":
            self.machine.drop_in()
            self.systemctl("start")  # as it does by itself where the account is there
        return printed

    def watched(self, step: Step) -> str:
        """wamon runs in the terminal, until a drop that is posted meanwhile is recorded."""
        daemon = Daemon(self.folder, self.environ)
        try:
            self.field.post(LAWLEY, "DR1752011", at=self.ago(hours=1), sender=SIPHO)
            self.wait_for("DR1752011")
            daemon.stop()
        finally:
            daemon.kill()
        printed = (self.folder / "run.log").read_text()
        assert re.fullmatch(pattern(step.said), printed.strip(), re.DOTALL), printed
        return printed

    def systemctl(self, verb: str) -> None:
        self.machine.systemctl(verb, "wamon.service")

    def post(self, jid: str, text: str, sender: str = SIPHO, message_id: str | None = None) -> None:
        """Somebody posts it now."""
        self.field.post(jid, text, at=HOST.now(), sender=sender, message_id=message_id)

    def told(self) -> None:
        """Wait until the alert is sent that the page quotes."""
        expected = re.compile(pattern("\n".join(re.findall(r"^> (.*)", PAGE, re.MULTILINE))))

        def texts() -> list[str]:
            return [posted["text"] for posted in self.hook.posted]

        seconds = 90  # a look a minute
        eventually(
            "alert", lambda: any(map(expected.search, texts())), said=lambda: "\n".join(texts()), seconds=seconds
        )


@pytest.fixture
def guide(dsn: str) -> Iterator[Guide]:
    root = Path(tempfile.mkdtemp(prefix="wamon-guide-"))  # a socket's path must be short
    with hooks() as hook:
        guide = Guide(root, dsn, hook)
        names = {f"{SIPHO}@s.whatsapp.net": "Sipho Dlamini", f"{THANDI}@s.whatsapp.net": "Thandi Nkosi"}
        write_people(guide.field.path.parent, names=names)
        guide.field.chat(FAMILY, "Family")
        guide.field.bridge.now = guide.ago(days=1)
        guide.field.post(LAWLEY, "DR1752028 done", at=guide.ago(days=1), sender=SIPHO, message_id="FIRST")
        guide.field.post(LAWLEY, "DR1752034, DR1752040", at=guide.ago(days=1), sender=SIPHO)
        guide.field.post(LAWLEY, "Good morning team", at=guide.ago(hours=2))
        guide.field.post(MOHADIN, "DR1760001 is ready", at=guide.ago(hours=2), sender=THANDI)
        guide.field.post(FAMILY, "See you on Sunday", at=guide.ago(hours=2))
        (guide.folder / "lawley.csv").write_text("Drop,Address\n" + "".join(f"{n},1 Main Road\n" for n in LISTED))
        yield guide
        guide.machine.clear()
        guide.field.close()
    shutil.rmtree(root)


def test_every_block_of_the_page_is_followed() -> None:
    assert re.findall(r"^```.*$", PAGE, re.MULTILINE) == ["```console", "```"] * len(blocks(PAGE))


@pytest.mark.timeout(300)
def test_the_guide_holds_from_the_first_line_to_the_last(guide: Guide) -> None:
    first_day(guide)
    normal_week(guide)
    bad_night(guide)
    assert guide.place == len(guide.blocks)
    for line in beside(PAGE):
        guide.sh(line)


def first_day(guide: Guide) -> None:
    for _ in ("the store", "the config", "the first scan", "let it run", "alerts", "a list"):
        guide.go_on()
    assert [posted["kind"] for posted in guide.hook.posted] == ["test"]
    for number in ("DR1770001", "DR1770002"):
        guide.field.post(VELO_TEST, number, at=guide.ago(hours=2), sender=THANDI)
    guide.go_on()  # their group joins


def normal_week(guide: Guide) -> None:
    guide.post(LAWLEY, "dr 1752028, photos again", THANDI)
    guide.post(LAWLEY, "DR1752777 done")
    guide.post(LAWLEY, "RD1752040 done", message_id="SLIP")
    guide.post(VELO_TEST, "DR1770003")
    guide.wait_for("DR1770003")
    eventually("what came before it", lambda: (LAWLEY, "SLIP") in guide.office.ledger())
    for _ in ("today", "again", "one drop", "the office", "how wamon is"):
        guide.go_on()


def bad_night(guide: Guide) -> None:
    talk_until_hours_ago(guide)
    guide.go_on()
    refuse_a_message(guide)
    go_away(guide)
    guide.office.query("DELETE FROM wamon.ledger WHERE message_id = 'FIRST'")
    guide.go_on(ends=1)
    guide.go_on()
    plan_the_restart_earlier(guide, guide.ago(days=3))
    miss_a_restart(guide.machine.state_dir / "restarts.jsonl", guide.ago(days=2))
    guide.go_on()
    guide.told()


def plan_the_restart_earlier(guide: Guide, at: datetime) -> None:
    """A night before it was planned would be none that was missed."""
    for path in guide.root.rglob("wamon-restart.timer"):
        os.utime(path, (at.timestamp(), at.timestamp()), follow_symlinks=False)


def talk_until_hours_ago(guide: Guide) -> None:
    """A history sync brings what Mohadin said each half hour of seven weeks."""
    at = guide.ago(weeks=7)
    with guide.field.batch():
        while at < guide.ago(hours=5):
            guide.field.post(MOHADIN, "Good morning team", at=at)
            at += timedelta(minutes=30)
    eventually("Mohadin is read", lambda: len(guide.office.ledger()) > HALF_HOURS)


def refuse_a_message(guide: Guide) -> None:
    with guide.office.refusing("DR66%"):
        guide.post(VELO_TEST, "DR6600001", THANDI, message_id="3EB0C767D0D1A2B3C4D5")
        letters = "SELECT count(*) FROM wamon.dead_letters"
        eventually("a dead letter", lambda: guide.office.query(letters) == [1])
        guide.go_on()
    guide.go_on()
    guide.wait_for("DR6600001")


def go_away(guide: Guide) -> None:
    with away(guide.office.dsn):
        guide.post(VELO_TEST, "DR1770004")
        guide.go_on()
    guide.wait_for("DR1770004")
    guide.go_on()


def miss_a_restart(history: Path, began: datetime) -> None:
    """Make it that wamon has been on this host for days."""
    first, *later = history.read_text().splitlines(keepends=True)
    history.write_text("".join([json.dumps(json.loads(first) | {"at": began.isoformat()}) + "\n", *later]))


@contextmanager
def away(dsn: str) -> Iterator[None]:
    """For as long as the block runs, the database lets nobody in."""
    name = str(conninfo_to_dict(dsn)["dbname"])
    with psycopg.connect(dsn, dbname="postgres", autocommit=True) as db:
        db.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false".encode())
        db.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
        try:
            yield
        finally:
            db.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true".encode())
