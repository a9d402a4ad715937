"""A live page: the newest state of each part, nothing twice, and it says when it isn't live."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.support.bridges import LAWLEY, VeryGoodPlugins
from tests.support.clock import CLOCK
from tests.support.office import Office, eventually
from tests.support.published import published
from tests.support.server import Initialised, Server
from tests.support.web import TOKEN, Site
from tests.support.web import serving as usually_serving
from wamon.postgres.connection import connected
from wamon.postgres.embedded import server as embedded
from wamon.postgres.migrations import migrate

BEARER = f"Authorization: Bearer {TOKEN}"
QUICK = """
from wamon.web import database, live
live._PULSE_SECONDS, live._REST, live.BEAT_SECONDS, database._PAUSE_SECONDS = 0.05, 0, 0.5, 0.1
"""
serving = partial(usually_serving, prologue=QUICK)
PARTS = {
    "title",
    "verdict",
    "look",
    "tiles",
    "needs",
    "posts",
    "groups",
    "hours",
    "waiting",
    "deliveries",
    "sources",
    "live",
}


class Stream:
    """An open stream, and the events that come."""

    def __init__(self, sock: socket.socket) -> None:
        self._lines = sock.makefile("r", encoding="utf-8", newline="\n")
        self.status = int(self._lines.readline().split()[1])
        self.headers = {}
        while line := self._lines.readline().strip():
            name, _, value = line.partition(": ")
            self.headers[name] = value

    def close(self) -> None:
        self._lines.close()

    def next(self, kind: str) -> tuple[str, Any]:
        """The next event of this kind: its id, and its data."""
        fields: dict[str, str] = {}
        for line in self._lines:
            name, _, value = line.strip().partition(":")
            if name in {"id", "event", "data"}:
                fields[name] = value.strip()
            if name == "data" and fields.get("event") == kind:
                return fields.get("id", ""), json.loads(fields["data"] or "null")
        raise AssertionError(f"it ended before {kind}")

    def parts(self, name: str, holds: str) -> tuple[str, dict[str, str]]:
        """The next parts in which this one says so."""
        while True:
            version, parts = self.next("parts")
            if holds in parts.get(name, ""):
                return version, parts


@contextmanager
def watching(site: Site, at: str = "", *headers: str, proof: str = BEARER, page: str = "home") -> Iterator[Stream]:
    with site.connected() as sock:
        lines = [
            f"GET /live?page={page}&at={at} HTTP/1.1",
            f"Host: {site.host}",
            proof,
            "Accept-Encoding: gzip",
            *headers,
        ]
        sock.sendall("\r\n".join([*lines, "", ""]).encode())
        stream = Stream(sock)
        yield stream
        stream.close()


@pytest.fixture
def bridge(tmp_path: Path) -> Iterator[VeryGoodPlugins]:
    with VeryGoodPlugins(tmp_path / "messages.db", durable=False) as bridge:
        bridge.post(LAWLEY, "DR1752028", at=CLOCK.now())
        yield bridge


@pytest.fixture
def office(open_office: Callable[..., Office], bridge: VeryGoodPlugins) -> Office:
    office = open_office(bridge.path)
    office.scan()
    return office


def test_a_viewer_gets_all_parts_once_and_then_what_changes(office: Office, bridge: VeryGoodPlugins) -> None:
    with serving(office, token=TOKEN) as site:
        with watching(site) as stream:
            first, parts = stream.next("parts")
            assert parts.keys() == PARTS
            assert "DR1752028" in parts["posts"]
            bridge.post(LAWLEY, "DR1752034", at=CLOCK.now())
            office.scan()
            version, changed = stream.parts("posts", "DR1752034")
            assert "sources" not in changed
        with watching(site, first) as again, watching(site, version) as known:
            assert "DR1752034" in again.next("parts")[1]["posts"]
            known.next("beat")


def test_who_comes_back_after_everybody_left_gets_what_changed_meanwhile(
    office: Office, bridge: VeryGoodPlugins
) -> None:
    with serving(office, token=TOKEN) as site, watching(site) as other:
        other.next("parts")
        reader = f"Cookie: {site.sign_in()['Cookie']}"
        with watching(site, proof=reader) as stream:
            first, _ = stream.next("parts")
            bridge.post(LAWLEY, "DR1752034", at=CLOCK.now())
            office.scan()
            version, _ = stream.parts("posts", "DR1752034")
        eventually("it left", lambda: "wamon_web_viewers 1.0" in site.get("/metrics").text)
        bridge.post(LAWLEY, "DR1752040", at=CLOCK.now())
        office.scan()
        with watching(site, first, proof=reader) as long, watching(site, version, proof=reader) as short:
            assert "DR1752040" in long.next("parts")[1]["posts"]
            assert "DR1752040" in short.next("parts")[1]["posts"]


def test_a_group_is_live_and_one_that_is_not_there_stays_empty(office: Office, bridge: VeryGoodPlugins) -> None:
    (chat,) = office.query("SELECT chat FROM wamon.groups WHERE jid = %s", LAWLEY)
    with serving(office, token=TOKEN) as site:
        with watching(site, page=f"group/{chat}") as stream:
            assert stream.next("parts")[1].keys() == {"group", "days", "posters", "live"}
            bridge.post(LAWLEY, "DR1752034", at=CLOCK.now())
            published(office)
            stream.parts("group", "2 messages recorded")
        with watching(site, page="group/999999999") as stream:
            assert stream.next("parts")[1].keys() == {"live"}
        assert site.get("/live?page=group/x", Authorization=f"Bearer {TOKEN}").status == 404


def test_a_stream_is_neither_compressed_nor_gathered(office: Office) -> None:
    with serving(office, token=TOKEN) as site, watching(site) as stream:
        assert stream.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert stream.headers["x-accel-buffering"] == "no"
        assert "content-encoding" not in stream.headers


def test_a_version_of_another_process_is_answered_with_all_parts(office: Office) -> None:
    with serving(office, token=TOKEN) as site, watching(site, "abcdef.7", "Last-Event-ID: 000000.99") as stream:
        assert stream.next("parts")[1].keys() == PARTS


def test_the_end_ends_open_streams_within_five_seconds(office: Office) -> None:
    with serving(office, token=TOKEN) as site, ExitStack() as stack:
        streams = [stack.enter_context(watching(site)) for _ in range(20)]
        for stream in streams:
            stream.next("parts")
        site.process.terminate()
        assert site.process.wait(timeout=5) == 0, site.said()
        for stream in streams:
            stream.next("end")


def test_more_viewers_than_there_is_room_for_are_asked_to_come_later(office: Office) -> None:
    with serving(office, token=TOKEN) as site, ExitStack() as stack:
        statuses = [stack.enter_context(watching(site)).status for _ in range(300)]
        assert (statuses.count(200), statuses.count(503)) == (250, 50)
        assert site.get("/health").status == 200
        assert "wamon_web_viewers 250.0" in site.get("/metrics").text


def test_a_page_says_since_when_postgresql_is_away_and_comes_back_by_itself(
    tmp_path: Path,
    reachable: Path,
    initialised: Initialised,
    bridge: VeryGoodPlugins,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(embedded, "ROOT_HOME", reachable / "lib")
    initialised.copy(reachable / "live", reachable / "lib")
    with embedded.running(reachable / "live") as dsn:
        with connected(dsn) as db:
            migrate(db)
        server, office = Server(reachable / "live", dsn), Office(tmp_path / "office", dsn, bridge.path)
        office.scan()
        with serving(office, token=TOKEN) as site, watching(site) as stream:
            stream.next("parts")
            cookie = site.sign_in()
            assert site.get("/", **cookie).status == 200
            server.stop("immediate")
            _, parts = stream.parts("live", "Not live. PostgreSQL hasn't answered since")
            assert parts.keys() == {"live"}
            answer = site.get("/", **cookie, Accept="text/html")
            assert answer.status == 503
            assert 'http-equiv="refresh"' in answer.text
            server.start()
            _, back = stream.next("parts")
            assert back["live"] == ""
            assert "posts" not in back
            assert site.get("/", **cookie).status == 200


def test_who_asks_on_and_reads_nothing_is_cut_off_and_takes_no_memory(office: Office) -> None:
    with serving(office, token=TOKEN) as site, site.connected() as sock:
        before = site.memory_bytes()
        line = f"GET / HTTP/1.1\r\nHost: {site.host}\r\n{BEARER}\r\n\r\n".encode()
        with pytest.raises(ConnectionError):
            for _ in range(1000):
                sock.sendall(line * 500)
        assert site.get("/health").status == 200
        assert site.memory_bytes() - before < 16 * 1024 * 1024


def test_pages_and_their_json_show_the_same_view(office: Office) -> None:
    with serving(office, token=TOKEN) as site:
        found = site.get("/home.json", Authorization=f"Bearer {TOKEN}").json
        page = site.get("/", Authorization=f"Bearer {TOKEN}").text
    assert [post["drop_number"] for post in found["posts"]] == ["DR1752028"]
    assert "DR1752028" in page
    assert found["verdict"]["sentence"] in page
