"""What strangers send: refused, bounded, and nobody else is kept waiting. Nothing here harms other software."""

from __future__ import annotations

import resource
import select
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from tests.support.hooks import hook
from tests.support.nginx import NGINX, nginx
from tests.support.office import Office
from tests.support.web import TOKEN, Answer, Site, received, serving, status_of

MB = 1024 * 1024
CLOSED = (0, 400)


def asked(site: Site, *lines: str, host: str | None = None) -> int:
    """The status of a request with these lines after its first, such as two of Host."""
    own = [f"Host: {host or site.host}"] if host != "" else []
    return status_of(site.raw("\r\n".join([lines[0], *own, *lines[1:], "Connection: close", "", ""]).encode("latin-1")))


def test_a_request_names_its_host_once(site: Site) -> None:
    assert asked(site, "GET /metrics HTTP/1.1", host="") == 400
    assert asked(site, "GET /metrics HTTP/1.1", "Host: evil.example.com") == 400
    assert asked(site, "GET /metrics HTTP/1.0", host="") == 400


def test_a_host_named_in_the_target_is_refused(site: Site) -> None:
    for target in (f"http://{site.host}/metrics", "http://evil.example.com/health", "*", "//evil.example.com/health"):
        assert asked(site, f"GET {target} HTTP/1.1") in {400, 401}
    assert asked(site, "CONNECT evil.example.com:443 HTTP/1.1") in CLOSED


def test_http_1_0_is_no_program_of_this_host(site: Site) -> None:
    assert asked(site, "GET /metrics HTTP/1.1") == 200
    assert asked(site, "GET /metrics HTTP/1.0") == 401


POST = b"POST /login HTTP/1.1\r\nHost: localhost\r\n"
MALFORMED = {
    "two lengths of a body": POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a chunk of 2^64 bytes": POST + b"Transfer-Encoding: chunked\r\n\r\n10000000000000000\r\n",
    "a negative length": POST + b"Content-Length: -1\r\n\r\n",
    "a length in words": POST + b"Content-Length: five\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a space in a header's name": b"GET /health HTTP/1.1\r\nHost : localhost\r\n\r\n",
    "a bare line feed in a header": b"GET /health HTTP/1.1\r\nHost: localhost\r\nX: a\n\rb\r\n\r\n",
    "nothing that is HTTP": b"\x00\xff" * 500,
}


@pytest.mark.parametrize("what", MALFORMED)
def test_what_is_no_request_is_refused_and_cut_off(site: Site, what: str) -> None:
    assert status_of(site.raw(MALFORMED[what])) in CLOSED
    assert site.get("/health").status == 200


@pytest.mark.parametrize(
    "path",
    ["/static/../html.py", "/static/%2e%2e/html.py", "/static/..%2fhtml.py", "/static/%00", "/static/%ff", "/%2e%2e/"],
)
def test_no_path_leads_out_of_what_is_served(site: Site, path: str) -> None:
    assert asked(site, f"GET {path} HTTP/1.1") in {400, 401, 404}


def test_a_head_is_bounded(site: Site) -> None:
    before = site.memory_bytes("VmHWM")
    assert _poured(site, b"GET /health HTTP/1.1\r\nX: ", b"x" * MB, 64) in {0, 431}
    assert _poured(site, b"GET /health HTTP/1.1\r\n", b"X-Header: 1\r\n" * 1000, 10) in {0, 431}
    assert _poured(site, b"GET /", b"x" * MB, 64) in {0, 431}
    assert asked(site, "GET /health HTTP/1.1", "X: " + "x" * 17_000) == 431
    assert asked(site, "GET /health HTTP/1.1", "X: " + "x" * 15_000) == 200
    assert site.memory_bytes("VmHWM") - before < 8 * MB


def _poured(site: Site, beginning: bytes, part: bytes, times: int) -> int:
    """The status of the answer to what never ends: 0 where the connection was cut before it could be read."""
    with site.connected() as sock:
        with suppress(ConnectionError):
            sock.sendall(beginning)
            for _ in range(times):
                sock.sendall(part)
        return status_of(received(sock))


def test_a_body_that_nobody_wants_takes_no_memory(site: Site) -> None:
    before = site.memory_bytes("VmHWM")
    head = f"POST /login HTTP/1.1\r\nHost: {site.host}\r\nOrigin: {site.url}\r\nContent-Length: {64 * MB}\r\n"
    form = "Content-Type: application/x-www-form-urlencoded\r\n\r\n"
    assert _poured(site, (head + form).encode(), b"x" * MB, 64) in {0, 413}
    assert site.memory_bytes("VmHWM") - before < 8 * MB


def test_idle_connections_keep_nobody_out(site: Site) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 2000:
        pytest.skip("only root can open 1,100 connections here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(2000, resource.getrlimit(resource.RLIMIT_NOFILE)[0]), hard))
    with ExitStack() as stack:
        for _ in range(1100):
            stack.enter_context(site.connected())
        assert site.get("/health").status == 200


def test_who_sends_a_byte_now_and_then_is_cut_off(open_office: Callable[..., Office], tmp_path: Path) -> None:
    soon = (
        "from functools import partial; from wamon.web import hooks, server; server.READ_SECONDS = 1;"
        "server.BODY_SECONDS = 3; hooks.Limits = partial(hooks.Limits, read_seconds=1)"
    )
    office = open_office(tmp_path / "none.db", hooks=[hook("gowa", "gowa")])
    with (
        serving(office, prologue=soon) as site,
        site.connected() as head,
        site.connected() as body,
        site.connected() as delivery,
    ):
        delivery.sendall(f"POST /hooks/gowa HTTP/1.1\r\nHost: {site.host}\r\nContent-Length: 9\r\n\r\nx".encode())
        head.sendall(b"GET /health HTTP/1.1\r\n")
        form = "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 1000\r\n\r\n"
        body.sendall(f"POST /login HTTP/1.1\r\nHost: {site.host}\r\nOrigin: {site.url}\r\n{form}".encode())
        waiting = {head, body}
        deadline = time.monotonic() + 20
        while waiting:
            assert time.monotonic() < deadline, "it was let go on"
            waiting = {sock for sock in waiting if not _is_cut_off_after(sock, b"x")}
            select.select(waiting, (), (), 0.1)
        assert status_of(received(delivery)) == 408
        assert site.get("/health").status == 200


def _is_cut_off_after(sock: socket.socket, part: bytes) -> bool:
    try:
        readable, _, _ = select.select([sock], (), (), 0)
        if readable:
            return not sock.recv(1000)
        sock.sendall(part)
    except ConnectionError:
        return True
    return False


def test_requests_in_a_row_on_one_connection_are_bounded_alike(site: Site) -> None:
    once = f"GET /health HTTP/1.1\r\nHost: {site.host}\r\n\r\n".encode()
    with site.connected() as sock:
        with suppress(ConnectionError):
            sock.sendall(once * 50 + b"GET /health HTTP/1.1\r\nX: ")
            for _ in range(64):
                sock.sendall(b"x" * 65536)
        answers = received(sock)
    assert answers.count(b"HTTP/1.1 200 OK") <= 50
    assert site.get("/health").status == 200


def passing_all(to: Site, *lines: str) -> str:
    """A server with a plain proxy_pass and these lines."""
    return f"server {{ listen @LISTEN@; location / {{ proxy_pass {to.url}; {' '.join(lines)} }} }}"


def through(port: int, site: Site) -> Callable[..., Answer]:
    """As a guest of the proxy asks."""
    return Site(site.office, port, site.process, site.log).get


@pytest.mark.skipif(NGINX is None, reason="nginx isn't installed here")
@pytest.mark.parametrize("line", ["", "proxy_http_version 1.1;"])
def test_a_guest_of_a_plain_proxy_sees_no_page(site: Site, tmp_path: Path, line: str) -> None:
    with nginx(tmp_path / "nginx", passing_all(site, line)) as port:
        get = through(port, site)
        assert [get(path).status for path in ("/", "/home.json", "/live", "/drop/DR1752028")] == [401] * 4
        assert get("/health").status == 200


@pytest.mark.skipif(NGINX is None, reason="nginx isn't installed here")
def test_a_guest_of_a_configured_proxy_sees_no_endpoint_either(
    open_office: Callable[..., Office], tmp_path: Path
) -> None:
    name = "wamon.example.com"
    with (
        serving(open_office(tmp_path / "none.db"), token=TOKEN, hosts=[name], public_url=f"https://{name}") as site,
        nginx(tmp_path / "nginx", passing_all(site, "proxy_http_version 1.1;", "proxy_set_header Host $host;")) as port,
    ):
        get = through(port, site)
        assert [get(path, Host="localhost").status for path in ("/metrics", "/debug/check-orphaned-messages")] == [
            401,
            401,
        ]
        assert "checks" not in get("/ready", Host="localhost").json
        answer = get("/login", Host=name, Accept="text/html")
        assert (answer.status, answer.headers["strict-transport-security"]) == (200, "max-age=31536000")
        signed_in = site.post("/login", f"code={site.link()}", Origin=f"https://{name}", Host=name)
        assert signed_in.headers["set-cookie"].startswith("__Host-wamon-")
        assert "Secure" in signed_in.headers["set-cookie"]
        assert site.post("/login", f"code={site.link()}", Origin=f"http://{name}", Host=name).status == 403
