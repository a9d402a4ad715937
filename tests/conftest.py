"""Real servers for the tests: the embedded PostgreSQL, and Debian's where it is installed; a database for each test."""

from __future__ import annotations

import gc
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tests.support.office import Office
from tests.support.server import with_template
from wamon.log import logger
from wamon.model import USUAL_SIZES, Sizes
from wamon.postgres.embedded import server as embedded

DEBIAN = Path("/usr/lib/postgresql/15/bin")


def pytest_collection_finish() -> None:
    """What was collected stays to the end: garbage collection need not walk through it again and again."""
    gc.freeze()


@pytest.fixture(autouse=True, scope="session")
def _own_environment() -> None:
    """No setting of whoever runs the tests reaches them."""
    for name in list(os.environ):
        if name.startswith("WAMON_") or name in {"COLUMNS", "LINES"}:
            del os.environ[name]


@pytest.fixture(autouse=True)
def _own_talk() -> Iterator[None]:
    """No test hears through what an earlier one set up: pytest adds handlers of its own to a logger kept apart."""
    handlers, level, propagate = logger.handlers[:], logger.level, logger.propagate
    yield
    logger.handlers[:], logger.propagate = handlers, propagate
    logger.setLevel(level)


@pytest.fixture(scope="session")
def reachable() -> Iterator[Path]:
    """A folder that an unprivileged account may enter, as pytest's own is not."""
    folder = Path(tempfile.mkdtemp(prefix="wamon-tests-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def _embedded_18(reachable: Path) -> Iterator[str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(embedded, "ROOT_HOME", reachable / "lib")
        with embedded.running(reachable / "state") as dsn:
            yield with_template(dsn)


@pytest.fixture(scope="session")
def _debian_15(reachable: Path) -> Iterator[str]:
    if not (DEBIAN / "initdb").exists():
        pytest.skip("Debian's PostgreSQL 15 isn't installed here")
    data, socket = reachable / "debian", reachable / "s"
    account = {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.geteuid() == 0 else {}
    for folder in (data, socket):
        folder.mkdir(mode=0o700)
        if account:
            shutil.chown(folder, "nobody", "nogroup")

    def run(*command: str) -> None:
        done = subprocess.run(command, check=False, capture_output=True, text=True, cwd="/", **account)  # type: ignore[call-overload]
        assert done.returncode == 0, done.stderr

    run(str(DEBIAN / "initdb"), "-D", str(data), "-A", "trust", "-U", "wamon", "-E", "UTF8", "--locale=C", "-N")
    options = f"-k {socket} -c listen_addresses='' -c fsync=off"
    run(str(DEBIAN / "pg_ctl"), "-D", str(data), "-l", str(data / "log"), "-o", options, "-w", "start")
    yield with_template(make_conninfo("", host=str(socket), user="wamon", dbname="postgres"))
    run(str(DEBIAN / "pg_ctl"), "-D", str(data), "-m", "immediate", "stop")


def _fresh(dsn: str, template: str) -> Iterator[str]:
    name = f"t{uuid4().hex}"
    with psycopg.connect(dsn, autocommit=True) as db:
        db.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    yield make_conninfo(dsn, dbname=name)
    with psycopg.connect(dsn, autocommit=True) as db:
        db.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def dsn(_embedded_18: str) -> Iterator[str]:
    """A database of its own, with the schema, on the embedded server."""
    yield from _fresh(_embedded_18, "migrated")


@pytest.fixture(params=["embedded 18", "Debian's 15"])
def any_dsn(request: pytest.FixtureRequest) -> Iterator[str]:
    """A database of its own, with the schema, on each server that SQL must run on."""
    server = request.getfixturevalue("_embedded_18" if request.param == "embedded 18" else "_debian_15")
    yield from _fresh(server, "migrated")


@pytest.fixture(params=["embedded 18", "Debian's 15"])
def empty_dsn(request: pytest.FixtureRequest) -> Iterator[str]:
    """A database of its own without anything in it, on each server."""
    server = request.getfixturevalue("_embedded_18" if request.param == "embedded 18" else "_debian_15")
    yield from _fresh(server, "template0")


@pytest.fixture
def sizes() -> Sizes:
    """How much is read at once: a module whose stores are to fill many pages has a fixture of its own."""
    return USUAL_SIZES


@pytest.fixture
def open_office(tmp_path: Path, dsn: str, sizes: Sizes) -> Callable[..., Office]:
    """Make an office: a config, a state directory and a database over a bridge's store."""

    def opened(store: Path, sizes: Sizes = sizes, **settings: object) -> Office:
        return Office(tmp_path / "office", dsn, store, sizes, **settings)

    return opened
