"""Deliveries come into the ledger: each message once, whatever its sender repeats, breaks or forgets."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from random import Random
from uuid import uuid4

import psycopg
import pytest

from tests.support.bridges import LAWLEY
from tests.support.clock import HOST
from tests.support.deliveries import (
    BSUID,
    GOWA,
    GROUP,
    MANYCHAT,
    PHONE,
    SENDERS,
    WATI,
    Json,
    meta_body,
    meta_message,
    wamid,
)
from tests.support.intake import events, hook, in_lawley, keep, messages, take_in
from tests.support.office import Office
from wamon.app.configured import configured
from wamon.app.intake import intakes
from wamon.postgres.connection import connected
from wamon.providers import gowa
from wamon.webhooks import intake
from wamon.webhooks.retention import prune_events

Opened = Callable[..., Office]


@pytest.fixture
def office(tmp_path: Path, open_office: Opened) -> Opened:
    """An office with these hooks, and a store that nobody reads."""
    return lambda *hooks: open_office(tmp_path / "messages.db", hooks=list(hooks))


def test_a_message_of_each_sender_is_recorded_once(office: Opened) -> None:
    ours = office(*[hook(name) for name in SENDERS])
    ours.set(groups=[{"name": "Lawley", "jid": GROUP}])
    for _ in range(2):
        for name, sender in SENDERS.items():
            keep(ours, name, sender.message, ago=timedelta(minutes=1))
    assert take_in(ours).events == 2 * len(SENDERS)
    assert {state for state, _ in events(ours)} == {"done"}
    recorded = messages(ours)
    assert sorted(source for source, *_ in recorded) == sorted({*SENDERS} | {"vgp"})
    assert {via for *_, via in recorded} == {"webhook"}
    assert ours.drops() == {("Lawley", "DR1752028")}


def test_what_another_has_taken_in_or_holds_is_left_to_it(office: Opened) -> None:
    ours = office(hook("wati", project="Lawley"))
    event = keep(ours, "wati", WATI)
    with intakes(configured(ours.config_path, {}), HOST) as (db, (one,)), psycopg.connect(ours.dsn) as other:
        other.execute("SELECT FROM wamon.delivery_queue FOR UPDATE")
        assert one.take_in().events == 0
        other.rollback()
        assert take_in(ours).events == 1
        assert one.events.lock(db, [event]) == set()


def test_a_direct_message_s_drop_counts_where_the_hook_has_a_project(office: Opened) -> None:
    ours = office(hook("wati", project="Lawley"), hook("meta"))
    keep(ours, "wati", WATI)
    keep(ours, "meta", meta_body(meta_message(id="wamid.QUJE")))
    take_in(ours)
    assert messages(ours) == [
        ("meta", "direct", "wamid.QUJE", "ignored", "direct", "webhook"),
        ("wati", "direct", "wamid.QUJD", "done", None, "webhook"),
    ]
    assert ours.drops() == {("Lawley", "DR1752028")}


def test_an_id_tells_to_the_day_when_it_was_last_heard_of(office: Opened) -> None:
    ours = office(hook("wati"))
    for n in (1, 2):
        keep(ours, "wati", WATI | {"waId": f"2782000000{n}", "whatsappMessageId": f"wamid.{n}"})
    take_in(ours)
    ours.query("UPDATE wamon.aliases SET seen_at = now() - right(value, 1)::int * interval '20 hours' RETURNING 1")
    for n in (1, 2):
        keep(ours, "wati", WATI | {"waId": f"2782000000{n}", "whatsappMessageId": f"wamid.1{n}"})
    take_in(ours)
    seen = ours.query("SELECT value, seen_at > now() - interval '1 hour' FROM wamon.aliases ORDER BY 1")
    assert seen == [("27820000001", False), ("27820000002", True)]


def test_the_groups_of_a_hook_s_own_source_are_those_that_the_config_names_now_by_these_names(office: Opened) -> None:
    ours = office(hook("gowa"))
    keep(ours, "gowa", in_lawley(GOWA, "DR1750001", "M1"))
    take_in(ours)
    ours.set(groups=[{"name": "Lawley Two", "jid": LAWLEY}])
    keep(ours, "gowa", in_lawley(GOWA, "DR1750002", "M2"))
    take_in(ours)
    both = {("Lawley Two", "DR1750001"), ("Lawley Two", "DR1750002")}
    assert ours.drops() == both
    disabled = {"name": "Lawley Two", "jid": LAWLEY, "enabled": False}
    for n, groups in enumerate([[], [disabled]]):
        ours.set(groups=groups)
        keep(ours, "gowa", in_lawley(GOWA, f"DR175001{n}", f"L{n}"))
        take_in(ours)
    assert ours.drops() == both


def test_an_operator_s_answer_is_recorded_and_submits_nothing(office: Opened) -> None:
    ours = office(hook("wati", project="Lawley"))
    keep(ours, "wati", {**WATI, "eventType": "sessionMessageSent", "owner": True, "text": "DR1752029 is done"})
    take_in(ours)
    assert [row[3:5] for row in messages(ours)] == [("ignored", "direct")]
    assert ours.drops() == set()


def test_the_forms_in_which_one_message_comes_are_one_message(office: Opened) -> None:
    ours = office(hook("wati", project="Lawley"))
    for form in ("message", "message_v2", "message_bsuid"):
        keep(ours, "wati", {**WATI, "eventType": form, "bsuid": BSUID})
    take_in(ours)
    assert len(messages(ours)) == 1
    assert ours.query("SELECT count(*) FROM wamon.submissions") == [1]
    assert ours.query("SELECT kind, value FROM wamon.aliases ORDER BY 1") == [("bsuid", BSUID), ("phone", PHONE)]
    assert ours.query("SELECT count(*) FROM wamon.people") == [1]


@pytest.mark.parametrize("first", [0, 1], ids=["the bridge first", "Meta first"])
def test_one_message_of_a_phone_that_a_bridge_and_meta_bring_is_one_post(office: Opened, first: int) -> None:
    ours = office(hook("gowa", project="Lawley"), hook("meta", project="Lawley"))
    stanza = "3EB0AABBCCDDEEFF0011"
    by_bridge = {**GOWA, "payload": {**GOWA["payload"], "chat_id": f"{PHONE}@s.whatsapp.net", "id": stanza}}
    both: list[tuple[str, Json]] = [("gowa", by_bridge), ("meta", meta_body(meta_message(id=wamid(stanza))))]
    for name, body in (both[first], both[1 - first]):
        keep(ours, name, body)
        take_in(ours)
    assert len(messages(ours)) == 2
    assert ours.query("SELECT submissions FROM wamon.drops") == [1]
    assert ours.query("SELECT kind FROM wamon.submissions") == ["new", "new"]
    assert ours.query("SELECT resubmitted FROM qa_photo_reviews") == [False]
    assert [drop["submissions"] for drop in ours.answer("drops", "list")["drops"]] == [1]
    assert ours.answer("drops", "export", str(ours.folder / "posts.csv"))["posts"] == 1
    (exported,) = (ours.folder / "posts.csv").read_text("utf-8").splitlines()[1:]
    assert "DR1752028" in exported
    keep(ours, "meta", meta_body(meta_message(id="wamid.QUJE")))
    take_in(ours)
    assert ours.query("SELECT submissions FROM wamon.drops") == [2]
    assert ours.answer("drops", "export", str(ours.folder / "posts.csv"))["posts"] == 2
    assert ours.query("SELECT resubmitted FROM qa_photo_reviews") == [True]


def test_an_edit_changes_what_a_direct_message_says_and_its_first_form_changes_it_back_never(office: Opened) -> None:
    ours = office(hook("gowa", project="Lawley"))
    direct = {**GOWA, "payload": {**GOWA["payload"], "chat_id": f"{PHONE}@s.whatsapp.net"}}
    changed = {"id": "E1", "original_message_id": "3EB0AA", "body": "DR1752029"}
    edit = {"event": "message.edited", "payload": {**GOWA["payload"], **changed, "chat_id": f"{PHONE}@s.whatsapp.net"}}
    for one in (direct, edit, direct):
        keep(ours, "gowa", one)
        take_in(ours)
    assert ours.drops() == {("Lawley", "DR1752029")}


@pytest.mark.parametrize("media", [None, {"location": {"name": "x"}}], ids=["nothing", "no words"])
def test_a_message_that_came_without_words_says_what_comes_under_its_id(office: Opened, media: Json | None) -> None:
    ours = office(hook("gowa"))
    said = in_lawley(GOWA, "DR1752028", "M1")
    for payload in ({**said["payload"], "body": None} | (media or {}), said["payload"]):
        keep(ours, "gowa", {**said, "payload": payload})
        take_in(ours)
    assert ours.drops() == {("Lawley", "DR1752028")}
    keep(ours, "gowa", in_lawley(GOWA, "DR1752029", "M1"))
    take_in(ours)
    assert ours.drops() == {("Lawley", "DR1752028")}


@pytest.mark.fault("F112")
def test_of_a_delivery_with_a_broken_part_all_others_are_recorded_and_that_part_is_retried_by_hand(
    office: Opened,
) -> None:
    ours = office(hook("meta", project="Lawley"))
    said = [meta_message(id=f"wamid.{n:04}", text={"body": f"DR17500{n:02}"}) for n in range(100)]
    said[56]["id"] = 56
    event = keep(ours, "meta", meta_body(*said))
    take_in(ours)
    assert len(ours.drops()) == 99
    assert events(ours, "state, messages, reason") == [("done", 99, "parts")]
    letters = "SELECT message_id, kind, reason, next_try_at FROM wamon.dead_letters"
    assert ours.query(letters) == [(f"event:{event}#56", "event", "it has no id", None)]


def test_what_came_to_another_of_our_numbers_waits_until_the_hook_names_that_number(office: Opened) -> None:
    ours = office(hook("meta", project="Lawley", numbers=["900222"]))
    body = meta_body(meta_message())
    other = meta_body(meta_message(id="wamid.2", text={"body": "DR1752029"}), metadata={"phone_number_id": "900333"})
    event = keep(ours, "meta", {**body, "entry": body["entry"] + other["entry"]})
    take_in(ours)
    assert ours.drops() == {("Lawley", "DR1752028")}
    assert [letter["message_id"] for letter in ours.answer("dead", "list")["letters"]] == [f"event:{event}#1"]
    ours.set(hooks=[hook("meta", project="Lawley", numbers=["900222", "900333"])])
    assert ours.answer("dead", "retry", "--all")["recorded"] == [f"event:{event}#1"]
    assert ours.drops() == {("Lawley", "DR1752028"), ("Lawley", "DR1752029")}


@pytest.mark.fault("F111")
def test_a_body_that_cant_be_read_is_tried_again_then_dead_and_delays_no_other(office: Opened) -> None:
    ours = office(hook("wati", project="Lawley"))
    broken = [keep(ours, "wati", b"{" * 100_000) for _ in range(3)]
    keep(ours, "wati", WATI)
    pauses = []
    for tries in range(1, 5):
        take_in(ours)
        assert ours.drops() == {("Lawley", "DR1752028")}
        assert ours.query("SELECT DISTINCT attempts FROM wamon.dead_letters") == [tries]
        pauses += ours.query(
            "SELECT DISTINCT round(extract(epoch FROM next_try_at - now()) / 60)::int FROM wamon.webhook_events "
            "WHERE event = ANY(%s) AND state = 'new'",
            broken,
        )
        ours.query("UPDATE wamon.delivery_queue SET next_try_at = now() - interval '1 s'")
    assert pauses == [1, 2, 4]
    assert [state for state, _ in events(ours)] == ["dead", "dead", "dead", "done"]
    assert ours.query("SELECT count(*) FROM wamon.webhook_events WHERE body IS NULL") == [0]


def test_a_fault_of_ours_in_reading_a_body_delays_no_other_and_its_body_waits(
    office: Opened, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    ours = office(hook("wati", project="Lawley"), hook("gowa"))
    keep(ours, "gowa", {**GOWA, "payload": "canary"})
    keep(ours, "wati", WATI)
    with monkeypatch.context() as broken:
        broken.setattr(gowa, "parse", lambda delivery: {}[delivery.body])
        take_in(ours)
    assert ours.drops() == {("Lawley", "DR1752028")}
    assert ours.query("SELECT reason FROM wamon.dead_letters") == ["its body can't be read: wamon failed with KeyError"]
    assert "KeyError at test_intake.py" in caplog.text
    assert "canary" not in caplog.text
    ours.query("UPDATE wamon.delivery_queue SET next_try_at = now() - interval '1 s'")
    take_in(ours)
    assert [state for state, _ in events(ours)] == ["done", "done"]


@pytest.mark.fault("F113")
def test_requirement_4_what_postgresql_refuses_is_parked_alone_with_its_raw_body(office: Opened) -> None:
    ours = office(hook("wati", project="Lawley"))
    said = [{**WATI, "whatsappMessageId": f"wamid.{n}", "text": f"DR175000{n}"} for n in range(9)]
    with ours.refusing("%4"):
        for one in said:
            keep(ours, "wati", one)
        take_in(ours)
        assert len(ours.drops()) == 8
        assert [state for state, _ in events(ours)].count("new") == 1
    ours.query("UPDATE wamon.delivery_queue SET next_try_at = now() - interval '1 s'")
    take_in(ours)
    assert len(ours.drops()) == 9
    assert ours.query("SELECT count(*) FROM wamon.dead_letters") == [0]


@pytest.mark.parametrize("batch", [1, 2, 9])
def test_a_repeat_is_marked_as_the_same_as_the_oldest_with_its_body_whatever_batch_it_is_in(
    office: Opened, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    monkeypatch.setattr(intake, "_A_BATCH", batch)
    ours = office(hook("wati", project="Lawley"), hook("gowa", project="Lawley"))
    other = {**WATI, "whatsappMessageId": "wamid.other"}
    first, second, *_ = [keep(ours, "wati", body) for body in (WATI, other, WATI, other, WATI)]
    keep(ours, "gowa", WATI)  # another hook's
    take_in(ours)
    later = keep(ours, "wati", WATI)
    take_in(ours)
    assert events(ours, "same_as") == [None, None, first, second, first, None, first]
    assert ours.query("SELECT hook, duplicates FROM wamon.hook_status ORDER BY hook") == [("gowa", 0), ("wati", 4)]
    assert later > second


def test_of_manychat_s_deliveries_without_ids_twins_within_three_seconds_are_one_message(office: Opened) -> None:
    ours = office(hook("manychat", project="Lawley"))
    for ago in (20.0, 15.0, 14.99, 13.0, 11.5):  # the last is a twin of a twin's only
        keep(ours, "manychat", MANYCHAT, ago=timedelta(seconds=ago))
    take_in(ours)
    assert [count for _, count in events(ours)] == [1, 1, 0, 0, 1]
    assert len(messages(ours)) == 3
    assert ours.query("SELECT twins, duplicates FROM wamon.hook_status") == [(2, 2)]
    ours.query("SELECT wamon.take_in_again(array_agg(event), now()) FROM wamon.deliveries")
    take_in(ours)
    assert len(messages(ours)) == 3


def test_a_test_delivery_leaves_no_trace(office: Opened) -> None:
    ours = office(hook("wati"))
    keep(ours, "wati", {**WATI, "eventType": "newContactMessageReceived"})
    take_in(ours)
    assert messages(ours) == []


def test_ids_that_turn_out_to_be_one_person_s_are_joined_in_whatever_order_they_come(office: Opened) -> None:
    ours = office(hook("meta"), hook("wati"))
    keep(ours, "meta", meta_body(meta_message(id="wamid.1", from_user_id=None), contacts=[]))
    keep(ours, "meta", meta_body(meta_message(**{"id": "wamid.2", "from": None}), contacts=[]))
    take_in(ours)
    assert ours.query("SELECT count(DISTINCT person) FROM wamon.aliases") == [2]
    keep(ours, "meta", meta_body(meta_message(id="wamid.3")))
    keep(ours, "wati", WATI)
    take_in(ours)
    joined = ours.query("SELECT DISTINCT account, person FROM wamon.aliases ORDER BY 1")
    assert [account for account, _ in joined] == ["meta", "wati"]
    (lowest,) = ours.query("SELECT min(person) FROM wamon.people WHERE account = 'meta'")
    assert ours.query("SELECT merged_into FROM wamon.people WHERE merged_into IS NOT NULL") == [lowest]


def test_a_change_of_number_is_one_person(office: Opened) -> None:
    ours = office(hook("meta"))
    keep(ours, "meta", meta_body(meta_message(from_user_id=None), contacts=[]))
    system = {"type": "user_changed_number", "wa_id": "27820000002"}
    moved = meta_message(id="wamid.S", type="system", system=system, from_user_id=None)
    keep(ours, "meta", meta_body(moved, contacts=[]))
    take_in(ours)
    assert ours.query("SELECT value, person FROM wamon.aliases ORDER BY 1")[1][0] == "27820000002"
    assert ours.query("SELECT count(DISTINCT person) FROM wamon.aliases") == [1]


def test_a_group_s_message_counts_where_the_group_is_watched(office: Opened) -> None:
    ours = office(hook("gowa"))
    keep(ours, "gowa", GOWA)
    keep(ours, "gowa", in_lawley(GOWA, "DR1750001", "W1"))
    take_in(ours)
    assert messages(ours) == [("gowa", LAWLEY, "W1", "done", None, "webhook")]
    assert events(ours) == [("done", 0), ("done", 1)]


def test_a_group_of_meta_s_is_the_one_of_that_jid(office: Opened) -> None:
    ours = office(hook("meta"))
    made = b64encode(f"capi_group:27110000000:{LAWLEY.partition('@')[0]}".encode()).decode().rstrip("=")
    keep(ours, "meta", meta_body(meta_message(group_id=f"{made}ZD")))
    take_in(ours)
    assert ours.drops() == {("Lawley", "DR1752028")}


def test_a_dead_delivery_is_listed_and_retried_or_discarded_by_hand(office: Opened) -> None:
    ours = office(hook("wati", project="Lawley"), hook("meta"))
    broken = keep(ours, "wati", b"no JSON")
    part = keep(ours, "meta", meta_body(meta_message(id=7)))
    take_in(ours)
    listed = {letter["message_id"]: letter["status"] for letter in ours.answer("dead", "list")["letters"]}
    assert listed == {f"event:{broken}": "retry", f"event:{part}#0": "dead"}
    assert ours.run("dead", "retry", f"event:{broken}").returncode == 1
    ours.query("UPDATE wamon.deliveries SET body = %s WHERE event = %s", json.dumps(WATI).encode(), broken)
    assert ours.answer("dead", "retry", f"event:{broken}")["recorded"] == [f"event:{broken}"]
    assert ours.drops() == {("Lawley", "DR1752028")}
    assert ours.answer("dead", "discard", f"event:{part}#0")["discarded"] == [f"event:{part}#0"]
    assert ours.answer("dead", "list")["letters"] == []


def test_deliveries_are_forgotten_once_they_were_kept_long_enough(office: Opened) -> None:
    ours = office(hook("wati"), hook("meta"))
    keep(ours, "wati", WATI)
    keep(ours, "meta", meta_body(meta_message(id=7)))
    take_in(ours)

    def left_after(days: int) -> list[object]:
        ours.query(
            "WITH ended AS (UPDATE wamon.delivery_ends SET ended_at = now() - %s) "
            "UPDATE wamon.deliveries SET received_at = now() - %s",
            *[timedelta(days=days, minutes=1)] * 2,
        )
        ours.query("UPDATE wamon.dead_letters SET failed_at = now() - %s", timedelta(days=days, minutes=1))
        with connected(ours.dsn) as db:
            prune_events(db)
        return [*events(ours, "hook, body IS NOT NULL"), *ours.query("SELECT count(*) FROM wamon.dead_letters")]

    assert left_after(0) == [("wati", True), ("meta", True), 1]
    assert left_after(1) == [("wati", False), ("meta", True), 1]
    assert left_after(30) == [("meta", True), 1]
    assert left_after(90) == [0]
    assert len(messages(ours)) == 1


@pytest.mark.fault("F116")
def test_days_of_meta_s_deliveries_repeated_and_shuffled_give_each_message_once(office: Opened) -> None:
    ours = office(hook("meta", project="Lawley"))
    said = [meta_message(id=f"wamid.{n:05}", text={"body": f"DR{1000000 + n}"}) for n in range(2000)]
    shuffled = Random(15)
    for _ in range(2):
        shuffled.shuffle(said)
        for n in range(0, len(said), 250):
            keep(ours, "meta", meta_body(*said[n : n + 250], *said[:20]))
    take_in(ours)
    assert ours.query("SELECT count(*), count(DISTINCT message_id) FROM wamon.ledger") == [(2000, 2000)]
    assert ours.query("SELECT count(*), count(DISTINCT drop_number) FROM wamon.submissions") == [(2000, 2000)]
    assert ours.query("SELECT messages FROM wamon.groups WHERE kind = 'direct'") == [2000]


def test_a_long_backlog_is_taken_in_at_once_by_batches_each_message_once(
    office: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "_A_BATCH", 2)
    ours = office(hook("wati", project="Lawley"))
    for n in range(7):
        keep(ours, "wati", {**WATI, "whatsappMessageId": f"M{n % 5}", "text": f"DR175000{n % 5}"})
    keep(ours, "wati", {**WATI, "whatsappMessageId": 5})
    assert take_in(ours).events == 8
    assert [row[2] for row in messages(ours)] == [f"M{n}" for n in range(5)]
    assert ours.drops() == {("Lawley", f"DR175000{n}") for n in range(5)}
    assert ours.query("SELECT count(*) FROM wamon.dead_letters") == [1]


def test_verify_names_a_delivered_message_that_the_ledger_lacks_and_repairs_it(office: Opened) -> None:
    ours = office(hook("wati", project="Lawley"))
    ours.set(bridge={"path": None})
    keep(ours, "wati", WATI)
    take_in(ours)
    ours.query("DELETE FROM wamon.submissions")
    ours.query("DELETE FROM wamon.ledger")
    found = json.loads(ours.run("verify", "--json").stdout)
    assert [(problem["message_id"], found["clean"]) for problem in found["problems"]] == [("wamid.QUJD", False)]
    repaired = ours.answer("verify", "--repair")
    assert (repaired["clean"], repaired["events"], ours.drops()) == (True, 1, {("Lawley", "DR1752028")})


def test_trace_tells_what_became_of_a_delivery_and_of_its_messages(office: Opened) -> None:
    ours = office(hook("wati", project="Lawley"))
    uid = uuid4()
    event = keep(ours, "wati", WATI, uid=uid)
    take_in(ours)
    told = [ours.answer("trace", asked)["steps"] for asked in (str(uid), "wamid.QUJD", f"event:{event}")]
    expected = {"posted", "delivered", "recorded", "new", "taken-in"}
    assert [{step["what"] for step in steps} & expected for steps in told] == [expected] * 3
    assert [step["detail"] for step in told[0] if step["what"] == "recorded"] == ["done, by a hook"]
    unread = keep(ours, "wati", b"no JSON")
    take_in(ours)
    assert [step["what"] for step in ours.answer("trace", f"event:{unread}")["steps"]] == ["delivered", "event-waits"]


def test_a_replay_brings_back_what_was_lost_and_doubles_nothing(office: Opened) -> None:
    ours = office(hook("wati", project="Lawley"))
    first, second = keep(ours, "wati", WATI), keep(ours, "wati", {**WATI, "whatsappMessageId": "wamid.2"})
    take_in(ours)
    ours.query("DELETE FROM wamon.ledger WHERE message_id = 'wamid.2'")
    ours.clock = HOST  # as PostgreSQL's, by which deliveries came
    assert ours.answer("hooks", "replay", "--since", "1h")["events"] == [first, second]
    assert [row[2] for row in messages(ours)] == ["wamid.2", "wamid.QUJD"]
    ours.query("UPDATE wamon.deliveries SET body = NULL WHERE event = %s", first)
    assert ours.answer("hooks", "replay", str(first)) == {"events": [], "gone": [first]}
