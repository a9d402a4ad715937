"""`wamon state show`, `rewind` and `adopt`, as an operator types them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.support.bridges import LAWLEY, MAMELODI, MOHADIN, PROJECTS, VELO_TEST, Lharries
from tests.support.clock import CLOCK, first_morning
from tests.support.office import Office
from tests.support.truth import Field
from wamon.capture.old_state import MAX_BYTES

Open = Callable[..., Office]


@pytest.fixture
def field(tmp_path: Path) -> Iterator[Field]:
    with Field(Lharries(tmp_path / "messages.db", durable=False)) as field:
        for n, jid in enumerate([LAWLEY, MOHADIN] * 3):
            field.post(jid, f"DR175000{n}")
        yield field


@pytest.fixture
def office(field: Field, open_office: Open) -> Office:
    office = open_office(field.path)
    office.scan()
    return office


@pytest.fixture
def fresh(field: Field, open_office: Open) -> Office:
    """An office before its first scan."""
    return open_office(field.path)


def ids(field: Field, jid: str) -> list[str]:
    return [key.message_id for key in field.bridge.rowids() if key.chat == jid]


def refused(office: Office, *words: str) -> str:
    """The one paragraph with which a command refuses its own words; it changes nothing."""
    before = office.everything(), office.query("SELECT * FROM wamon.cursors"), office.state_path.read_bytes()
    done = office.run(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert (office.everything(), office.query("SELECT * FROM wamon.cursors"), office.state_path.read_bytes()) == before
    (paragraph,) = done.stderr.strip().splitlines()
    return paragraph


def test_show_says_of_each_group_how_far_it_is_recorded(office: Office, field: Field) -> None:
    answer = office.answer("state", "show")
    assert answer["path"] == str(office.state_path)
    assert answer["instance_id"] == office.query("SELECT instance_id::text FROM wamon.instance")[0]
    assert [(group["name"], group["jid"]) for group in answer["groups"]] == [
        (name, jid) for jid, name in PROJECTS.items()
    ]
    newest = ids(field, LAWLEY)[-1]
    assert answer["groups"][0] == {
        "name": "Lawley",
        "jid": LAWLEY,
        "last_processed_id": newest,
        "last_processed_at": f"{field.bridge.sent[field.bridge.key(newest)].at:%Y-%m-%dT%H:%M:%SZ}",
        "messages": 3,
        "lag": {"messages": 0, "seconds": 0.0},
    }
    assert answer["groups"][3] == {
        "name": "Mamelodi",
        "jid": MAMELODI,
        "last_processed_id": None,
        "last_processed_at": None,
        "messages": 0,
        "lag": {"messages": 0, "seconds": 0.0},
    }


def test_show_counts_what_is_not_recorded_yet_and_how_old_the_oldest_of_it_is(office: Office, field: Field) -> None:
    field.post(LAWLEY, "DR1760000", at=CLOCK.now() - timedelta(hours=3))
    field.post(LAWLEY, "DR1760001", at=CLOCK.now() - timedelta(hours=1))
    field.redeliver(ids(field, MOHADIN)[-1])
    before = office.everything()
    groups = {group["jid"]: group for group in office.answer("state", "show")["groups"]}
    assert groups[LAWLEY]["lag"]["messages"] == 2
    assert 3 * 3600 <= groups[LAWLEY]["lag"]["seconds"] < 4 * 3600
    assert groups[MOHADIN]["lag"] == {"messages": 0, "seconds": 0.0}
    assert groups[LAWLEY]["messages"] == 3
    assert office.everything() == before


def test_show_counts_before_a_group_s_first_scan_all_that_stands_there(fresh: Office) -> None:
    groups = {group["jid"]: group for group in fresh.answer("state", "show")["groups"]}
    assert (groups[LAWLEY]["lag"]["messages"], groups[LAWLEY]["messages"]) == (3, 0)
    assert groups[MAMELODI]["lag"]["messages"] == 0


def test_show_takes_groups_by_name_or_jid(office: Office) -> None:
    shown = office.answer("state", "show", "--group", "Mohadin", "--group", MAMELODI)["groups"]
    assert [group["jid"] for group in shown] == [MOHADIN, MAMELODI]


def test_show_is_a_table_for_people(office: Office) -> None:
    done = office.run("state", "show")
    assert done.returncode == 0
    assert "Lawley" in done.stdout
    assert f"State file: {office.state_path}" in done.stdout
    assert done.stderr == ""


def test_an_unknown_group_is_refused_with_those_that_there_are(office: Office) -> None:
    for command in (("show",), ("rewind", "--to", "beginning")):
        said = refused(office, "state", *command, "--group", "Lawly")
        assert said == "There is no group Lawly. The groups are Lawley, Mamelodi, Mohadin, Velo Test."


def test_rewind_to_the_beginning_has_the_next_scan_read_everything_again_and_change_nothing(office: Office) -> None:
    before = office.everything()
    answer = office.answer("state", "rewind", "--group", "Lawley", "--to", "beginning")
    assert answer == {"groups": [{"name": "Lawley", "jid": LAWLEY, "rowid": 0}]}
    (scanned,) = [group for group in office.answer("scan")["groups"] if group["jid"] == LAWLEY]
    assert scanned["read"] == 3
    assert set(scanned["submissions"].values()) == {0}
    assert office.everything() == before


def test_rewind_to_a_message_goes_back_to_just_after_it(office: Office, field: Field) -> None:
    message_id = ids(field, MOHADIN)[1]
    answer = office.answer("state", "rewind", "--group", "Mohadin", "--to", message_id)
    assert answer["groups"] == [{"name": "Mohadin", "jid": MOHADIN, "rowid": field.bridge.rowid(message_id)}]
    assert office.scan().read[MOHADIN] == 1


@pytest.mark.parametrize("offset", ["+00:00", ""])
def test_rewind_to_a_time_takes_one_without_an_offset_as_the_office_s(
    office: Office, field: Field, offset: str
) -> None:
    second = field.bridge.sent[field.bridge.key(ids(field, LAWLEY)[1])].at
    told = second if offset else second + timedelta(hours=2)
    answer = office.answer("state", "rewind", "--group", "Lawley", "--to", f"{told:%Y-%m-%dT%H:%M:%S}{offset}")
    assert answer["groups"][0]["rowid"] == field.bridge.rowid(ids(field, MOHADIN)[0])
    assert office.scan().read[LAWLEY] == 2


def test_rewind_takes_several_groups_and_says_what_it_did(office: Office) -> None:
    done = office.run("state", "rewind", "--group", "Lawley", "--group", MOHADIN, "--to", "beginning")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        f"Lawley ({LAWLEY}) will be read again after row 0 of the store.",
        f"Mohadin ({MOHADIN}) will be read again after row 0 of the store.",
    ]
    assert len(office.query("SELECT * FROM wamon.rewinds")) == 2


def test_after_a_rewind_nothing_counts_as_behind(office: Office) -> None:
    office.answer("state", "rewind", "--group", "Lawley", "--to", "beginning")
    (group,) = office.answer("state", "show", "--group", "Lawley")["groups"]
    assert (group["lag"]["messages"], group["messages"]) == (0, 3)


def test_rewind_never_passes_over_what_is_not_recorded(office: Office, field: Field) -> None:
    stood = office.query("SELECT rowid FROM wamon.cursors")
    new = field.post(LAWLEY, "DR1760000")
    for to in (new, "2999-01-01"):
        answer = office.answer("state", "rewind", "--group", "Lawley", "--to", to)
        assert [answer["groups"][0]["rowid"]] == stood
    office.scan()
    assert office.submissions() == field.truth.submissions()


def test_rewind_to_what_is_neither_a_time_nor_a_message_of_the_group_is_refused(office: Office, field: Field) -> None:
    for to in ("yesterday", "2026-13-01", ids(field, MOHADIN)[0]):
        said = refused(office, "state", "rewind", "--group", "Lawley", "--to", to)
        assert said.startswith(f"{to} is neither `beginning`, nor a time, nor the id of a message of {LAWLEY} in the")


def test_rewind_needs_a_group_and_a_place(fresh: Office) -> None:
    for words in (("--to", "beginning"), ("--group", "Lawley")):
        done = fresh.run("state", "rewind", *words)
        assert (done.returncode, done.stdout) == (2, "")
        assert "Missing option" in done.stderr


# Adopting


def old_file(fresh: Office, content: object) -> Path:
    path = fresh.folder / "old-state.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_adopt_takes_over_an_old_monitor_s_position(fresh: Office, field: Field) -> None:
    lawley = ids(field, LAWLEY)
    old = old_file(fresh, {LAWLEY: lawley[1], "120363000000000009@g.us": "X"})
    assert fresh.answer("state", "adopt", str(old)) == {"adopted": [LAWLEY]}
    assert fresh.query("SELECT count(*) FROM wamon.ledger") == [0]
    fresh.scan()
    before = fresh.query("SELECT message_id FROM wamon.ledger WHERE reason = 'before-start'")
    assert sorted(before) == sorted(lawley[:2])
    assert fresh.submissions() == {s for s in field.truth.submissions() if s[1] not in lawley[:2]}
    assert fresh.verify().clean
    assert json.loads(old.read_text()) == {LAWLEY: lawley[1], "120363000000000009@g.us": "X"}


def test_adopt_leaves_a_group_that_the_ledger_knows_as_it_is(office: Office, field: Field) -> None:
    old = old_file(office, {LAWLEY: ids(field, LAWLEY)[0]})
    before = office.everything()
    assert office.answer("state", "adopt", str(old)) == {"adopted": []}
    office.scan()
    assert office.everything() == before
    assert office.run("state", "adopt", str(old)).stdout.startswith("Nothing to adopt: the ledger knows every group")


def test_adopt_begins_a_group_at_the_beginning_whose_message_is_no_longer_there(fresh: Office, field: Field) -> None:
    old = old_file(fresh, {LAWLEY: "VANISHED", VELO_TEST: "VANISHED"})
    done = fresh.run("state", "adopt", str(old))
    assert done.returncode == 0
    assert done.stdout.startswith("Adopted ")
    assert "The old position of Lawley is no longer in the store: it begins at the beginning." in done.stderr
    fresh.scan()
    assert fresh.submissions() == field.truth.submissions()


def test_adopt_refuses_what_is_no_old_state_file(office: Office) -> None:
    for content, why in (
        ("{", "can't be read as JSON"),
        ("[" * 100_000, "can't be read as JSON"),
        ({LAWLEY: 5}, "has not the form {jid: message id}"),
        ({"Lawley": "X"}, "has not the form {jid: message id}"),
    ):
        old = old_file(office, content)
        assert refused(office, "state", "adopt", str(old)).startswith(f"{old} {why}")


def test_adopt_reads_no_file_without_end(office: Office) -> None:
    old = old_file(office, "{}")
    os.truncate(old, MAX_BYTES + 1)
    assert "no file, or larger than 64 MiB" in refused(office, "state", "adopt", str(old))


def test_adopt_refuses_a_file_that_isn_t_there(office: Office) -> None:
    assert "No such file or directory" in refused(office, "state", "adopt", "/nowhere.json")


def test_the_first_morning_is_the_first_time_that_a_rewind_finds(office: Office) -> None:
    answer = office.answer("state", "rewind", "--group", "Lawley", "--to", f"{first_morning():%Y-%m-%d}")
    assert answer["groups"][0]["rowid"] == 0


def test_show_legacy_is_an_older_monitor_s_file_so_that_going_back_is_a_way(office: Office) -> None:
    shown = json.loads(office.run("state", "show", "--legacy").stdout)
    told = {group["jid"]: group["last_processed_id"] for group in office.answer("state", "show")["groups"]}
    assert shown == {jid: message_id for jid, message_id in told.items() if message_id}
    assert {LAWLEY, MOHADIN} <= set(shown)
