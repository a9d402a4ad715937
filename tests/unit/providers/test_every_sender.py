"""What holds for each of the nine: whom it believes, what it makes of anything at all, and what the log may tell."""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.deliveries import (
    BSUID,
    GROUP,
    NOON,
    PHONE,
    SECRET,
    SENDERS,
    Json,
    Sender,
    meta_body,
    meta_message,
    signature,
    token,
)
from wamon.providers.deliveries import DIRECT, Alias, Broken, Delivery, PersonMessage, Verdict

EVERY = pytest.mark.parametrize("sender", SENDERS.values(), ids=SENDERS)
SIGNING = {"meta", "gowa", "wacli", "felixisaac", "waha"}
EVERY_SIGNING = pytest.mark.parametrize("name", sorted(SIGNING))
OTHER = "another-secret-of-the-hook"


def verdict(sender: Sender, delivery: Delivery, *secrets: str) -> Verdict:
    found: Verdict = sender.module.verify(delivery, secrets or (SECRET,))
    return found


def the_message(sender: Sender, body: Json | None = None) -> PersonMessage:
    [message] = sender.parse(body)
    assert isinstance(message, PersonMessage)
    return message


@EVERY
def test_a_drop_is_read_with_who_posted_it_and_when(sender: Sender) -> None:
    message = the_message(sender)
    assert (message.text, message.part) == ("DR1752028", "text")
    assert Alias("phone", PHONE) in message.aliases
    assert message.chat in {DIRECT, GROUP}
    assert message.sent_at in {NOON, None}
    assert message.message_id in {"wamid.QUJD", "3EB0AA", None}


def test_who_gives_no_id_and_no_time_is_known() -> None:
    none = {name for name, sender in SENDERS.items() if the_message(sender).message_id is None}
    assert none == {"manychat", "vgp"}
    assert {name for name, sender in SENDERS.items() if the_message(sender).sent_at is None} == none


@EVERY
def test_it_believes_either_of_two_secrets_and_no_other(sender: Sender) -> None:
    delivery = sender.delivery()
    assert verdict(sender, delivery) is Verdict.PROVEN
    assert verdict(sender, delivery, OTHER, SECRET) is Verdict.PROVEN
    assert verdict(sender, delivery, OTHER) is Verdict.WRONG
    assert sender.module.verify(delivery, ()) is Verdict.WRONG


@EVERY
def test_without_proof_it_believes_nothing(sender: Sender) -> None:
    assert verdict(sender, sender.delivery(headers={})) is Verdict.MISSING
    empty = dict.fromkeys(sender.proof(b""), "")
    assert verdict(sender, sender.delivery(headers=empty, query=empty)) is Verdict.MISSING


@EVERY_SIGNING
def test_one_byte_more_is_another_body(name: str) -> None:
    sender = SENDERS[name]
    delivery = sender.delivery()
    assert verdict(sender, delivery._replace(body=delivery.body + b" ")) is Verdict.WRONG


@EVERY_SIGNING
@pytest.mark.parametrize(
    "spoil",
    [
        lambda value: value[:-1],
        lambda value: value + "0",
        str.upper,
        lambda value: value.replace("sha256=", "sha1="),
        lambda value: f" {value}",
        lambda _: "sha256=",
        lambda _: "sha256=ÿÿ",
        lambda _: "\udcff",
    ],
    ids=["truncated", "longer", "upper case", "SHA-1", "a space", "no digits", "Latin-1", "a lone surrogate"],
)
def test_a_signature_is_right_to_the_letter(name: str, spoil: Callable[[str], str]) -> None:
    sender = SENDERS[name]
    headers = {header: spoil(value) for header, value in sender.proof(sender.delivery().body).items()}
    if headers != sender.proof(sender.delivery().body):  # waha's names no digest
        assert verdict(sender, sender.delivery(headers=headers)) is Verdict.WRONG


@EVERY
@given(data=st.binary(max_size=200) | st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
).map(lambda value: json.dumps(value).encode()))  # fmt: skip
@settings(max_examples=25)
def test_any_bytes_get_a_verdict_and_never_an_exception(sender: Sender, data: bytes) -> None:
    delivery = Delivery({"authorization": data.decode("latin-1")}, {}, "", data, NOON)
    assert verdict(sender, delivery) is not Verdict.PROVEN
    sender.module.peek(data)
    assert all(not isinstance(one, PersonMessage) or one.message_id is None for one in sender.module.parse(delivery))


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where the values of a document stand."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, one in inner for place in places(one, (*path, key)))]


ODD: list[Any] = [
    None,
    True,
    7,
    10**30,
    1.5,
    "",
    "x",
    "\x00",
    "\ud800",
    [],
    [1],
    {},
    {"a": {}},
    "9" * 300,
    9 * 10**14,
    -1,
]


@EVERY
@pytest.mark.parametrize("is_direct", [False, True], ids=["as it is", "one-to-one"])
def test_whatever_stands_in_any_field_is_a_message_without_it_or_told_as_broken(
    sender: Sender, is_direct: bool
) -> None:
    good = json.loads(json.dumps(sender.message).replace(GROUP, f"{PHONE}@c.us" if is_direct else GROUP))
    for path in places(good)[1:]:
        for odd in ODD:
            body = deepcopy(good)
            place = body
            for key in path[:-1]:
                place = place[key]
            place[path[-1]] = odd
            for found in sender.parse(body):
                text = getattr(found, "text", "")
                assert not {"\x00", "\ud800"} & set(text), path
                assert getattr(found, "message_id", None) != "", path


@EVERY
@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"[]", b"7", b'"DR1752028"', b"{", b"\xff\xfe", b'{"a":' * 10_000 + b"1" + b"}" * 10_000],
    ids=["nothing", "null", "a list", "a number", "a text", "half", "no text", "very deep"],
)
def test_a_body_that_is_no_object_is_broken_as_a_whole(sender: Sender, body: bytes) -> None:
    [broken] = sender.parse(body)
    assert isinstance(broken, Broken)
    assert broken.place is None


@EVERY
def test_what_a_provider_may_send_some_day_is_no_fault(sender: Sender) -> None:
    odd = deepcopy(sender.message)
    for name in ("event", "eventType", "event_type", "EventType"):
        odd[name] = "something.new"
    assert all(not isinstance(one, Broken) for one in sender.parse(odd))


@EVERY
def test_the_log_hears_of_a_person_and_a_type_before_any_proof(sender: Sender) -> None:
    peek = sender.module.peek(sender.delivery().body)
    assert (peek.kind, peek.value) == ("phone", PHONE)
    assert not peek.is_test
    assert len(peek.type) < 40


def test_the_log_looks_at_the_first_64_kib_and_believes_no_type_that_could_forge_a_line() -> None:
    late = b'{"a":"' + b"x" * 70_000 + b'","from":"' + PHONE.encode() + b'"}'
    assert SENDERS["meta"].module.peek(late).kind is None
    assert SENDERS["meta"].module.peek(b'{"type":"a\\nb","status":"[x]"}').type == "-"
    assert SENDERS["meta"].module.peek(b'{"type":"a b","status":"read"}').type == "read"


@pytest.mark.parametrize("where", ["suffix", "query"])
def test_wati_proves_itself_by_its_address(where: str) -> None:
    wati = SENDERS["wati"]
    given = {"suffix": SECRET} if where == "suffix" else {"query": {"secret": SECRET}}
    assert verdict(wati, wati.delivery(**given)) is Verdict.PROVEN
    assert verdict(wati, wati.delivery(suffix="x", query={"secret": SECRET})) is Verdict.WRONG


def test_evolution_go_which_sends_no_headers_proves_itself_by_its_address() -> None:
    evolution = SENDERS["evolution"]
    assert verdict(evolution, evolution.delivery(query={"secret": SECRET})) is Verdict.PROVEN
    assert verdict(evolution, evolution.delivery(query={"secret": "x"})) is Verdict.WRONG
    both = {"headers": {"x-wamon-secret": "x"}, "query": {"secret": SECRET}}
    assert verdict(evolution, evolution.delivery(**both)) is Verdict.WRONG
    assert verdict(evolution, evolution.delivery(headers={"x-wamon-secret": "x"})) is Verdict.WRONG


@pytest.mark.parametrize("name", ["manychat", "evolution"])
def test_an_author_may_put_the_secret_into_a_header_of_ours(name: str) -> None:
    sender = SENDERS[name]
    for headers in ({"x-wamon-secret": SECRET}, {"authorization": SECRET}, {"authorization": f"bearer {SECRET}"}):
        assert verdict(sender, sender.delivery(headers=headers)) is Verdict.PROVEN


@pytest.mark.parametrize(
    "made",
    [
        token(OTHER),
        token(seconds=NOON.timestamp() - 601),
        token(seconds=NOON.timestamp() + 601),
        token(algorithm="none"),
        token().rpartition(".")[0] + ".",
        token().replace(".", "..", 1),
        f"{'x' * 20}.{'y' * 20}.{'z' * 20}",
        "...",
    ],
    ids=["another's", "old", "ahead", "no algorithm", "unsigned", "two points", "nonsense", "points"],
)
def test_evolutions_token_is_young_and_signed(made: str) -> None:
    evolution = SENDERS["evolution"]
    assert verdict(evolution, evolution.delivery(headers={"authorization": f"Bearer {made}"})) is Verdict.WRONG


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """What each comparison said that takes as long whatever is given."""
    found: list[bool] = []
    original = hmac.compare_digest

    def compare_digest(one: bytes, other: bytes) -> bool:
        found.append(original(one, other))
        return found[-1]

    monkeypatch.setattr(hmac, "compare_digest", compare_digest)
    return found


@EVERY
def test_how_long_a_proof_takes_tells_nothing_of_the_secrets(sender: Sender, compared: list[bool]) -> None:
    assert verdict(sender, sender.delivery(), SECRET, OTHER) is Verdict.PROVEN
    assert compared[-2:] == [True, False]  # evolution looks for a token first


def test_how_long_a_challenge_takes_tells_nothing_of_the_token(compared: list[bool]) -> None:
    SENDERS["meta"].module.challenge({"hub.mode": "subscribe", "hub.verify_token": OTHER}, SECRET)
    assert compared == [False]


def test_meta_is_answered_its_challenge_where_it_names_our_token() -> None:
    query = {"hub.mode": "subscribe", "hub.verify_token": SECRET, "hub.challenge": "1158201444"}
    challenge = SENDERS["meta"].module.challenge
    assert challenge(query, SECRET) == "1158201444"
    assert challenge(query | {"hub.verify_token": OTHER}, SECRET) is None
    assert challenge(query | {"hub.mode": "unsubscribe"}, SECRET) is None
    assert challenge({}, SECRET) is None


def test_of_a_hundred_in_a_body_the_broken_one_stands_alone() -> None:
    messages = [meta_message(id=f"wamid.{n}") for n in range(100)]
    messages[56] = meta_message(id="wamid.56", text={"body": "a\x00b"})
    messages[57] |= {"reply_to": {}}
    deep: Json = {}
    for _ in range(100):
        deep = {"a": deep}
    messages[58] |= {"context": deep}
    found = SENDERS["meta"].parse(meta_body(*messages))
    broken = [one for one in found if isinstance(one, Broken)]
    assert [(one.place, one.why) for one in broken] == [
        (56, "its text holds what is no character"),
        (58, "it is nested too deeply"),
    ]
    assert len(found) == 100


def test_a_body_re_encoded_is_not_what_was_signed() -> None:
    meta = SENDERS["meta"]
    body = json.dumps(meta.message, indent=1).encode()
    signed = {"x-hub-signature-256": f"sha256={signature(json.dumps(meta.message).encode())}"}
    assert verdict(meta, meta.delivery(body, headers=signed)) is Verdict.WRONG


def test_a_bsuid_is_one_wherever_it_stands() -> None:
    message = the_message(SENDERS["meta"], meta_body(meta_message(**{"from": BSUID, "from_user_id": None})))
    assert message.aliases == (Alias("bsuid", BSUID), Alias("phone", PHONE))
