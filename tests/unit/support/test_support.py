"""The support itself: bridges behave as the real ones were seen to, and the oracle says what the contract says."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from tests.support.bridges import (
    BRIDGES,
    LAWLEY,
    MOHADIN,
    PROJECTS,
    SAST,
    Bridge,
    Gowa,
    Key,
    Lharries,
    Value,
    VelocityFibre,
    VeryGoodPlugins,
    Wacli,
    WacliJanuary,
    go_string_time,
    mattn_time,
    new_message_id,
)
from tests.support.clock import first_morning
from tests.support.traffic import CHATTER, NEAR_MISSES, OTHER_CHATS, SPELLINGS, write_traffic
from tests.support.truth import Field, Truth, drops_in, messages, numbers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

REPLACING = (Lharries, VelocityFibre)
UPSERTING = (VeryGoodPlugins, WacliJanuary, Wacli, Gowa)
PLAIN_ROWIDS = (Lharries, VelocityFibre, VeryGoodPlugins, Gowa)
ONCE_USED_ROWIDS = (WacliJanuary, Wacli)


@pytest.fixture(params=BRIDGES, ids=lambda kind: kind.__name__)
def bridge(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bridge]:
    kind: type[Bridge] = request.param
    with kind(tmp_path / "messages.db", durable=False) as opened:
        yield opened


@pytest.fixture
def field(bridge: Bridge) -> Field:
    return Field(bridge)


def post_five(bridge: Bridge) -> list[str]:
    return [bridge.post(LAWLEY, f"DR175203{n}") for n in range(5)]


def column(bridge: Bridge, name: str) -> list[Value]:
    return [row[0] for row in bridge.db.execute(f"SELECT {name} FROM messages ORDER BY rowid")]


# The stores


def test_posts_take_the_next_rowid_and_are_read_back(bridge: Bridge) -> None:
    ids = post_five(bridge)
    assert bridge.rowids() == {Key(LAWLEY, message_id): place for place, message_id in enumerate(ids, start=1)}
    assert messages(bridge.path) == {Key(LAWLEY, message_id): f"DR175203{n}" for n, message_id in enumerate(ids)}


def test_the_journal_mode_is_the_bridges_own(bridge: Bridge) -> None:
    post_five(bridge)
    with closing(sqlite3.connect(bridge.path)) as other:
        mode = other.execute("PRAGMA journal_mode").fetchone()[0]
    assert mode == ("wal" if isinstance(bridge, WacliJanuary | Gowa) else "delete")


def test_each_write_is_committed(bridge: Bridge) -> None:
    message_id = bridge.post(LAWLEY, "DR1752028")
    assert not bridge.db.in_transaction
    assert messages(bridge.path)[Key(LAWLEY, message_id)] == "DR1752028"


def test_a_batch_is_seen_only_at_its_end(bridge: Bridge) -> None:
    with bridge.batch():
        if bridge.wal:
            post_five(bridge)
            assert messages(bridge.path) == {}
        post_five(bridge)
    assert len(messages(bridge.path)) == (10 if bridge.wal else 5)


@pytest.mark.parametrize("kind", REPLACING)
def test_replace_moves_the_row_to_a_higher_rowid(kind: type[Bridge], tmp_path: Path) -> None:
    with kind(tmp_path / "messages.db", durable=False) as bridge:
        ids = post_five(bridge)
        bridge.redeliver(ids[1])
        bridge.redeliver(ids[4])
        assert [bridge.rowid(message_id) for message_id in ids] == [1, 6, 3, 4, 7]


@pytest.mark.parametrize("kind", UPSERTING)
def test_an_upsert_keeps_the_rowid(kind: type[Bridge], tmp_path: Path) -> None:
    with kind(tmp_path / "messages.db", durable=False) as bridge:
        ids = post_five(bridge)
        bridge.redeliver(ids[1])
        bridge.redeliver(ids[4], text="DR1752099")
        assert [bridge.rowid(message_id) for message_id in ids] == [1, 2, 3, 4, 5]
        assert bridge.text(ids[4]) == "DR1752099"


@pytest.mark.parametrize("kind", ONCE_USED_ROWIDS)
def test_wacli_spends_a_number_on_an_upsert(kind: type[Bridge], tmp_path: Path) -> None:
    with kind(tmp_path / "wacli.db", durable=False) as bridge:
        ids = post_five(bridge)
        bridge.redeliver(ids[1])
        assert bridge.rowid(bridge.post(LAWLEY, "next")) == 7


@pytest.mark.parametrize("kind", PLAIN_ROWIDS)
def test_the_top_rowid_is_used_again_after_a_delete(kind: type[Bridge], tmp_path: Path) -> None:
    with kind(tmp_path / "messages.db", durable=False) as bridge:
        ids = post_five(bridge)
        assert bridge.delete_top(2) == [Key(LAWLEY, ids[4]), Key(LAWLEY, ids[3])]
        assert bridge.rowid(bridge.post(LAWLEY, "next")) == 4


@pytest.mark.parametrize("kind", ONCE_USED_ROWIDS)
def test_wacli_uses_no_rowid_twice(kind: type[Bridge], tmp_path: Path) -> None:
    with kind(tmp_path / "wacli.db", durable=False) as bridge:
        post_five(bridge)
        bridge.delete_top(2)
        assert bridge.rowid(bridge.post(LAWLEY, "next")) == 6
        bridge.delete_top(1)
        bridge.renumber("reload")
        assert bridge.rowid(bridge.post(LAWLEY, "next")) == 7


def test_update_closes_the_gaps_in_place(bridge: Bridge) -> None:
    ids = post_five(bridge)
    inode = bridge.path.stat().st_ino
    bridge.delete(ids[0])
    bridge.delete(ids[2])
    bridge.renumber("update")
    assert [bridge.rowid(message_id) for message_id in ids] == [None, 1, None, 2, 3]
    assert bridge.path.stat().st_ino == inode


def test_shuffle_keeps_no_order(bridge: Bridge) -> None:
    ids = [bridge.post(LAWLEY, "hello") for _ in range(40)]
    bridge.renumber("shuffle")
    rowids = [bridge.rowids()[Key(LAWLEY, message_id)] for message_id in ids]
    assert sorted(rowids) == list(range(1, 41))
    assert rowids != sorted(rowids)


def test_reload_is_a_new_file_with_the_same_messages(bridge: Bridge) -> None:
    ids = post_five(bridge)
    bridge.delete(ids[0])
    before, inode = messages(bridge.path), bridge.path.stat().st_ino
    indexes = bridge.db.execute("SELECT count(*) FROM sqlite_schema WHERE type = 'index'").fetchone()
    bridge.renumber("reload")
    assert messages(bridge.path) == before
    assert bridge.path.stat().st_ino != inode
    assert bridge.db.execute("SELECT count(*) FROM sqlite_schema WHERE type = 'index'").fetchone() == indexes
    expected = [2, 3, 4, 5] if isinstance(bridge, WacliJanuary) else [1, 2, 3, 4]
    assert [bridge.rowid(message_id) for message_id in ids[1:]] == expected


def test_a_lock_keeps_readers_of_a_rollback_journal_out(tmp_path: Path) -> None:
    with Lharries(tmp_path / "messages.db", durable=False) as bridge:
        post_five(bridge)
        with (
            closing(sqlite3.connect(bridge.path, timeout=0)) as reader,
            bridge.locked(),
            pytest.raises(sqlite3.OperationalError, match="locked"),
        ):
            reader.execute("SELECT count(*) FROM messages")
        assert len(messages(bridge.path)) == 5


def test_two_chats_may_share_an_id(bridge: Bridge) -> None:
    for chat in (LAWLEY, MOHADIN):
        bridge.post(chat, "hello", message_id="3EB0AA")
    bridge.edit("3EB0AA", "DR1752028", chat=LAWLEY)
    assert messages(bridge.path) == {Key(LAWLEY, "3EB0AA"): "DR1752028", Key(MOHADIN, "3EB0AA"): "hello"}


# What each bridge keeps


@pytest.mark.parametrize(
    ("kind", "live", "after_history"),
    [
        (Lharries, "", ""),
        (VeryGoodPlugins, "DR1752028", ""),
        (WacliJanuary, "DR1752028", "DR1752028"),
        (Wacli, "DR1752028", "DR1752028"),
        (Gowa, "DR1752028", "DR1752028"),
    ],
)
def test_captions(kind: type[Bridge], live: str, after_history: str, tmp_path: Path) -> None:
    with kind(tmp_path / "messages.db", durable=False) as bridge:
        message_id = bridge.post(LAWLEY, "DR1752028", media="image")
        assert bridge.text(message_id) == live
        bridge.redeliver(message_id, sender_form="full")
        assert bridge.text(message_id) == after_history
        bridge.redeliver(message_id, sender_form="bare")
        assert bridge.text(message_id) == live


def test_a_message_without_anything_is_no_row_but_in_wacli(bridge: Bridge) -> None:
    bridge.post(LAWLEY, "")
    assert len(messages(bridge.path)) == isinstance(bridge, WacliJanuary)


def test_edits_and_blanks_work_in_place(bridge: Bridge) -> None:
    ids = post_five(bridge)
    bridge.edit(ids[1], "DR1752099")
    bridge.blank(ids[2])
    assert [bridge.text(message_id) for message_id in ids[:3]] == ["DR1752030", "DR1752099", ""]
    assert [bridge.rowid(message_id) for message_id in ids] == [1, 2, 3, 4, 5]


def test_a_later_delivery_brings_a_blanked_text_back(bridge: Bridge) -> None:
    message_id = bridge.post(LAWLEY, "DR1752028")
    bridge.blank(message_id)
    bridge.redeliver(message_id)
    assert bridge.text(message_id) == "DR1752028"


def test_wacli_lets_no_redelivery_undo_an_edit(tmp_path: Path) -> None:
    with Wacli(tmp_path / "wacli.db") as bridge:
        message_id = bridge.post(LAWLEY, "DR1752028")
        bridge.edit(message_id, "DR1752034")
        bridge.redeliver(message_id, text="DR1752028")
        assert bridge.text(message_id) == "DR1752034"
        assert column(bridge, "edited") == [1]


def test_gowa_remembers_what_an_edited_message_said(tmp_path: Path) -> None:
    with Gowa(tmp_path / "chatstorage.db") as bridge:
        message_id = bridge.post(LAWLEY, "DR1752028")
        bridge.edit(message_id, "DR1752034")
        edits = bridge.db.execute("SELECT original_message_id, previous_content, new_content FROM message_edits")
        assert edits.fetchall() == [(message_id, "DR1752028", "DR1752034")]
        bridge.revoke(message_id)
        bridge.edit(message_id, "DR1752040")
        assert bridge.text(message_id) == "DR1752040"


@pytest.mark.parametrize(
    ("kind", "text", "mark"),
    [
        (Lharries, "DR1752028", None),
        (WacliJanuary, "DR1752028", None),
        (VeryGoodPlugins, "DR1752028", "deleted_at"),
        (Wacli, "DR1752028", "revoked"),
        (Gowa, None, None),
    ],
)
def test_revokes(kind: type[Bridge], text: str | None, mark: str | None, tmp_path: Path) -> None:
    with kind(tmp_path / "messages.db", durable=False) as bridge:
        message_id = bridge.post(LAWLEY, "DR1752028")
        bridge.revoke(message_id)
        assert bridge.text(message_id) == text
        assert mark is None or column(bridge, mark)[0]


def test_a_row_that_is_gone_cannot_be_blanked(bridge: Bridge) -> None:
    message_id = bridge.post(LAWLEY, "hello")
    bridge.delete(message_id)
    with pytest.raises(LookupError):
        bridge.blank(message_id)


def test_gowa_keeps_a_copy_for_each_device(tmp_path: Path) -> None:
    with Gowa(tmp_path / "chatstorage.db") as bridge:
        message_id = bridge.post(LAWLEY, "DR1752028")
        bridge.device = "27820000088:1@s.whatsapp.net"
        bridge.redeliver(message_id, text="DR1752034")
        assert len(column(bridge, "id")) == 2
        assert messages(bridge.path) == {Key(LAWLEY, message_id): "DR1752034"}
        assert bridge.text(message_id) == "DR1752034"


def test_velocity_fibres_chats_name_their_project(tmp_path: Path) -> None:
    with VelocityFibre(tmp_path / "messages.db") as bridge:
        bridge.chat(LAWLEY, "Lawley Activation 3")
        bridge.post(LAWLEY, "hello")
        chats = bridge.db.execute("SELECT name, project_name FROM chats").fetchall()
        assert chats == [("Lawley Activation 3", "Lawley")]


def test_senders_come_in_the_forms_of_their_path(tmp_path: Path) -> None:
    with Lharries(tmp_path / "messages.db", durable=False) as bridge:
        message_id = bridge.post(LAWLEY, "hello", sender="27820000042")
        assert column(bridge, "sender") == ["27820000042"]
        bridge.redeliver(message_id, sender_form="full")
        assert column(bridge, "sender") == ["27820000042@s.whatsapp.net"]
        bridge.redeliver(message_id, sender_form="group")
        assert column(bridge, "sender") == ["120363418298130331"]
        bridge.redeliver(message_id, sender_form="full-lid")
        assert re.fullmatch(r"\d{15}@lid", str(column(bridge, "sender")[0]))


def test_wacli_and_gowa_store_full_senders(tmp_path: Path) -> None:
    with Wacli(tmp_path / "wacli.db") as wacli, Gowa(tmp_path / "chatstorage.db") as gowa:
        wacli.post(LAWLEY, "hello", sender="27820000042")
        gowa.post(LAWLEY, "hello", sender="27820000042")
        assert column(wacli, "sender_jid") == column(gowa, "sender") == ["27820000042@s.whatsapp.net"]


def test_raw_bytes_and_times_reach_the_store(bridge: Bridge) -> None:
    message_id = bridge.post(LAWLEY, "hello")
    bridge.spoil(message_id, b"DR17\xff\x0052")
    bridge.set_time(message_id, 0)
    raw = bridge.db.execute(f"SELECT CAST({bridge.text_column} AS BLOB), typeof({bridge.text_column}) FROM messages")
    assert raw.fetchall() == [(b"DR17\xff\x0052", "text")]
    assert column(bridge, bridge.time_column) == [0]


# Ids and times


def test_ids_are_random_in_whatsapps_shapes_and_repeatable() -> None:
    ids = [new_message_id(Random(7)) for _ in range(2)]
    assert ids[0] == ids[1]
    rng = Random(7)
    many = [new_message_id(rng) for _ in range(500)]
    assert len(set(many)) == 500
    assert all(re.fullmatch(r"[0-9A-F]{20}|3EB0[0-9A-F]{18}|[0-9A-F]{32}", message_id) for message_id in many)
    assert many != sorted(many)


MORNING = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)


def test_mattns_times() -> None:
    assert mattn_time(MORNING, SAST) == "2026-11-21 10:00:00+02:00"
    assert mattn_time(MORNING, UTC) == "2026-11-21 08:00:00+00:00"
    assert mattn_time(MORNING, UTC, 120_000_000) == "2026-11-21 08:00:00.12+00:00"
    assert mattn_time(MORNING, UTC, 123_456_789) == "2026-11-21 08:00:00.123456789+00:00"


def test_modernc_s_times() -> None:
    assert go_string_time(MORNING, SAST) == "2026-11-21 10:00:00 +0200 +0200"
    assert go_string_time(MORNING, UTC) == "2026-11-21 08:00:00 +0000 UTC"
    assert go_string_time(MORNING, ZoneInfo("Africa/Johannesburg")) == "2026-11-21 10:00:00 +0200 SAST"
    assert go_string_time(MORNING, SAST, 5, 0.12) == "2026-11-21 10:00:00.000000005 +0200 +0200 m=+0.120000000"


SECOND_MORNING = first_morning() + timedelta(hours=26)
DAY = f"{SECOND_MORNING:%Y-%m-%d}"


@pytest.mark.parametrize("kind", [Lharries, VelocityFibre, VeryGoodPlugins, Gowa])
def test_text_times_follow_the_bridges_zone(kind: type[Bridge], tmp_path: Path) -> None:
    with kind(tmp_path / "messages.db", durable=False) as bridge:
        bridge.post(LAWLEY, "hello", at=SECOND_MORNING)
        bridge.zone = UTC
        bridge.post(LAWLEY, "hello", at=SECOND_MORNING + timedelta(seconds=5))
        assert column(bridge, "timestamp") == [f"{DAY} 10:00:00+02:00", f"{DAY} 08:00:05+00:00"]


def test_wacli_counts_seconds(tmp_path: Path) -> None:
    with Wacli(tmp_path / "wacli.db") as bridge:
        bridge.post(LAWLEY, "hello", at=SECOND_MORNING)
        assert column(bridge, "ts") == [int(SECOND_MORNING.timestamp())]


def test_gowas_write_clock_has_nanoseconds_and_goes_on(tmp_path: Path) -> None:
    with Gowa(tmp_path / "chatstorage.db") as bridge:
        first = bridge.post(LAWLEY, "hello", at=SECOND_MORNING)
        bridge.post(LAWLEY, "late", at=SECOND_MORNING - timedelta(days=3))
        bridge.edit(first, "DR1752028")
        rows = bridge.db.execute("SELECT timestamp, created_at, updated_at FROM messages ORDER BY rowid").fetchall()
    assert all(re.fullmatch(DAY + r" 10:00:00\.\d{1,9}\+02:00", made) for _, made, _ in rows)
    assert rows[0][1] < rows[1][1] < rows[0][2]
    assert [row[0] for row in rows] == [
        f"{day:%Y-%m-%d} 10:00:00+02:00" for day in (SECOND_MORNING, SECOND_MORNING - timedelta(days=3))
    ]


def test_gowas_purego_build_writes_gos_strings(tmp_path: Path) -> None:
    with Gowa(tmp_path / "chatstorage.db", times="modernc") as bridge:
        bridge.post(LAWLEY, "hello", at=SECOND_MORNING)
        assert column(bridge, "timestamp") == [f"{DAY} 10:00:00 +0200 +0200"]
        assert re.fullmatch(DAY + r" 10:00:00\.\d+ \+0200 \+0200 m=\+93600\.0{9}", str(column(bridge, "created_at")[0]))


# The oracle


@pytest.mark.parametrize(
    "text",
    [
        "DR1752028",
        "dr 1752028 done",
        "*DR-1752028*",
        "_Dr#1752028_",
        "DR \u2013 1752028",
        "\uff24\uff32\uff11\uff17\uff15\uff12\uff10\uff12\uff18",
        "DR17\u200b52028",
        "`DR1752028`",
        "DR\u2015:.1752028",
    ],
)
def test_the_contracts_spellings(text: str) -> None:
    assert numbers(text) == {"DR1752028"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("DR1752028, DR1752034 & dr1752040", {"DR1752028", "DR1752034", "DR1752040"}),
        ("DR1752028/DR1752034", {"DR1752028", "DR1752034"}),
        ("DR1752028 dr-1752028", {"DR1752028"}),
        ("DR175202 DR17520281", {"DR175202", "DR17520281"}),
    ],
)
def test_the_contracts_several_numbers(text: str, expected: set[str]) -> None:
    assert numbers(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "ADDR1752028X",
        "DR1234",
        "DR123456789",
        "drive 1752 km",
        "Dr 0712345678",
        "1DR1752028",
        "DR\n1752028",
        "DR ---1752028",
        "DR1752028dr1752034",
        "DR1752028123456",
        "",
        "DR",
    ],
)
def test_the_contracts_misses(text: str) -> None:
    assert numbers(text) == set()


@pytest.mark.parametrize("digits", ["175028", "1752028", "17520280"])
def test_traffic_says_what_it_means_to(digits: str) -> None:
    assert all(numbers(spell(digits)) == {f"DR{digits}"} for spell in SPELLINGS)
    assert not any(numbers(miss(digits)) for miss in NEAR_MISSES)
    assert not any(numbers(text) for text in CHATTER)


def test_an_edit_retracts_and_a_loss_keeps() -> None:
    truth = Truth(PROJECTS)
    for message_id in ("edited", "blanked", "vanished"):
        truth.posted(LAWLEY, message_id, f"DR1752028 and DR1752034 {message_id}")
    truth.edited(LAWLEY, "edited", "DR1752040")
    truth.blanked(LAWLEY, "blanked")
    truth.vanished(LAWLEY, "vanished")
    assert truth.submissions() == {
        (LAWLEY, "edited", "DR1752040"),
        (LAWLEY, "blanked", "DR1752028"),
        (LAWLEY, "blanked", "DR1752034"),
        (LAWLEY, "vanished", "DR1752028"),
        (LAWLEY, "vanished", "DR1752034"),
    }
    assert truth.drops() == {("Lawley", "DR1752028"), ("Lawley", "DR1752034"), ("Lawley", "DR1752040")}
    assert truth.ever() - truth.submissions() == {(LAWLEY, "edited", f"DR17520{n}") for n in (28, 34)}
    truth.edited(LAWLEY, "blanked", "nothing after all")
    assert not [found for found in truth.submissions() if found[1] == "blanked"]
    assert {key.message_id for key in truth.ledger()} == {"edited", "blanked", "vanished"}


def test_unwatched_only_what_a_scan_saw_counts() -> None:
    truth = Truth(PROJECTS, watched=False)
    truth.posted(LAWLEY, "A", "DR1752028")
    truth.posted(LAWLEY, "B", "DR1752034")
    truth.vanished(LAWLEY, "B")
    assert truth.submissions() == set()
    truth.scanned()
    truth.blanked(LAWLEY, "A")
    truth.scanned()
    assert truth.submissions() == {(LAWLEY, "A", "DR1752028")}
    assert truth.ledger() == {Key(LAWLEY, "A")}


def test_other_chats_count_for_nothing() -> None:
    truth = Truth({LAWLEY: "Lawley"})
    truth.posted(MOHADIN, "A", "DR1752028")
    assert not truth.drops()
    assert not truth.ledger()
    assert not truth.ever()


def test_the_earliest_live_submission_of_a_project_is_the_new_one() -> None:
    truth = Truth({LAWLEY: "Lawley", MOHADIN: "Mohadin"})
    truth.posted(LAWLEY, "B", "DR1752028", first_morning())
    truth.posted(LAWLEY, "C", "DR1752028", first_morning())
    truth.posted(LAWLEY, "A", "DR1752028", first_morning() + timedelta(seconds=1))
    truth.posted(MOHADIN, "D", "DR1752028", first_morning() + timedelta(days=1))
    new = {message_id for (_, message_id, _), kind in truth.kinds().items() if kind == "new"}
    assert new == {"B", "D"}
    truth.edited(LAWLEY, "B", "wrong group")
    assert truth.kinds()[LAWLEY, "C", "DR1752028"] == "new"


# Both together


def test_a_field_tells_its_truth_what_the_store_holds(field: Field) -> None:
    kept = field.post(LAWLEY, "DR1752028")
    caption = field.post(MOHADIN, "DR1752034", media="image")
    edited = field.post(LAWLEY, "DR1752035")
    field.edit(edited, "DR1752036")
    field.blank(kept)
    field.post("27820000077@s.whatsapp.net", "DR1752099")
    expected = {(LAWLEY, kept, "DR1752028"), (LAWLEY, edited, "DR1752036")}
    if not isinstance(field.bridge, Lharries) or isinstance(field.bridge, VeryGoodPlugins):
        expected.add((MOHADIN, caption, "DR1752034"))
    assert field.truth.submissions() == expected
    assert len(field.truth.ledger()) == 3


@pytest.mark.parametrize("loss", ["delete", "revoke", "blank", "delete_top", "renumber", "redeliver"])
def test_whatever_is_lost_stays_recorded(loss: str, field: Field) -> None:
    message_id = field.post(LAWLEY, "DR1752028")
    match loss:
        case "delete_top":
            field.delete_top(1)
        case "renumber":
            field.renumber()
        case _:
            getattr(field, loss)(message_id)
    assert field.truth.submissions() == {(LAWLEY, message_id, "DR1752028")}


def test_what_came_and_went_in_a_batch_was_never_seen(field: Field) -> None:
    with field.batch():
        field.delete(field.post(LAWLEY, "DR1752028"))
        field.post(LAWLEY, "DR1752034")
    assert field.truth.drops() == drops_in(field.path) == {("Lawley", "DR1752034")}
    assert field.truth.watched


def test_bytes_that_are_no_text_break_the_number(field: Field) -> None:
    message_id = field.post(LAWLEY, "hello")
    field.spoil(message_id, b"DR1752028 and DR17\xff52034")
    assert field.truth.drops() == {("Lawley", "DR1752028")}


# Traffic


def test_traffic_leaves_a_store_that_its_truth_knows(field: Field) -> None:
    done = write_traffic(field, 1000, seed=5)
    assert field.truth.drops() == drops_in(field.path)
    assert set(field.truth.ledger()) == {key for key in messages(field.path) if key.chat in PROJECTS}
    assert len(field.truth.drops()) > 500
    hazards = {"late", "other chat", "redeliver", "edit replaces", "edit takes away", "blank", "revoke", "deleted"}
    assert hazards | {"long", "tie", "quote", "zone", "from me", "several", "caption", "photo"} <= done.keys()


def test_one_seed_makes_one_store(tmp_path: Path) -> None:
    dumps = []
    for place in ("a", "b"):
        with Field(Gowa(tmp_path / place)) as field:
            write_traffic(field, 400, seed=11)
            dumps.append(field.bridge.db.execute("SELECT rowid, * FROM messages ORDER BY rowid").fetchall())
    assert dumps[0] == dumps[1]
    with Field(Gowa(tmp_path / "c")) as field:
        write_traffic(field, 400, seed=12)
        assert field.bridge.db.execute("SELECT rowid, * FROM messages ORDER BY rowid").fetchall() != dumps[0]


def test_traffic_without_hazards_is_only_posts(field: Field) -> None:
    done = write_traffic(field, 300, seed=5, jids=[LAWLEY], hazards=False)
    assert {key.chat for key in messages(field.path)} == {LAWLEY}
    assert len(messages(field.path)) == 300
    assert not {"late", "redeliver", "zone", "deleted"} & done.keys()
    assert list(field.bridge.rowids().values()) == list(range(1, 301))


def test_live_traffic_commits_as_the_bridge_does(field: Field) -> None:
    write_traffic(field, 200, seed=5, live=True)
    assert field.truth.drops() >= drops_in(field.path)
    assert field.truth.submissions() <= field.truth.ever()


def test_only_canary_numbers_are_people(tmp_path: Path) -> None:
    with Field(Gowa(tmp_path / "chatstorage.db")) as field:
        write_traffic(field, 500, seed=5)
        senders = {str(sender) for sender in column(field.bridge, "sender")}
    phones = {sender.partition("@")[0] for sender in senders if sender.endswith("@s.whatsapp.net")}
    assert phones
    assert all(re.fullmatch(r"2782000\d{4}", phone) for phone in phones)
    assert not set(OTHER_CHATS) & PROJECTS.keys()
