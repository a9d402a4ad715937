"""The oracle of the chaos: what any step may do to the ledger, told from store and ledger alone, without wamon's code.

Between two looks at both, a message's recorded text may stay as it was or become what the store says; nothing else. So
the oracle needs no model of when wamon reads what, only of what it can have seen.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any

import psycopg

from tests.support.bridges import PROJECTS, Bridge, Key

Anchors = list[tuple[int, str]]
POISON = tuple(f"DR66000{n:02}" for n in range(1, 13))
"""The numbers that PostgreSQL may refuse."""
MOST_ATTEMPTS = 4
FEWEST_THAT_BREAK = 3  # of refused messages: fewer are parked, whatever share of a batch they are


def numbers(text: str) -> frozenset[str]:
    """The drop numbers of the chaos's own plain texts."""
    return frozenset(re.findall(r"DR[0-9]{7}", text))


def content_hash(text: str) -> int:
    """As the ledger keeps it, of a message without media."""
    return int.from_bytes(blake2b(f"\0{text}".encode(), digest_size=8).digest(), "big", signed=True)


@dataclass(frozen=True)
class Stored:
    """The store's rows in row order, of all chats."""

    rowids: Mapping[Key, int]
    texts: Mapping[Key, str]  # of the watched chats

    @classmethod
    def of(cls, bridge: Bridge) -> Stored:
        query = f"SELECT chat_jid, {bridge.id_column}, rowid, coalesce({bridge.text_sql}, '') FROM messages ORDER BY 3"
        rows = [(Key(chat, id_), rowid, text) for chat, id_, rowid, text in bridge.db.execute(query)]
        texts = {key: text for key, _, text in rows if key.chat in PROJECTS}
        return cls({key: rowid for key, rowid, _ in rows}, texts)

    def standing(self, anchors: Anchors) -> int:
        """Where the newest anchor stands that still holds its message; 0 for none."""
        here = {
            rowid: blake2b("\0".join(key).encode(), digest_size=8).hexdigest() for key, rowid in self.rowids.items()
        }
        return next((rowid for rowid, said in anchors if here.get(rowid) == said), 0)

    def seen_from(self, anchors: Anchors, overlap_rows: int) -> dict[Key, str]:
        """What a pass must see whose position has these anchors: all beyond what stands of it, and the overlap."""
        place = self.standing(anchors)
        before = [key for key, rowid in self.rowids.items() if rowid <= place]
        seen = {key for key, rowid in self.rowids.items() if rowid > place} | {*before[-overlap_rows:]}
        return {key: text for key, text in self.texts.items() if key in seen}


_LETTERS = """
    SELECT g.jid, d.message_id, d.attempts, d.next_try_at IS NOT NULL
    FROM wamon.dead_letters AS d JOIN wamon.groups AS g USING (chat)
"""


@dataclass(frozen=True)
class Letter:
    """What is known of a parked message."""

    attempts: int
    waits: bool  # for a time at which it is tried again


@dataclass(frozen=True)
class Recorded:
    """What PostgreSQL holds."""

    instance: str | None = None
    seq: int = 0
    texts: Mapping[Key, str] = field(default_factory=dict)  # of each ledger row
    statuses: Mapping[Key, str] = field(default_factory=dict)
    letters: Mapping[Key, Letter] = field(default_factory=dict)
    gone: frozenset[Key] = frozenset()
    submissions: Mapping[tuple[Key, str], bool] = field(default_factory=dict)  # whether it is live
    cursors: Mapping[str, tuple[int, Anchors]] = field(default_factory=dict)  # of each group, by JID
    tails: Mapping[str, int] = field(default_factory=dict)  # where each stands
    rewinds: int = 0
    counted: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, db: psycopg.Connection[Any], texts: Collection[str]) -> Recorded:
        """`texts` are all that were ever written: any other is a phantom."""
        if db.execute("SELECT to_regclass('wamon.instance')").fetchall() == [(None,)]:
            return cls()
        said = {content_hash(text): text for text in texts}
        ledger = [
            (Key(jid, id_), said[digest], status, gone)
            for jid, id_, digest, status, gone in db.execute(
                "SELECT chat_jid, message_id, content_hash, status, gone_at IS NOT NULL FROM wamon.ledger"
            )
        ]
        tails = db.execute("SELECT tail, rowid, seq FROM wamon.cursors").fetchall()
        groups = db.execute("""
            SELECT jid, messages, c.rowid, c.anchors FROM wamon.groups JOIN wamon.cursors AS c USING (source, tail)
        """).fetchall()
        submissions = db.execute("SELECT chat_jid, message_id, drop_number, live FROM wamon.submissions")
        return cls(
            str(db.execute("SELECT instance_id FROM wamon.instance").fetchall()[0][0]),
            next((seq for tail, _, seq in tails if tail == "main"), 0),
            {key: text for key, text, _, _ in ledger},
            {key: status for key, _, status, _ in ledger},
            {Key(jid, id_): Letter(attempts, waits) for jid, id_, attempts, waits in db.execute(_LETTERS)},
            frozenset(key for key, _, _, gone in ledger if gone),
            {(Key(jid, id_), number): live for jid, id_, number, live in submissions},
            {jid: (rowid, [(at, said) for at, said in anchors]) for jid, _, rowid, anchors in groups},
            {tail: rowid for tail, rowid, _ in tails},
            db.execute("SELECT count(*) FROM wamon.rewinds").fetchall()[0][0],
            {jid: messages for jid, messages, _, _ in groups if messages},
        )

    def live(self) -> dict[Key, set[str]]:
        """The numbers of each message's live submissions."""
        live: dict[Key, set[str]] = {}
        for (key, number), is_live in self.submissions.items():
            if is_live:
                live.setdefault(key, set()).add(number)
        return live

    def refusable(self, stored: Stored) -> set[Key]:
        """The messages of which some number, now or before, may be refused."""
        said = [*stored.texts.items(), *self.texts.items()]
        told = {key for key, text in said if not numbers(text).isdisjoint(POISON)}
        return told | {key for key, live in self.live().items() if not live.isdisjoint(POISON)}

    def passed(self, stored: Stored) -> set[Key]:
        """The rows that a cursor stands beyond and the ledger doesn't know."""
        return {
            key
            for key in stored.texts.keys() - self.texts.keys()
            if stored.rowids[key] <= self.cursors.get(key.chat, (0, []))[0]
        }


def assert_agrees(now: Recorded) -> None:
    """What holds of the ledger at any moment: its rows, its submissions and its counts say the same."""
    live = now.live()
    for key, number in now.submissions:
        assert key in now.texts, f"{number} was submitted by {key}, which the ledger doesn't know"
    for key, text in now.texts.items():
        if letter := now.letters.get(key):
            assert now.statuses[key] == ("retry" if letter.waits else "dead"), key
        else:
            assert now.statuses[key] == ("done" if numbers(text) else "ignored"), key
            assert live.get(key, set()) == numbers(text), key
    assert now.letters.keys() <= now.texts.keys()
    assert now.counted == Counter(key.chat for key in now.texts)


def assert_may_follow(
    before: Recorded, after: Recorded, stored: Stored, also_read: Stored | None = None, slip_rows: int = 0
) -> None:
    """What wamon may have made of the ledger, with the store as it stood, or as it was `also_read` earlier."""
    read = also_read or stored
    for key, text in after.texts.items():
        may_be = {was[key] for was in (stored.texts, read.texts) if key in was}
        if key in before.texts:
            may_be = {before.texts[key], *filter(str.strip, may_be)}
        assert text in may_be, f"the ledger says something of {key} that the store didn't say"
    assert before.texts.keys() <= after.texts.keys(), "a ledger row vanished"
    assert before.submissions.keys() <= after.submissions.keys(), "a submission was deleted"
    came_later = {key for key, rowid in stored.rowids.items() if read.rowids.get(key) != rowid}
    assert after.passed(stored) - came_later <= before.passed(stored), "the cursor passed an unrecorded message"
    if before.instance is not None:
        assert after.instance == before.instance
    assert after.seq >= before.seq
    for tail, rowid in after.tails.items():
        went_back = before.tails.get(tail, 0) - rowid
        assert went_back <= slip_rows or after.rewinds > before.rewinds, "a position went back without a word"


def assert_parked_well(before: Recorded, after: Recorded, stored: Stored, *, refuses: bool) -> None:
    """Only what was refused is parked, and none of it recorded; only what was tried enough, or vanished, is dead."""
    may_be_refused = before.refusable(stored) if refuses else set()
    live_before, live = before.live(), after.live()
    for key, letter in after.letters.items():
        was = before.letters.get(key, Letter(0, waits=True))
        assert letter.attempts >= was.attempts
        assert letter.attempts == was.attempts or key in may_be_refused, f"{key} was parked, and nothing refused it"
        assert live.get(key, set()) == live_before.get(key, set()), f"{key} was parked, and recorded in part"
        if was.waits and not letter.waits:
            assert letter.attempts >= MOST_ATTEMPTS or not stored.texts.get(key, "").strip(), f"{key} was given up"


def assert_saw(after: Recorded, must_be_seen: Mapping[Key, str]) -> None:
    for key, text in must_be_seen.items():
        assert key in after.texts, f"{key} was passed over"
        assert after.texts[key] == text or not text.strip(), f"the change of {key} was passed over"


def assert_is_first(rows: Collection[tuple[str, str, str, str, Any, str]]) -> None:
    """Of each drop's live submissions (project, number, chat, id, sent at, kind) the first is new, and no other."""
    firsts: dict[tuple[str, str], tuple[Any, str, str]] = {}
    for project, number, chat, id_, sent_at, _ in rows:
        place = (sent_at, chat, id_)
        firsts[project, number] = min(firsts.get((project, number), place), place)
    for project, number, chat, id_, sent_at, kind in rows:
        is_first = firsts[project, number] == (sent_at, chat, id_)
        assert kind == ("new" if is_first else "resubmission"), (number, id_)


def state_of(path: Path, source: str) -> tuple[str, int] | None:
    """The instance and seq that a state file tells of."""
    if not path.exists():
        return None
    document = json.loads(path.read_text("utf-8"))
    return document["instance_id"], document["sources"][source]["seq"]
