"""Every page over an office in which everything happened: as HTML and as JSON, to a reader and to an operator."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from tests.support.bridges import LAWLEY, MOHADIN, PROJECTS, VeryGoodPlugins
from tests.support.clock import CLOCK, first_morning
from tests.support.conversations import Talks
from tests.support.office import Office
from tests.support.people import write_people
from tests.support.published import noon, published
from tests.support.web import Site, serving

PHONE = "27820001234"
WRITTEN = "DR1000009thabo"
MISS = WRITTEN.upper()
HOSTILE = '<img src=x onerror=alert(1)>"><script>'
PAGES = (
    "/",
    "/groups",
    "/group/{chat}",
    "/drop/DR1000001",
    "/drop/DR100000O",
    "/message/FIRST",
    "/message/MISS",
    "/redo",
    "/redo?project=Mohadin",
    "/dead",
    "/replies",
    "/gaps",
    "/alerts",
    "/rates",
    "/reports",
    "/reports?kind=weekly&project=Mohadin",
    "/reports/daily/{day}",
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, _reused_18: Any) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("pages")
    now = CLOCK.now()
    with VeryGoodPlugins(folder / "messages.db", durable=False) as bridge:
        write_people(folder, names={f"{PHONE}@s.whatsapp.net": HOSTILE})
        ago = timedelta(seconds=1)
        bridge.post(LAWLEY, "DR1000001", sender=PHONE, message_id="FIRST", at=now - 90 * ago)
        bridge.post(LAWLEY, "DR1000001", sender=PHONE, message_id="AGAIN", at=now - 60 * ago)
        bridge.post(MOHADIN, f"{WRITTEN} secret words", sender=PHONE, message_id="MISS", at=now - 50 * ago)
        bridge.post(LAWLEY, "RD1000001", sender=PHONE, message_id="SWAPPED", at=now - 45 * ago)
        groups = [{"name": PROJECTS[jid], "jid": jid} for jid in PROJECTS if jid != LAWLEY]
        groups.append({"name": "Lawley", "jid": LAWLEY})
        office = Office(folder / "office", _reused_18.empty(), bridge.path, groups=groups, timezone=noon(now.hour))
        published(office)
        office.query(
            "INSERT INTO wamon.replies (chat, message_id, about, kind, state, project, sent_at, queued_at, changed_at,"
            " next_try_at) SELECT chat, message_id, written, 'near-miss', 'unknown', project, sent_at, now(), now(),"
            " now() FROM wamon.near_miss_rows"
        )
        with serving(office) as site:
            yield site


@pytest.fixture(scope="module")
def reader(site: Site) -> dict[str, str]:
    return site.sign_in("reader")


@pytest.fixture(scope="module")
def operator(site: Site) -> dict[str, str]:
    return site.sign_in("operator")


def addresses(site: Site, path: str) -> tuple[str, str]:
    """A page's address, and its JSON's."""
    (chat,) = site.office.query("SELECT chat FROM wamon.groups WHERE jid = %s", LAWLEY)
    bare, question, query = path.format(chat=chat, day=first_morning().date()).partition("?")
    return bare + question + query, ("/home" if bare == "/" else bare) + ".json" + question + query


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_there_for_everybody_and_what_messages_say_for_operators_alone(
    site: Site, reader: dict[str, str], operator: dict[str, str], path: str
) -> None:
    for role, cookie in (("reader", reader), ("operator", operator)):
        for address in addresses(site, path):
            answer = site.get(address, Accept="text/html", **cookie)
            assert answer.status == 200, address
            assert address.partition("?")[0].endswith(".json") or "<img" not in answer.text, address
            assert PHONE not in answer.text, address
            if role == "reader":
                assert [said for said in (MISS, WRITTEN, "secret words") if said in answer.text] == [], address


def test_an_operator_reads_what_was_written(site: Site, operator: dict[str, str]) -> None:
    for path in ("/redo", "/", "/message/MISS", "/reports"):
        assert MISS in site.get(path, Accept="text/html", **operator).text, path


def test_the_report_tells_of_conversations_once_there_are_any(site: Site, reader: dict[str, str]) -> None:
    def page(kind: str) -> str:
        return site.get(f"/reports?kind={kind}", Accept="text/html", **reader).text

    assert "onversation" not in page("weekly").partition("<main")[2]
    talks = Talks(site.office.dsn)
    (at,) = site.office.query("SELECT now()")
    talks.burst(talks.conversation(talks.person(), talks.chat(), "idle", answered=1), 1, at, after=61)

    day, week = page("daily"), page("weekly")
    site.office.query("DELETE FROM wamon.turns")

    for shown in (day, week):
        assert 'id="conversations"' in shown
        assert ">61 s</td>" in shown
    assert ('id="conversation-days"' in day, 'id="conversation-days"' in week) == (False, True)


def test_a_reader_sees_where_a_near_miss_is_who_wrote_it_and_what_was_likely_meant(
    site: Site, reader: dict[str, str]
) -> None:
    (person,) = site.get("/redo.json", **reader).json["people"]
    near = [item for item in person["items"] if item["why"] == "near-miss"]
    assert {(item["project"], item["message_id"], item["number"]) for item in near} == {
        ("Mohadin", "MISS", None),
        ("Lawley", "SWAPPED", None),
    }
    assert "letters swapped, likely DR1000001" in {item["detail"] for item in near}


def streamed(site: Site, cookie: dict[str, str]) -> str:
    """The first parts of the home page that a stream sends."""
    with site.connected() as sock:
        sock.sendall(
            f"GET /live?page=home HTTP/1.1\r\nHost: {site.host}\r\nCookie: {cookie['Cookie']}\r\n\r\n".encode()
        )
        found = b""
        while not (b'"sources"' in found and found.endswith(b"\n\n\r\n")):
            part = sock.recv(65536)
            assert part, found
            found += part
    return found.decode()


def test_a_stream_tells_a_reader_no_more_than_the_page(
    site: Site, reader: dict[str, str], operator: dict[str, str]
) -> None:
    assert MISS in streamed(site, operator)
    assert MISS not in streamed(site, reader)
