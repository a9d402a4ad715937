"""By which request an answer leaves, and what is made of anything that a send API says."""

from __future__ import annotations

import json
from base64 import b64decode
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.deliveries import BSUID, GROUP, LID, PHONE, SENDERS
from wamon.net.message import Answer, Request
from wamon.providers import bridge, evolution, felixisaac, gowa, manychat, meta, vgp, wacli, waha, wati
from wamon.providers.deliveries import DIRECT, Alias
from wamon.providers.sending import Failed, Judged, Outgoing, Refused, Sent, Unknown
from wamon.replies.ways import Way

BY_PHONE, BY_LID, BY_BSUID = Alias("phone", PHONE), Alias("lid", LID), Alias("bsuid", BSUID)
SUBSCRIBER = Alias("subscriber", "1500001")
TOKEN = "user:password"
EVERY = {name: sender.module for name, sender in SENDERS.items()} | {"replies.url": bridge}
BRIDGES = [bridge, vgp, wacli, felixisaac]


def asked(
    module: Any, *aliases: Alias, chat: str = DIRECT, token: str = TOKEN, url: str = "https://x.test/send"
) -> Any:
    return module.request(Outgoing(url, token, chat, "Noted ✓", aliases))


def body(request: Request) -> Any:
    return json.loads(request.body or b"")


def judged(module: Any, status: int, said: object = None, retry_after_seconds: float | None = None) -> Judged:
    raw = said if isinstance(said, bytes) else json.dumps(said).encode()
    found: Judged = module.judged(Answer(status, raw, retry_after_seconds))
    return found


def test_meta_sends_to_a_phone_and_to_a_bsuid_by_other_names() -> None:
    text = {"messaging_product": "whatsapp", "type": "text", "text": {"body": "Noted ✓"}}
    assert body(asked(meta, BY_BSUID, BY_PHONE)) == text | {"to": PHONE}
    assert body(asked(meta, BY_BSUID)) == text | {"recipient": BSUID}
    assert asked(meta, chat=GROUP) is None
    assert asked(meta, BY_LID, SUBSCRIBER) is None


def test_wati_sends_to_a_target() -> None:
    assert body(asked(wati, BY_PHONE, BY_BSUID)) == {"target": PHONE, "text": "Noted ✓"}
    assert body(asked(wati, BY_BSUID)) == {"target": BSUID, "text": "Noted ✓"}
    assert asked(wati, BY_LID) is None


def test_manychat_sends_to_a_subscriber_of_a_channel() -> None:
    messages = [{"type": "text", "text": "Noted ✓"}]
    whatsapp = {"version": "v2", "content": {"type": "whatsapp", "messages": messages}}
    assert body(asked(manychat, BY_PHONE, SUBSCRIBER)) == {"subscriber_id": "1500001", "data": whatsapp}
    assert body(asked(manychat, SUBSCRIBER))["data"] == {"version": "v2", "content": {"messages": messages}}
    assert asked(manychat, BY_PHONE) is None


def test_bridges_send_to_a_phones_jid_else_to_a_lids_and_to_a_groups_own() -> None:
    jid, lid = f"{PHONE}@s.whatsapp.net", f"{LID}@lid"
    for module in BRIDGES:
        assert body(asked(module, BY_LID, BY_PHONE)) == {"recipient": jid, "message": "Noted ✓"}
        assert body(asked(module, BY_LID))["recipient"] == lid
        assert body(asked(module, chat=GROUP))["recipient"] == GROUP
    assert body(asked(gowa, BY_PHONE)) == {"phone": jid, "message": "Noted ✓"}
    assert body(asked(evolution, BY_PHONE)) == {"number": PHONE, "text": "Noted ✓"}
    assert body(asked(evolution, BY_LID))["number"] == lid
    assert body(asked(evolution, chat=GROUP))["number"] == GROUP
    assert body(asked(waha, BY_PHONE)) == {"session": "default", "chatId": f"{PHONE}@c.us", "text": "Noted ✓"}
    assert body(asked(waha, BY_PHONE, url="https://x.test/api/sendText?session=two"))["session"] == "two"


def test_of_several_ids_of_a_kind_the_last_heard_of_is_sent_to() -> None:
    assert body(asked(meta, Alias("phone", "27820000002"), BY_PHONE))["to"] == "27820000002"


@pytest.mark.parametrize("module", EVERY.values(), ids=EVERY)
def test_who_has_no_id_that_a_provider_can_send_to_is_sent_nothing(module: ModuleType) -> None:
    assert asked(module) is None


def test_each_is_given_its_token_where_it_looks_for_it() -> None:
    tokens = {
        module.__name__.rpartition(".")[2]: {
            name: value for name, value in asked(module, BY_PHONE, SUBSCRIBER).headers.items() if name != "Content-Type"
        }
        for module in EVERY.values()
    }
    basic = tokens.pop("gowa")["Authorization"]
    assert b64decode(basic.removeprefix("Basic ")).decode() == TOKEN
    assert tokens.pop("felixisaac") == {"X-API-Key": TOKEN}
    assert tokens.pop("evolution") == {"apikey": TOKEN}
    assert tokens.pop("waha") == {"X-Api-Key": TOKEN}
    assert set(map(str, tokens.values())) == {str({"Authorization": f"Bearer {TOKEN}"})}


@pytest.mark.parametrize("module", EVERY.values(), ids=EVERY)
def test_without_a_token_none_is_sent(module: ModuleType) -> None:
    assert set(asked(module, BY_PHONE, SUBSCRIBER, token="").headers) == {"Content-Type"}


@pytest.mark.parametrize(
    ("module", "status", "said", "sent"),
    [
        (meta, 200, {"messages": [{"id": "wamid.QUJD"}]}, Sent("wamid.QUJD")),
        (wati, 200, {"message": {"id": "6701aa", "local_message_id": "L1"}}, Sent(local_id="L1")),
        (wati, 200, {"result": True, "message": {"localMessageId": "L1"}}, Sent(local_id="L1")),
        (manychat, 200, {"status": "success"}, Sent()),
        (gowa, 200, {"code": "SUCCESS", "results": {"message_id": "3EB0AA"}}, Sent("3EB0AA")),
        (vgp, 200, {"success": True, "message": "Message sent", "message_id": "3EB0AA"}, Sent("3EB0AA")),
        (bridge, 200, {"success": True}, Sent()),
        (evolution, 201, {"key": {"id": "3EB0AA"}, "status": "PENDING"}, Sent("3EB0AA")),
        (evolution, 200, {"message": "success", "data": {"Info": {"ID": "3EB0AA"}}}, Sent("3EB0AA")),
        (waha, 201, {"id": f"true_{PHONE}@c.us_3EB0AA"}, Sent("3EB0AA")),
        (waha, 201, {"id": {"_serialized": f"true_{PHONE}@c.us_3EB0AA", "id": "3EB0AA"}}, Sent("3EB0AA")),
        (waha, 201, {"key": {"id": "3EB0AA"}}, Sent("3EB0AA")),
        (waha, 201, {"id": "true__"}, Sent()),
    ],
)
def test_what_was_taken_is_known_with_its_id(module: ModuleType, status: int, said: object, sent: Sent) -> None:
    assert judged(module, status, said) == sent


@pytest.mark.parametrize(
    ("module", "said"),
    [
        (meta, {"messages": [{"id": "wamid.QUJD"}], "error": {"code": 131000}}),
        (meta, {"messages": [{"id": "wamid.QUJD"}], "errors": [{"code": 131000}]}),
        (wati, {"ok": False, "message": {"id": "6701aa"}}),
        (wati, {"result": "error", "message": {"localMessageId": "L1"}}),
        (manychat, {"status": "success", "error": "no such subscriber"}),
        (gowa, {"code": "SUCCESS", "status": "failed", "results": {"message_id": "3EB0AA"}}),
        (vgp, {"success": True, "message_id": "3EB0AA", "error": "not connected"}),
        (evolution, {"key": {"id": "3EB0AA"}, "status": "ERROR"}),
        (waha, {"id": f"true_{PHONE}@c.us_3EB0AA", "error": "session is stopped"}),
    ],
)
def test_what_was_taken_and_has_failed_in_one_answer_is_unknown(module: Any, said: dict[str, Any]) -> None:
    way = Way("a", module, "https://x.test/send", TOKEN)
    assert isinstance(way.judged(Answer(200, json.dumps(said).encode())), Unknown)
    honest = {"ok": True, "result": True, "success": True, "status": "success", "error": None, "errors": []}
    assert isinstance(way.judged(Answer(200, json.dumps(said | honest).encode())), Sent)


@pytest.mark.parametrize(
    ("module", "status", "said"),
    [
        (meta, 400, {"error": {"code": 131047, "message": "Re-engagement message"}}),
        (manychat, 400, {"status": "error", "code": 3011}),
        (manychat, 200, {"status": "error", "code": "3031"}),
    ],
)
def test_a_window_that_is_closed_is_an_end(module: ModuleType, status: int, said: object) -> None:
    assert isinstance(judged(module, status, said), Failed)


@pytest.mark.parametrize("module", EVERY.values(), ids=EVERY)
def test_a_refusal_was_surely_not_taken_and_says_when_to_come_again(module: ModuleType) -> None:
    for status in (400, 401, 403, 404, 429):
        found = judged(module, status, b"<html>", 17.0)
        assert isinstance(found, Refused)
        assert found.retry_after_seconds == 17.0
        assert ("URL" in found.hint) == (status in {400, 404})


@pytest.mark.parametrize(
    ("module", "status", "said"),
    [
        (wati, 200, {"result": False, "info": "no ticket"}),
        (manychat, 200, {"status": "error", "code": 3041}),
        (bridge, 500, {"success": False, "message": "Not connected to WhatsApp"}),
        (bridge, 200, {"success": False, "message": "Error sending message"}),
    ],
)
def test_a_refusal_in_words_is_one_too(module: ModuleType, status: int, said: object) -> None:
    assert isinstance(judged(module, status, said), Refused)


@pytest.mark.parametrize("module", EVERY.values(), ids=EVERY)
@pytest.mark.parametrize(
    "said", [b"", b"<html>", b"null", b"[]", b"{}", b"\xff\x00", b'{"messages": [5]}', b"[" * 70_000]
)
def test_an_answer_that_says_nothing_leaves_it_unknown(module: ModuleType, said: bytes) -> None:
    for status in (200, 202, 204, 307, 408, 500, 502, 503):
        assert isinstance(judged(module, status, said), Unknown)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(["success", "error", "SUCCESS"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["id", "key", "message", "messages", "results", "result", "success", "status", "code", "error",
                 "message_id", "local_message_id", "_serialized"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=10,
)  # fmt: skip


@settings(max_examples=60)
@given(said=ANYTHING, status=st.sampled_from([200, 201, 302, 400, 408, 429, 500, 503]))
def test_nothing_that_it_says_is_an_exception_or_is_repeated(said: object, status: int) -> None:
    canary = {"text": "the words", "inner": said} if not isinstance(said, dict) else {**said, "text": "the words"}
    for module in EVERY.values():
        assert "the words" not in str(judged(module, status, canary))


@pytest.mark.parametrize("module", EVERY.values(), ids=EVERY)
def test_no_server_error_is_a_refusal_but_one_that_says_so(module: ModuleType) -> None:
    assert isinstance(judged(module, 500, {"error": {"code": 131000}, "message": "x"}), Unknown)
