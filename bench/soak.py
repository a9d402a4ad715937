"""`python -m bench.soak MINUTES`: a daemon over a busy store while its process, its server and its store fail it.

A writer posts 50 messages a second. Every half minute something happens: the daemon is killed or asked to stop, its
embedded PostgreSQL is shut down at once, its connections are ended, the store's file is replaced by a copy of itself.
Between, the daemon's memory and open files are noted. At the end every number that was posted must be recorded, and
`wamon verify` be clean.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import closing
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import psycopg
import yaml

from bench.stores import Writer, jid, make
from wamon.postgres.embedded import server as embedded

if TYPE_CHECKING:
    from collections.abc import Callable

_GROUPS = 4
_A_SECOND = 50
_SECONDS_BETWEEN_BLOWS = 30
_SECONDS_TO_CATCH_UP = 120


class Soak:
    """One run, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.store = folder / "messages.db"
        self.state = folder / "state"
        self.config = folder / "wamon.yaml"
        self.log = folder / "log"
        self.posted: set[str] = set()
        self.writing = threading.Lock()
        self.ended = threading.Event()
        make(self.store, 20_000, _GROUPS)
        groups = [{"name": f"Project {n}", "jid": jid(n)} for n in range(_GROUPS)]
        settings = {"bridge": {"path": str(self.store)}, "state": {"dir": str(self.state)}, "groups": groups}
        self.config.write_text(yaml.safe_dump(settings), "utf-8")
        self.daemon = self._run()

    def _command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "wamon", "--config", str(self.config), *words]

    def _run(self) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            return subprocess.Popen(self._command("run"), stdin=subprocess.DEVNULL, stderr=log)

    def write(self) -> None:
        """Post until the end. A message counts as posted once its commit is through."""
        number = 3_000_000
        while not self.ended.wait(1 / _A_SECOND):
            with self.writing, closing(Writer(self.store, _GROUPS, first=number)) as writer:
                writer.post(f"DR{number}")
            self.posted.add(f"DR{number}")
            number += 1

    def kill(self) -> None:
        self.daemon.kill()
        self.daemon.wait()
        self.daemon = self._run()

    def stop(self) -> None:
        self.daemon.terminate()
        if (code := self.daemon.wait(timeout=30)) != 0:
            raise AssertionError(f"asked to stop, the daemon ended with {code}")
        self.daemon = self._run()

    def shut_the_server_down(self) -> None:
        pid = int((embedded.home(self.state).data / "postmaster.pid").read_text("ascii").splitlines()[0])
        os.kill(pid, signal.SIGQUIT)

    def end_connections(self) -> None:
        with embedded.running(self.state) as dsn, psycopg.connect(dsn, autocommit=True) as db:
            db.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'wamon'")

    def replace_the_store(self) -> None:
        with self.writing:
            copy = self.store.with_suffix(".copy")
            shutil.copy(self.store, copy)
            copy.replace(self.store)

    def size(self) -> dict[str, int]:
        """The daemon's resident memory, in KiB, and its open files."""
        status = Path(f"/proc/{self.daemon.pid}/status").read_text("ascii")
        resident = next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS"))
        return {"resident_kib": int(resident), "files": len(list(Path(f"/proc/{self.daemon.pid}/fd").iterdir()))}

    def missing(self) -> set[str]:
        """Numbers that were posted and aren't recorded yet."""
        with embedded.running(self.state) as dsn, psycopg.connect(dsn, autocommit=True) as db:
            recorded = {number for (number,) in db.execute("SELECT drop_number FROM wamon.submissions WHERE live")}
        return self.posted - recorded

    def verify(self) -> dict[str, Any]:
        done = subprocess.run(self._command("verify", "--json"), check=False, capture_output=True, text=True)
        found: dict[str, Any] = json.loads(done.stdout)
        return found


def main(minutes: float, seed: int = 1) -> None:
    random = Random(seed)
    with tempfile.TemporaryDirectory(prefix="wamon-soak-") as folder:
        soak = Soak(Path(folder))
        writer = threading.Thread(target=soak.write)
        writer.start()
        blows: list[Callable[[], None]] = [
            soak.kill,
            soak.stop,
            soak.shut_the_server_down,
            soak.end_connections,
            soak.replace_the_store,
        ]
        try:
            _soak(soak, minutes, random, blows)
        finally:
            soak.ended.set()
            writer.join()
        _judge(soak)


def _soak(soak: Soak, minutes: float, random: Random, blows: list[Callable[[], None]]) -> None:
    began = time.monotonic()
    while (minute := (time.monotonic() - began) / 60) < minutes:
        time.sleep(_SECONDS_BETWEEN_BLOWS)
        if soak.daemon.poll() is not None:
            raise AssertionError(f"the daemon ended with {soak.daemon.returncode}: see its log")
        _say(minute=round(minute, 1), posted=len(soak.posted), **soak.size())
        # The last two thirds are calm, so that one process grows old.
        if minute < minutes / 3:
            blow = random.choice(blows)
            blow()
            _say(blow=blow.__name__)


def _judge(soak: Soak) -> None:
    deadline = time.monotonic() + _SECONDS_TO_CATCH_UP
    while soak.missing() and time.monotonic() < deadline:
        time.sleep(1)
    missing, verified = len(soak.missing()), soak.verify()
    soak.stop()
    soak.daemon.terminate()
    soak.daemon.wait(timeout=30)
    _say(posted=len(soak.posted), missing=missing, clean=verified["clean"], checked=verified["checked"])
    sys.exit(0 if verified["clean"] and not missing else 1)


def _say(**fields: object) -> None:
    print(json.dumps(fields), flush=True)


if __name__ == "__main__":
    main(float(sys.argv[1]))
