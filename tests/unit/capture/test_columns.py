"""Columns and the ordinary way draft the same bytes, whatever rows a store holds."""

from __future__ import annotations

import pickle
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.deliveries import wamid
from tests.support.environment import examples
from wamon.bridge.store import Store
from wamon.capture.backlog import HandedOver, Task, drafted, opened
from wamon.capture.batch import Reader
from wamon.drops.reading import Rules
from wamon.ledger.drafts import Draft, Drafter
from wamon.ledger.parcels import Parcels
from wamon.model import BEGINNING, Group, Label, Sizes, Start

if TYPE_CHECKING:
    from collections.abc import Sequence

NOW = datetime(2026, 11, 21, 8, tzinfo=UTC)
JIDS = ("120363400000000001@g.us", "120363400000000002@g.us", "120363400000000003@g.us")
GROUPS = {
    jid: Group(n, jid, project, "main", True, "beginning", None, BEGINNING, True, 0, None, None)
    for n, (jid, project) in enumerate(zip(JIDS, ("Lawley", "Mohadin", "Lawley"), strict=True), 1)
}
COLUMNS = "id, chat_jid, sender, content, timestamp, is_from_me, media_type"
SIZES = Sizes(page_rows=20, pages_a_batch=3, pages_a_drained_batch=3)

SAID = (
    "DR1752028", "dr 1752028 done, DR1752034", "*DR-1752028*", "DR1752028/29", "D R1752028", "DR175202", "1752028",
    "DR1752028 DR1752028", "DR17520281", "xDR1752028", "pole 1752, 20 min", "ok \U0001f44d\U0001f3fe", "①DR1752028",
    "Goeiemôre DR1752028", "Goeiemôre manne", "\uff24\uff32\uff11\uff17\uff15\uff12\uff10\uff12\uff18", "D", "DR", "",
    "DR\u200d1752028", "DR1752028²", "DR1752028\nDR1752034", "Drop 1752028", "27820000003", "DR 175 2028", "\u0663",
    " ", "0", "\ufeff",
)  # fmt: skip
TIMES = (
    "2026-11-21 10:00:00+02:00", "2026-11-21 10:00:07.123456+02:00", "2026-11-21 10:00:00 +0200 SAST", "",
    "2026-11-21 10:00:00 +0200 SAST m=+0.12", "2026-11-21T10:00:00Z", "2026-11-21 10:00:00", "20261121", "soon",
    "2026-11-21 10:61:00+02:00", "2026-11-21 10:00:00+99:00", "0001-01-01 00:00:00+00:00", "2026-11-21 10:00",
    "1971-12-31 23:59:59-12:00", "9999-12-31 23:59:59-02:00", "2026-11-21 10:00:00.123456789+02:00",
    "2026-11-21T10:00:00 +0200 SAST", "1790000000", 1_790_000_000, 1_790_000_000_123, 0, -5, 1e400, 1790000000.5,
)  # fmt: skip
odd = (
    st.none()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.binary(max_size=12)
    | st.text(max_size=12)
)
texts = st.lists(st.sampled_from(SAID), max_size=3).map(" ".join) | st.text(
    st.sampled_from("DRdr0123456789 -#:./①²\0é")
)
ITS_OWN = "an id that no other row has"
sent = st.integers(0, 86_399).map(lambda n: f"2026-11-21 {n // 3600:02}:{n // 60 % 60:02}:{n % 60:02}+02:00")
usual = st.tuples(
    st.just(ITS_OWN),
    st.sampled_from(JIDS),
    st.sampled_from(["27820000001", "27820000002:5@s.whatsapp.net", ""]),
    texts,
    sent | st.sampled_from(TIMES[:3]),
    st.sampled_from([0, 1]),
    st.sampled_from(["", "image", None]),
)
TELLING = wamid("3EB0AABBCCDDEEFF0011")
KNOWN_ODD: tuple[tuple[Any, ...], ...] = (
    ("", "A", "x" * 200, "x" * 201, "é", "a\nb", "wamid.QUJD", TELLING, None, 7, b"\xff", "a\0b"),
    ("stranger@g.us", None, 7),
    (None, 7, 7.0, b"\xff", "a\0b", "é"),
    (*SAID, None, 7, "\0", "DR17520\x0028", b"DR1752028 \xff"),
    (*TIMES, None, b"\xff"),
    (None, "false", "true", b"0", "0", 0.0, 7),
    (None, 1, 1.0, "image", b"\xff", "a\0b"),
)
ODD = tuple(st.sampled_from(values) | odd for values in KNOWN_ODD)


@st.composite
def one_odd(draw: st.DrawFn) -> tuple[Any, ...]:
    """A usual row but for one column: with two that are odd, neither of them would be looked at."""
    row, n = list(draw(usual)), draw(st.integers(0, len(ODD) - 1))
    row[n] = draw(ODD[n])
    return tuple(row)


rows = usual | usual | one_odd()
rules = st.sampled_from(
    [
        Rules("DR[0-9]{7}"),
        Rules("DR[0-9]{7}", ignore_from_me=True, ignore_senders=("27820000002",)),
        Rules("(?i)(DR|FX)[0-9]+"),
        Rules("FX[0-9]{6,8}"),
    ]
)
drafters = st.sampled_from([None, timedelta(0), timedelta(days=365)]).map(
    lambda keep: Drafter(7, keep, datetime(2026, 11, 21, 8, 0, 1, tzinfo=UTC))
)
starts = st.sampled_from([{}, {JIDS[0]: Start(15)}, {JIDS[1]: Start(70, NOW)}])


def store_of(path: Path, held: Sequence[tuple[Any, ...]]) -> Store:
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"CREATE TABLE messages ({COLUMNS})")
        db.executemany(f"INSERT INTO messages ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)", held)
        db.commit()
    return Store(path, sizes=SIZES)


def assert_equal(task: Task) -> int:
    """How many batches there were."""
    batches = 0
    for batches, batch in enumerate(drafted(task), 1):  # noqa: B007
        read = task.reader.rows(batch.start)
        ordinary = task.drafter.drafted(task.reader.said(read.rows), task.labels, task.now)
        assert in_one(batch.draft) == in_one(ordinary)
        parcels = Parcels(task.labels)
        parcel = pickle.loads(pickle.dumps(HandedOver.of(batch, parcels)))
        assert in_one(opened(parcel, parcels).draft) == in_one(ordinary)
    return batches


def in_one(draft: Draft) -> tuple[Any, ...]:
    """All that is recorded of a draft, and nothing of how it was cut."""
    near = [(*reading[0][:5], reading.near) for reading in draft.near]
    rows = b"".join(draft.ledger_rows), b"".join(draft.submission_rows)
    return rows, draft.posts.candidates(), near, draft.messages, draft.last


def task_of(store: Store, rules: Rules, drafter: Drafter, starts: dict[str, Start]) -> Task:
    labels = {jid: Label(group.chat, group.project) for jid, group in GROUPS.items()}
    return Task(Reader(store, rules, {jid.encode(): jid for jid in JIDS}, starts), drafter, labels, BEGINNING, NOW)


@settings(max_examples=examples(150), derandomize=True)
@given(st.lists(rows, min_size=20, max_size=80), rules, drafters, starts)
def test_columns_and_the_ordinary_way_draft_the_same(
    held: list[tuple[Any, ...]], rules: Rules, drafter: Drafter, starts: dict[str, Start]
) -> None:
    held = [(f"3EB0{n:X}" if row[0] == ITS_OWN else row[0], *row[1:]) for n, row in enumerate(held)]
    with TemporaryDirectory() as folder:
        assert assert_equal(task_of(store_of(Path(folder, "messages.db"), held), rules, drafter, starts)) > 0


@pytest.mark.parametrize("column", range(len(KNOWN_ODD)))
def test_whatever_is_odd_among_usual_rows_is_drafted_the_same(tmp_path: Path, column: int) -> None:
    drafter = Drafter(7, timedelta(days=365), datetime(2026, 1, 1, tzinfo=UTC))
    for n, value in enumerate(KNOWN_ODD[column]):
        row = [ITS_OWN, JIDS[0], "27820000001", "DR1752028", TIMES[0], 0, "image"]
        rows = [[f"3EB0{m}", *row[1:]] for m in range(9)]
        rows[4][column] = value
        store = store_of(tmp_path / f"{n}.db", [tuple(row) for row in rows])
        assert assert_equal(task_of(store, Rules("DR[0-9]{7}"), drafter, {})) == 1


def odd_alone(n: int, _: Random) -> tuple[Any, ...]:
    """What no bridge writes, in every column of every row."""
    return f"é{n}", JIDS[n % 3], n, 1752028 + n, f"soon {n}", "no", b"\xff"


def hurt(n: int, random: Random) -> tuple[Any, ...]:
    """Huge texts, NUL, bytes that are no UTF-8."""
    text = random.choice(
        ["DR1752028 " * 2000, "x" * 60_000, "DR17520\x0028", b"DR1752028 \xff\xfe", "D" * 30_000, "\0"]
    )
    return f"3EB0{n:X}", JIDS[n % 3], "27820000001", text, "2026-11-21 10:00:00+02:00", 0, ""


def said_again(n: int, random: Random) -> tuple[Any, ...]:
    """The same messages over and over: re-delivered, edited, emptied, quoted, in another chat."""
    number = 1752000 + random.randrange(9)
    text = random.choice([f"DR{number}", f"> DR{number}\nwhich one?", "", f"DR{number} and DR{number + 1}", "thanks"])
    return f"3EB0{random.randrange(400):X}", JIDS[n % 3], "27820000001", text, 1_790_000_000 + n, n % 7 == 0, ""


@pytest.mark.parametrize("row", [odd_alone, hurt, said_again])
def test_stores_that_are_made_to_hurt_are_drafted_the_same(tmp_path: Path, row: Any) -> None:
    random = Random(3)
    store = store_of(tmp_path / "messages.db", [row(n, random) for n in range(300)])
    drafter = Drafter(7, timedelta(days=365), datetime(2026, 1, 1, tzinfo=UTC))
    assert assert_equal(task_of(store, Rules("DR[0-9]{7}"), drafter, {})) == 6
