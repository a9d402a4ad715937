"""`wamon doctor`: it works on any host in any state, says what to do, and ends with 1 where something is bad."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.conftest import Run
from tests.support.bridges import LAWLEY, PROJECTS, TECHNICIAN, VeryGoodPlugins
from tests.support.clock import CLOCK
from tests.support.office import Office
from tests.support.people import write_people

TITLES = ("Config", "Bridge", "Recording", "Database", "Files", "Clock")


@pytest.fixture(autouse=True)
def _by_the_hosts_clock() -> Iterator[None]:
    """Which is compared with PostgreSQL's."""
    with CLOCK.as_hosts():
        yield


@pytest.fixture
def scanned(office: Office) -> Office:
    office.scan()
    return office


def told(office: Office, status: int) -> dict[str, Any]:
    """The checks by name; of those about groups, the last one."""
    done = office.run("doctor", "--json")
    assert done.returncode == status, done.stdout
    return {check["name"]: check for check in json.loads(done.stdout)["checks"]}


def test_a_host_with_nothing_on_it_learns_where_to_begin(wamon: Run, tmp_path: Path) -> None:
    environ = {"HOME": str(tmp_path), "WAMON_STATE_DIR": str(tmp_path / "state")}
    done = wamon("doctor", **environ)
    assert done.returncode == 1
    assert done.stderr == ""
    assert [line for line in done.stdout.splitlines() if line in TITLES] == list(TITLES)
    assert "No bridge's store is named" in done.stdout
    assert "wamon init --bridge FILE" in done.stdout
    assert not (tmp_path / "state").exists()


def test_where_nothing_is_bad_it_ends_with_0_and_fits_a_terminal(scanned: Office) -> None:
    done = scanned.run("doctor", COLUMNS="80")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Lawley is up to date." in done.stdout
    assert "\x1b" not in done.stdout
    too_long = [line for line in done.stdout.splitlines() if len(line) > 80 and "/" not in line]
    assert too_long == []
    answer = json.loads(scanned.run("doctor", "--json").stdout)
    assert answer["state"] == "warn"
    assert {check["group"] for check in answer["checks"]} == {None, *PROJECTS.values()}


def test_a_wrong_config_is_the_first_thing_told(office: Office) -> None:
    office.set(groups=[{"name": "Lawley", "jid": "nothing"}])
    done = office.run("doctor")
    assert done.returncode == 1
    assert "wamon.yaml" in done.stdout
    assert told(office, 1)["config.file"]["state"] == "bad"


def test_a_config_that_isnt_there_is_told(wamon: Run) -> None:
    done = wamon("--config", "none.yaml", "doctor")
    assert (done.returncode, "There is no config none.yaml" in done.stdout) == (1, True)


def test_without_a_database_the_rest_is_checked(office: Office) -> None:
    office.set(database={"url": "postgresql://nobody:secret@127.0.0.1:1/none"})
    found = told(office, 1)
    assert (found["database.server"]["state"], found["bridge.store"]["state"]) == ("bad", "ok")
    assert "secret" not in json.dumps(found)


def test_a_store_that_isnt_there_is_bad(office: Office) -> None:
    office.store.unlink()
    assert told(office, 1)["bridge.store"]["state"] == "bad"


def test_a_file_of_people_that_cannot_be_read_is_told_with_what_to_do(office: Office) -> None:
    assert "bridge.people" not in told(office, 0)
    people = write_people(office.folder)
    office.set(bridge={"people": str(people)})
    assert told(office, 0)["bridge.people"]["state"] == "ok"
    for content in (b"no database", None):
        people.unlink() if content is None else people.write_bytes(content)
        found = told(office, 0)["bridge.people"]
        assert (found["state"], str(people) in found["sentence"], "whatsapp.db" in found["hint"]) == (
            "warn",
            True,
            True,
        )


def test_another_store_can_be_looked_at_without_any_config(wamon: Run, store: Path, tmp_path: Path) -> None:
    done = wamon("doctor", "--bridge", str(store), "--json", WAMON_STATE_DIR=str(tmp_path / "state"))
    found = {check["name"]: check["state"] for check in json.loads(done.stdout)["checks"]}
    assert (done.returncode, found["config.file"], found["bridge.store"]) == (0, "warn", "ok")


def test_of_very_many_groups_only_those_that_arent_well_are_listed(
    tmp_path: Path, open_office: Callable[..., Office]
) -> None:
    groups = [{"name": f"Group {n}", "jid": f"1203630000000{n:05}@g.us"} for n in range(20)]
    with VeryGoodPlugins(tmp_path / "messages.db", durable=False) as bridge, bridge.batch():
        for n, group in enumerate(groups):
            bridge.post(group["jid"], "Good morning", at=CLOCK.now() - timedelta(days=30 if n == 7 else 0))
    office = open_office(bridge.path, groups=groups)
    office.scan()
    said = office.run("doctor").stdout
    assert "message of Group 7 is 30 d old" in said
    assert "Group 8" not in said


def test_that_nobody_is_told_of_faults_is_a_warning_until_somebody_is(scanned: Office) -> None:
    assert told(scanned, 0)["alerts.channels"]["state"] == "warn"
    channel = {"webhook": {"url": "https://hooks.example.com/hunter2"}}
    scanned.set(alerts={"channels": channel, "heartbeat": "https://monitor.example.com/hunter2"})
    checks = told(scanned, 0)
    assert [checks[f"alerts.{name}"]["state"] for name in ("webhook", "heartbeat")] == ["ok", "ok"]
    said = scanned.run("doctor").stdout
    assert "hooks.example.com; it has sent nothing so far." in " ".join(said.split())
    assert "hunter2" not in said


def test_no_persons_number_is_told(scanned: Office) -> None:
    for words in (("doctor", "--json"), ("status", "--json")):
        said = scanned.run(*words).stdout
        assert LAWLEY in said
        assert TECHNICIAN not in said
        assert "Good morning" not in said


def test_what_cannot_be_looked_at_is_told_with_its_reason_once(office: Office) -> None:
    office.set(database={"url": "postgresql://127.0.0.1:1/nowhere"})
    said = " ".join(office.run("doctor").stdout.split())
    database = said[said.index(" Database ") : said.index(" Files ")]
    assert database.count("So these aren't looked at: The server's version; The database's encoding; The schema") == 1
    assert "not looked at." not in database
    assert told(office, 1)["database.schema"]["state"] == "unknown"


def test_what_to_do_about_many_groups_is_said_once(office: Office) -> None:
    strangers = [{"name": f"Stranger {n}", "jid": f"1203630000000001{n:02}@g.us"} for n in range(12)]
    office.set(groups=strangers)
    said = " ".join(office.run("doctor").stdout.split())
    assert said.count("The bridge's store has no chat Stranger 0") == 1
    assert "Stranger 7, Stranger 8 and 3 more. `wamon doctor --json` names them all." in said
    checks = json.loads(office.run("doctor", "--json").stdout)["checks"]
    lacking = [check for check in checks if check["sentence"].startswith("The bridge's store has no chat")]
    assert len(lacking) == 12
    assert said.count(" ".join(lacking[0]["hint"].split())) == 1
