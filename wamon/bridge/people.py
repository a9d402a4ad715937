"""Who the senders are, from the tables that whatsmeow keeps beside the messages: LID to phone, phone to name.

Nothing else of that file is read: it holds the session's keys, too. What can't be read is unknown, and never an error.
"""

from __future__ import annotations

import os
import re
import unicodedata
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from wamon.bridge.access import access, real, written_at
from wamon.bridge.snapshot import snapshot
from wamon.errors import BridgeUnavailable, BridgeUnknown
from wamon.model import is_bsuid, is_number, sender_parts

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Iterable, Mapping, Sequence

    Where = Literal["auto", "none"] | Path  # the config's `bridge.people`

_BESIDE = ("whatsapp.db", "session.db")
"""whatsmeow's file beside the store: whatsapp-mcp and GOWA call it the first, wacli the second."""

_NAMES = ("full_name", "first_name", "push_name", "business_name")
"""The best first: what our own address book says, then what the person says."""

_LONGEST_NAME = 40
_PHONE_IN_A_NAME = re.compile(r"\d(?:[^\w\n]*\d){6,}")
_PHONE_DIGITS = range(7, 13)
"""A bare number of so many digits is a phone's. LIDs have 13 to 15, as have few phones."""
_GROUP = re.compile(r"[0-9]{16,}|[0-9]+-[0-9]+")
"""A group's own digits, which bridges store as the sender where history names none. Nobody's number is so long."""
_MOST_ASKED = 400
"""Keys in one statement: an older SQLite takes no more than 999 values."""


class Person(NamedTuple):
    """Somebody who posts. `key` is equal for each form in which one person is recorded."""

    key: str
    phone: str | None  # bare digits; None where only a LID is known, or nothing
    name: str | None


@dataclass(frozen=True, slots=True, repr=False)
class People:
    """LIDs and names as a bridge knows them now: bare digits to bare digits, bare digits to a name."""

    phone_by_lid: Mapping[str, str] = field(default_factory=dict)
    lid_by_phone: Mapping[str, str] = field(default_factory=dict)
    name_by_phone: Mapping[str, str] = field(default_factory=dict)
    name_by_lid: Mapping[str, str] = field(default_factory=dict)

    def person(self, sender: str) -> Person:
        """The person behind a sender in any of its forms: digits of a phone or a LID, with or without a server."""
        user, server = sender_parts(sender)
        if is_group(user, server):
            return Person("", None, None)
        if not is_number(user):
            return Person(user, None, None if is_bsuid(user) else _clean(user))
        phone = self.phone_by_lid.get(user) if self._is_lid(user, server) else user
        lid = user if phone is None else self.lid_by_phone.get(phone, user)
        name = self.name_by_phone.get(phone or "") or self.name_by_lid.get(lid)
        return Person(phone or lid, phone, name)

    def _is_lid(self, user: str, server: str) -> bool:
        if server or user in self.phone_by_lid:
            return server.endswith("lid") or not server
        return len(user) not in _PHONE_DIGITS and user not in self.lid_by_phone and user not in self.name_by_phone


NOBODY = People()


def whatsmeow_beside(store: Path) -> Path | None:
    """The file of whatsmeow beside a bridge's store, where that really lies or where a link to it does, if any."""
    beside = [one.with_name(name) for one in (real(store), store) for name in _BESIDE]
    return next((path for path in beside if os.path.isfile(path)), None)  # noqa: PTH113 - also of a shut folder


def people_file(where: Where, store: Path | None) -> Path | None:
    """The file that `bridge.people` means, for a bridge's store; None where there is none."""
    if isinstance(where, Path):
        return where
    return whatsmeow_beside(store) if where == "auto" and store is not None else None


def is_group(user: str, server: str) -> bool:
    """Whether a sender is a group, and so nobody."""
    return server == "g.us" or _GROUP.fullmatch(user) is not None


class Aliases:
    """The phones behind LIDs, asked by key: a pass looks up the few senders that are new to it, and not all people.

    What was found is kept, also while the file can't be read. What wasn't is asked for again once the file has changed.
    """

    def __init__(self, where: Where, store: Path | None) -> None:
        self._where = where
        self._store = store
        self._phone_by_lid: dict[str, str] = {}
        self._asked: set[str] = set()
        self._asked_of: float | None = None  # when the file had been written that was asked

    def one_form(self, senders: Collection[str]) -> dict[str, str]:
        """For each sender the one form of its person: the phone's digits, else the LID's; empty for a group's own."""
        parts = {sender: sender_parts(sender) for sender in senders}
        self._ask({user for user, server in parts.values() if _may_be_lid(user, server)} - self._phone_by_lid.keys())
        return {sender: self._form(*both) for sender, both in parts.items()}

    def every_form(self, senders: Iterable[str]) -> frozenset[str]:
        """The users, without servers, under which these people are known."""
        users = {sender_parts(sender)[0] for sender in senders}
        self._ask({user for user in users if is_number(user)})
        for lid, phone in self._phone_by_lid.items():
            if not users.isdisjoint((lid, phone)):
                users |= {lid, phone}
        return frozenset(users)

    def _form(self, user: str, server: str) -> str:
        if is_group(user, server):
            return ""
        return self._phone_by_lid.get(user, user) if _may_be_lid(user, server) else user

    def _ask(self, users: set[str]) -> None:
        """Look up phones and LIDs, unless the file has no more to say of them than when it was asked last."""
        path = people_file(self._where, self._store) if users else None
        if path is None:
            return
        written = written_at(path)
        if written != self._asked_of:
            self._asked_of, self._asked = written, set()
        unasked = sorted(users - self._asked)
        if unasked and (found := _phones_by_lid(path, unasked)) is not None:
            self._asked |= users
            self._phone_by_lid.update(found)


def _may_be_lid(user: str, server: str) -> bool:
    return is_number(user) and (server.endswith("lid") or (not server and len(user) not in _PHONE_DIGITS))


def _phones_by_lid(path: Path, users: Sequence[str]) -> dict[str, str] | None:
    """What whatsmeow's map says of these phones and LIDs; None where it can't be read now."""
    found: list[tuple[str, ...]] = []
    try:
        if access(path).endangers_the_bridge:
            return None
        with snapshot(path) as db:
            for n in range(0, len(users), _MOST_ASKED):
                some = list(users[n : n + _MOST_ASKED])
                marks = ",".join("?" * len(some))
                found += _rows(db, "whatsmeow_lid_map", ("lid", "pn"), f"lid IN ({marks}) OR pn IN ({marks})", some * 2)
    except (BridgeUnavailable, BridgeUnknown, OSError):
        return None
    return _pairs(found)


def read_people(path: Path) -> People:
    """Everybody whom whatsmeow's file names. Where it can't be read now, nobody."""
    try:
        if access(path).endangers_the_bridge:
            return NOBODY
        with snapshot(path) as db:
            lids = _rows(db, "whatsmeow_lid_map", ("lid", "pn"))
            contacts = _rows(db, "whatsmeow_contacts", ("their_jid", *_NAMES))
    except (BridgeUnavailable, BridgeUnknown, OSError):
        return NOBODY
    return _known(lids, contacts)


def _rows(
    db: sqlite3.Connection, table: str, columns: tuple[str, ...], only: str = "1", values: Sequence[str] = ()
) -> list[tuple[str, ...]]:
    """These columns of a table as text, empty where the table hasn't got one; nothing where it lacks the first."""
    there = {_text(row[1]) for row in db.execute(f"PRAGMA table_info({table})").fetchall()}
    if columns[0] not in there:
        return []
    wanted = ", ".join(column if column in there else "''" for column in columns)
    with closing(db.execute(f"SELECT {wanted} FROM {table} WHERE {only}", values)) as found:  # noqa: S608
        return [tuple(map(_text, row)) for row in found.fetchall()]


def _known(lids: Iterable[tuple[str, ...]], contacts: Iterable[tuple[str, ...]]) -> People:
    by_phone: dict[str, list[str]] = {}
    by_lid: dict[str, list[str]] = {}
    for jid, *names in contacts:
        user, server = sender_parts(jid)
        if is_number(user):
            _add_names((by_lid if server.endswith("lid") else by_phone).setdefault(user, [""] * len(_NAMES)), names)
    phone_by_lid = _pairs(lids)
    for lid, phone in phone_by_lid.items():
        if lid in by_lid:
            _add_names(by_phone.setdefault(phone, [""] * len(_NAMES)), by_lid[lid])
    lid_by_phone = {phone: lid for lid, phone in phone_by_lid.items()}
    return People(phone_by_lid, lid_by_phone, _best(by_phone), _best(by_lid))


def _pairs(lids: Iterable[tuple[str, ...]]) -> dict[str, str]:
    pairs = [(sender_parts(lid)[0], sender_parts(phone)[0]) for lid, phone in lids]
    return {lid: phone for lid, phone in pairs if is_number(lid) and is_number(phone)}


def _add_names(known: list[str], names: Sequence[str]) -> None:
    """A person stands in the contacts once for each account and form: of each kind of name the fullest counts."""
    for kind, name in enumerate(names):
        known[kind] = max(known[kind], _clean(name) or "", key=len)


def _best(names: Mapping[str, Sequence[str]]) -> dict[str, str]:
    return {user: name for user, of_each_kind in names.items() if (name := next(filter(None, of_each_kind), None))}


def _clean(name: str) -> str | None:
    """A name on one line without what steers a screen; none where it holds a phone number."""
    printable = "".join(" " if unicodedata.category(c)[0] in "CZ" else c for c in name)
    words = " ".join(printable.split())[:_LONGEST_NAME].rstrip()
    return None if not words or _PHONE_IN_A_NAME.search(words) else words


def _text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else "" if value is None else str(value)
