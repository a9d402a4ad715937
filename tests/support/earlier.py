"""An installation that an earlier wamon left: store, database, state file and config, kept beside this as they were.

`python -m tests.support.earlier CHECKOUT DSN` keeps one anew: it works some days with the wamon of that checkout, on an
empty database of the oldest server that wamon runs on, so that each newer one takes it.
"""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import psycopg

from tests.support.bridges import LAWLEY, MOHADIN, VELO_TEST, Bridge, Lharries
from tests.support.clock import HOST
from tests.support.office import Office, eventually
from tests.support.send_api import StandIn, send_api

KEPT = Path(__file__).with_name("earlier-0.1.0")
_STORE, _DATABASE, _PORT = "/opt/whatsapp-bridge/store/messages.db", "postgresql://wamon@db.example.com/wamon", "8080"
_CONFIG = f"""\
bridge:
  path: {_STORE}
database:
  url: {_DATABASE}
state:
  dir: ../state
timezone: Africa/Johannesburg
replies:
  enabled: true
  url: http://127.0.0.1:{_PORT}/api/send
groups:
  - name: Lawley
    jid: "{LAWLEY}"
  - name: Velo Test
    jid: "{VELO_TEST}"
    validate: true
  - name: Mohadin
    jid: "{MOHADIN}"
    description: ""
"""


def laid_out(folder: Path, dsn: str, api: StandIn) -> Office:
    """What was kept, laid out below a folder and in an empty database, with `api` as its bridge's send API."""
    store = folder / "messages.db"
    with closing(sqlite3.connect(store)) as db:
        db.executescript((KEPT / "store.sql").read_text("utf-8"))
    with psycopg.connect(dsn, autocommit=True) as made:
        made.execute((KEPT / "database.sql").read_bytes())
    return _office(folder, dsn, store, api, (KEPT / "wamon.yaml").read_text("utf-8"))


def _office(folder: Path, dsn: str, store: Path, api: StandIn, config: str) -> Office:
    office = Office(folder / "config", dsn, store)
    for theirs, here in ((_STORE, str(store)), (_DATABASE, dsn), (f":{_PORT}/", f":{api.port}/")):
        config = config.replace(theirs, f'"{here}"' if theirs == _DATABASE else here)
    office.config_path.write_text(config, "utf-8")
    office.state_path = folder / "state/state.json"
    office.state_path.parent.mkdir()
    if (kept := KEPT / "state.json").exists():
        shutil.copy(kept, office.state_path)
    return office


class _Earlier:
    """The earlier wamon at work."""

    def __init__(self, checkout: Path, office: Office) -> None:
        self._checkout = checkout
        self._office = office

    def run(self, *words: str) -> None:
        subprocess.run(self._words(*words), check=True, cwd=self._checkout)

    def start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(self._words("run"), cwd=self._checkout)

    def _words(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "wamon", "--config", str(self._office.config_path), *words]


def _keep(checkout: Path, dsn: str) -> None:
    shutil.rmtree(KEPT, ignore_errors=True)
    KEPT.mkdir()
    (KEPT / "wamon.yaml").write_text(_CONFIG, "utf-8")
    with tempfile.TemporaryDirectory() as folder, send_api() as api, Lharries(Path(folder, "messages.db")) as bridge:
        office = _office(Path(folder), dsn, bridge.path, api, _CONFIG)
        _work(_Earlier(checkout, office), office, bridge, api)
        bridge.post(
            MOHADIN, "DR1770002 while nobody reads", at=HOST.now() - timedelta(hours=1)
        )  # too old for an answer
        (KEPT / "store.sql").write_text(_rows_as_they_lie(bridge.db), "utf-8")
        (KEPT / "database.sql").write_text(_dumped(dsn), "utf-8")
        shutil.copy(office.state_path, KEPT)


def _work(earlier: _Earlier, office: Office, bridge: Bridge, api: StandIn) -> None:
    """A first scan, an afternoon of `run` that answers, and an edit: what an installation has seen."""
    bridge.now = HOST.now() - timedelta(days=1)
    for jid, name in ((LAWLEY, "Lawley"), (VELO_TEST, "Velo Test"), (MOHADIN, "Mohadin")):
        bridge.chat(jid, name)
    bridge.post(LAWLEY, "Good morning team")
    bridge.post(LAWLEY, "DR1752028 done")
    edited = bridge.post(LAWLEY, "DR1752034 & DR1752040")
    bridge.post(LAWLEY, "RD1752041 done")
    bridge.post(LAWLEY, "", media="image")
    bridge.post(VELO_TEST, "DR1760001, DR1760009")
    bridge.post(MOHADIN, "dr 1770001", from_me=True)
    numbers = office.folder / "list.csv"
    numbers.write_text("Drop\nDR1760001\nDR1760002\n", "utf-8")
    earlier.run("drops", "allow", "import", str(numbers), "--project", "Velo Test")
    earlier.run("scan")
    office.query("UPDATE qa_photo_reviews SET completed = true, comment = 'seen', feedback_sent = now()")
    _afternoon(earlier.start(), office, bridge)
    assert len(api.asked) == 2
    bridge.edit(edited, "DR1752034")
    earlier.run("scan")
    earlier.run("verify")


def _afternoon(daemon: subprocess.Popen[bytes], office: Office, bridge: Bridge) -> None:
    """`run` records two posts and answers both."""
    try:
        eventually("it works", lambda: office.query("SELECT 1 FROM wamon.leases WHERE expires_at > now()"))
        bridge.post(LAWLEY, "DR1752028 again", at=HOST.now())
        bridge.post(LAWLEY, "DR1752050 now", at=HOST.now())
        said = "SELECT 1 FROM wamon.replies WHERE state NOT IN ('due', 'sending') OFFSET 1"
        eventually("both are answered", lambda: office.query(said))
    finally:
        daemon.terminate()
        daemon.wait(timeout=60)


def _rows_as_they_lie(db: sqlite3.Connection) -> str:
    """The store's tables with their rows in the row ids that they have."""
    tables = db.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'table'").fetchall()
    lines = [f"{sql};" for _, sql in tables]
    for name, _ in tables:
        columns = ["rowid", *(row[1] for row in db.execute(f"PRAGMA table_info({name})"))]
        quoted = " || ', ' || ".join(f"quote({column})" for column in columns)
        rows = db.execute(f"SELECT {quoted} FROM {name} ORDER BY rowid")
        lines += [f"INSERT INTO {name} ({', '.join(columns)}) VALUES ({row});" for (row,) in rows]
    return "\n".join(lines) + "\n"


def _dumped(dsn: str) -> str:
    """The whole database in words that any client takes: no COPY, none of psql's own."""
    words = ["pg_dump", "--no-owner", "--no-privileges", "--rows-per-insert=100", "--no-comments", dsn]
    text = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True, env={**os.environ}).stdout
    return re.sub(r"\n{2,}", "\n", re.sub(r"^(?:--|\\).*\n", "", text, flags=re.MULTILINE)).lstrip()


if __name__ == "__main__":
    _keep(Path(sys.argv[1]), sys.argv[2])
