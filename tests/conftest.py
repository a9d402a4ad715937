"""Real servers for the tests: the embedded PostgreSQL, and Debian's where it is installed; a database for each test."""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from psycopg.conninfo import make_conninfo

from tests.support import asking, kept, memory, skips
from tests.support.clock import CLOCK
from tests.support.environment import EXAMPLES
from tests.support.hosts import Host
from tests.support.office import Office
from tests.support.server import Initialised, with_template
from wamon.config import load as configs
from wamon.log import logger
from wamon.model import USUAL_SIZES, Sizes
from wamon.postgres.embedded import server as embedded

ROOT = Path(__file__).parents[1]
DEBIAN = Path("/usr/lib/postgresql")
OLDER = "Debian's 15"
"""The older of the two servers that SQL must run on."""
NOT_ABOUT_CONNECTIONS = {"capture", "conversations", "health", "ledger", "replies", "views", "webhooks"}
"""Rooms whose tests scan over one connection, in-process; elsewhere, and in `make chaos`, each scan makes its own."""

settings.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("suite")  # how long an example takes is the machine's affair


def pytest_addoption(parser: pytest.Parser) -> None:
    when = "The tests believe that they begin then, in UTC; PostgreSQL and files don't."
    parser.addoption("--today", metavar="YYYY-MM-DDTHH:MM", help=when)


def pytest_configure(config: pytest.Config) -> None:
    memory.use()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell ignores it for what it puts into the background
    if config.option.today:
        moment = datetime.fromisoformat(config.option.today)
        CLOCK.begin_at(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def pytest_sessionfinish(session: pytest.Session) -> None:
    if session.exitstatus == pytest.ExitCode.OK and skips.not_allowed(_why_skipped(session.config)):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> Iterator[None]:
    """Say last what this host lacks, after all that pytest tells."""
    yield
    if line := skips.last_line(_why_skipped(config)):
        terminalreporter.write_line(line)


def _why_skipped(config: pytest.Config) -> Counter[str]:
    reporter = config.pluginmanager.get_plugin("terminalreporter")  # none in a worker
    return skips.reasons(reporter.stats.get("skipped", []) if reporter else [])


def pytest_collection(session: pytest.Session) -> None:
    """Import the tests, each worker from another file on: so a fresh clone's are compiled once, and not by each."""
    if worker := os.environ.get("PYTEST_XDIST_WORKER"):
        files = [file for arg in session.config.args for file in _tests_of(arg)]
        first = len(files) * int(worker.removeprefix("gw")) // int(os.environ["PYTEST_XDIST_WORKER_COUNT"])
        for file in files[first:] + files[:first]:
            with contextlib.suppress(Exception):  # it is told where pytest itself imports it
                importlib.import_module(".".join(file.relative_to(ROOT).with_suffix("").parts))


def _tests_of(arg: str) -> list[Path]:
    path = Path(arg.partition("::")[0]).absolute()
    return sorted(path.rglob("test_*.py")) if path.is_dir() else [path]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The older server has one example of what is marked `both_servers`; `make chaos` has all tests on both.

    That it understands each query, test_queries.py holds; and what is about servers, in postgres/, is tried on both,
    unless it is marked.
    """
    if EXAMPLES:
        return
    seen: set[tuple[Path, str]] = set()
    spared = [item for item in items if _is_on_the_older_server(item) and _is_spared(item, seen)]
    config.hook.pytest_deselected(items=spared)
    left_out = {id(item) for item in spared}
    items[:] = [item for item in items if id(item) not in left_out]


def _is_on_the_older_server(item: pytest.Item) -> bool:
    example = getattr(item, "callspec", None)
    return example is not None and example.params.get("any_dsn") == OLDER and not _needs_it(item)


def _needs_it(item: pytest.Item) -> bool:
    names_it = any(mark.args[0] == "any_dsn" for mark in item.iter_markers("parametrize"))
    return names_it or (item.path.parent.name == "postgres" and item.get_closest_marker("both_servers") is None)


def _is_spared(item: pytest.Item, seen: set[tuple[Path, str]]) -> bool:
    test = item.path, getattr(item, "originalname", item.name)
    is_another_example = test in seen
    seen.add(test)
    return is_another_example or item.get_closest_marker("both_servers") is None


def pytest_collection_finish() -> None:
    """What was collected stays to the end: garbage collection need not walk through it again and again."""
    gc.freeze()


@pytest.fixture(autouse=True, scope="session")
def _own_environment() -> None:
    """No setting of whoever runs the tests reaches them."""
    for name in list(os.environ):
        if name.startswith("WAMON_") or name in {"COLUMNS", "LINES", "PYTHONDONTWRITEBYTECODE"}:
            del os.environ[name]
    os.environ["PYTHONPATH"] = str(ROOT)  # so that a process that is handed our clock knows what it is


@pytest.fixture(autouse=True, scope="session")
def _asks() -> Iterator[None]:
    yield
    asking.end()
    kept.end()


@pytest.fixture(autouse=True)
def _kept_connection(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.path.parent.name in NOT_ABOUT_CONNECTIONS and not EXAMPLES:
        monkeypatch.setattr("wamon.app.database.connected", kept.connected)


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
def initialised(reachable: Path) -> Initialised:
    """A data directory to copy, so that only those who are about initdb wait for it."""
    return Initialised(reachable / "initialised")


@pytest.fixture
def host(initialised: Initialised, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    """A host of its own, where a test may remove what it finds."""
    folder = Path(tempfile.mkdtemp(prefix="wamon-host-"))
    folder.chmod(0o711)
    monkeypatch.setattr(embedded, "ROOT_HOME", folder / "lib")
    monkeypatch.setattr(configs, "SYSTEM", folder / "etc")
    monkeypatch.setattr(configs, "PLACES", (folder / "config/wamon.yaml",))
    monkeypatch.setenv("XDG_STATE_HOME", str(folder / "own"))
    monkeypatch.setattr(configs, "ROOT_STATE", folder / "own/wamon")
    yield Host(folder, initialised)
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def _embedded_18(reachable: Path, initialised: Initialised) -> Iterator[str]:
    initialised.copy(reachable / "state", reachable / "lib")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(embedded, "ROOT_HOME", reachable / "lib")
        with embedded.running(reachable / "state") as dsn:
            yield with_template(dsn)


@pytest.fixture(scope="session")
def _debian_15(reachable: Path) -> Iterator[str]:
    found = sorted(DEBIAN.glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if not found:
        pytest.skip("Debian's PostgreSQL isn't installed here")
    programs = found[0].parent
    data, socket = reachable / "debian", reachable / "s"
    account = {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.geteuid() == 0 else {}
    for folder in (data, socket):
        folder.mkdir(mode=0o700)
        if account:
            shutil.chown(folder, "nobody", "nogroup")

    def run(*command: str) -> None:
        done = subprocess.run(command, check=False, capture_output=True, text=True, cwd="/", **account)  # type: ignore[call-overload]
        assert done.returncode == 0, done.stderr

    run(str(programs / "initdb"), "-D", str(data), "-A", "trust", "-U", "wamon", "-E", "UTF8", "--locale=C", "-N")
    options = f"-k {socket} -c listen_addresses='' -c fsync=off"
    run(str(programs / "pg_ctl"), "-D", str(data), "-l", str(data / "log"), "-o", options, "-w", "start")
    yield with_template(make_conninfo("", host=str(socket), user="wamon", dbname="postgres"))
    run(str(programs / "pg_ctl"), "-D", str(data), "-m", "immediate", "stop")


def _made(server: str, name: str, template: str = "migrated") -> str:
    with psycopg.connect(server, autocommit=True) as db:
        db.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        db.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
    return make_conninfo(server, dbname=name)


def fresh(server: str, template: str = "migrated") -> Iterator[str]:
    name = f"t{uuid4().hex}"
    yield _made(server, name, template)
    with psycopg.connect(server, autocommit=True) as db:
        db.execute(f"DROP DATABASE {name} WITH (FORCE)")


_EMPTY = """
    SET session_replication_role = replica;
    DO $$
    DECLARE a record;
    BEGIN
        FOR a IN SELECT tablename FROM pg_tables
                 WHERE schemaname = 'wamon' AND tablename NOT IN ('migrations', 'instance')
        LOOP
            EXECUTE format('DELETE FROM wamon.%I', a.tablename);
            PERFORM wamon.switch_events(a.tablename, false);
        END LOOP;
        UPDATE wamon.instance SET page_served_at = NULL WHERE page_served_at IS NOT NULL;
        FOR a IN SELECT nspname FROM pg_namespace WHERE nspname NOT LIKE 'pg\\_%' AND nspname <> 'information_schema'
                 AND nspname <> 'wamon'
        LOOP
            EXECUTE format('DROP SCHEMA %I CASCADE', a.nspname);
        END LOOP;
        CREATE SCHEMA public AUTHORIZATION pg_database_owner;
        GRANT USAGE ON SCHEMA public TO PUBLIC;
    END $$;
"""
_SHAPE = """
    SELECT (SELECT array_agg((relname, relacl::text) ORDER BY oid) FROM pg_class WHERE oid >= 16384)::text,
           (SELECT array_agg((tgname, tgenabled) ORDER BY oid) FROM pg_trigger WHERE NOT tgisinternal)::text,
           (SELECT array_agg((proname, proacl::text) ORDER BY oid) FROM pg_proc WHERE oid >= 16384)::text,
           (SELECT array_agg(conname ORDER BY oid) FROM pg_constraint WHERE conrelid >= 16384)::text,
           (SELECT array_agg(attname ORDER BY attrelid, attnum) FROM pg_attribute WHERE attrelid >= 16384)::text,
           (SELECT array_agg((nspname, nspacl::text) ORDER BY nspname) FROM pg_namespace WHERE nspname = 'wamon')::text,
           (SELECT array_agg(setconfig) FROM pg_db_role_setting)::text,
           (SELECT datacl::text FROM pg_database WHERE datname = current_database())
"""


class _Reused:
    """One database of a server, for one test after the other: making a new one costs more than most tests take.

    So would a connection for each emptying, which first reads what each table is.
    """

    def __init__(self, server: str) -> None:
        self._server = server
        self._make()

    def _make(self) -> None:
        self.dsn = _made(self._server, "reused")
        self._db = psycopg.connect(self.dsn, autocommit=True)
        self._shape = self._emptied()

    def _emptied(self) -> object:
        self._db.execute(_EMPTY)
        return self._db.execute(_SHAPE).fetchone()

    def empty(self) -> str:
        """Empty it, or make it anew after a test that left triggers, rights or settings."""
        try:
            if self._emptied() == self._shape:
                return self.dsn
        except psycopg.Error:
            pass
        self.close()
        self._make()
        return self.dsn

    def close(self) -> None:
        self._db.close()


def _reused(server: str) -> Iterator[_Reused]:
    with contextlib.closing(_Reused(server)) as reused:
        yield reused


@pytest.fixture(scope="session")
def _reused_18(_embedded_18: str) -> Iterator[_Reused]:
    yield from _reused(_embedded_18)


@pytest.fixture(scope="session")
def _reused_15(_debian_15: str) -> Iterator[_Reused]:
    yield from _reused(_debian_15)


@pytest.fixture
def dsn(_reused_18: _Reused) -> str:
    """An empty database with the schema, on the embedded server."""
    return _reused_18.empty()


@pytest.fixture
def own_dsn(_embedded_18: str) -> Iterator[str]:
    """A database that no other test has, for one that restores it or needs two."""
    yield from fresh(_embedded_18)


_SERVERS = {"embedded 18": "18", OLDER: "15"}


@pytest.fixture(params=_SERVERS)
def any_dsn(request: pytest.FixtureRequest) -> str:
    """As `dsn`, on each server that SQL must run on: in the suite where a test is marked `both_servers`."""
    reused: _Reused = request.getfixturevalue(f"_reused_{_SERVERS[request.param]}")
    return reused.empty()


@pytest.fixture(params=_SERVERS)
def empty_dsn(request: pytest.FixtureRequest) -> Iterator[str]:
    """A database of its own without anything in it, on each server."""
    server = request.getfixturevalue("_embedded_18" if request.param == "embedded 18" else "_debian_15")
    yield from fresh(server, "template0")


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
