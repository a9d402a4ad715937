"""`wamon web` as a process: what it says where it can't serve, and that it serves while PostgreSQL can't be asked."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tests.support.environment import program
from tests.support.hooks import deliver, hook
from tests.support.office import Office, eventually
from tests.support.ports import free_port
from tests.support.web import TOKEN, serving


@pytest.fixture
def office(open_office: Callable[..., Office], tmp_path: Path) -> Office:
    return open_office(tmp_path / "no-store.db")


def test_a_port_that_another_wamon_web_has_ends_with_75_and_names_it(office: Office) -> None:
    with serving(office) as site:
        done = office.run("web")
    assert done.returncode == 75
    assert (
        f"127.0.0.1:{site.port} is taken: wamon web of wamon serves there, process {site.process.pid}." in done.stderr
    )


def test_a_port_that_another_program_has_names_its_process(office: Office) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        office.set(web={"listen": f"127.0.0.1:{taken.getsockname()[1]}"})
        done = office.run("web")
    assert done.returncode == 75
    assert f"process {os.getpid()} (" in done.stderr


def test_without_the_extra_it_says_how_to_get_it(office: Office, tmp_path: Path) -> None:
    (tmp_path / "lacking").mkdir()
    (tmp_path / "lacking/starlette.py").write_text("raise ImportError(name='starlette')")
    path = f"{tmp_path / 'lacking'}:{os.environ['PYTHONPATH']}"

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [*program(), "--config", str(office.config_path), *words]
        environ = {**os.environ, "PYTHONPATH": path}
        return subprocess.run(command, check=False, capture_output=True, text=True, timeout=60, env=environ)

    done = run("web")
    assert done.returncode == 78
    assert "pipx install --force '.[web]'" in done.stderr
    assert run("drops", "list").returncode == 0


def test_off_loopback_it_wants_a_token(office: Office) -> None:
    done = office.run("web", "--listen", f"0.0.0.0:{free_port()}")
    assert done.returncode == 78
    assert "there is no web.token" in done.stderr


@pytest.mark.parametrize("listen", ["8006", "127.0.0.1", "127.0.0.1:0", "example.com:80"])
def test_an_address_to_listen_on_that_is_none_is_a_wrong_word(office: Office, listen: str) -> None:
    assert office.run("web", "--listen", listen).returncode == 2


def test_a_socket_that_systemd_did_not_hand_over_is_not_taken(office: Office) -> None:
    done = office.run("web", LISTEN_FDS="1", LISTEN_PID="1")
    assert done.returncode == 78
    assert "systemd handed over no listening socket" in done.stderr


def test_it_starts_without_postgresql_and_says_what_is_in_the_way(office: Office, tmp_path: Path) -> None:
    office.set(database={"url": make_conninfo("", host=str(tmp_path), dbname="wamon")})
    with serving(office, token=TOKEN) as site:
        assert site.get("/health").status == 200
        ready = site.get("/ready")
        assert (ready.status, ready.json["status"]) == (503, "unavailable")
        answer = site.get("/login", Accept="text/html")
        assert answer.status == 200
        assert site.post("/login", "code=x", Accept="text/html").status == 503
        assert site.get("/", Cookie="wamon-12345678=x").status == 503
        assert site.get("/").status == 401
    assert "No page can be shown yet. PostgreSQL can't be used now" in site.said()


def test_it_migrates_nothing_and_names_the_command_that_does(office: Office, empty_dsn: str) -> None:
    office.set(database={"url": empty_dsn})
    with serving(office) as site:
        (_, schema) = site.get("/ready").json["checks"]
    assert (schema["name"], schema["state"]) == ("web.schema", "bad")
    assert "wamon db migrate" in schema["hint"]
    office.dsn = empty_dsn
    assert office.query("SELECT to_regnamespace('wamon') IS NULL") == [True]


def test_its_log_quotes_nobody(office: Office) -> None:
    with serving(office) as site:
        site.get("/find?q=27820001234", User_Agent="\x1b[31mred")
        assert site.get("/health").json["instance"] == "wamon"
    assert "27820001234" not in site.said()
    assert "\x1b" not in site.said()


def test_once_a_database_is_read_only_no_more_deliveries_and_pages_write_again(office: Office) -> None:
    office.set(hooks=[hook("gowa", "gowa")])
    (name,) = office.query("SELECT current_database()")
    with serving(office) as site:
        office.query(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
        others = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        office.query(f"SELECT pg_terminate_backend(pid) {others}")
        assert deliver(site, "gowa").status == 503
        assert site.post("/login", "code=a-code").status == 503
        with psycopg.connect(office.dsn, options="-c default_transaction_read_only=off", autocommit=True) as db:
            db.execute(f"ALTER DATABASE {name} RESET default_transaction_read_only")
        assert deliver(site, "gowa").status == 200
        eventually("who has a link signs in", lambda: site.post("/login", f"code={site.link()}").status == 303)


def test_it_leaves_word_that_pages_are_served_so_that_a_scan_publishes(office: Office) -> None:
    with serving(office):
        known = "SELECT page_served_at > now() - interval '1 hour' FROM wamon.instance"
        eventually("it is known", lambda: office.query(known) == [True])


def test_one_half_can_be_served_alone(office: Office) -> None:
    with serving(office, "--only", "hooks") as site:
        assert site.get("/health").json["only"] == "hooks"
        assert [site.get(path).status for path in ("/", "/home.json", "/login", "/live")] == [404] * 4
        assert "checks" not in site.get("/ready", X_Real_IP="10.0.0.9").json
        assert (site.get("/metrics", X_Real_IP="10.0.0.9").status, site.get("/metrics").status) == (401, 200)
    with serving(office, "--only", "page") as site:
        assert site.get("/health").json["only"] == "page"
        assert site.get("/").status == 401


def test_hooks_alone_need_no_token_off_loopback(office: Office) -> None:
    port = free_port()
    with serving(office, "--only", "hooks", "--listen", f"0.0.0.0:{port}", port=port) as site:
        assert site.get("/health").status == 200
