"""A PgBouncer on loopback that gives each transaction another of a few server processes, in turn."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.support.office import eventually
from tests.support.ports import free_port

PROGRAM = shutil.which("pgbouncer", path=f"{os.defpath}:/usr/sbin:/usr/local/sbin")

SETTINGS = {"pool_mode": "transaction", "max_client_conn": "1000", "server_login_retry": "1"}
"""As docs/scaling.md sets them."""


@contextmanager
def pooled(dsn: str, sessions: int) -> Iterator[str]:
    """The way to the same database through a pooler with so many server processes."""
    socket_folder = Path(str(conninfo_to_dict(dsn)["host"]))
    folder = Path(tempfile.mkdtemp(prefix="wamon-pooler-"))
    account: dict[str, Any] = {}
    if os.geteuid() == 0:  # the pooler refuses to run as root, and the server lets in whoever runs it
        owner = socket_folder.stat()
        account = {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []}
        os.chown(folder, owner.st_uid, owner.st_gid)
    port = free_port()
    config = folder / "pgbouncer.ini"
    config.write_text(_settings(dsn, port, sessions))
    config.chmod(0o644)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([str(PROGRAM), str(config)], cwd="/", stdout=log, stderr=log, **account)
    way = make_conninfo(dsn, host="127.0.0.1", port=port, sslmode="disable")
    try:
        eventually("the pooler takes turns", lambda: _takes_turns(way, sessions), said=(folder / "log").read_text)
        yield way
    finally:
        process.terminate()
        process.wait(timeout=20)
        shutil.rmtree(folder)


def _settings(dsn: str, port: int, sessions: int) -> str:
    parts = conninfo_to_dict(dsn)
    of_the_page = "\n".join(f"{name} = {value}" for name, value in SETTINGS.items())
    return f"""
[databases]
{parts["dbname"]} = host={parts["host"]} port={parts.get("port", 5432)} user={parts["user"]}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
default_pool_size = {sessions}
min_pool_size = {sessions}
server_round_robin = 1
{of_the_page}
"""


def _takes_turns(dsn: str, sessions: int) -> bool:
    """Whether it answers, each time from another of its sessions."""
    try:
        return len({_session(dsn) for _ in range(sessions)}) == sessions
    except psycopg.OperationalError:
        return False


def _session(dsn: str) -> int:
    with psycopg.connect(dsn) as db:
        ((pid,),) = db.execute("SELECT pg_backend_pid()").fetchall()
        return int(pid)
