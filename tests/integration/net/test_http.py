"""One request against real servers that hang, drip, redirect, lie, break off and say too much: one verdict."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.support.receivers import Hooks, behaving, dripping, hanging, hooks
from wamon.net.address import NotSent
from wamon.net.deadline import Stop
from wamon.net.http import Unknown, request
from wamon.net.message import Answer, Bounds

BOUNDS = Bounds(connect_seconds=2.0, answer_seconds=10.0, answer_bytes=1_000)
HURRIED = Bounds(connect_seconds=2.0, answer_seconds=0.3, answer_bytes=1_000)
TOKEN = "hunter2"


@pytest.fixture
def hook() -> Iterator[Hooks]:
    with hooks() as found:
        yield found


def ask(
    port: int,
    *,
    scheme: str = "http",
    host: str = "127.0.0.1",
    body: bytes | None = b"{}",
    bounds: Bounds = BOUNDS,
    allow_private: bool = True,
    stop: Stop | None = None,
) -> Answer:
    url = f"{scheme}://user:{TOKEN}@{host}:{port}/hook?token={TOKEN}"
    headers = {"Content-Type": "application/json"}
    return request("POST", url, body, headers, bounds=bounds, allow_private=allow_private, stop=stop)


def saying(said: bytes) -> Callable[[Any], None]:
    """Take the request whole, say this and hang up."""

    def answer(handler: Any) -> None:
        while (line := handler.rfile.readline()) not in {b"\r\n", b""}:
            if line.lower().startswith(b"content-length:"):
                length = int(line.split()[1])
        handler.rfile.read(length)
        with suppress(OSError):
            handler.wfile.write(said)

    return answer


def test_the_request_arrives_as_it_was_meant(hook: Hooks) -> None:
    assert ask(hook.port, body=b'{"text": "x"}') == Answer(200, b"")
    assert hook.posted == [{"text": "x"}]
    assert hook.paths == [f"/hook?token={TOKEN}"]
    assert hook.headers["Host"] == f"127.0.0.1:{hook.port}"
    assert hook.headers["Connection"] == "close"


@pytest.mark.fault("F79")
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_an_answer_and_is_not_followed(hook: Hooks, status: int) -> None:
    hook.status = status
    assert ask(hook.port).status == status
    assert len(hook.paths) == 1


@pytest.mark.fault("F79", "F81")
@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY", "ALL_PROXY"])
def test_no_proxy_of_the_environment_is_asked(hook: Hooks, monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable, "http://127.0.0.1:1")
    assert ask(hook.port).status == 200


# Before it has left whole


def test_a_host_that_is_not_there_was_sent_nothing() -> None:
    with hanging() as port:
        pass
    with pytest.raises(NotSent, match="can't be reached: Connection refused"):
        ask(port)


@pytest.mark.fault("F79")
def test_a_private_address_is_refused_unless_it_is_allowed(hook: Hooks) -> None:
    with pytest.raises(NotSent, match="private network") as caught:
        ask(hook.port, allow_private=False)
    assert "allow_private" in caught.value.hint
    assert hook.paths == []


@pytest.mark.fault("F79")
def test_a_name_that_is_public_only_when_it_is_looked_at_gains_nothing(
    hook: Hooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    connected: list[object] = []

    def rebinding(host: str, port: int, **_: object) -> object:
        asked.append(host)
        address = "8.8.8.8" if len(asked) == 1 else "127.0.0.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    def connect(_: object, address: object) -> None:
        connected.append(address)
        raise TimeoutError

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    monkeypatch.setattr(socket.socket, "connect", connect)
    with pytest.raises(NotSent, match="no answer in time"):
        ask(hook.port, host="rebinding.example.com", allow_private=False)
    assert (asked, connected) == (["rebinding.example.com"], [("8.8.8.8", hook.port)])


@pytest.mark.fault("F80")
def test_a_host_that_stops_reading_has_not_got_it() -> None:
    with hanging() as port, pytest.raises(NotSent, match="no answer in time"):
        ask(port, body=b"x" * 50_000_000, bounds=HURRIED)


def test_a_header_that_none_may_send_leaves_nothing(hook: Hooks) -> None:
    url = f"http://127.0.0.1:{hook.port}/"
    with pytest.raises(NotSent):
        request("POST", url, b"", {"X": "a\r\nEvil: b"}, bounds=BOUNDS, allow_private=True)
    assert hook.paths == []


# After it has left whole


@pytest.mark.fault("F80")
def test_a_host_that_says_nothing_may_have_taken_it() -> None:
    with hanging() as port, pytest.raises(Unknown, match="no answer in time"):
        ask(port, bounds=HURRIED)


@pytest.mark.fault("F80")
def test_a_host_that_says_a_byte_at_a_time_is_cut_by_the_clock() -> None:
    with behaving(dripping) as port, pytest.raises(Unknown, match="no answer in time"):
        ask(port, bounds=HURRIED)


@pytest.mark.fault("F80")
@pytest.mark.parametrize("said", [b"", b"nonsense\r\n\r\n", b"\xff\x00" * 50_000], ids=["nothing", "words", "bytes"])
def test_a_host_that_breaks_off_or_talks_nonsense_may_have_taken_it(said: bytes) -> None:
    with behaving(saying(said)) as port, pytest.raises(Unknown, match=r"^127\.0\.0\.1 ") as caught:
        ask(port)
    assert TOKEN not in caught.value.paragraph()


@pytest.mark.fault("F80")
def test_of_an_endless_answer_no_more_is_read_than_was_asked_for() -> None:
    def endless(handler: Any) -> None:
        saying(b"HTTP/1.1 200 OK\r\n\r\n")(handler)
        with suppress(OSError):
            while True:
                handler.wfile.write(b"y" * 65_536)

    with behaving(endless) as port:
        assert ask(port) == Answer(200, b"y" * 1_000)
        assert ask(port, bounds=Bounds(2.0, 10.0, 0)) == Answer(200, b"")


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ("Retry-After: 120", 120.0),
        ("Retry-After: 0.75", 0.75),
        ("Date: Fri, 20 Nov 2026 12:00:00 GMT\r\nRetry-After: Fri, 20 Nov 2026 12:01:30 GMT", 90.0),
        ("Date: Fri, 20 Nov 2026 12:00:00 GMT\r\nRetry-After: Fri, 20 Nov 2026 11:00:00 GMT", 0.0),
        ("Retry-After: Fri, 20 Nov 2026 12:01:30 GMT", None),
        ("Retry-After: -5", None),
        ("Retry-After: nan", None),
        ("Retry-After: 99999999999999", None),
        ("Retry-After: 0\r\nretry-after-ms: 7000", 0.0),
        ("Retry-After: soon\r\nretry-after-ms: 1500\r\nllm_provider-retry-after: 9", 1.5),
        ("retry-after-ms: soon\r\nllm_provider-retry-after: 9", 9.0),
        ("X: y", None),
    ],
)
def test_how_long_a_host_asks_to_wait_is_told_in_seconds(headers: str, seconds: float | None) -> None:
    said = f"HTTP/1.1 429 Too Many Requests\r\n{headers}\r\nContent-Length: 2\r\n\r\n{{}}"
    with behaving(saying(said.encode())) as port:
        assert ask(port) == Answer(429, b"{}", seconds)


def test_connecting_counts_where_all_of_it_has_a_time_limit() -> None:
    with hanging() as port, pytest.raises(Unknown, match="gave no answer in time"):
        ask(port, bounds=Bounds(600, 600, 1_000, in_all_seconds=0.2))


def test_a_request_ends_at_once_when_another_thread_stops_it() -> None:
    stop, asked = Stop(), threading.Event()

    def hang(handler: Any) -> None:
        while handler.rfile.readline().strip():
            pass
        handler.rfile.read(len(b"{}"))  # whole: before that it would certainly not be sent
        asked.set()
        handler.rfile.read()

    def end() -> None:
        asked.wait(60)
        stop.set()

    with behaving(hang) as port:
        thread = threading.Thread(target=end)
        thread.start()
        with pytest.raises(Unknown):
            ask(port, bounds=Bounds(60, 60, 1_000), stop=stop)
        thread.join()


def test_no_request_leaves_once_it_is_stopped(hook: Hooks) -> None:
    stop = Stop()
    stop.set()
    with pytest.raises((NotSent, Unknown)):
        ask(hook.port, stop=stop)
    assert hook.posted == []


# TLS


@pytest.fixture
def certificate(tmp_path: Path) -> ssl.SSLContext:
    """Of a host that calls itself localhost, and that nobody vouches for."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl isn't installed here")
    files = (str(tmp_path / "cert.pem"), str(tmp_path / "key.pem"))
    words = f"openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -out {files[0]} -keyout {files[1]}"
    alternative = ["-addext", "subjectAltName=DNS:localhost"]
    subprocess.run([*words.split(), *alternative], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*files)
    return context


@pytest.mark.fault("F79")
def test_tls_is_verified_by_authority_and_by_name_before_anything_is_sent(
    certificate: ssl.SSLContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with hooks(certificate) as found:
        with pytest.raises(NotSent, match="isn't who it says"):
            ask(found.port, scheme="https", host="localhost")
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
        with pytest.raises(NotSent, match="isn't who it says"):
            ask(found.port, scheme="https")
        assert found.posted == []
        assert ask(found.port, scheme="https", host="localhost").status == 200
        assert len(found.posted) == 1


def test_a_host_without_tls_is_not_trusted(hook: Hooks) -> None:
    with pytest.raises(NotSent, match=r"no TLS|broke the connection off"):
        ask(hook.port, scheme="https")
    assert hook.posted == []


@pytest.mark.fault("F80")
def test_a_host_that_says_a_byte_at_a_time_under_tls_is_cut_by_the_clock(
    certificate: ssl.SSLContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))

    def drip(handler: Any) -> None:
        with certificate.wrap_socket(handler.connection, server_side=True) as secure, suppress(OSError):
            while True:
                secure.write(b"2")
                threading.Event().wait(0.02)

    with behaving(drip) as port, pytest.raises(Unknown, match="no answer in time"):
        ask(port, scheme="https", host="localhost", bounds=HURRIED)


@pytest.mark.fault("F80")
def test_a_handshake_that_takes_too_long_has_sent_nothing() -> None:
    with behaving(dripping) as port, pytest.raises(NotSent, match=r"no answer in time|no TLS"):
        ask(port, scheme="https", host="localhost", bounds=HURRIED)
