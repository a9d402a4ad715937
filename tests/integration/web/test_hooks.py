"""The door: what a hook takes, keeps, counts and logs. 200 means that PostgreSQL has it."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import resource
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import pytest

from tests.support.deliveries import LID, PHONE, SECRET, SENDERS, meta_body, meta_message, signature
from tests.support.forked import Forked
from tests.support.hooks import HOOKS, VERIFY_TOKEN, deliver, good
from tests.support.nginx import NGINX, PUBLISHED_AS, nginx, published
from tests.support.office import Office, eventually
from tests.support.ports import free_port
from tests.support.web import Site, serving, status_of
from wamon.failpoints import NAMES
from wamon.privacy import person_hash

MIB = 1024 * 1024
EVENTS = "SELECT uid, hook, source, body, sha256, state FROM wamon.webhook_events ORDER BY event"


@pytest.fixture(scope="module")
def _site(tmp_path_factory: pytest.TempPathFactory, _reused_18: Any) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("hooks")
    office = Office(folder / "office", _reused_18.empty(), Path(folder / "no-store.db"), hooks=HOOKS)
    with serving(office) as site:
        yield site


@pytest.fixture
def site(_site: Site, dsn: str) -> Site:
    """The site, over an empty database."""
    return _site


def bodies(site: Site) -> list[bytes]:
    return [bytes(body) for body in site.office.query("SELECT body FROM wamon.webhook_events ORDER BY event")]


@pytest.mark.parametrize("provider", SENDERS)
def test_a_proven_delivery_is_kept_as_it_came_before_its_200(site: Site, provider: str) -> None:
    _, raw, _ = good(provider)

    answer = deliver(site, provider)

    assert answer.status == 200, site.said()
    ((uid, hook, source, body, digest, state),) = site.office.query(EVENTS)
    assert (hook, source, bytes(body), state) == (provider, provider, raw, "new")
    assert bytes(digest) == hashlib.sha256(raw).digest()
    assert UUID(answer.headers["wamon-correlation-id"]) == uid
    expected = {"version": "v2", "content": {"messages": []}} if provider == "manychat" else None
    assert (json.loads(answer.body) if answer.body else None) == expected


def test_pages_show_each_hook_with_what_came(site: Site) -> None:
    reader = site.sign_in()

    def shows(path: str) -> bool:
        """Written at each look: what came before may be counted late, and a look is shared for a second."""
        site.office.query(
            "INSERT INTO wamon.hook_status (hook, source, day, stored, refused, tests, twins, duplicates)"
            " VALUES ('gowa', 'gowa', (now() AT TIME ZONE 'Africa/Johannesburg')::date, 7, 5, 3, 2, 4)"
            " ON CONFLICT (hook) DO UPDATE SET (day, stored, refused, tests, twins, duplicates) ="
            " (excluded.day, 7, 5, 3, 2, 4)"
        )
        shown = " ".join(site.get(path, Accept="text/html", **reader).text.split())
        assert "gowa, source gowa" in shown
        assert "it has no secret" in shown, "of shut"
        return "7 kept, 3 tests, 4 had come before, 2 twins" in shown

    for path in ("/hooks", "/"):
        eventually(f"{path} with what came", partial(shows, path))
    assert '<a href="/hooks" aria-current="page">' in site.get("/hooks", Accept="text/html", **reader).text
    by_name = {one["name"]: one for one in site.get("/hooks.json", **reader).json["hooks"]}
    assert (by_name["gowa"]["refused_today"], by_name["shut"]["open"]) == (5, False)


@pytest.mark.parametrize("raw", [b"", b"{", b"\x00\xff" * 100, b"[" * 10_000, b'{"a":' + b"9" * 5_000 + b"}"])
def test_a_proven_delivery_is_kept_whatever_it_holds(site: Site, raw: bytes) -> None:
    assert deliver(site, "meta", raw).status == 200
    assert bodies(site) == [raw]


def test_nothing_is_kept_of_a_delivery_that_is_not_proven(site: Site) -> None:
    _, raw, _ = good("gowa")
    wrong = {
        "none": {},
        "empty": {"X-Hub-Signature-256": ""},
        "another hook's": {"X-Hub-Signature-256": f"sha256={signature(raw, 'the-secret-of-another-hook')}"},
        "of another body": {"X-Hub-Signature-256": f"sha256={signature(raw + b' ')}"},
        "truncated": {"X-Hub-Signature-256": f"sha256={signature(raw)[:-1]}"},
        "in capitals": {"X-Hub-Signature-256": f"sha256={signature(raw).upper()}"},
        "by SHA-1": {"X-Hub-Signature-256": f"sha1={signature(raw, digest='sha1')}"},
    }

    for name, headers in wrong.items():
        answer = site.ask("POST", "/hooks/gowa", raw, **headers)
        assert (answer.status, answer.body) == (401, b""), name
        assert "wamon-correlation-id" not in answer.headers

    assert bodies(site) == []


def test_either_of_two_secrets_proves_a_delivery(site: Site) -> None:
    _, raw, _ = good("gowa")
    for secret in (SECRET, "the-secret-of-another-hook"):
        proof = f"sha256={signature(raw, secret)}"
        assert site.ask("POST", "/hooks/turning", raw, X_Hub_Signature_256=proof).status == 200


@pytest.mark.parametrize(
    "path",
    ["unknown", "shut", "", "gowa/x", "../gowa", "%2e%2e%2fgowa", "GOWA"],
)
def test_an_address_that_is_not_configured_does_not_exist(site: Site, path: str) -> None:
    _, raw, proof = good("gowa")
    assert site.ask("POST", f"/hooks/{path}", raw, **proof).status == 404
    assert site.get(f"/hooks/{path}").status == 404


@pytest.mark.parametrize(("name", "allowed"), [("gowa", "POST"), ("meta", "GET, POST")])
def test_only_a_post_delivers(site: Site, name: str, allowed: str) -> None:
    for method in ("PUT", "DELETE", "HEAD", "OPTIONS"):
        answer = site.ask(method, f"/hooks/{name}")
        assert (answer.status, answer.headers["allow"]) == (405, allowed)


def test_meta_s_question_is_answered_as_text_and_only_with_its_token(site: Site) -> None:
    def asked(token: str, challenge: str) -> Any:
        return site.get(f"/hooks/meta?hub.mode=subscribe&hub.verify_token={token}&hub.challenge={challenge}")

    answer = asked(VERIFY_TOKEN, "%3Cscript%3Ealert(1)%3C/script%3E")
    assert (answer.status, answer.text) == (200, "<script>alert(1)</script>")
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert [asked("another", "1").status, site.get("/hooks/meta").status] == [403, 403]
    assert site.get("/hooks/gowa?hub.mode=subscribe").status == 405


def test_requirement_3_a_thousand_replays_are_a_thousand_events_of_one_body(site: Site) -> None:
    _, raw, proof = good("gowa")

    def replayed(_: int) -> list[str]:
        connection = HTTPConnection("127.0.0.1", site.port, timeout=20)
        ids = []
        for _ in range(100):
            connection.request("POST", "/hooks/gowa", raw, proof)
            answer = connection.getresponse()
            assert (answer.status, answer.read()) == (200, b"")
            ids.append(answer.headers["Wamon-Correlation-Id"])
        connection.close()
        return ids

    with ThreadPoolExecutor(10) as threads:
        ids = {one for some in threads.map(replayed, range(10)) for one in some}

    assert len(ids) == 1_000
    counted = "SELECT count(*), count(DISTINCT uid), count(DISTINCT sha256) FROM wamon.webhook_events"
    assert site.office.query(counted) == [(1_000, 1_000, 1)]


def test_requirement_5_a_test_delivery_is_counted_and_not_kept(site: Site) -> None:
    sample = meta_body(meta_message())
    sample["entry"][0] |= {"id": "0"}
    sample["entry"][0]["changes"][0]["value"]["metadata"]["phone_number_id"] = "123456123"

    assert deliver(site, "meta", sample).status == 200
    answer = deliver(site, "gowa", to="tested", Wamon_Test="1")

    assert answer.status == 200
    assert UUID(answer.headers["wamon-correlation-id"])
    assert bodies(site) == []
    eventually("it is counted", lambda: tallied(site, "tested") == [(0, 0, 1, None)])


def test_a_delivery_without_an_id_rings_for_the_store_and_is_not_kept(site: Site) -> None:
    assert deliver(site, "vgp", to="doorbell").status == 200

    assert bodies(site) == []
    assert site.office.query("SELECT hook FROM wamon.hook_rings WHERE rang_at > now() - interval '1 minute'") == [
        "doorbell"
    ]


def test_a_delivery_with_an_id_is_kept_for_the_store_s_source(site: Site) -> None:
    photo = SENDERS["vgp"].message | {"messageId": "3EB0AA", "mediaType": "image"}

    assert deliver(site, "vgp", photo, to="doorbell").status == 200

    assert [(hook, source) for _, hook, source, *_ in site.office.query(EVENTS)] == [("doorbell", "main")]


def test_a_one_to_one_delivery_is_kept_without_an_id_too(site: Site) -> None:
    direct = SENDERS["vgp"].message | {"chatJID": f"{PHONE}@s.whatsapp.net"}

    assert deliver(site, "vgp", direct, to="doorbell").status == 200

    assert [(hook, source) for _, hook, source, *_ in site.office.query(EVENTS)] == [("doorbell", "main")]


def tallied(site: Site, hook: str) -> list[Any]:
    return site.office.query("SELECT stored, refused, tests, last_at FROM wamon.hook_status WHERE hook = %s", hook)


def test_what_comes_to_a_hook_is_counted_by_day(site: Site) -> None:
    site.office.query(
        "INSERT INTO wamon.hook_status (hook, source, day, stored, refused, twins)"
        " VALUES ('counted', 'gowa', current_date - 2, 5, 5, 5)"
    )
    deliver(site, "gowa", to="counted")
    deliver(site, "gowa", to="counted")
    deliver(site, "gowa", to="counted", X_Hub_Signature_256="sha256=0")

    eventually("they are counted", lambda: [row[:3] for row in tallied(site, "counted")] == [(2, 1, 0)])
    assert site.office.query("SELECT twins, last_at IS NOT NULL FROM wamon.hook_status WHERE hook = 'counted'") == [
        (0, True)
    ]


def test_requirement_6_a_delivery_is_told_before_its_proof_without_number_text_or_secret(site: Site) -> None:
    before = len(site.said())
    escapes = f'{{"event":"\\u001b[31mred","from":"{PHONE}","body":"canary text"}}'.encode()
    deliver(site, "gowa")
    deliver(site, "gowa", escapes, X_Hub_Signature_256="canary-signature")
    deliver(site, "wati")
    site.ask("POST", "/hooks/wati?secret=canary-secret", b"{}", Cookie="canary-cookie")

    said = site.said()[before:]
    uids = site.office.query("SELECT uid FROM wamon.webhook_events ORDER BY event")
    size = len(good("gowa")[1])
    (key,) = site.office.query("SELECT person_key FROM wamon.instance")
    person = person_hash(bytes(key), "phone", PHONE)
    assert f"[WEBHOOK_RECEIVED] waId={person}, type=message, hook=gowa, bytes={size}, id={uids[0]}" in said
    assert f"[WEBHOOK_RECEIVED] waId={person}, type=-, hook=gowa, bytes={len(escapes)}, id=" in said
    assert "[SECURITY] Refused a delivery to hook gowa: a wrong proof" in said
    assert "[SECURITY] Refused a delivery to hook wati: a wrong proof" in said
    for secret in (PHONE, LID, "DR1752028", "canary", SECRET, "\x1b"):
        assert secret not in said


def test_a_flood_of_forged_deliveries_is_logged_as_a_count(site: Site) -> None:
    before = len(site.said())
    for _ in range(300):
        assert deliver(site, "gowa", to="flooded", X_Hub_Signature_256="0").status == 401

    def counted() -> tuple[int, int]:
        lines = [line for line in site.said()[before:].splitlines() if "flooded" in line]
        more = [int(line.partition("Refused ")[2].split()[0]) for line in lines if "more in a second" in line]
        return sum("Refused a delivery" in line for line in lines), sum(more)

    eventually("each is told or counted", lambda: sum(counted()) == 300, said=lambda: str(counted()))
    assert counted()[0] < 200


def test_metrics_count_deliveries_by_what_became_of_them(site: Site) -> None:
    deliver(site, "gowa", to="measured")
    deliver(site, "gowa", to="measured", X_Hub_Signature_256="0")
    deliver(site, "gowa", to="measured", Wamon_Test="1")

    text = site.get("/metrics").text
    for result in ("stored", "unauthorized", "test"):
        assert f'wamon_hook_deliveries_total{{hook="measured",result="{result}"}} 1.0' in text
    assert 'wamon_hook_seconds_count{hook="measured"} 2.0' in text
    assert "wamon_hook_batch_rows_bucket" in text


def test_a_host_that_is_not_ours_is_refused_at_hooks_too(site: Site) -> None:
    assert deliver(site, "gowa", Host="evil.example.com").status == 421
    assert deliver(site, "gowa", Origin="https://evil.example.com").status == 200


def chunked(site: Site, hook: str, raw: bytes, *, size: int = 65_536, **headers: str) -> int:
    """The status of a delivery that comes in chunks."""
    lines = [f"POST /hooks/{hook} HTTP/1.1", f"Host: {site.host}", "Transfer-Encoding: chunked", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    parts = [raw[at : at + size] for at in range(0, len(raw), size)]
    body = b"".join(f"{len(part):x}\r\n".encode() + part + b"\r\n" for part in parts) + b"0\r\n\r\n"
    return status_of(site.raw("\r\n".join([*lines, "", ""]).encode() + body))


@pytest.mark.fault("F100")
@pytest.mark.parametrize(("provider", "most"), [("gowa", 1), ("meta", 4), ("vgp", 16), ("evolution", 16)])
def test_a_body_is_taken_up_to_its_sender_s_limit(site: Site, provider: str, most: int) -> None:
    raw = b"x" * (most * MIB)
    assert deliver(site, provider, raw).status == 200
    answer = deliver(site, provider, raw + b"x")
    assert (answer.status, answer.headers["connection"]) == (413, "close")
    assert [len(body) for body in bodies(site)] == [most * MIB]


@pytest.mark.fault("F100")
def test_a_body_that_says_it_is_too_long_is_refused_before_it_comes(site: Site) -> None:
    head = f"POST /hooks/gowa HTTP/1.1\r\nHost: {site.host}\r\nContent-Length: {MIB + 1}\r\n\r\n"
    assert status_of(site.raw(head.encode())) == 413


@pytest.mark.fault("F100")
def test_chunks_are_taken_up_to_the_limit(site: Site) -> None:
    raw = b"x" * MIB
    assert chunked(site, "gowa", raw, X_Hub_Signature_256=f"sha256={signature(raw)}") == 200
    assert chunked(site, "gowa", raw + b"x", X_Hub_Signature_256=f"sha256={signature(raw + b'x')}") == 413
    assert bodies(site) == [raw]


@pytest.mark.parametrize("length", ["Content-Length: {0}", "Transfer-Encoding: chunked"])
@pytest.mark.parametrize("protocol", ["h2c", "websocket", "TLS/1.3"])
def test_a_delivery_that_asks_for_another_protocol_is_refused_whole(site: Site, protocol: str, length: str) -> None:
    """What reads requests here leaves its body out: the address proves it, and nothing would be kept with a 200."""
    suffix, raw, _ = good("wati")
    lines = [f"POST /hooks/wati{suffix} HTTP/1.1", f"Host: {site.host}", "Connection: Upgrade", f"Upgrade: {protocol}"]
    answer = site.raw("\r\n".join([*lines, length.format(len(raw)), "", ""]).encode() + raw)
    assert (status_of(answer), answer.count(b"HTTP/1.1")) == (400, 1)
    assert bodies(site) == []


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_a_delivery_that_does_not_say_how_long_it_is_is_not_taken_for_an_empty_one(site: Site, version: str) -> None:
    suffix, _, _ = good("wati")
    head = f"POST /hooks/wati{suffix} HTTP/{version}\r\nHost: {site.host}\r\n\r\n"
    assert status_of(site.raw(head.encode())) == 411
    assert bodies(site) == []


def test_who_only_asks_for_a_page_may_ask_for_another_protocol(site: Site) -> None:
    asked = {"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c", "HTTP2_Settings": "AAMAAABk"}
    assert site.get("/health", **asked).status == 200


@pytest.mark.parametrize("encoding", ["identity", "Identity"])
def test_a_body_that_says_it_is_not_encoded_is_taken(site: Site, encoding: str) -> None:
    assert deliver(site, "gowa", Content_Encoding=encoding).status == 200


@pytest.mark.fault("F100")
@pytest.mark.parametrize("encoding", ["gzip", "br", "identity, gzip", ""])
def test_an_encoded_body_is_refused(site: Site, encoding: str) -> None:
    bomb = gzip.compress(bytes(10 * MIB))
    assert deliver(site, "gowa", bomb, Content_Encoding=encoding).status == 415
    assert bodies(site) == []


@pytest.mark.fault("F100")
def test_idle_connections_keep_no_delivery_out(site: Site) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 2000:
        pytest.skip("only root can open 1,100 connections here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(2000, resource.getrlimit(resource.RLIMIT_NOFILE)[0]), hard))
    with ExitStack() as stack:
        for _ in range(1_000):
            stack.enter_context(site.connected())
        assert deliver(site, "gowa").status == 200


@pytest.mark.fault("F99")
@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("hook.")])
def test_case_9_requirement_1_a_kill_at_any_boundary_loses_nothing_that_was_answered(
    open_office: Callable[..., Office], tmp_path: Path, name: str
) -> None:
    port = free_port()
    office = open_office(tmp_path / "no-store.db", web={"listen": f"127.0.0.1:{port}"}, hooks=HOOKS)
    with (tmp_path / "log").open("wb") as log:
        environ = os.environ | {"WAMON_FAILPOINT": f"{name}:2:kill"}
        process = Forked(["--config", str(office.config_path), "web"], env=environ, clock=office.clock, stderr=log)
    site = Site(office, port, cast("Any", process), tmp_path / "log")
    try:
        eventually("it serves", site.is_up, said=site.said)
        answered = [deliver(site, "gowa").headers["wamon-correlation-id"]]
        with pytest.raises((OSError, HTTPException)):
            answered.append(deliver(site, "gowa").headers["wamon-correlation-id"])
        assert process.wait(20) == -signal.SIGKILL
    finally:
        process.kill()
        process.wait()

    kept = [str(uid) for uid in office.query("SELECT uid FROM wamon.webhook_events ORDER BY event")]
    assert kept[:1] == answered
    assert len(kept) == (2 if name in {"hook.inserted", "hook.committed"} else 1)


@pytest.mark.skipif(NGINX is None, reason="nginx isn't installed here")
def test_the_nginx_of_the_docs_publishes_hooks_alone(open_office: Callable[..., Office], tmp_path: Path) -> None:
    name = PUBLISHED_AS
    office = open_office(tmp_path / "no-store.db", hooks=HOOKS)
    with (
        serving(office, "--only", "hooks", hosts=[name]) as inner,
        nginx(tmp_path / "nginx", published(inner.url)) as port,
    ):
        site = Site(office, port, inner.process, inner.log)
        for provider in ("meta", "wati", "evolution"):
            assert deliver(site, provider, Host=name).status == 200
        assert deliver(site, "vgp", b"x" * 16 * MIB, Host=name).status == 200
        assert deliver(site, "gowa", Host=name, X_Hub_Signature_256="0").status == 401
        assert deliver(site, "gowa", b"x" * (MIB + 1), Host=name).status == 413
        paths = ("/", "/health", "/metrics", "/ready", "/login", "/hooks/../metrics", "/hooks/%2e%2e/metrics")
        assert {site.get(path, Host=name).status for path in paths} == {404}
        assert len(bodies(site)) == 4
