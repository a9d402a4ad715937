"""Reading real stores of every kind of bridge: what the pages hold, whatever happened to the file between them."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args
from unittest.mock import Mock

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.support.bridges import (
    BRIDGES,
    LAWLEY,
    MAMELODI,
    MOHADIN,
    Bridge,
    Gowa,
    Key,
    Lharries,
    Renumbering,
    Value,
    VelocityFibre,
    VeryGoodPlugins,
    Wacli,
    mattn_time,
)
from tests.support.clock import first_morning
from tests.support.environment import examples
from tests.support.truth import messages as standing_messages
from wamon.bridge import snapshot as tested_snapshot
from wamon.bridge import store as tested
from wamon.bridge import traffic
from wamon.bridge.flavours import recognise
from wamon.bridge.snapshot import snapshot
from wamon.bridge.stamp import StoreFile
from wamon.bridge.store import Chat, Overlap, Page, Store
from wamon.errors import BridgeUnavailable, BridgeUnknown
from wamon.model import BEGINNING, USUAL_SIZES, Message, Place, Sizes, content_hash

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

WANTED = {jid.encode(): jid for jid in (LAWLEY, MOHADIN)}
OTHER = MAMELODI
LONG = 60_000
REPLACING = (Lharries, VelocityFibre)
PLAIN_ROWIDS = (Lharries, VelocityFibre, VeryGoodPlugins, Gowa)
SECOND_DEVICE = "27820000088:1@s.whatsapp.net"


class Reader:
    """Reads as a tail does: each page begins where the one before it ended, over one overlap."""

    def __init__(self, path: Path, place: Place = BEGINNING, sizes: Sizes = USUAL_SIZES) -> None:
        self.store = Store(path, sizes=sizes)
        self.place = place
        self.overlap = Overlap()
        self.returned: list[Message] = []

    def read(self) -> Page:
        page = self.store.read_page(self.place, WANTED, self.overlap)
        assert page.start.rowid <= self.place.rowid
        assert page.place.rowid >= page.start.rowid
        assert all(newer.rowid > older.rowid for newer, older in pairwise(page.place.anchors))
        assert self.store.standing(page.place) == page.place
        self.place = page.place
        self.returned += page.messages
        return page

    def read_all(self) -> list[Message]:
        """Until nothing stands beyond the place; what the pages returned."""
        pages = [self.read()]
        while not pages[-1].complete:
            pages.append(self.read())
        return [message for page in pages for message in page.messages]


@pytest.fixture(params=BRIDGES, ids=lambda kind: kind.__name__)
def kind(request: pytest.FixtureRequest) -> type[Bridge]:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "messages.db"


@pytest.fixture
def bridge(kind: type[Bridge], path: Path) -> Iterator[Bridge]:
    with kind(path, durable=False) as bridge:
        yield bridge


@pytest.fixture
def lharries(path: Path) -> Iterator[Lharries]:
    with Lharries(path, durable=False) as bridge:
        yield bridge


@pytest.fixture
def reader(path: Path) -> Reader:
    return Reader(path)


@pytest.fixture
def small_pages(reader: Reader) -> None:
    reader.store.sizes = Sizes(page_rows=7)


@pytest.fixture
def short_overlap(reader: Reader) -> None:
    """A tenth of the usual sizes: what goes beyond the overlap is 60 rows."""
    reader.store.sizes = Sizes(page_rows=100, overlap_rows=50, recent_rows=500)


def post(bridge: Bridge, count: int, chat: str = LAWLEY) -> list[str]:
    with bridge.batch():
        return [bridge.post(chat, f"DR{1_752_000 + n}") for n in range(count)]


def ids(messages: Sequence[Message]) -> list[str]:
    return [message.message_id for message in messages]


def said(messages: Sequence[Message]) -> list[tuple[str, str]]:
    return [(message.message_id, message.text) for message in messages]


# Pages


def test_a_message_is_read_as_it_stands(bridge: Bridge, reader: Reader) -> None:
    message_id = bridge.post(LAWLEY, "DR1752028", sender="27820000042", media="image", from_me=False)
    own_id = bridge.post(MOHADIN, "Thanks", from_me=True)

    photo, own = reader.read_all()

    text = "DR1752028" if bridge.keeps_captions else ""
    assert photo == Message(
        1,
        LAWLEY,
        message_id,
        "27820000042" if bridge.live_sender == "bare" else "27820000042@s.whatsapp.net",
        first_morning() + timedelta(seconds=7),
        text,
        "image",
        False,
        content_hash(text, "image"),
    )
    assert (own.chat_jid, own.message_id, own.text, own.media_type) == (MOHADIN, own_id, "Thanks", "")
    assert own.from_me


@pytest.mark.usefixtures("small_pages")
def test_all_rows_come_in_row_order_and_once(bridge: Bridge, reader: Reader) -> None:
    posted = post(bridge, 30)

    assert ids(reader.read_all()) == posted
    assert reader.place.rowid == 30
    assert ids(reader.read_all()) == []


def test_a_page_has_at_most_1000_rows(lharries: Lharries, reader: Reader) -> None:
    posted = post(lharries, 2_100)

    pages = [reader.read() for _ in range(3)]

    assert [(page.read, len(page.messages), page.complete) for page in pages] == [
        (1000, 1000, False),
        (1000, 1000, False),
        (100, 100, True),
    ]
    assert ids(reader.returned) == posted
    assert all(newer.rowid > older.rowid for older, newer in pairwise(reader.returned))


def test_a_page_that_is_exactly_full_is_not_taken_for_the_end(lharries: Lharries, reader: Reader) -> None:
    post(lharries, 1_000)

    assert not reader.read().complete
    assert reader.read().complete


def test_a_page_has_about_8_mib_at_most(lharries: Lharries, reader: Reader) -> None:
    with lharries.batch():
        posted = [lharries.post(LAWLEY, f"{n} " + "x" * LONG) for n in range(200)]

    page = reader.read()

    read = sum(len(message.text) for message in page.messages)
    assert 8 * 2**20 <= read < 8 * 2**20 + 2 * LONG
    assert not page.complete
    reader.read_all()
    assert list(dict.fromkeys(ids(reader.returned))) == posted


def test_a_row_of_more_than_a_page_is_read_and_passed(lharries: Lharries, reader: Reader) -> None:
    huge = lharries.post(LAWLEY, "x" * (9 * 2**20))
    small = lharries.post(LAWLEY, "DR1752028")

    first = reader.read()

    assert (ids(first.messages), first.complete) == ([huge], False)
    assert len(first.messages[0].text) == 9 * 2**20
    assert ids(reader.read_all()) == [small]


@pytest.mark.usefixtures("small_pages")
def test_rows_of_other_chats_move_the_place_and_are_no_messages(bridge: Bridge, reader: Reader) -> None:
    post(bridge, 20, OTHER)
    ours = bridge.post(MOHADIN, "DR1752028")
    post(bridge, 20, OTHER)

    assert ids(reader.read_all()) == [ours]
    assert reader.place.rowid == 41
    assert reader.read().read == 0


def test_two_chats_may_share_an_id(bridge: Bridge, reader: Reader) -> None:
    for chat in (LAWLEY, MOHADIN):
        bridge.post(chat, f"hello {chat}", message_id="3EB0AA")

    assert [(m.chat_jid, m.message_id, m.text) for m in reader.read_all()] == [
        (LAWLEY, "3EB0AA", f"hello {LAWLEY}"),
        (MOHADIN, "3EB0AA", f"hello {MOHADIN}"),
    ]


def test_an_empty_table_is_read_to_its_end(kind: type[Bridge], path: Path) -> None:
    kind(path).close()

    page = Reader(path).read()

    assert page == Page([], BEGINNING, BEGINNING, 0, True)


def test_the_place_stands_on_the_last_row_that_was_read(bridge: Bridge, reader: Reader) -> None:
    post(bridge, 40)

    first = reader.read()
    bridge.post(LAWLEY, "after")

    assert first.place.rowid == 40
    assert Store(bridge.path).standing(first.place) == first.place
    assert [m.text for m in reader.read_all()] == ["after"]


# The overlap


@pytest.mark.usefixtures("short_overlap")
def test_nothing_comes_when_nothing_changed(bridge: Bridge, reader: Reader) -> None:
    post(bridge, 70)
    reader.read_all()

    assert reader.read_all() == []
    for _ in range(3):
        newest = bridge.post(LAWLEY, "DR1752028")
        assert ids(reader.read_all()) == [newest]
        assert reader.read_all() == []


@pytest.mark.usefixtures("short_overlap")
@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda bridge, message_id: bridge.edit(message_id, "DR1752099"), "DR1752099"),
        (lambda bridge, message_id: bridge.blank(message_id), ""),
        (lambda bridge, message_id: bridge.spoil(message_id, b"DR17520\xff99"), "DR17520\ufffd99"),
    ],
    ids=["edited", "blanked", "spoilt"],
)
def test_a_change_in_place_comes_once(
    bridge: Bridge, reader: Reader, change: Callable[[Bridge, str], None], text: str
) -> None:
    posted = post(bridge, 60)
    reader.read_all()

    change(bridge, posted[10])  # the oldest row of the overlap

    assert said(reader.read_all()) == [(posted[10], text)]
    assert reader.read_all() == []


def test_changes_come_in_row_order_and_before_the_new_rows(bridge: Bridge, reader: Reader) -> None:
    posted = post(bridge, 10)
    reader.read_all()
    for message_id in (posted[7], posted[2]):
        bridge.edit(message_id, "DR1752099")

    new = bridge.post(LAWLEY, "DR1752028")

    assert ids(reader.read_all()) == [posted[2], posted[7], new]


@pytest.mark.usefixtures("short_overlap")
def test_a_change_before_the_overlap_is_left_to_the_sweep(bridge: Bridge, reader: Reader) -> None:
    posted = post(bridge, 60)
    reader.read_all()

    bridge.edit(posted[9], "DR1752099")

    assert reader.read_all() == []


@pytest.mark.parametrize("kind", PLAIN_ROWIDS, ids=lambda kind: kind.__name__)
def test_a_new_row_at_an_old_rowid_comes_though_the_newest_row_is_the_same(bridge: Bridge, reader: Reader) -> None:
    posted = post(bridge, 10)
    reader.read_all()
    bridge.delete_top(3)
    between = [bridge.post(LAWLEY, f"DR175200{n}") for n in (7, 8)]  # what stood there said the same
    bridge.redeliver(posted[9])
    assert bridge.rowid(posted[9]) == 10

    page = reader.read()

    assert page.start.rowid == 10  # the newest anchor still matches: it can't tell
    assert ids(page.messages) == between


@pytest.mark.fault("F43")
def test_a_row_whose_chat_was_rewritten_in_place_comes(bridge: Bridge, reader: Reader) -> None:
    first, second = post(bridge, 2)
    post(bridge, 1, MOHADIN)
    reader.read_all()

    bridge.db.execute(f"UPDATE messages SET chat_jid = ? WHERE {bridge.id_column} = ?", (MOHADIN, first))

    assert [(m.chat_jid, m.message_id) for m in reader.read_all()] == [(MOHADIN, first)]
    assert second not in ids(reader.read_all())


def test_only_text_and_media_type_are_a_change(bridge: Bridge, reader: Reader) -> None:
    posted = post(bridge, 3)
    reader.read_all()

    bridge.set_time(posted[0], bridge._time(first_morning() + timedelta(days=1000)))
    bridge.db.execute(f"UPDATE messages SET {'sender_jid' if bridge.time_column == 'ts' else 'sender'} = 'other'")

    assert reader.read_all() == []


def test_a_new_overlap_knows_nothing_and_gives_its_500_rows(lharries: Lharries, reader: Reader) -> None:
    posted = post(lharries, 600)
    reader.read_all()

    reader.overlap = Overlap()

    assert ids(reader.read_all()) == posted[100:]
    assert reader.read_all() == []


@pytest.mark.usefixtures("small_pages")
def test_the_overlap_is_compared_again_after_a_catch_up(bridge: Bridge, reader: Reader) -> None:
    posted = post(bridge, 20)
    reader.read()
    bridge.edit(posted[3], "DR1752099")

    reader.read_all()

    assert said(reader.read_all()) == [(posted[3], "DR1752099")]


# Anchors: what the file's damage costs is a re-read


@pytest.mark.parametrize("kind", REPLACING, ids=lambda kind: kind.__name__)
@pytest.mark.fault("F41")
def test_the_newest_row_moved_up_and_is_not_followed(bridge: Bridge, reader: Reader) -> None:
    posted = post(bridge, 5)
    reader.read_all()
    between = bridge.post(LAWLEY, "DR1752028")
    bridge.redeliver(posted[4])

    page = reader.read()

    assert page.start.rowid < 5
    assert {between, posted[4]} <= set(ids(page.messages))
    assert page.place.rowid == bridge.rowid(posted[4]) == 7


@pytest.mark.usefixtures("short_overlap")
@pytest.mark.parametrize("kind", PLAIN_ROWIDS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize(("gone", "new"), [(1, 1), (3, 1), (3, 3), (3, 9), (60, 55), (70, 70)])
@pytest.mark.fault("F40")
def test_rows_on_freed_rowids_are_read(bridge: Bridge, reader: Reader, gone: int, new: int) -> None:
    post(bridge, 70)
    reader.read_all()
    with bridge.batch():
        bridge.delete_top(gone)
    posted = post(bridge, new)

    page = reader.read()

    assert page.start.rowid <= 70 - gone
    reader.read_all()
    assert set(posted) <= set(ids(reader.returned))


@pytest.mark.usefixtures("short_overlap")
@pytest.mark.parametrize("how", get_args(Renumbering))
@pytest.mark.fault("F38")
def test_no_row_is_missed_when_rows_are_renumbered(bridge: Bridge, reader: Reader, how: Renumbering) -> None:
    posted = post(bridge, 70)
    with bridge.batch():
        for message_id in posted[1:60:2]:
            bridge.delete(message_id)
    reader.read_all()
    unread = post(bridge, 30)
    bridge.renumber(how)

    reader.read_all()

    assert set(unread) <= set(ids(reader.returned))
    assert reader.place.rowid == max(bridge.rowids().values())


@pytest.mark.usefixtures("short_overlap")
@pytest.mark.fault("F37")
def test_no_row_is_missed_when_an_older_copy_is_restored(bridge: Bridge, reader: Reader, tmp_path: Path) -> None:
    post(bridge, 5)
    save(bridge, tmp_path / "copy.db")
    post(bridge, 60)
    reader.read_all()
    restore(bridge, tmp_path / "copy.db")
    posted = post(bridge, 10)

    page = reader.read()

    assert page.start.rowid <= 5
    assert set(posted) <= set(ids(page.messages))


@pytest.mark.parametrize("count", [3, 30, 90])
@pytest.mark.fault("F36")
def test_no_row_is_missed_when_the_file_is_made_anew(bridge: Bridge, reader: Reader, count: int) -> None:
    post(bridge, 30)
    reader.read_all()
    recreate(bridge)
    posted = post(bridge, count)

    page = reader.read()

    assert page.start == BEGINNING
    assert ids(page.messages) == posted


def save(bridge: Bridge, copy: Path) -> None:
    bridge.close()  # out of the WAL
    shutil.copyfile(bridge.path, copy)
    bridge.reopen()


def restore(bridge: Bridge, copy: Path) -> None:
    bridge.close()
    shutil.copyfile(copy, bridge.path.with_suffix(".restored"))
    bridge.path.with_suffix(".restored").replace(bridge.path)
    bridge.reopen()


def recreate(bridge: Bridge) -> None:
    bridge.close()
    bridge.path.unlink()
    bridge.reopen()


# Whatever happens: a model of bridges, restarts and damage

Act = Literal[
    "post",
    "burst",
    "other chat",
    "redeliver",
    "edit",
    "blank",
    "spoil",
    "delete",
    "delete top",
    "revoke",
    "device",
    "reload",
    "update",
    "shuffle",
    "save",
    "restore",
    "recreate",
    "restart",
    "read",
    "read all",
]
ACTS = get_args(Act)
GENTLE: tuple[Act, ...] = (
    "post",
    "burst",
    "redeliver",
    "delete top",
    "reload",
    "update",
    "read",
    "read all",
    "restart",
)


def acts(of: Sequence[Act], most: int) -> st.SearchStrategy[list[tuple[Act, int]]]:
    return st.lists(st.tuples(st.sampled_from(of), st.integers(0, 1_000)), min_size=1, max_size=most)


class World:
    """One bridge and one reader of its store, to which things happen. `n` chooses among what is there."""

    def __init__(self, kind: type[Bridge], home: Path, sizes: Sizes) -> None:
        self.bridge = kind(home / "messages.db", durable=False)
        self.reader = Reader(self.bridge.path, sizes=sizes)
        self._copy = home / "copy.db"
        self._count = 0

    def act(self, act: Act, n: int) -> None:  # noqa: C901  # one arm for each act
        match act:
            case "post":
                self._post((LAWLEY, MOHADIN)[n % 2])
            case "burst":
                for _ in range(n % 12):
                    self._post(LAWLEY)
            case "other chat":
                self._post(OTHER)
            case "reload" | "update" | "shuffle":
                self.bridge.renumber(act)
            case "delete top":
                self.bridge.delete_top(n % 9)
            case "device" if isinstance(self.bridge, Gowa):
                self.bridge.device = ("27820000000:1@s.whatsapp.net", SECOND_DEVICE)[n % 2]
            case "save":
                save(self.bridge, self._copy)
            case "restore" if self._copy.exists():
                restore(self.bridge, self._copy)
            case "recreate":
                recreate(self.bridge)
            case "restart":
                self.reader.overlap = Overlap()
            case "read":
                self.reader.read()
            case "read all":
                self.settle()
            case _ if standing := list(self.bridge.rowids()):
                self._change(act, standing[n % len(standing)], n)

    def settle(self) -> None:
        """Read until nothing is left, and what was due for comparison."""
        self.reader.read_all()
        self.reader.read()
        returned = {(m.chat_jid, m.message_id, m.text) for m in self.reader.returned}
        assert self.standing() - returned == set()

    def standing(self) -> set[tuple[str, str, str]]:
        now = standing_messages(self.bridge.path)
        return {(key.chat, key.message_id, text) for key, text in now.items() if key.chat.encode() in WANTED}

    def _post(self, chat: str) -> None:
        self._count += 1
        self.bridge.post(chat, f"DR{1_750_000 + self._count}")

    def _change(self, act: Act, key: Key, n: int) -> None:
        chat, message_id = key
        match act:
            case "redeliver":
                self.bridge.redeliver(message_id, chat=chat)
            case "edit":
                self.bridge.edit(message_id, f"DR{1_760_000 + n}", chat=chat)
            case "blank":
                self.bridge.blank(message_id, chat=chat)
            case "spoil":
                self.bridge.spoil(message_id, b"DR17520\xff%d" % n, chat=chat)
            case "delete":
                self.bridge.delete(message_id, chat=chat)
            case "revoke":
                self.bridge.revoke(message_id, chat=chat)


def live(kind: type[Bridge], happening: Sequence[tuple[Act, int]], sizes: Sizes) -> None:
    with tempfile.TemporaryDirectory() as home:
        world = World(kind, Path(home), sizes)
        try:
            for act, n in happening:
                world.act(act, n)
            world.settle()
        finally:
            world.bridge.close()


@given(st.sampled_from(BRIDGES), acts(ACTS, 30))
@example(Lharries, [("burst", 9), ("read", 0), ("delete top", 3), ("burst", 2), ("redeliver", 8)])
@example(Gowa, [("burst", 9), ("read all", 0), ("device", 1), ("redeliver", 3), ("edit", 3), ("revoke", 3)])
@settings(max_examples=examples(100), derandomize=True)
def test_whatever_happens_every_row_and_text_that_stands_was_returned(
    kind: type[Bridge], happening: list[tuple[Act, int]]
) -> None:
    live(kind, happening, Sizes(page_rows=7))


@given(st.sampled_from(BRIDGES), acts(GENTLE, 30))
@settings(max_examples=examples(100), derandomize=True)
def test_rows_that_move_or_take_freed_rowids_are_returned_though_the_overlap_is_short(
    kind: type[Bridge], happening: list[tuple[Act, int]]
) -> None:
    live(kind, happening, Sizes(page_rows=5, overlap_rows=2))


# What a store holds as text


@pytest.mark.parametrize(
    ("stored", "text"),
    [
        (b"DR1752028 \xff ok", "DR1752028 \ufffd ok"),
        (b"DR1752028\xc3", "DR1752028\ufffd"),
        (b"DR1752028 \x80\x80 ok", "DR1752028 \ufffd\ufffd ok"),
        (b"DR1752028\x00ok", "DR1752028\ufffdok"),
        (b"\x00", "\ufffd"),
        (b"DR1752028 \xed\xa0\x80 ok", "DR1752028 \ufffd\ufffd\ufffd ok"),  # a lone surrogate
        ("DR1752028 Môre 👷🏾".encode(), "DR1752028 Môre 👷🏾"),
        (b"x" * LONG + b"DR1752028", "x" * LONG + "DR1752028"),
    ],
    ids=["byte", "cut", "bytes", "nul", "only-nul", "surrogate", "utf-8", "60kb"],
)
def test_a_broken_byte_costs_one_character_and_no_row(bridge: Bridge, reader: Reader, stored: bytes, text: str) -> None:
    before, spoilt, after = (bridge.post(LAWLEY, f"DR175203{n}") for n in range(3))
    bridge.spoil(spoilt, stored)

    assert said(reader.read_all()) == [(before, "DR1752030"), (spoilt, text), (after, "DR1752032")]
    text.encode()


@pytest.mark.parametrize(
    ("stored", "text"),
    [(None, ""), (b"DR1752028", "DR1752028"), (b"\xffDR1752028", "\ufffdDR1752028"), (1752028, "1752028"), ("", "")],
    ids=["null", "blob", "blob-junk", "integer", "empty"],
)
def test_a_text_of_another_type_keeps_its_row(
    bridge: Bridge, reader: Reader, stored: bytes | int | str | None, text: str
) -> None:
    message_id, neighbour = post(bridge, 2)
    statement = f"UPDATE messages SET {bridge.text_column} = ? WHERE {bridge.id_column} = ?"
    bridge.db.execute(statement, (stored, message_id))

    assert said(reader.read_all()) == [(message_id, text), (neighbour, "DR1752001")]


@pytest.mark.parametrize("stored", [None, b"\xff\x00", 27820000001, ""], ids=repr)
def test_a_sender_or_media_type_of_another_type_keeps_its_row(
    bridge: Bridge, reader: Reader, stored: bytes | int | str | None
) -> None:
    (message_id,) = post(bridge, 1)
    sender = "sender" if bridge.time_column == "timestamp" else "sender_jid"
    if not (isinstance(bridge, Gowa) and stored is None):
        bridge.db.execute(f"UPDATE messages SET {sender} = ?", (stored,))
    bridge.db.execute("UPDATE messages SET media_type = ?", (stored,))

    (message,) = reader.read_all()

    assert said([message]) == [(message_id, "DR1752000")]
    assert message.media_type == ("\ufffd\ufffd" if isinstance(stored, bytes) else str(stored or ""))
    (message.sender + message.media_type).encode()


@pytest.mark.parametrize(
    ("stored", "mine"),
    [(1, True), (0, False), (None, False), (b"1", True), ("true", True), ("false", False), ("0", False), ("", False)],
    ids=repr,
)
def test_from_me_is_understood_as_number_and_as_word(
    lharries: Lharries, reader: Reader, stored: bytes | int | str | None, mine: bool
) -> None:
    lharries.post(LAWLEY, "DR1752028")
    lharries.db.execute("UPDATE messages SET is_from_me = ?", (stored,))

    assert [message.from_me for message in reader.read_all()] == [mine]


@pytest.mark.parametrize("stored", [None, "", "junk", b"\xff", 0, 10**18, "0001-01-01 00:00:00+00:00"], ids=repr)
@pytest.mark.fault("F53")
def test_a_message_without_a_readable_time_is_a_message(
    lharries: Lharries, reader: Reader, stored: bytes | int | str | None
) -> None:
    (message_id,) = post(lharries, 1)
    lharries.set_time(message_id, stored)

    (message,) = reader.read_all()

    assert said([message]) == [(message_id, "DR1752000")]
    assert message.sent_at is None or message.sent_at.year == 2001


def test_wacli_speaks_its_caption_where_it_has_no_text(path: Path) -> None:
    with Wacli(path, durable=False) as bridge:
        message_id = bridge.post(LAWLEY, "DR1752028", media="image")
        for text in ("", None):
            bridge.db.execute("UPDATE messages SET text = ?", (text,))
            assert said(Reader(path).read_all()) == [(message_id, "DR1752028")]
        bridge.edit(message_id, "DR1752034")
        assert said(Reader(path).read_all()) == [(message_id, "DR1752034")]


# Ids that are none


@pytest.mark.parametrize("stored", [None, "", b""], ids=repr)
@pytest.mark.fault("F44")
def test_a_message_without_an_id_gets_one_that_is_stable_and_its_own(
    lharries: Lharries, reader: Reader, stored: bytes | str | None
) -> None:
    texts = ["DR1752028", "DR1752034", ""]
    for chat in (LAWLEY, MOHADIN):
        for text in texts if stored is None else texts[:1]:
            lharries.post(chat, text, media="image" if not text else "")
    lharries.db.execute("UPDATE messages SET id = ?", (stored,))

    first = reader.read_all()

    assert len(set(ids(first))) == len(first) == (6 if stored is None else 2)
    assert all(message.message_id.startswith("sha256:") for message in first)
    lharries.post(LAWLEY, "later")
    assert ids(Reader(lharries.path).read_all())[:-1] == ids(first)


def test_a_message_without_an_id_keeps_its_made_up_one_when_it_moves(lharries: Lharries, reader: Reader) -> None:
    for text in ("DR1752028", "DR1752034"):
        lharries.post(LAWLEY, text, at=first_morning())
    lharries.db.execute("UPDATE messages SET id = NULL")
    first = reader.read_all()
    lharries.db.execute("UPDATE messages SET rowid = 5, sender = 'other' WHERE rowid = 1")

    assert ids(Reader(lharries.path).read_all()) == ids(first)[::-1]


@pytest.mark.parametrize(
    "stored",
    [("\ufffd", b"\xff", b"\xfe", b"\xff\x00"), ("A" * 5_000, "A" * 4_999 + "B", "B" * 60_000)],
    ids=["junk", "endless"],
)
def test_ids_that_can_be_no_key_stay_apart_and_become_short(
    lharries: Lharries, reader: Reader, stored: Sequence[bytes | str]
) -> None:
    posted = post(lharries, len(stored))
    for message_id, held in zip(posted, stored, strict=True):
        lharries.db.execute("UPDATE messages SET id = CAST(? AS TEXT) WHERE id = ?", (held, message_id))

    first = reader.read_all()

    assert len(set(ids(first))) == len(stored)
    assert all(message.message_id.isascii() and len(message.message_id) < 100 for message in first)
    lharries.db.execute("UPDATE messages SET content = 'edited'")
    assert ids(Reader(lharries.path).read_all()) == ids(first)


def test_an_id_of_any_usual_shape_is_kept_as_it_is(bridge: Bridge, reader: Reader) -> None:
    shapes = ["3EB0" + "0A" * 9, "AC" + "F6" * 15, "3A" + "0" * 18, "false_1203@g.us_3EB0", "wamid.HBgL==", "Ω" * 40]
    for shape in shapes:
        bridge.post(LAWLEY, "hello", message_id=shape)

    assert ids(reader.read_all()) == shapes


# GOWA's devices


@pytest.fixture
def gowa(path: Path) -> Iterator[Gowa]:
    with Gowa(path, durable=False) as bridge:
        yield bridge


def test_two_devices_of_gowa_make_one_message_with_the_last_written_text(gowa: Gowa, reader: Reader) -> None:
    first_device = gowa.device
    message_id = gowa.post(LAWLEY, "DR1752028")
    assert said(reader.read_all()) == [(message_id, "DR1752028")]
    gowa.device = SECOND_DEVICE
    gowa.redeliver(message_id, text="DR1752034")
    assert said(reader.read_all()) == [(message_id, "DR1752034")]
    gowa.device = first_device

    gowa.edit(message_id, "DR1752040")

    assert said(reader.read_all()) == [(message_id, "DR1752040")]
    assert said(Reader(gowa.path).read_all()) == [(message_id, "DR1752040")]
    assert said(reader.store.find([(LAWLEY, message_id)], WANTED)) == [(message_id, "DR1752040")]
    assert reader.store.traffic().chats[LAWLEY][0] == 1


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ("{day} 10:00:00+02:00", "{day} 08:00:05+00:00"),  # the container's zone changed
        ("{day} 10:00:00+02:00", "{day} 10:00:00.5+02:00"),
        ("{day} 10:00:00.000000001+02:00", "{day} 10:00:00.000000002+02:00"),
        ("{day} 10:00:00 +0200 SAST m=+0.1", "{day} 10:00:01 +0200 SAST m=+1.1"),
        (None, "{day} 10:00:00+02:00"),
    ],
)
@pytest.mark.parametrize("turned", [False, True])
def test_the_last_writing_is_told_by_the_clock(
    gowa: Gowa, reader: Reader, earlier: str | None, later: str, turned: bool
) -> None:
    message_id = gowa.post(LAWLEY, "old")
    gowa.device = SECOND_DEVICE
    gowa.redeliver(message_id, text="new")
    if turned:
        gowa.db.execute("UPDATE messages SET content = iif(content = 'old', 'new', 'old')")
    day = f"{first_morning():%Y-%m-%d}"
    statement = "UPDATE messages SET updated_at = iif(content = 'old', ?, ?)"
    gowa.db.execute(statement, (earlier and earlier.format(day=day), later.format(day=day)))

    assert said(reader.read_all()) == [(message_id, "new")]


def test_devices_that_wrote_at_an_unknown_time_make_one_message_too(gowa: Gowa, reader: Reader) -> None:
    message_id = gowa.post(LAWLEY, "DR1752028")
    gowa.device = SECOND_DEVICE
    gowa.redeliver(message_id)
    gowa.db.execute("UPDATE messages SET updated_at = NULL")

    assert said(reader.read_all()) == [(message_id, "DR1752028")]


# Rows by their keys


def test_find_gives_the_messages_that_are_there(bridge: Bridge, reader: Reader) -> None:
    posted = post(bridge, 5)
    elsewhere = bridge.post(MOHADIN, "hello")
    unwanted = bridge.post(OTHER, "hello")
    keys = [(LAWLEY, posted[3]), (LAWLEY, "3EB0"), (LAWLEY, posted[1]), (LAWLEY, elsewhere), (OTHER, unwanted)]

    assert ids(reader.store.find(keys, WANTED)) == [posted[3], posted[1]]
    assert reader.store.find([], WANTED) == []
    assert sorted(reader.store.find([(LAWLEY, m) for m in posted], WANTED)) == reader.read_all()[:5]


def test_find_takes_a_page_of_keys(bridge: Bridge, reader: Reader) -> None:
    posted = post(bridge, reader.store.sizes.page_rows)

    assert ids(reader.store.find([(LAWLEY, message_id) for message_id in posted], WANTED)) == posted


def test_find_gives_all_of_its_messages_however_long(bridge: Bridge, reader: Reader) -> None:
    """Or those beyond a page's bytes would be taken for gone."""
    reader.store.sizes = Sizes(page_bytes=2**20)
    with bridge.batch():
        posted = [bridge.post(LAWLEY, "x" * LONG) for _ in range(39)]
        posted.insert(20, bridge.post(LAWLEY, "x" * (2 * 2**20)))

    assert ids(reader.store.find([(LAWLEY, message_id) for message_id in posted], WANTED)) == posted


def test_find_looks_in_the_keys_index_and_never_through_the_table(bridge: Bridge) -> None:
    post(bridge, 3)
    bridge.db.execute("ANALYZE")  # and the planner knows that the table is small
    with snapshot(bridge.path) as db:
        flavour = recognise(tested._columns(db, "messages"), "auto")
        plan = query_plan(db, lambda: tested._rows_by_key(db, flavour, [(LAWLEY, "3A")] * 20, USUAL_SIZES))

    assert any("SEARCH m USING INDEX sqlite_autoindex_messages_1" in step for step in plan)
    assert not any(step.startswith(("SCAN m", "SCAN n", "SCAN messages")) for step in plan)


def test_a_page_follows_the_row_order_and_sorts_nothing(bridge: Bridge) -> None:
    post(bridge, 50)
    with snapshot(bridge.path) as db:
        flavour = recognise(tested._columns(db, "messages"), "auto")
        plans = [
            query_plan(db, lambda: tested._rows_beyond(db, flavour, BEGINNING, 100, USUAL_SIZES.page_bytes)),
            query_plan(db, lambda: tested._rows_until(db, flavour, 40, 10, USUAL_SIZES.page_bytes)),
            query_plan(db, lambda: tested._keys_at(db, flavour, [3, 7])),
        ]

    for plan in plans:
        assert plan[0].startswith("SEARCH m USING INTEGER PRIMARY KEY (rowid")
        assert not any("TEMP B-TREE" in step or step.startswith("SCAN") for step in plan)


def test_the_row_order_is_asked_for_and_not_hoped_for(bridge: Bridge) -> None:
    post(bridge, 9)
    with snapshot(bridge.path) as db:
        flavour = recognise(tested._columns(db, "messages"), "auto")
        db.execute("PRAGMA reverse_unordered_selects = ON")
        beyond, _ = tested._rows_beyond(db, flavour, BEGINNING, 100, USUAL_SIZES.page_bytes)
        until = tested._rows_until(db, flavour, 9, 5, USUAL_SIZES.page_bytes)
        top = tested._place_at(db, flavour, None, USUAL_SIZES)

    assert [row[0] for row in beyond] == [1, 2, 3, 4, 5, 6, 7, 8, 9]
    assert [row[0] for row in until] == [9, 8, 7, 6, 5]
    assert top.rowid == 9


def query_plan(db: sqlite3.Connection, act: Callable[[], object]) -> list[str]:
    statements: list[str] = []
    db.set_trace_callback(statements.append)
    act()
    db.set_trace_callback(None)
    return [row[3].decode() for row in db.execute(f"EXPLAIN QUERY PLAN {statements[0]}").fetchall()]


# Places


def test_top_is_the_place_of_the_newest_row(bridge: Bridge, reader: Reader) -> None:
    assert reader.store.top() == BEGINNING
    post(bridge, 30)
    post(bridge, 1, OTHER)

    top = reader.store.top()

    assert top.rowid == 31
    assert Reader(bridge.path, top).read_all()  # the overlap of one that knows nothing
    assert reader.store.standing(top) == top
    assert len(top.anchors) > 2


def test_place_of_a_message_is_where_it_stands(bridge: Bridge, reader: Reader) -> None:
    posted = post(bridge, 30)

    place = reader.store.place_of(LAWLEY, posted[11])

    assert place is not None
    assert place.rowid == 12
    assert reader.store.standing(place) == place
    assert [ids(messages) for messages, _ in reader.store.pages(WANTED, place)] == [posted[12:]]


def test_a_message_that_is_not_there_has_no_place(bridge: Bridge, reader: Reader) -> None:
    (message_id,) = post(bridge, 1)

    assert reader.store.place_of(LAWLEY, "3EB0") is None
    assert reader.store.place_of(MOHADIN, message_id) is None


@pytest.mark.parametrize("kind", PLAIN_ROWIDS, ids=lambda kind: kind.__name__)
def test_standing_is_as_much_of_the_place_as_still_stands(bridge: Bridge, reader: Reader) -> None:
    post(bridge, 100)
    top = reader.store.top()
    bridge.delete_top(20)
    post(bridge, 20)

    standing = reader.store.standing(top)

    assert standing.rowid <= 80
    assert standing.anchors == tuple(anchor for anchor in top.anchors if anchor.rowid <= 80)
    recreate(bridge)
    assert reader.store.standing(top) == BEGINNING


@pytest.mark.usefixtures("small_pages")
@pytest.mark.parametrize("row", [0, 1, 6, 7, 8, 14, 19])
def test_place_before_a_moment_is_just_before_the_first_row_sent_then(bridge: Bridge, reader: Reader, row: int) -> None:
    posted = post(bridge, 20)
    bridge.post(LAWLEY, "late", at=first_morning())
    moment = bridge.sent[Key(LAWLEY, posted[row])].at

    for asked in (moment, moment - timedelta(seconds=6)):
        place = reader.store.place_before(asked)
        assert place.rowid == row
        assert reader.store.standing(place) == place


def test_place_before_the_first_row_is_the_beginning_and_after_the_last_the_end(bridge: Bridge, reader: Reader) -> None:
    assert reader.store.place_before(first_morning()) == BEGINNING
    post(bridge, 20)

    assert reader.store.place_before(first_morning() - timedelta(days=1000)) == BEGINNING
    assert reader.store.place_before(first_morning() + timedelta(days=1000)).rowid == 20


def test_place_before_passes_rows_without_a_time(lharries: Lharries, reader: Reader) -> None:
    posted = post(lharries, 3)
    lharries.set_time(posted[0], None)
    lharries.set_time(posted[1], "junk")

    assert reader.store.place_before(first_morning()).rowid == 2


# All of it


@pytest.mark.usefixtures("small_pages")
def test_pages_give_the_store_beyond_a_place(bridge: Bridge, reader: Reader) -> None:
    posted = post(bridge, 10)
    place = reader.store.top()
    post(bridge, 9, OTHER)
    posted += post(bridge, 3, MOHADIN)

    assert list(reader.store.pages({})) == [([], 7), ([], 7), ([], 7), ([], 1)]
    assert [ids(messages) for messages, _ in reader.store.pages(WANTED)] == [
        posted[:7],
        posted[7:10],
        posted[10:12],
        posted[12:],
    ]
    assert [(ids(messages), rows) for messages, rows in reader.store.pages(WANTED, place)] == [
        ([], 7),
        (posted[10:], 5),
    ]


def test_pages_begin_where_their_place_still_stands(bridge: Bridge, reader: Reader) -> None:
    post(bridge, 10)
    place = reader.store.top()
    recreate(bridge)
    posted = post(bridge, 12)

    assert [ids(messages) for messages, _ in reader.store.pages(WANTED, place)] == [posted]


@pytest.mark.usefixtures("small_pages")
def test_pages_see_what_is_written_while_they_are_read(bridge: Bridge, reader: Reader) -> None:
    posted = post(bridge, 7)
    pages = reader.store.pages(WANTED)
    seen = ids(next(pages)[0])
    posted.append(bridge.post(LAWLEY, "meanwhile"))

    assert seen + [m for messages, _ in pages for m in ids(messages)] == posted


@pytest.mark.usefixtures("small_pages")
def test_traffic_counts_every_chat_and_knows_its_newest_time(bridge: Bridge, reader: Reader) -> None:
    assert reader.store.traffic() == ({}, True)
    for n in range(45):
        bridge.post(LAWLEY if n % 3 else OTHER, "hello", at=first_morning() + timedelta(minutes=n))
    bridge.post(LAWLEY, "late", at=first_morning() - timedelta(days=2))

    newest = {LAWLEY: first_morning() + timedelta(minutes=44), OTHER: first_morning() + timedelta(minutes=42)}
    assert reader.store.traffic() == ({LAWLEY: (31, newest[LAWLEY]), OTHER: (15, newest[OTHER])}, True)


@pytest.mark.usefixtures("small_pages")
def test_traffic_counts_the_newest_rows_of_a_large_store_and_says_that_there_are_more(
    bridge: Bridge, reader: Reader
) -> None:
    post(bridge, 40, chat=OTHER)
    post(bridge, 30)

    chats, complete = reader.store.traffic(20)
    assert (set(chats), chats[LAWLEY][0], complete) == ({LAWLEY}, 28, False)
    assert reader.store.traffic(70)[1] is True


def test_traffic_counts_what_has_no_time(lharries: Lharries, reader: Reader) -> None:
    (message_id,) = post(lharries, 1)
    lharries.set_time(message_id, "junk")

    assert reader.store.traffic() == ({LAWLEY: (1, None)}, True)


def test_traffic_knows_the_newest_of_times_that_are_written_in_several_forms(
    lharries: Lharries, reader: Reader
) -> None:
    posted = post(lharries, 6)
    noon, half_past = first_morning() + timedelta(hours=2), first_morning() + timedelta(minutes=90)
    written: list[Value] = [
        f"{noon:%Y-%m-%d %H:%M:%S}+02:00",  # the earliest, and the last as text
        f"{half_past:%Y-%m-%d %H:%M:%S}+00:00",
        f"{half_past - timedelta(minutes=20):%Y-%m-%dT%H:%M:%S}Z",
        int(first_morning().timestamp()),
        "junk",
        None,
    ]
    for message_id, time in zip(posted, written, strict=True):
        lharries.set_time(message_id, time)

    assert reader.store.traffic().chats == {LAWLEY: (6, half_past)}


# Photos without text


@pytest.mark.usefixtures("small_pages")
def test_photos_without_text_are_found_from_a_moment_on(bridge: Bridge, reader: Reader) -> None:
    moment = first_morning() + timedelta(hours=1)
    assert list(reader.store.bare_media(WANTED, moment)) == []
    with bridge.batch():
        for minutes in range(0, 120, 2):
            at = first_morning() + timedelta(minutes=minutes)
            bridge.post(OTHER if minutes % 3 else MOHADIN, "", media="image" if minutes % 4 else "document", at=at)
        bridge.post(MOHADIN, "late", at=first_morning())
        bridge.post(MOHADIN, "", media="video", at=moment + timedelta(hours=2))

    bare = [message for message in reader.read_all() if message.media_type in {"image", "video"} and not message.text]
    young = [(one.chat_jid, one.sent_at) for one in bare if one.sent_at is not None and one.sent_at >= moment]
    assert list(reader.store.bare_media(WANTED, moment)) == young
    assert len(young) == 6


@pytest.mark.parametrize(
    "text", ["", " \n\t", "\u2003\u00a0\u3000", "".join(filter(str.isspace, map(chr, range(0x3001))))]
)
def test_a_photo_with_nothing_but_spaces_has_no_text(lharries: Lharries, reader: Reader, text: str) -> None:
    photo, other = (lharries.post(LAWLEY, "", media="image") for _ in range(2))
    lharries.spoil(photo, text.encode())
    lharries.spoil(other, f"{text}.".encode())

    assert len(list(reader.store.bare_media(WANTED, first_morning()))) == 1


def test_for_photos_of_today_what_is_older_is_not_read(
    lharries: Lharries, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader.store.sizes = Sizes(page_rows=10)
    moment = first_morning() + timedelta(days=1)
    with lharries.batch():
        for n in range(300):
            lharries.post(LAWLEY, "", media="image", at=first_morning() + timedelta(hours=n // 10))
    pages = Mock(wraps=traffic.bare_media)
    monkeypatch.setattr(traffic, "bare_media", pages)

    assert len(list(reader.store.bare_media(WANTED, moment))) == 60
    assert min(call.kwargs["beyond"] for call in pages.call_args_list) >= 220


def test_chats_are_those_that_the_store_names(bridge: Bridge, reader: Reader) -> None:
    bridge.chat(MOHADIN, "Mohadin Activations")
    bridge.chat(LAWLEY, "Lawley 🏗")

    assert reader.store.chats() == [Chat(LAWLEY, "Lawley 🏗"), Chat(MOHADIN, "Mohadin Activations")]


def test_a_chat_of_two_devices_is_named_once(gowa: Gowa, reader: Reader) -> None:
    gowa.chat(LAWLEY, "Lawley")
    gowa.device = SECOND_DEVICE
    gowa.chat(LAWLEY, "")

    assert reader.store.chats() == [Chat(LAWLEY, "Lawley")]


def test_a_chat_may_have_no_name_and_the_store_no_chats(lharries: Lharries, reader: Reader) -> None:
    lharries.chat(LAWLEY, "Lawley")
    lharries.db.execute("UPDATE chats SET name = NULL")
    assert reader.store.chats() == [Chat(LAWLEY, "")]

    lharries.db.execute("DROP TABLE chats")
    assert reader.store.chats() == []


def test_rows_is_the_newest_rows_number(bridge: Bridge, reader: Reader) -> None:
    assert reader.store.rows() == 0
    post(bridge, 12)

    assert reader.store.rows() == 12


def test_recent_messages_are_those_before_the_overlap_newest_first(bridge: Bridge, reader: Reader) -> None:
    reader.store.sizes = Sizes(page_rows=4, overlap_rows=5, recent_rows=15)
    posted = post(bridge, 40)
    times = {message_id: bridge.sent[Key(LAWLEY, message_id)].at for message_id in posted}
    top = reader.store.top()

    def recent(since: datetime) -> list[str]:
        return ids(reader.store.read_recent(top, WANTED, since))

    assert recent(times[posted[35]]) == []
    assert recent(times[posted[34]]) == [posted[34]]
    assert recent(times[posted[30]]) == posted[30:35][::-1]
    assert recent(first_morning()) == posted[25:35][::-1]  # at most fifteen rows, with the overlap's
    assert reader.store.read_recent(BEGINNING, WANTED, first_morning()) == []


# Stores that are none


def test_the_flavour_is_recognised(bridge: Bridge, reader: Reader) -> None:
    assert reader.store.flavour().name == bridge.flavour
    assert Store(bridge.path, bridge.flavour).flavour().name == bridge.flavour


@pytest.mark.fault("F52")
def test_columns_beyond_those_needed_change_nothing(bridge: Bridge, reader: Reader) -> None:
    posted = post(bridge, 3)
    bridge.db.execute("ALTER TABLE messages ADD COLUMN sha1 TEXT DEFAULT 'x'")

    assert ids(reader.read_all()) == posted


def made(path: Path, *statements: str) -> Store:
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        for statement in statements:
            db.execute(statement)
    return Store(path)


COLUMNS = "id, chat_jid, sender, content, timestamp, is_from_me, media_type"
READS: dict[str, Callable[[Store], object]] = {
    "read_page": lambda store: store.read_page(BEGINNING, WANTED, Overlap()),
    "read_recent": lambda store: store.read_recent(BEGINNING, WANTED, first_morning()),
    "top": lambda store: store.top(),
    "place_of": lambda store: store.place_of(LAWLEY, "3A"),
    "place_before": lambda store: store.place_before(first_morning()),
    "standing": lambda store: store.standing(BEGINNING),
    "pages": lambda store: list(store.pages(WANTED)),
    "find": lambda store: store.find([(LAWLEY, "3A")], WANTED),
    "rows": lambda store: store.rows(),
    "chats": lambda store: store.chats(),
    "traffic": lambda store: store.traffic(),
    "bare_media": lambda store: list(store.bare_media(WANTED, first_morning())),
    "flavour": lambda store: store.flavour(),
}


@pytest.mark.parametrize("read", READS.values(), ids=list(READS))
@pytest.mark.parametrize(
    "statements",
    [
        [
            f"CREATE TABLE held ({COLUMNS})",
            "INSERT INTO held (id) VALUES ('3A')",
            "CREATE VIEW messages AS SELECT * FROM held",
        ],
        [f"CREATE TABLE messages ({COLUMNS}, PRIMARY KEY (id, chat_jid)) WITHOUT ROWID"],
    ],
    ids=["a view", "without rowid"],
)
@pytest.mark.fault("F52")
def test_messages_without_a_row_order_are_refused_by_every_read(
    path: Path, statements: list[str], read: Callable[[Store], object]
) -> None:
    store = made(path, *statements)

    with pytest.raises(BridgeUnknown, match="a view or a table without row numbers") as caught:
        read(store)

    assert "bridge.path" in caught.value.hint


@pytest.mark.fault("F52")
def test_a_missing_column_is_named_with_the_file(path: Path) -> None:
    store = made(path, f"CREATE TABLE messages ({COLUMNS.replace('content', 'body')})")

    with pytest.raises(BridgeUnknown, match=rf"{path} can't be read.*it lacks content\.") as caught:
        store.flavour()

    assert "wamon doctor" in caught.value.hint


@pytest.mark.fault("F52")
def test_a_dropped_column_stops_a_reader_that_worked(lharries: Lharries, reader: Reader) -> None:
    post(lharries, 3)
    reader.read_all()
    lharries.db.execute("ALTER TABLE messages RENAME COLUMN content TO body")

    with pytest.raises(BridgeUnknown, match="lacks content"):
        reader.read()

    lharries.db.execute("ALTER TABLE messages RENAME COLUMN body TO content")
    assert reader.read_all() == []


def test_another_programs_messages_are_told_apart(path: Path) -> None:
    store = made(path, "CREATE TABLE messages (id INTEGER PRIMARY KEY, subject TEXT, body TEXT)")

    with pytest.raises(BridgeUnknown, match="fits no bridge that wamon knows"):
        store.flavour()


@pytest.mark.fault("F35", "F36")
def test_a_store_that_vanishes_just_as_it_is_opened_is_unavailable_and_what_replaces_it_recognised_anew(
    lharries: Lharries, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Gowa(tmp_path / "other.db")
    for bridge, message_id in ((lharries, "OLD"), (other, "NEW")):
        bridge.post(LAWLEY, "DR1752028", message_id=message_id)
    replacement = tmp_path / "replacement.db"
    other.db.execute("VACUUM INTO ?", [str(replacement)])  # with all that its log holds
    with closing(sqlite3.connect(replacement)) as db:  # the number of its schema tells them apart no more
        db.execute(f"PRAGMA schema_version = {lharries.db.execute('PRAGMA schema_version').fetchone()[0]}")
    store = Store(lharries.path)

    def read() -> list[str]:
        return [message.message_id for message in store.read_page(BEGINNING, WANTED, Overlap()).messages]

    def read_while(happens: Callable[[], object]) -> None:
        connect, happening = tested_snapshot._connect, [happens]

        def connected(*words: Any) -> sqlite3.Connection:
            db = connect(*words)
            while happening:
                happening.pop()()
            return db

        with monkeypatch.context() as patch, suppress(BridgeUnavailable):
            patch.setattr(tested_snapshot, "_connect", connected)
            assert read() == ["NEW"]

    away = tmp_path / "away.db"
    read_while(lambda: lharries.path.rename(away))
    away.rename(lharries.path)
    assert read() == ["OLD"]
    read_while(lambda: replacement.rename(lharries.path))
    assert (read(), store.flavour().name) == (["NEW"], other.flavour)


def test_a_flavour_that_the_config_names_must_fit(lharries: Lharries) -> None:
    with pytest.raises(BridgeUnknown, match="for gowa it lacks device_id") as caught:
        Store(lharries.path, "gowa").top()

    assert "auto" in caught.value.hint


@pytest.mark.fault("F50")
def test_a_file_without_tables_is_not_ready_yet(path: Path) -> None:
    store = made(path, "PRAGMA user_version = 1")

    with pytest.raises(BridgeUnavailable, match="has no tables yet") as caught:
        store.rows()

    assert caught.value.hint


def test_the_bridges_session_store_is_told_apart_from_its_message_store(path: Path) -> None:
    store = made(path, "CREATE TABLE whatsmeow_lid_map (lid TEXT PRIMARY KEY, pn TEXT UNIQUE NOT NULL)")

    with pytest.raises(BridgeUnknown, match="no table `messages`") as caught:
        store.rows()

    assert "messages.db" in caught.value.hint


@pytest.mark.fault("F53")
def test_a_time_that_a_store_holds_in_any_form_is_read(lharries: Lharries, reader: Reader) -> None:
    moment = first_morning() + timedelta(hours=1)
    seconds = int(moment.timestamp())
    forms: list[Value] = [mattn_time(moment, UTC), f"{moment:%Y-%m-%dT%H:%M:%S}.000Z", seconds, seconds * 1000]
    for form, message_id in zip(forms, post(lharries, len(forms)), strict=True):
        lharries.set_time(message_id, form)

    assert {message.sent_at for message in reader.read_all()} == {moment}


@pytest.mark.parametrize("kind", BRIDGES)
def test_reading_leaves_the_stamp_as_it_was_so_that_our_own_reads_are_no_news(
    tmp_path: Path, kind: type[Bridge]
) -> None:
    with kind(tmp_path / "messages.db", durable=False) as bridge:
        bridge.chat(LAWLEY, "Lawley")
        bridge.post(LAWLEY, "DR1000001")
        before = StoreFile(bridge.path).stamp()
        Reader(bridge.path).store.top()
        assert StoreFile(bridge.path).stamp() == before
