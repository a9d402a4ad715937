"""Who the senders are, from the tables that whatsmeow keeps beside the messages: LID to phone, phone to name.

Nothing else of that file is read: it holds the session's keys, too. What can't be read is unknown, and never an error.
"""

from __future__ import annotations

import re
import unicodedata
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from wamon.bridge.access import access, real
from wamon.bridge.snapshot import snapshot
from wamon.errors import BridgeUnavailable, BridgeUnknown

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Mapping
    from pathlib import Path

_BESIDE = ("whatsapp.db", "session.db")
"""whatsmeow's file beside the store: whatsapp-mcp and GOWA call it the first, wacli the second."""

_NAMES = ("full_name", "first_name", "push_name", "business_name")
"""The best first: what our own address book says, then what the person says."""

_LONGEST_NAME = 40
_PHONE_IN_A_NAME = re.compile(r"\d(?:[^\w\n]*\d){6,}")
_PHONE_DIGITS = range(7, 13)
"""A bare number of so many digits is a phone's. LIDs have 13 to 15, as have few phones."""


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
        user, server = _parts(sender)
        if not _is_number(user):
            return Person(user, None, _clean(user))
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
    return next((path for path in beside if path.is_file()), None)


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


def _rows(db: sqlite3.Connection, table: str, columns: tuple[str, ...]) -> list[tuple[str, ...]]:
    """These columns of a table as text, empty where the table hasn't got one; nothing where it lacks the first."""
    there = {_text(row[1]) for row in db.execute(f"PRAGMA table_info({table})").fetchall()}
    if columns[0] not in there:
        return []
    wanted = ", ".join(column if column in there else "''" for column in columns)
    with closing(db.execute(f"SELECT {wanted} FROM {table}")) as found:  # noqa: S608
        return [tuple(map(_text, row)) for row in found.fetchall()]


def _known(lids: Iterable[tuple[str, ...]], contacts: Iterable[tuple[str, ...]]) -> People:
    by_phone: dict[str, str] = {}
    by_lid: dict[str, str] = {}
    for jid, *names in contacts:
        user, server = _parts(jid)
        if _is_number(user) and (name := next(filter(None, map(_clean, names)), None)):
            (by_lid if server.endswith("lid") else by_phone).setdefault(user, name)
    pairs = [(_parts(lid)[0], _parts(phone)[0]) for lid, phone in lids]
    phone_by_lid = {lid: phone for lid, phone in pairs if _is_number(lid) and _is_number(phone)}
    return People(phone_by_lid, {phone: lid for lid, phone in phone_by_lid.items()}, by_phone, by_lid)


def _parts(sender: str) -> tuple[str, str]:
    """The user without agent and device, and the server: of `2782….0:12@lid` it is (`2782…`, `lid`)."""
    user, _, server = sender.strip().partition("@")
    user = user.partition(":")[0].strip()
    number = user.lstrip("+").replace(" ", "").partition(".")[0]
    return (number if _is_number(number) else user), server


def _is_number(user: str) -> bool:
    return user.isascii() and user.isdigit()


def _clean(name: str) -> str | None:
    """A name on one line without what steers a screen; none where it holds a phone number."""
    printable = "".join(" " if unicodedata.category(c)[0] in "CZ" else c for c in name)
    words = " ".join(printable.split())[:_LONGEST_NAME].rstrip()
    return None if not words or _PHONE_IN_A_NAME.search(words) else words


def _text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else "" if value is None else str(value)
