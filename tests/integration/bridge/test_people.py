"""Who a sender is, from a real file of whatsmeow."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.people import write_people
from wamon.bridge.people import NOBODY, Aliases, Person, read_people, whatsmeow_beside

SIPHO, THANDI = "27820000001", "27820000002"
LID, OTHER_LID, STRANGE_LID = "123456789012345", "98765432101234", "555555555555555"
LONG_PHONE = "4915112345678"  # as long as a LID


@pytest.fixture
def file(tmp_path: Path) -> Path:
    names = {f"{SIPHO}@s.whatsapp.net": "Sipho M.", f"{OTHER_LID}@lid": "Thandi", f"{LONG_PHONE}@s.whatsapp.net": "Uwe"}
    return write_people(tmp_path, lids={LID: SIPHO}, names=names)


@pytest.mark.parametrize(
    "sender",
    [
        SIPHO,
        f"+{SIPHO}",
        f"{SIPHO}@s.whatsapp.net",
        f"{SIPHO}:12@s.whatsapp.net",
        f"{SIPHO}.0:12@s.whatsapp.net",
        LID,
        f"{LID}@lid",
        f"{LID}:3@lid",
    ],
)
def test_every_form_of_a_sender_is_one_person(file: Path, sender: str) -> None:
    assert read_people(file).person(sender) == Person(SIPHO, SIPHO, "Sipho M.")


@pytest.mark.parametrize(
    "sender",
    [
        "120363418298130331",
        "120363418298130331@g.us",
        "27820000001-1415161718",
        "27820000001-1415161718@g.us",
    ],
)
def test_a_groups_own_digits_are_nobody(file: Path, sender: str) -> None:
    assert read_people(file).person(sender) == Person("", None, None)
    assert Aliases(file, file).one_form([sender]) == {sender: ""}


FORMS = (SIPHO, f"+{SIPHO}", f"{SIPHO}:12@s.whatsapp.net", f"{SIPHO}.0:3@s.whatsapp.net", LID, f"{LID}.0:3@lid")


def test_one_person_has_one_form_the_phones_digits_else_the_lids(file: Path) -> None:
    aliases = Aliases("auto", file.with_name("messages.db"))
    assert aliases.one_form(FORMS) == dict.fromkeys(FORMS, SIPHO)
    assert aliases.one_form([f"{STRANGE_LID}:4@lid", LONG_PHONE, "Uwe"]) == {
        f"{STRANGE_LID}:4@lid": STRANGE_LID,
        LONG_PHONE: LONG_PHONE,
        "Uwe": "Uwe",
    }
    assert Aliases("none", file).one_form([LID]) == {LID: LID}


@pytest.mark.parametrize("sender", FORMS)
def test_every_form_of_a_person_is_known_from_any_of_them(file: Path, sender: str) -> None:
    assert Aliases(file, file).every_form([sender, THANDI]) == {SIPHO, LID, THANDI}


def test_what_is_learned_later_is_known_then_and_stays_known_without_the_file(file: Path) -> None:
    aliases = Aliases("auto", file.with_name("messages.db"))
    for _ in range(2):
        assert aliases.one_form([STRANGE_LID]) == {STRANGE_LID: STRANGE_LID}
        assert aliases.every_form([THANDI]) == {THANDI}
    write_people(file.parent, lids={STRANGE_LID: THANDI})
    for _ in range(2):
        assert aliases.one_form([STRANGE_LID]) == {STRANGE_LID: THANDI}
        assert aliases.every_form([THANDI]) == {THANDI, STRANGE_LID}
        file.unlink(missing_ok=True)


def test_what_cant_be_looked_up_while_the_bridge_writes_is_looked_up_once_it_has(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wamon.bridge.snapshot._BUSY_TIMEOUT_SECONDS", 0.0)
    aliases = Aliases(file, file)
    with closing(sqlite3.connect(file, isolation_level=None)) as writer:
        writer.execute("BEGIN EXCLUSIVE")
        assert aliases.one_form([LID]) == {LID: LID}
    assert aliases.one_form([LID]) == {LID: SIPHO}


def test_the_fullest_name_wins_name_by_name(file: Path) -> None:
    contacts = [
        ("1@s.whatsapp.net", f"{THANDI}@s.whatsapp.net", "", "Thandi", "~", ""),
        ("2@s.whatsapp.net", f"{THANDI}@s.whatsapp.net", "", "Thandi K.", "T", ""),
        ("1@s.whatsapp.net", f"{STRANGE_LID}@lid", "Thandiwe", "Thandi Khumalo", "Thandiwe Khumalo of Lawley", ""),
        ("1@s.whatsapp.net", f"{LONG_PHONE}@s.whatsapp.net", "", "", "Uwe the long", ""),
    ]
    write_people(file.parent, lids={STRANGE_LID: THANDI})
    with closing(sqlite3.connect(file)) as db, db:
        db.executemany("INSERT OR REPLACE INTO whatsmeow_contacts VALUES (?, ?, ?, ?, ?, ?, '')", contacts)
    people = read_people(file)
    assert people.person(THANDI).name == people.person(STRANGE_LID).name == "Thandi Khumalo"
    assert people.person(LONG_PHONE).name == "Uwe"


def test_digits_alone_dont_make_a_phone_number(file: Path) -> None:
    people = read_people(file)
    assert people.person(STRANGE_LID) == Person(STRANGE_LID, None, None)
    assert people.person(f"{STRANGE_LID}@lid") == Person(STRANGE_LID, None, None)
    assert people.person(f"{THANDI}@lid").phone is None
    assert people.person(OTHER_LID) == Person(OTHER_LID, None, "Thandi")
    assert people.person(LONG_PHONE) == Person(LONG_PHONE, LONG_PHONE, "Uwe")
    assert people.person("4915112345679").phone is None
    assert people.person("4915112345679@s.whatsapp.net").phone == "4915112345679"
    assert people.person(THANDI) == Person(THANDI, THANDI, None)
    assert people.person("") == Person("", None, None)


def test_a_corrected_map_moves_a_lid_to_another_person(file: Path) -> None:
    write_people(file.parent, lids={LID: THANDI}, names={f"{THANDI}@s.whatsapp.net": "Thandi K."})
    assert read_people(file).person(LID) == Person(THANDI, THANDI, "Thandi K.")
    assert read_people(file).person(SIPHO) == Person(SIPHO, SIPHO, "Sipho M.")


def test_a_name_under_the_lid_serves_the_phone_too(file: Path) -> None:
    write_people(file.parent, lids={OTHER_LID: THANDI})
    assert read_people(file).person(THANDI) == Person(THANDI, THANDI, "Thandi")


@pytest.mark.parametrize(
    ("name", "shown"),
    [("+27 82 000-0001", None), ("Sipho\n\x1b[31m M.", "Sipho [31m M."), (" \u202e ", None), ("x" * 90, "x" * 40)],
)
def test_a_name_is_one_line_and_no_phone_number(tmp_path: Path, name: str, shown: str | None) -> None:
    file = write_people(tmp_path)
    with closing(sqlite3.connect(file)) as db, db:
        db.execute("INSERT INTO whatsmeow_contacts (their_jid, push_name) VALUES (?, ?)", (f"{THANDI}@lid", name))
    assert read_people(file).person(f"{THANDI}@lid").name == shown


def test_what_cant_be_read_is_unknown_and_no_error(tmp_path: Path, file: Path) -> None:
    assert read_people(tmp_path / "missing.db") is NOBODY
    garbage = tmp_path / "garbage.db"
    garbage.write_bytes(b"no database" * 100)
    assert read_people(garbage) is NOBODY
    empty = tmp_path / "empty.db"
    empty.touch()
    assert read_people(empty) is NOBODY
    with closing(sqlite3.connect(tmp_path / "other.db")) as db, db:
        db.execute("CREATE TABLE whatsmeow_contacts (their_jid TEXT, push_name TEXT)")
        db.execute("INSERT INTO whatsmeow_contacts VALUES (?, 'Thandi')", (f"{THANDI}@s.whatsapp.net",))
    assert read_people(tmp_path / "other.db").person(THANDI).name == "Thandi"
    with closing(sqlite3.connect(file, isolation_level=None)) as writer:
        writer.execute("BEGIN EXCLUSIVE")
        assert read_people(file) is NOBODY


def test_only_the_map_and_the_contacts_are_read(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from wamon.bridge import snapshot

    read: set[str] = set()
    connect = snapshot._connect

    def watched(path: Path) -> sqlite3.Connection:
        db = connect(path)

        def note(action: int, table: str | None, *_: object) -> int:
            if action == sqlite3.SQLITE_READ and table:
                read.add(table)
            return sqlite3.SQLITE_OK

        db.set_authorizer(note)
        return db

    monkeypatch.setattr(snapshot, "_connect", watched)
    assert read_people(file).person(LID).name == "Sipho M."
    assert {table for table in read if table.startswith("whatsmeow")} == {"whatsmeow_lid_map", "whatsmeow_contacts"}


def test_the_file_beside_the_store_is_found_under_each_bridges_name(tmp_path: Path, file: Path) -> None:
    assert whatsmeow_beside(tmp_path / "messages.db") == file
    session = file.rename(tmp_path / "session.db")
    assert whatsmeow_beside(tmp_path / "wacli.db") == session
    session.unlink()
    assert whatsmeow_beside(tmp_path / "wacli.db") is None
