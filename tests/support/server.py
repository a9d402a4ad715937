"""A PostgreSQL server that a test may stop, and the database that other databases are copied from."""

from __future__ import annotations

import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo

from wamon.postgres.connection import connected
from wamon.postgres.embedded import programs
from wamon.postgres.embedded import server as embedded
from wamon.postgres.embedded.home import locate, make_parent
from wamon.postgres.migrations import migrate


class Server:
    """The embedded server of a state directory, which runs already."""

    def __init__(self, state_dir: Path, dsn: str) -> None:
        self._place = embedded.home(state_dir)
        self.dsn = dsn

    def stop(self, mode: str) -> None:
        programs.run(self._place, self._place.data, "pg_ctl", "stop", "-s", "-w", "-m", mode)

    def start(self) -> None:
        embedded._start(self._place)

    @contextmanager
    def with_files_of_at_most(self, size_bytes: int) -> Iterator[None]:
        """As on a full disk: the server is started anew for the block, and none of its files grows beyond this."""
        own, most = resource.getrlimit(resource.RLIMIT_FSIZE)
        self.stop("fast")
        resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, most))
        try:
            self.start()
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (own, most))
        yield
        self.stop("fast")
        self.start()


class Initialised:
    """A data directory as initdb makes it, made once below this folder; copies take a tenth of its time."""

    def __init__(self, folder: Path) -> None:
        self._place = locate(folder / "state", folder / "lib")
        make_parent(self._place)
        embedded._initialise(self._place)

    def copy(self, state_dir: Path, root_home: Path) -> None:
        """Have this state directory's server find it made already."""
        place = locate(state_dir, root_home)
        make_parent(place)
        self.copy_to(place.data)

    def copy_to(self, data: Path) -> None:
        subprocess.run(["cp", "-a", str(self._place.data), str(data)], check=True)
        with (data / "postgresql.auto.conf").open("a") as settings:
            settings.write("shared_buffers = 32MB\n")  # all of it is walked through to make or drop a database


def with_template(dsn: str) -> str:
    """The same server, with a database `migrated` that has the schema and nothing in it."""
    with psycopg.connect(dsn, autocommit=True) as db:
        # No test cuts the power, and a database for each test is quicker made so.
        db.execute("ALTER SYSTEM SET fsync = off")
        db.execute("SELECT pg_reload_conf()")
        db.execute("CREATE DATABASE migrated")
    with connected(make_conninfo(dsn, dbname="migrated")) as db:
        migrate(db)
    return dsn
