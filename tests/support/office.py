"""An office: what an operator has. A config, a state directory, a database over a bridge's store, the commands."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import yaml

from tests.support import forked
from tests.support.asking import ask
from tests.support.bridges import PROJECTS
from tests.support.clock import CLOCK
from tests.support.forked import Forked
from wamon.app.commands import opened
from wamon.app.configured import bridge_of, configured
from wamon.app.run import plan
from wamon.capture.pipeline import Pipeline
from wamon.capture.scan import Scanned, scan, scan_groups
from wamon.capture.verify import Verification, Verified
from wamon.clock import Clock
from wamon.daemon.loop import Daemon as InProcess
from wamon.model import USUAL_SIZES, Sizes


class Daemon:
    """A running `wamon`, mostly `wamon run`, and what it has said."""

    def __init__(self, process: Forked | subprocess.Popen[bytes], log: Path) -> None:
        self.process = process
        self.log = log

    def said(self) -> str:
        return self.log.read_text("utf-8", "replace")

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and wait for the end; the exit code."""
        self.process.send_signal(number)
        return self.process.wait(timeout=20)


def eventually(what: str, holds: Callable[[], object], *, said: Callable[[], str] = str, seconds: float = 30) -> None:
    """Wait until it holds, and fail where it doesn't within the time, with what was `said` by then.

    Between two looks it sleeps, longer than a look takes: what is waited for needs the processor more.
    """
    deadline = time.monotonic() + seconds
    looked_at = time.monotonic()
    while not holds():
        assert time.monotonic() < deadline, f"waited {seconds} s in vain: {what}. It said: {said()}"
        time.sleep(min(0.2, max(0.01, 4 * (time.monotonic() - looked_at))))
        looked_at = time.monotonic()


class Office:
    """`settings` are sections of the config that differ from the usual, such as scan={"start": "now"}.

    `sizes` hold for what works in this process; a `wamon` process has its own.
    """

    def __init__(self, folder: Path, dsn: str, store: Path, sizes: Sizes = USUAL_SIZES, **settings: object) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.dsn = dsn
        self.store = store
        self.sizes = sizes
        self.clock: Clock = CLOCK
        self.config_path = folder / "wamon.yaml"
        self.state_path = folder / "state" / "state.json"
        self.settings: dict[str, Any] = {
            "bridge": {"path": str(store)},
            "database": {"url": dsn},
            "state": {"dir": "state"},
            "timezone": "Africa/Johannesburg",
            "groups": [{"name": name, "jid": jid} for jid, name in PROJECTS.items()],
        }
        self.set(**settings)

    def set(self, **settings: object) -> None:
        """Change sections of the config; a mapping is merged into its section."""
        for section, value in settings.items():
            both = isinstance(value, dict) and isinstance(self.settings.get(section), dict)
            self.settings[section] = {**self.settings[section], **cast("dict[str, Any]", value)} if both else value
        self.config_path.write_text(yaml.safe_dump(self.settings), "utf-8")

    def opened(self) -> AbstractContextManager[Pipeline]:
        config = configured(self.config_path, {})
        return opened(config, replace(bridge_of(config), sizes=self.sizes), self.clock)

    def scan(self, *names: str) -> Scanned:
        with self.opened() as pipeline:
            return scan_groups(pipeline, pipeline.named(names)) if names else scan(pipeline)

    def sweep(self) -> None:
        """Have the next scan sweep, as after six hours."""
        self.query("UPDATE wamon.sources SET sweep_due = 'test'")

    def verify(self) -> Verified:
        with self.opened() as pipeline:
            return Verification(pipeline, [pipeline.source.groups[jid] for jid in pipeline.named([])]).verify()

    def run(self, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """A real `wamon` process with this office's config."""
        return forked.run(self._words(*words), env={**os.environ, **environ}, clock=self.clock)

    def _words(self, *words: str) -> list[str]:
        return ["--config", str(self.config_path), *words]

    def running(self, *words: str, prologue: str = "", **environ: str) -> AbstractContextManager[Daemon]:
        """A real `wamon run` for as long as the block runs, as `begun` has it."""
        return self.begun("run", *words, prologue=prologue, **environ)

    @contextmanager
    def begun(self, *words: str, prologue: str = "", **environ: str) -> Iterator[Daemon]:
        """A real `wamon` process that runs beside the block; killed at its end, if it still lives.

        It runs the `prologue`, some Python, first.
        """
        log = self.folder / f"{words[0]}-{uuid4().hex}.log"
        env = {**os.environ, **environ}
        with log.open("wb") as stderr:
            process = Forked(self._words(*words), env=env, clock=self.clock, stderr=stderr, prologue=prologue)
        try:
            yield Daemon(process, log)
        finally:
            process.kill()
            process.wait()

    @contextmanager
    def refusing(self, like: str) -> Iterator[None]:
        """For as long as the block runs, PostgreSQL refuses submissions of drop numbers like this."""
        self.query(
            "CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            f" IF NEW.drop_number LIKE '{like}' THEN RAISE EXCEPTION 'refused'; END IF; RETURN NEW; END $$".replace(
                "%", "%%"
            ),
        )
        self.query(
            "CREATE TRIGGER refuse BEFORE INSERT ON wamon.submission_rows FOR EACH ROW EXECUTE FUNCTION public.refuse()"
        )
        yield
        self.query("DROP FUNCTION public.refuse() CASCADE")

    def answer(self, *words: str, **environ: str) -> Any:
        """The JSON answer of a command that must end well."""
        done = self.run(*words, "--json", **environ)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def query(self, sql: str, *values: object) -> list[Any]:
        """Rows of the database; of one column, its values."""
        return [row[0] if len(row) == 1 else row for row in ask(self.dsn, sql, *values)]

    def database_now(self) -> datetime:
        """Now by PostgreSQL's clock, which believes nothing that a test is told."""
        (now,) = self.query("SELECT now()")
        return cast("datetime", now)

    def drops(self) -> AbstractSet[tuple[str, str]]:
        return set(self.query("SELECT project, drop_number FROM wamon.drops"))

    def submissions(self) -> AbstractSet[tuple[str, str, str]]:
        return set(self.query("SELECT chat_jid, message_id, drop_number FROM wamon.submissions WHERE live"))

    def kinds(self) -> dict[tuple[str, str, str], str]:
        rows = self.query("SELECT chat_jid, message_id, drop_number, kind FROM wamon.submissions WHERE live")
        return {(jid, message_id, number): kind for jid, message_id, number, kind in rows}

    def ledger(self) -> AbstractSet[tuple[str, str]]:
        return set(self.query("SELECT chat_jid, message_id FROM wamon.ledger"))

    def everything(self) -> dict[str, list[Any]]:
        """All that a replay must not change: the ledger, submissions and drops, without the times of recording."""
        ledger = "chat_jid, message_id, status, reason, revision, content_hash, sender, sent_at"
        submissions = "chat_jid, message_id, drop_number, project, kind, live, sent_at, sender"
        return {
            "ledger": self.query(f"SELECT {ledger} FROM wamon.ledger ORDER BY 1, 2"),
            "submissions": self.query(f"SELECT {submissions} FROM wamon.submissions ORDER BY 1, 2, 3"),
            "drops": self.query("SELECT * FROM wamon.drops ORDER BY 1, 2"),
        }


def run_while(office: Office, act: Callable[[], None], clock: Clock = CLOCK) -> None:
    """A daemon on this thread, as it needs, until `act` has ended on another. Raises what either raises."""
    failed: list[BaseException] = []

    def acted() -> None:
        try:
            act()
        except BaseException as error:  # noqa: BLE001 - raised again below
            failed.append(error)
        finally:
            os.kill(os.getpid(), signal.SIGTERM)

    other = threading.Thread(target=acted)
    one = InProcess(plan(lambda: configured(office.config_path, {}), clock, office.sizes), clock, standby=False)
    former = signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        other.start()
        one.run()
    finally:
        other.join()
        signal.signal(signal.SIGTERM, former)
    for error in failed:
        raise error
