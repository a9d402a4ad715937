"""PostgreSQL clusters of Debian's, on loopback: a primary, and a standby that streams from it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

_FOUND = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
PROGRAMS = _FOUND[0].parent if _FOUND else None
"""Of the oldest version that is installed; None where none is."""

_SETTINGS = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
fsync = off
synchronous_standby_names = ''
"""


@contextmanager
def streaming_pair() -> Iterator[tuple[Cluster, Cluster]]:
    """A primary and its asynchronous standby, for as long as the block runs."""
    folder = Path(tempfile.mkdtemp(prefix="wamon-pair-"))
    primary, standby = Cluster(folder / "primary"), Cluster(folder / "standby")
    try:
        primary.make()
        primary.start()
        standby.follow(primary)
        standby.start()
        yield primary, standby
    finally:
        for cluster in (primary, standby):
            cluster.stop()
        shutil.rmtree(folder)


def dsn_of_both(primary: Cluster, standby: Cluster) -> str:
    """Of whichever of the two can be written."""
    hosts = {"host": "127.0.0.1,127.0.0.1", "port": f"{primary.port},{standby.port}"}
    return make_conninfo(primary.dsn, **hosts, target_session_attrs="read-write")


class Cluster:
    """One cluster, whose data lies in a folder of its own. As root, it runs as nobody."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._account: dict[str, Any] = {}
        if os.geteuid() == 0:
            self._account = {"user": "nobody", "group": "nogroup", "extra_groups": []}
        with socket.create_server(("127.0.0.1", 0)) as taken:
            self.port: int = taken.getsockname()[1]
        self.dsn = make_conninfo(
            "", host="127.0.0.1", port=self.port, user="wamon", dbname="postgres", sslmode="disable"
        )

    def make(self) -> None:
        """Make it, empty."""
        self._own_folder()
        words = ("-A", "trust", "-U", "wamon", "-E", "UTF8", "--locale=C", "--no-sync")
        self._run("initdb", "-D", str(self._data), *words)
        self._configure()

    def follow(self, primary: Cluster) -> None:
        """Make it a standby of another one, which runs."""
        self._own_folder()
        self._run("pg_basebackup", "-D", str(self._data), "-d", primary.dsn, "-R", "--checkpoint=fast", "--no-sync")
        self._configure()

    def start(self) -> None:
        self._run("pg_ctl", "-D", str(self._data), "-l", str(self._data / "log"), "-w", "start")

    def stop(self, mode: str = "immediate") -> None:
        """Stop it, if it runs."""
        if (self._data / "postmaster.pid").exists():
            self._run("pg_ctl", "-D", str(self._data), "-m", mode, "-w", "stop")

    def promote(self) -> None:
        """Let it take writes."""
        self._run("pg_ctl", "-D", str(self._data), "-w", "promote")

    def catch_up_with(self, primary: Cluster) -> None:
        """Wait until it has all that the primary has written so far."""
        ((place,),) = primary.query("SELECT pg_current_wal_lsn()::text")
        while self.query(f"SELECT pg_last_wal_replay_lsn() >= '{place}'") != [(True,)]:
            pass

    def wait_for_standbys(self) -> None:
        """From now on, have each commit wait until its standby has it."""
        self.query("ALTER SYSTEM SET synchronous_standby_names = '*'")
        self.query("SELECT pg_reload_conf()")
        while self.query("SELECT sync_state FROM pg_stat_replication") != [("sync",)]:
            pass

    def fall_behind(self) -> None:
        """Hear nothing more of its primary, as over a link that has gone."""
        self.query("ALTER SYSTEM SET primary_conninfo = ''")
        self.query("SELECT pg_reload_conf()")
        while self.query("SELECT count(*) FROM pg_stat_wal_receiver") != [(0,)]:
            pass

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.dsn, autocommit=True) as db:
            cursor = db.execute(sql.encode())
            return cursor.fetchall() if cursor.description else []

    def _own_folder(self) -> None:
        self._data.parent.chmod(0o711)
        self._data.mkdir(mode=0o700)
        if self._account:
            shutil.chown(self._data, self._account["user"], self._account["group"])

    def _configure(self) -> None:
        with (self._data / "postgresql.conf").open("a") as file:
            file.write(f"{_SETTINGS}port = {self.port}\n")

    def _run(self, program: str, *words: str) -> None:
        assert PROGRAMS is not None
        done = subprocess.run(
            [str(PROGRAMS / program), *words], check=False, capture_output=True, text=True, cwd="/", **self._account
        )
        assert done.returncode == 0, done.stderr
