"""A whole installation: `wamon run` and `wamon web` over a bridge's store, with stand-ins for WATI and a model.

People have written before it was started and go on while it works, so that its log holds every line that is promised.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from tests.support.clock import HOST
from tests.support.deliveries import WATI
from tests.support.forked import run_line
from tests.support.hooks import deliver
from tests.support.intake import hook
from tests.support.models import Model, asking, model_server
from tests.support.office import Daemon, Office, eventually
from tests.support.send_api import TOKEN, StandIn, send_api
from tests.support.talk import advance, desk, operator_writes, said, talking, write
from tests.support.web import Site, serving
from wamon.conversations.turns import Ended

ANSWERED, SILENT, OLD, WAITING, PARKED, QUICK = (f"2782000000{n}" for n in range(1, 7))
"""Who was answered and missed a colleague's words; got no answer; wrote too long ago; waits; can't be recorded; goes on
writing while they are answered."""
AT_ONCE = {"settle": "1s", "max_wait": "1s", "answer_within": "30m"}
_ALL_LEVELS = "import logging; from wamon.log import logger; logger.setLevel(10); logger.setLevel = lambda level: None"


@dataclass
class Installation:
    """What runs. `api` is WATI's, `model` answers for the agent."""

    office: Office
    site: Site
    daemon: Daemon
    api: StandIn
    model: Model

    def log(self) -> list[tuple[str, str]]:
        """All that run and web have logged by now, as (level, message)."""
        lines = (self.daemon.said() + self.site.said()).splitlines()
        records = [json.loads(line) for line in lines if line.startswith("{")]
        return [(str(record["level"]).lower(), record["message"]) for record in records]

    def sh(self, command: str) -> subprocess.CompletedProcess[str]:
        """Have a shell run it, as an operator of this installation types it."""
        return run_line(command.replace("localhost:8006", self.site.host), env=self._environ, cwd=self.office.folder)

    def psql(self, statement: str) -> subprocess.CompletedProcess[str]:
        """As `psql "$(wamon db url)"` runs it, its answer without a frame."""
        words = ["psql", "-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", self.url, "-c", statement]
        return subprocess.run(words, check=False, capture_output=True, text=True, timeout=100, env=self._environ)

    @cached_property
    def url(self) -> str:
        return self.sh("wamon db url").stdout.strip()

    @property
    def _environ(self) -> dict[str, str]:
        return {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "WAMON_CONFIG": str(self.office.config_path),
            "PGOPTIONS": "-c search_path=public,wamon",
        }


def deliver_from(site: Site, person: str, text: str) -> None:
    """WATI delivers what somebody writes now."""
    assert deliver(site, "wati", said(text, by=person)).status == 200


@contextmanager
def installation(folder: Path, server: str, store: Path) -> Iterator[Installation]:
    """One over this store, with a database of its own on a server that has the template."""
    name = f"t{uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as db:
        db.execute(sql.SQL("CREATE DATABASE {} TEMPLATE migrated").format(sql.Identifier(name)))
    try:
        with send_api(TOKEN) as api, model_server() as model:
            office = _office(folder, make_conninfo(server, dbname=name), store, api, model)
            _what_was_before(office)
            with serving(office, "--json") as site, office.running("--json", prologue=_ALL_LEVELS) as daemon:
                one = Installation(office, site, daemon, api, model)
                _what_comes_now(one)
                yield one
    finally:
        with psycopg.connect(server, autocommit=True) as db:
            db.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _office(folder: Path, dsn: str, store: Path, api: StandIn, model: Model) -> Office:
    api.says = {"message": {"local_message_id": "L1"}}
    office = Office(folder / "office", dsn, store)
    office.clock = HOST
    talking(office, direct=AT_ONCE, workers=1)  # so that nobody claims what the first sweep is to find
    office.set(hooks=[hook("wati", project="Lawley", send={"url": api.replies["url"], "token": TOKEN})])
    instructions = office.folder / "instructions.txt"
    instructions.write_text("You answer for a fibre company.", "utf-8")
    return asking(office, model, instructions=str(instructions))


def _what_was_before(office: Office) -> None:
    """An hour ago one was answered and one wasn't; since then a colleague wrote, and two are waiting."""
    for person in (ANSWERED, SILENT):
        write(office, "when do you come?", by=person)
    advance(office, 2)
    with desk(office) as at:
        first, second = sorted(at.claim().turns, key=lambda turn: turn.conversation)
        at.turns.finish([Ended(first, "answered", "Tomorrow."), Ended(second, "silent")])
    office.query("UPDATE wamon.replies SET state = 'sent'")
    office.query("UPDATE wamon.conversations SET last_out_at = now() WHERE conversation = %s", first.conversation)
    advance(office, 600)
    operator_writes(office, "at nine, to be exact", by=ANSWERED)
    write(office, "anybody there?", by=OLD)
    advance(office, 3000)
    write(office, "is it repaired?", by=WAITING)
    advance(office, 120)


def _what_comes_now(one: Installation) -> None:
    office, site = one.office, one.site
    eventually("those who waited are through", lambda: _are_idle(office, 4), said=one.daemon.said)
    asked = "hello? and one thing more"

    def goes_on() -> None:
        """While the model thinks of it."""
        if asked in one.model.told and not office.query(_MORE, QUICK):
            deliver_from(site, QUICK, "never mind")
            eventually("it has arrived", lambda: office.query(_MORE, QUICK), said=one.daemon.said)

    one.model.before_answer = goes_on
    with office.refusing("%4"):
        deliver_from(site, PARKED, "DR1750004")
        for person in (ANSWERED, SILENT):
            deliver_from(site, person, "and now?")
        deliver_from(site, QUICK, asked)
        assert site.ask("POST", "/hooks/wati?secret=wrong", json.dumps(WATI)).status == 401
        eventually("all that can be is answered", lambda: _are_idle(office, 5), said=one.daemon.said)
        eventually("one is parked", lambda: office.query("SELECT 1 FROM wamon.dead_letters"), said=one.daemon.said)
    sent = "SELECT count(*) FROM wamon.replies WHERE state = 'sent'"
    eventually("it is all sent", lambda: office.query(sent) == [6], said=one.daemon.said)


_MORE = """
    SELECT 1 FROM wamon.conversations AS c JOIN wamon.aliases AS a USING (person) WHERE a.value = %s AND c.last_seq > 1
"""


def _are_idle(office: Office, conversations: int) -> bool:
    states: Sequence[Any] = office.query("SELECT state FROM wamon.conversations")
    return states == ["idle"] * conversations and not office.query(
        "SELECT 1 FROM wamon.webhook_events WHERE state = 'new' AND attempts = 0"
    )
