"""Operators' actions: asked first, done once, noted; nobody else's, and by no form of another site."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from html import unescape
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest

from tests.support.bridges import LAWLEY, MOHADIN, VeryGoodPlugins
from tests.support.clock import CLOCK
from tests.support.conversations import Talks
from tests.support.deliveries import meta_body, meta_message
from tests.support.intake import hook, keep, take_in
from tests.support.office import Office
from tests.support.web import TOKEN, Answer, Site

CANARY, PHONE = "the gate's code is 4711", "27820001234"


@pytest.fixture
def bridge(tmp_path: Path) -> Iterator[VeryGoodPlugins]:
    with VeryGoodPlugins(tmp_path / "messages.db", durable=False) as bridge:
        now = CLOCK.now()
        bridge.post(LAWLEY, f"DR1752028 {CANARY}", sender=PHONE, at=now - timedelta(seconds=9))
        bridge.post(MOHADIN, "DR175203O", sender=PHONE, at=now - timedelta(seconds=8))
        yield bridge


@pytest.fixture
def office(open_office: Callable[..., Office], bridge: VeryGoodPlugins, site: Site) -> Office:
    """The site's database over a store; `wamon web` itself opens none."""
    office = open_office(bridge.path)
    office.scan()
    return office


@pytest.fixture
def dead(office: Office, bridge: VeryGoodPlugins) -> str:
    """The key of a message that PostgreSQL refused, and that is dead."""
    message_id = bridge.post(LAWLEY, "DR9900001", at=CLOCK.now() - timedelta(seconds=7))
    with office.refusing("DR99%"):
        office.scan()
    office.query("UPDATE wamon.dead_letters SET next_try_at = NULL")
    office.query("UPDATE wamon.ledger_rows SET status = 'dead' WHERE status = 'retry'")
    return f"{chat_of(office, LAWLEY)} {message_id}"


def chat_of(office: Office, jid: str) -> int:
    (chat,) = office.query("SELECT chat FROM wamon.groups WHERE jid = %s", jid)
    return int(chat)


class Operator:
    """A browser that signed in and has no scripts: it follows the links that a page has, and sends its forms."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self.cookie = site.sign_in("operator")

    def offered(self, path: str) -> list[str]:
        """The actions that a page offers."""
        return re.findall(r'href="(/act/[^"]+)"', unescape(self.get(path).text))

    def get(self, path: str) -> Answer:
        return self._site.get(path, Accept="text/html", **self.cookie)

    def asked(self, path: str) -> str:
        """The form that the confirming page would send."""
        answer = self.get(path)
        assert answer.status == 200, answer.text
        return urlencode(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', unescape(answer.text)))

    def act(self, path: str, form: str = "", **headers: str) -> Answer:
        form = form or self.asked(path)
        return self._site.post(path.partition("?")[0], form, **{**self.cookie, "Accept": "text/html", **headers})


def noted(office: Office) -> list[tuple[str, str]]:
    return office.query("SELECT what, key FROM wamon.actions ORDER BY action")


def is_off(office: Office) -> bool:
    (off,) = office.query("SELECT replies_off FROM wamon.sources")
    return bool(off)


def needs(site: Site) -> list[str]:
    return [need["kind"] for need in site.get("/home.json", Authorization=f"Bearer {TOKEN}").json["needs"]]


def test_a_dead_letter_is_tried_again_by_the_next_retry(office: Office, site: Site, dead: str) -> None:
    operator = Operator(site)
    again, _ = operator.offered("/dead")
    assert "dead-letter" in needs(site)
    answer = operator.act(again, operator.asked(again) + "&reason=trigger+mended")
    assert (answer.status, answer.headers["location"]) == (303, "/dead")
    assert "dead-letter" not in needs(site)
    office.scan()
    assert ("Lawley", "DR9900001") in office.drops()
    shown = operator.get("/actions").text
    assert noted(office) == [("dead-retry", dead)]
    assert all(said in shown for said in ("dead-retry", dead, "trigger mended", "operator "))


def test_a_dead_letter_is_given_up_by_the_next_retry(office: Office, site: Site, dead: str) -> None:
    operator = Operator(site)
    _, discard = operator.offered("/dead")
    assert operator.act(discard).status == 303
    assert "is discarded within a minute" in operator.get("/dead").text
    assert operator.offered("/dead") == []
    assert operator.get(discard).status == 404
    office.scan()
    assert "discarded" in office.query("SELECT reason FROM wamon.ledger_rows WHERE status = 'ignored'")
    assert noted(office) == [("dead-discard", dead)]
    assert office.verify().clean


def test_a_delivery_of_the_list_is_taken_in_again_or_given_up(office: Office, site: Site) -> None:
    office.set(hooks=[hook("meta", project="Lawley")])
    first, second = (keep(office, "meta", meta_body(meta_message(id=7), meta_message(id=8))) for _ in range(2))
    take_in(office)
    operator = Operator(site)
    offered = operator.offered("/dead")
    assert [path.partition("?")[0] for path in offered] == ["/act/event-retry", "/act/event-discard"] * 4
    of_first = [path for path in offered if f"event%3A{first}%23" in path]
    mended = json.dumps(meta_body(meta_message(id="wamid.7"), meta_message(id="wamid.8"))).encode()
    office.query("UPDATE wamon.deliveries SET body = %s WHERE event = %s", mended, first)
    answer = operator.act(of_first[0], operator.asked(of_first[0]))
    assert (answer.status, answer.headers["location"]) == (303, "/dead")
    take_in(office)
    assert office.query("SELECT count(*) FROM wamon.ledger WHERE via = 'webhook'") == [2]
    for path, state in zip(
        [path for path in operator.offered("/dead") if "discard" in path], ["parts", "discarded"], strict=True
    ):
        assert operator.act(path).status == 303
        assert office.query("SELECT reason FROM wamon.webhook_events WHERE event = %s", second) == [state]
    assert operator.offered("/dead") == []
    assert [what for what, _ in noted(office)] == ["event-retry", "event-discard", "event-discard"]


def test_a_form_that_is_sent_again_does_nothing(office: Office, site: Site) -> None:
    operator = Operator(site)
    (off,) = operator.offered("/replies")
    form = operator.asked(off)
    assert operator.act(off, form).status == 303
    assert is_off(office)
    office.answer("replies", "on")
    again = operator.act(off, form)
    assert (again.status, "did its work then" in again.text) == (409, True)
    assert not is_off(office)
    assert noted(office) == [("replies-off", "main")]
    (off,) = operator.offered("/replies")
    assert operator.act(off).status == 303
    (on,) = operator.offered("/replies")
    assert operator.act(on).status == 303
    assert not is_off(office)


def test_the_agent_has_a_switch_of_its_own_where_somebody_is_answered(office: Office, site: Site) -> None:
    operator = Operator(site)
    assert operator.act("/act/agent-off?key=main").status == 303
    assert office.query("SELECT replies_off, agent_off FROM wamon.sources") == [(False, True)]
    assert operator.act("/act/agent-on?key=main").status == 303
    assert office.query("SELECT agent_off FROM wamon.sources") == [False]
    assert noted(office) == [("agent-off", "main"), ("agent-on", "main")]


def test_what_is_done_waits_for_nobody(office: Office, site: Site) -> None:
    office.query(
        "INSERT INTO wamon.replies (chat, message_id, about, kind, state, project, sent_at, queued_at, changed_at,"
        " next_try_at) SELECT chat, message_id, drop_number, 'new', 'unknown', project, sent_at, now(), now(), now()"
        " FROM wamon.submission_rows"
    )
    office.query("UPDATE wamon.submission_rows SET rejected = true")
    operator = Operator(site)
    assert needs(site) == ["reply-unknown", "near-miss"]
    reply = next(path for path in operator.offered("/replies") if "reply-done" in path)
    (near,) = operator.offered("/")
    assert [path for path in operator.offered("/redo") if "redo-done" not in path] == [near]
    for path in [reply, *operator.offered("/redo")]:
        assert operator.act(path).status == 303
    assert needs(site) == []
    assert operator.offered("/redo") == []
    assert "Settled." in operator.get("/replies").text
    assert {what for what, _ in noted(office)} == {"reply-done", "near-miss-done", "redo-done"}


def test_a_reply_of_which_nobody_knows_is_sent_again_and_noted_once(office: Office, site: Site) -> None:
    (reply,) = office.query(
        "INSERT INTO wamon.replies (chat, message_id, about, kind, state, project, sent_at, queued_at, changed_at,"
        " next_try_at) SELECT chat, message_id, drop_number, 'new', 'unknown', project, sent_at, now(), now(), now()"
        " FROM wamon.submission_rows RETURNING reply"
    )
    operator = Operator(site)
    (again,) = (path for path in operator.offered("/replies") if "reply-resend" in path)
    form = operator.asked(again)
    answer = operator.act(again, form)
    assert (answer.status, answer.headers["location"]) == (303, "/replies")
    assert office.query("SELECT state, reason FROM wamon.replies") == [("due", "sent again by hand")]
    assert noted(office) == [("reply-resend", str(reply))]
    assert operator.act(again, form).status == 409
    assert operator.get(again).status == 404


@pytest.fixture
def given_up(office: Office) -> list[int]:
    """Two people's conversations whose bursts were given up."""
    talks, talking = Talks(office.dsn), []
    for phone in (PHONE, "27820005678"):
        talk = talks.conversation(talks.person(phone), talks.chat(), "idle", last=1, answered=1)
        talks.messages(talk, 1, age=86_400, body=CANARY)
        talks.turn(talk, 1, 1, 1, "dead", error="ValueError")
        talks.dead_letter(talks.chat(), f"turn:{talk}:1")
        talking.append(talk)
    return talking


def test_an_answer_of_which_nobody_knows_is_sent_again_as_long_as_its_text_is_kept(
    office: Office, site: Site, given_up: list[int]
) -> None:
    Talks(office.dsn).reply(given_up[0], 1, 1, "unknown")
    operator = Operator(site)
    (again,) = (path for path in operator.offered("/replies") if "reply-resend" in path)
    refused = operator.act(again)
    assert (refused.status, "is no longer kept" in refused.text) == (409, True)
    assert noted(office) == []
    office.query("UPDATE wamon.replies SET body = 'Recorded.'")
    assert operator.act(again).status == 303
    assert office.query("SELECT state, deadline > now() FROM wamon.replies") == [("due", True)]


def test_a_burst_that_was_given_up_is_answered_after_all_or_discarded(
    office: Office, site: Site, given_up: list[int]
) -> None:
    operator = Operator(site)
    offered = operator.offered("/dead")
    assert [path.partition("?")[0] for path in offered] == ["/act/turn-retry", "/act/turn-discard"] * 2
    retry, discard = (
        next(path for path in offered if what in path and f"turn%3A{talk}%3A" in path)
        for what, talk in zip(("retry", "discard"), given_up, strict=True)
    )
    for path in (retry, discard):
        answer = operator.act(path)
        assert (answer.status, answer.headers["location"]) == (303, "/dead")
        assert operator.get(path).status == 404
    assert operator.offered("/dead") == []
    assert office.query("SELECT outcome FROM wamon.turns ORDER BY conversation") == ["reopened", "dead"]
    assert office.query("SELECT state, last_seq FROM wamon.conversations ORDER BY conversation") == [
        ("settling", 2),
        ("idle", 1),
    ]
    assert [what for what, _ in noted(office)] == ["turn-retry", "turn-discard"]


def test_a_reader_is_offered_nothing_and_may_do_nothing(office: Office, site: Site, dead: str) -> None:
    operator = Operator(site)
    path = operator.offered("/dead")[0]
    form, reader = operator.asked(path), site.sign_in()
    for page in ("/", "/dead", "/replies", "/redo"):
        assert "/act" not in site.get(page, Accept="text/html", **reader).text, page
    assert site.get(path, **reader).status == 403
    assert site.get("/actions", **reader).status == site.get("/actions.json", **reader).status == 403
    assert operator.act(path, form, **reader).status == 403
    assert site.post("/act/dead-retry", form).status == 401
    assert noted(office) == []


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://example.com"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Content_Type": "text/plain"},
        {"Host": "example.com"},
    ],
    ids=lambda headers: str(next(iter(headers.values()))),
)
def test_a_form_of_another_site_does_nothing(office: Office, site: Site, headers: dict[str, str]) -> None:
    operator = Operator(site)
    (off,) = operator.offered("/replies")
    assert operator.act(off, operator.asked(off), **headers).status in {403, 415, 421}
    assert noted(office) == []


def test_asking_changes_nothing_and_what_is_no_action_is_not_found(office: Office, site: Site) -> None:
    operator = Operator(site)
    (off,) = operator.offered("/replies")
    operator.asked(off)
    for path in ("/act/replies-off?key=other", "/act/anything?key=main", "/act/near-miss-done?key=x%20y"):
        assert operator.get(path).status == 404, path
    assert operator.get(f"/act/replies-off?key={quote('x' * 2000)}").status == 400
    assert operator.act(off, "key=main").status == 400
    assert operator.act(off, "key=main&form=1").status == 400
    assert operator.act(off, operator.asked(off).replace("main", "other")).status == 409
    assert noted(office) == []
    assert not is_off(office)


def test_a_program_acts_by_the_token(office: Office, site: Site) -> None:
    form = "key=main&form=1b4e28ba-2fa1-11d2-883f-0016d3cca427"
    answer = site.post("/act/replies-off", form, Origin="null", Authorization=f"Bearer {TOKEN}")
    assert answer.status == 303
    assert office.query("SELECT who FROM wamon.actions") == ["token"]


def test_operators_alone_read_what_was_said_and_nobody_a_number(office: Office, site: Site) -> None:
    (message_id,) = office.query("SELECT message_id FROM wamon.submission_rows")
    told = ("/drop/DR1752028", f"/message/{message_id}")
    lists = (
        "/",
        "/groups",
        f"/group/{chat_of(office, LAWLEY)}",
        "/redo",
        "/dead",
        "/replies",
        "/gaps",
        "/hooks",
        "/rates",
    )
    reader, operator = site.sign_in(), site.sign_in("operator")
    for path in (*told, *lists):
        for address in (path, f"{path}.json" if path != "/" else "/home.json"):
            for who in (reader, operator):
                answer = site.get(address, **who)
                assert (answer.status, PHONE in answer.text) == (200, False), address
                may_read = who is operator and path in told
                assert ("4711" in answer.text) == may_read, (address, who is operator)
    assert "4711" not in site.said()
    assert PHONE not in site.said()
