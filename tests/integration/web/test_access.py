"""Nobody gets in: pages need a cookie or the token, and loopback opens three endpoints for programs alone."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
from starlette.requests import Request

from tests.support.clock import CLOCK, Moved
from tests.support.office import Office
from tests.support.web import TOKEN, Answer, Site, serving
from wamon.errors import DatabaseUnavailable
from wamon.ledger.retention import prune_sign_ins
from wamon.postgres.connection import Database, connected
from wamon.web import sessions
from wamon.web.access import Sessions, viewer_by_token
from wamon.web.database import DatabaseThreads

BEARER = {"Authorization": f"Bearer {TOKEN}"}
FOR_PROGRAMS = ("/metrics", "/debug/check-orphaned-messages")
PAGES = ("/", "/home.json", "/live", "/drop/DR1752028", "/nothing")
HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


def is_whole(ready: Answer) -> bool:
    return "checks" in ready.json


@pytest.mark.parametrize("path", PAGES)
def test_without_proof_no_page_is_shown_on_loopback_either(site: Site, path: str) -> None:
    answer = site.get(path)
    assert (answer.status, answer.headers["www-authenticate"]) == (401, "Bearer")


def test_a_browser_without_proof_gets_the_form_that_signs_in(site: Site) -> None:
    answer = site.get("/", Accept="text/html")
    assert answer.status == 401
    assert 'action="/login"' in answer.text


def test_the_token_opens_and_any_other_does_not(site: Site) -> None:
    assert site.get("/nothing", **BEARER).status == 404
    for wrong in (f"Bearer {TOKEN}x", f"Basic {TOKEN}", TOKEN, "Bearer ", f"Bearer {TOKEN}\xe9"):
        assert site.get("/nothing", Authorization=wrong).status == 401
    assert site.get(f"/nothing?token={TOKEN}&access_token={TOKEN}").status == 401


def test_a_link_signs_in_once(site: Site) -> None:
    code = site.link()
    cookie = {"Cookie": site.post("/login", f"code={code}").headers["set-cookie"].partition(";")[0]}
    assert site.get("/nothing", **cookie).status == 404
    assert site.post("/login", f"code={code}").status == 401


def test_the_command_prints_the_link_of_a_reader_or_an_operator(site: Site) -> None:
    assert site.office.answer("web", "link", "--operator", "--minutes", "60")["role"] == "operator"
    done = site.office.run("web", "link")
    address, _, code = done.stdout.strip().partition("#")
    assert address == f"{site.url}/login"
    assert site.post("/login", f"code={code}").status == 303
    assert site.office.query("SELECT role FROM wamon.web_sessions") == ["reader"]


def test_a_link_that_has_expired_signs_nobody_in(site: Site) -> None:
    code = site.link()
    site.office.query("UPDATE wamon.web_links SET expires_at = now() - interval '1 second'")
    answer = site.post("/login", f"code={code}", Accept="text/html")
    assert answer.status == 401
    assert "too old" in answer.text


def test_a_session_ends_when_it_is_signed_out_and_after_twelve_hours(site: Site) -> None:
    first, second = site.sign_in(), site.sign_in()
    assert site.post("/logout", **first).status == 303
    assert site.get("/nothing", **first).status == 401
    assert site.get("/nothing", **second).status == 404
    site.office.query("UPDATE wamon.web_sessions SET expires_at = expires_at - interval '12 hours'")
    assert site.get("/nothing", **second).status == 401


def test_what_signs_nobody_in_any_more_is_forgotten_where_texts_are(site: Site) -> None:
    old, young = site.sign_in(), site.sign_in()
    site.link()
    site.office.query("UPDATE wamon.web_links SET expires_at = now() WHERE used_at IS NOT NULL")
    site.office.query(
        "UPDATE wamon.web_sessions SET expires_at = now() WHERE session_hash = sha256(%s)",
        old["Cookie"].partition("=")[2].encode(),
    )
    with connected(site.office.dsn) as db:
        prune_sign_ins(db)
    left = "SELECT count(*) FROM wamon.web_sessions UNION ALL SELECT count(*) FROM wamon.web_links"
    assert site.office.query(left) == [1, 1]
    assert (site.get("/nothing", **old).status, site.get("/nothing", **young).status) == (401, 404)


def asked(site: SimpleNamespace, **headers: str) -> Request:
    """A request that came to this site."""
    given = [(name.encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "headers": given, "app": SimpleNamespace(state=SimpleNamespace(site=site))})


def test_how_long_the_tokens_proof_takes_tells_nothing_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[bytes] = []
    monkeypatch.setattr(hmac, "compare_digest", lambda given, _: compared.append(given))
    assert viewer_by_token(asked(SimpleNamespace(token=TOKEN.encode()), authorization="Bearer another")) is None
    assert compared == [b"another"]


class Stopwatch(Moved):
    def monotonic_seconds(self) -> float:
        return self.by.total_seconds()


@pytest.mark.parametrize("end", ["a minute", "a sign-out", "an expiry"])
def test_while_postgresql_is_away_who_was_signed_in_a_minute_ago_is_believed_and_nobody_else(
    dsn: str, end: str
) -> None:
    known, clock = Sessions(), Stopwatch(CLOCK, timedelta())
    site = SimpleNamespace(database=DatabaseThreads(partial(connected, dsn)), clock=clock, public_url=None)

    def sees() -> bool:
        return asyncio.run(known.viewer(asked(site, cookie=f"{name}={session}"))) is not None

    with connected(dsn) as db:
        session, name = sessions.sign_in(db, sessions.make_link(db, "reader", 10)), sessions.cookie_name(db)
        assert session
        assert sees()
        if end == "an expiry":
            sessions.sign_out(db, session)
            assert not sees()
    site.database.close(5)
    site.database = DatabaseThreads(_away)
    clock.by += timedelta(seconds=60)
    if end == "a minute":
        assert sees()
        clock.by += timedelta(seconds=1)
    if end == "a sign-out":
        known.forget(session)
    with pytest.raises(DatabaseUnavailable):
        sees()
    site.database.close(5)


def _away() -> AbstractContextManager[Database]:
    raise DatabaseUnavailable("It is away.")


def test_the_database_holds_no_secret_that_signs_in(site: Site) -> None:
    code = site.link()
    cookie = site.post("/login", f"code={code}").headers["set-cookie"]
    secret = cookie.partition(";")[0].partition("=")[2]
    kept = str(site.office.query("SELECT l, s FROM wamon.web_links l, wamon.web_sessions s"))
    assert code not in kept
    assert secret not in kept
    assert {"HttpOnly", "SameSite=lax", "Path=/"} <= {part.strip() for part in cookie.split(";")}


def test_the_cookie_of_another_installation_opens_nothing(site: Site) -> None:
    name, _, secret = site.sign_in()["Cookie"].partition("=")
    assert site.get("/nothing", Cookie=f"wamon-00000000={secret}").status == 401
    assert site.get("/nothing", Cookie=f"{name}=00000000").status == 401


@pytest.mark.parametrize("path", FOR_PROGRAMS)
def test_a_program_of_this_host_needs_no_proof_for_what_is_made_for_it(site: Site, path: str) -> None:
    assert site.get(path).status == 200
    assert is_whole(site.get("/ready"))


BEHIND_A_PROXY = [
    {"X_Forwarded_For": "203.0.113.9"},
    {"X_Forwarded_Host": "localhost"},
    {"Forwarded": "for=203.0.113.9"},
    {"X_Real_IP": "203.0.113.9"},
    {"Via": "1.1 proxy"},
    {"Sec_Fetch_Site": "cross-site"},
    {"Sec_Fetch_Site": "same-site"},
]


@pytest.mark.parametrize("headers", BEHIND_A_PROXY, ids=str)
def test_what_a_proxy_or_another_sites_page_brings_is_no_program_of_this_host(
    site: Site, headers: dict[str, str]
) -> None:
    assert [site.get(path, **headers).status for path in FOR_PROGRAMS] == [401, 401]
    assert not is_whole(site.get("/ready", **headers))


def test_where_a_proxy_is_configured_loopback_opens_nothing(open_office: Callable[..., Office], tmp_path: Path) -> None:
    with serving(open_office(tmp_path / "none.db"), token=TOKEN, hosts=["wamon.example.com"]) as site:
        assert [site.get(path).status for path in FOR_PROGRAMS] == [401, 401]
        assert not is_whole(site.get("/ready"))
        assert is_whole(site.get("/ready", **BEARER))
        assert site.get("/nothing", Host="wamon.example.com", **BEARER).status == 404


@pytest.mark.parametrize("name", ["evil.example.com", "127.0.0.1.evil.example.com", "127.0.0.2", "localhost.", "[::1"])
def test_another_hosts_name_is_refused_but_for_what_balancers_ask(site: Site, name: str) -> None:
    assert site.get("/nothing", Host=name, **BEARER).status == 421
    assert site.get("/health", Host=name).status == 200
    assert not is_whole(site.get("/ready", Host=name, **BEARER))


FOREIGN = [
    {"Origin": "http://evil.example.com"},
    {"Origin": "null"},
    {"Origin": "http://127.0.0.1:1"},
    {"Origin": "https://127.0.0.1"},
    {"Origin": ""},
]


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
def test_a_form_of_another_site_changes_nothing(site: Site, headers: dict[str, str]) -> None:
    cookie = site.sign_in()
    assert site.post("/logout", **cookie, **headers).status == 403
    assert site.get("/nothing", **cookie).status == 404


def test_a_post_without_an_origin_must_be_said_to_come_from_here(site: Site) -> None:
    cookie = site.sign_in()
    form = {"Content_Type": "application/x-www-form-urlencoded"}
    assert site.ask("POST", "/logout", "", **cookie, **form).status == 403
    assert site.ask("POST", "/logout", "", **cookie, **form, Sec_Fetch_Site="cross-site").status == 403
    assert site.ask("POST", "/logout", "", **cookie, **form, Sec_Fetch_Site="same-origin").status == 303


def test_a_form_is_small_and_a_form(site: Site) -> None:
    assert site.post("/login", "code=" + "x" * 20_000).status == 413
    assert site.post("/login", '{"code": "x"}', Content_Type="application/json").status == 415
    assert site.post("/login", "code=%ff%fe").status == 401
    assert site.post("/login", "code=" + "x" * 1000).status == 401


def test_every_answer_has_the_headers_that_bind_browsers(site: Site) -> None:
    cookie = site.sign_in()
    answers = [
        site.get("/health"),
        site.get("/nothing", **cookie),
        site.get("/"),
        site.get("/", Host=""),
        site.ask("PUT", "/health"),
        site.post("/logout", **cookie, Origin="null"),
    ]
    assert [answer.status for answer in answers] == [200, 404, 401, 400, 405, 403]
    for answer in answers:
        assert HEADERS.items() <= dict(answer.headers).items()
        assert "server" not in answer.headers


def test_what_pages_load_never_changes_under_its_address(site: Site) -> None:
    answer = site.get("/static/wamon.js")
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert site.get("/static/..%2fhtml.py").status in {401, 404}
    assert site.get("/static/htmx.LICENSE", **BEARER).status == 404


def test_a_wrong_method_names_the_right_ones(site: Site) -> None:
    answer = site.ask("DELETE", "/debug/check-orphaned-messages", **BEARER)
    assert (answer.status, set(answer.headers["allow"].split(", "))) == (405, {"GET", "HEAD", "POST"})


def test_an_orphans_check_finds_nothing_while_there_are_no_conversations(site: Site) -> None:
    for method in ("GET", "POST"):
        assert site.ask(method, "/debug/check-orphaned-messages?dry_run=1").json == {
            "status": "ok",
            "orphaned_count": 0,
            "orphaned_wa_ids": [],
            "processed": [],
            "message": "No orphaned messages found",
            "buffered_wa_ids": [],
        }
    assert site.ask("POST", "/debug/check-orphaned-messages", Origin="http://evil.example.com").status == 403
