"""People in what the commands print: as the bridge knows them now, and as far as the config lets them be seen."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.bridges import LAWLEY, MOHADIN, VeryGoodPlugins
from tests.support.clock import first_morning
from tests.support.office import Office
from tests.support.people import write_people
from wamon.capture.scan import catch_up

PHONE, NAME, LID = "27820009999", "Okapi Quagga", "123456789012345"


@pytest.fixture
def office(tmp_path: Path, open_office: Callable[..., Office]) -> Office:
    """Somebody posted by phone, and again by LID."""
    with VeryGoodPlugins(tmp_path / "messages.db", seed=1, durable=False) as bridge:
        bridge.chat(LAWLEY, "Lawley")
        bridge.chat(MOHADIN, "Mohadin")
        bridge.post(LAWLEY, "DR1752028 done", sender=PHONE)
        bridge.post(LAWLEY, "DR1752028 again", sender=LID)
        bridge.post(LAWLEY, "DR1752034", sender=LID, message_id="DEVICE")
        bridge.db.execute("UPDATE messages SET sender = ? WHERE id = 'DEVICE'", (f"{LID}:4@lid",))
    write_people(tmp_path, lids={LID: PHONE}, names={f"{PHONE}@s.whatsapp.net": NAME})
    office = open_office(tmp_path / "messages.db")
    office.scan()
    return office


def posters(office: Office) -> list[str | None]:
    return [drop["submitted_by"] for drop in office.answer("drops", "list")["drops"]]


def test_old_rows_follow_a_corrected_map(office: Office) -> None:
    assert posters(office) == [f"{NAME} …9999"] * 2
    write_people(office.store.parent, lids={LID: "27820008888"})
    assert posters(office) == ["…8888", f"{NAME} …9999"]
    office.set(bridge={"people": "none"})
    assert posters(office) == ["unknown …2345", "…9999"]
    office.set(bridge={"people": str(office.store.parent / "whatsapp.db")})
    assert posters(office) == ["…8888", f"{NAME} …9999"]


def test_a_person_is_found_by_name_digits_and_in_every_form(office: Office) -> None:
    for who in ("okapi", "9999", PHONE, "082 000 9999", "(082) 000-9999", "+27 82 000 9999"):
        answer = office.answer("drops", "list", "--sender", who)
        assert [drop["submissions"] for drop in answer["drops"]] == [1, 2]
    unknown = office.run("drops", "list", "--sender", "Zebra")
    assert (unknown.returncode, unknown.stdout) == (2, "")


def test_one_person_has_one_form_in_the_offices_tables_and_a_group_is_nobody(
    tmp_path: Path, open_office: Callable[..., Office]
) -> None:
    forms = [PHONE, f"{PHONE}.0:3@s.whatsapp.net", LID, f"{LID}:4@lid", "120363418298130331", LAWLEY]
    groups = [{"name": "Lawley", "jid": LAWLEY}, {"name": "Mohadin", "jid": MOHADIN, "validate": True}]
    write_people(tmp_path, lids={LID: PHONE})
    with VeryGoodPlugins(tmp_path / "messages.db", durable=False) as bridge:
        office = open_office(bridge.path, groups=groups)
        office.scan()
        office.query("INSERT INTO wamon.allow_lists (project) VALUES ('Mohadin')")
        for jid in (LAWLEY, MOHADIN):
            for n, form in enumerate(forms):
                bridge.post(jid, f"DR175202{n}", message_id=f"{n}")
                bridge.db.execute("UPDATE messages SET sender = ? WHERE id = ?", (form, f"{n}"))
        office.scan()
    posted = [PHONE] * 4 + [""] * 2
    assert office.query("SELECT submitted_by FROM qa_photo_reviews ORDER BY drop_number") == posted
    assert office.query("SELECT user_name FROM qa_photo_reviews ORDER BY drop_number") == posted
    assert office.query("SELECT sender FROM invalid_drop_submissions ORDER BY drop_number") == posted
    assert "0331" not in office.run("drops", "list").stdout


@pytest.mark.parametrize("ignored", [PHONE, f"{LID}@lid", f"{LID}:12@lid", f"{PHONE}.0:3@s.whatsapp.net"])
def test_who_is_ignored_under_one_id_is_ignored_under_each(
    tmp_path: Path, open_office: Callable[..., Office], ignored: str
) -> None:
    with VeryGoodPlugins(tmp_path / "messages.db", durable=False) as bridge:
        office = open_office(
            bridge.path, scan={"ignore_senders": [ignored]}, groups=[{"name": "Lawley", "jid": LAWLEY}]
        )
        bridge.post(LAWLEY, "DR1752028", sender="27820000002")
        write_people(tmp_path, lids={LID: PHONE})
        for n, form in enumerate((PHONE, f"{PHONE}:7@s.whatsapp.net", LID, f"{LID}@lid", f"{LID}.0:3@lid")):
            bridge.post(LAWLEY, f"DR175203{n}", message_id=f"{n}")
            bridge.db.execute("UPDATE messages SET sender = ? WHERE id = ?", (form, f"{n}"))
        office.scan()
        assert office.drops() == {("Lawley", "DR1752028")}
        (tmp_path / "whatsapp.db").unlink()
        office.sweep()
        office.scan()
        assert office.drops() == {("Lawley", "DR1752028")}
        assert office.verify().clean


def test_a_daemon_learns_the_other_id_of_whom_it_ignores(tmp_path: Path, open_office: Callable[..., Office]) -> None:
    with VeryGoodPlugins(tmp_path / "messages.db", durable=False) as bridge:
        office = open_office(bridge.path, scan={"ignore_senders": [PHONE]}, groups=[{"name": "Lawley", "jid": LAWLEY}])
        with office.opened() as pipeline:
            bridge.post(LAWLEY, "DR1752028", sender=LID)
            catch_up(pipeline)
            write_people(tmp_path, lids={LID: PHONE})
            bridge.post(LAWLEY, "DR1752034", sender=LID)
            catch_up(pipeline)
        assert office.drops() == {("Lawley", "DR1752028")}
        office.sweep()
        office.scan()
        assert office.drops() == {("Lawley", "DR1752028")}
        assert office.verify().older_rules == 1


DAY = f"{first_morning():%Y-%m-%d}"
COMMANDS = [
    ("drops", "list"),
    ("drops", "show", "DR1752028"),
    ("drops", "export"),
    ("report", "weekly", "--date", DAY),
    ("report", "daily", "--date", DAY, "--format", "html"),
    ("gaps", "--since", "60d"),
    ("status",),
]


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("json", [(), ("--json",)], ids=["text", "json"])
def test_no_command_shows_anybody_where_the_config_forbids_it(
    office: Office, words: tuple[str, ...], json: tuple[str, ...]
) -> None:
    office.set(privacy={"show": "none"})
    done = office.run(*words, *json)
    assert done.returncode in {0, 1, 2}
    for canary in (PHONE, NAME, "Okapi", LID, PHONE[-4:], LID[-4:]):
        assert canary not in done.stdout + done.stderr


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_names_go_with_the_last_four_digits_alone_and_never_into_the_talk(
    office: Office, words: tuple[str, ...]
) -> None:
    done = office.run(*words)
    assert PHONE not in done.stdout + done.stderr
    assert LID not in done.stdout + done.stderr
    assert NAME not in done.stderr
