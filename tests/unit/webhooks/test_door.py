"""What a hook makes of a delivery before anything of it is kept, and what the log tells meanwhile."""

from __future__ import annotations

import io
import logging
from datetime import timedelta
from typing import get_args
from uuid import RFC_4122, UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.deliveries import NOON, SECRET, SENDERS
from wamon.clock import Clock
from wamon.config.hooks import Hook, Provider
from wamon.log import configure
from wamon.providers.deliveries import Delivery, Peek, Verdict
from wamon.webhooks.delivery_log import MOST_REFUSED, MOST_UNPROVEN, DeliveryLog
from wamon.webhooks.door import Door, doors, new_uid
from wamon.webhooks.providers import KNOWN
from wamon.webhooks.sample import BODY, sample

PROVIDERS: tuple[Provider, ...] = get_args(Provider)


def hook(provider: Provider, **more: object) -> Hook:
    return Hook.model_validate({"name": "a", "provider": provider, "secret": SECRET, **more})


def test_every_provider_of_the_config_is_known() -> None:
    assert set(KNOWN) == set(PROVIDERS) == set(SENDERS)


def test_a_hook_without_a_secret_has_no_door() -> None:
    assert list(doors([hook("gowa"), Hook(name="b", provider="gowa")])) == ["a"]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_sample_of_each_provider_is_proven_and_a_test(provider: Provider) -> None:
    door, (query, headers) = Door(hook(provider)), sample(hook(provider))
    given = {name.lower(): value for name, value in headers.items()}
    delivery = Delivery(given, {"secret": SECRET} if query else {}, "", BODY, NOON)

    assert door.verify(delivery) is Verdict.PROVEN
    assert door.kind(delivery, door.peek(BODY)) == "test"


def test_the_sample_is_proven_by_the_newer_secret() -> None:
    older, newer = hook("gowa", secret=["x" * 16, SECRET]), hook("gowa")
    assert sample(older) == sample(newer)


@pytest.mark.parametrize(("of", "kind"), [("main", "ring"), (None, "event")])
def test_what_has_no_id_rings_only_beside_a_store(of: str | None, kind: str) -> None:
    door, delivery = Door(hook("vgp", of=of)), SENDERS["vgp"].delivery()
    assert door.kind(delivery, door.peek(delivery.body)) == kind


def test_ids_of_deliveries_are_uuids_in_the_order_in_which_they_came_and_no_two_are_equal() -> None:
    uids = [new_uid(NOON + timedelta(milliseconds=n // 10)) for n in range(1_000)]
    assert [uid[:13] for uid in uids] == sorted(uid[:13] for uid in uids)
    assert {(str(UUID(uid)) == uid, UUID(uid).version, UUID(uid).variant) for uid in uids} == {(True, 7, RFC_4122)}
    assert len(set(uids)) == len(uids)


@given(st.sampled_from(PROVIDERS), st.binary(max_size=400), st.dictionaries(st.text(max_size=20), st.text(max_size=40)))
def test_no_bytes_and_no_headers_raise(provider: Provider, body: bytes, headers: dict[str, str]) -> None:
    door, delivery = Door(hook(provider)), Delivery(headers, headers, "", body, NOON)
    assert door.verify(delivery) in Verdict
    assert door.kind(delivery, door.peek(body)) in {"event", "ring", "test"}


class Standing(Clock):
    """A clock that a test moves."""

    seconds = 1000.0

    def monotonic_seconds(self) -> float:
        return self.seconds


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was logged."""
    texts: list[str] = []

    class Stderr(io.StringIO):
        def write(self, text: str) -> int:
            texts.extend(text.splitlines())
            return len(text)

    monkeypatch.setattr("sys.stderr", Stderr())
    configure(logging.INFO)
    return texts


def test_refusals_of_a_second_are_told_ten_times_and_then_counted(lines: list[str]) -> None:
    clock = Standing()
    log = DeliveryLog("a", clock)
    for _ in range(500):
        log.refused("a wrong proof")
    assert lines == ["[SECURITY] Refused a delivery to hook a: a wrong proof"] * MOST_REFUSED
    clock.seconds += 1
    log.begin_second()
    assert lines[MOST_REFUSED:] == ["[SECURITY] Refused 490 more in a second to hook a"]


def test_after_a_hundred_forged_ones_a_delivery_is_told_once_it_is_proven(lines: list[str]) -> None:
    clock = Standing()
    log = DeliveryLog("a", clock)
    for _ in range(MOST_UNPROVEN):
        assert log.speaks_before_proof()
        log.refused("no proof")
    assert not log.speaks_before_proof()
    clock.seconds += 1
    assert log.speaks_before_proof()


def test_a_delivery_is_told_before_its_refusal(lines: list[str]) -> None:
    log = DeliveryLog("a", Standing())
    log.received(Peek(), 12, "id-1", None)
    log.refused("no proof")
    log.write()
    assert [line.partition(" ")[0] for line in lines] == ["[WEBHOOK_RECEIVED]", "[SECURITY]"]


def test_a_person_is_told_as_a_hash_and_nobody_as_a_dash(lines: list[str]) -> None:
    log = DeliveryLog("a", Standing())
    log.received(Peek("phone", "27820000001", "text"), 12, "id-1", b"k" * 32)
    log.received(Peek(), 12, "id-2", b"k" * 32)
    log.received(Peek("phone", "27820000001"), 12, "id-3", None)
    log.write()
    hashed = lines[0].partition("waId=")[2].partition(",")[0]
    assert len(hashed) == 12
    assert lines == [
        f"[WEBHOOK_RECEIVED] waId={hashed}, type=text, hook=a, bytes=12, id=id-1",
        "[WEBHOOK_RECEIVED] waId=-, type=-, hook=a, bytes=12, id=id-2",
        "[WEBHOOK_RECEIVED] waId=-, type=-, hook=a, bytes=12, id=id-3",
    ]
