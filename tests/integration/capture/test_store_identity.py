"""A second store under a source's name is refused; one that is known to be the same is not, wherever it stands."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.bridges import LAWLEY, VeryGoodPlugins
from tests.support.office import Office, eventually
from tests.support.truth import Field
from wamon.errors import ConfigError

Open = Callable[..., Office]
NUMBERS = range(1750000, 1750012)


@pytest.fixture
def field(tmp_path: Path) -> Iterator[Field]:
    with Field(VeryGoodPlugins(folder(tmp_path, "one") / "messages.db", durable=False), watched=False) as field:
        for n in NUMBERS:
            field.post(LAWLEY, f"DR{n}", message_id=f"ONE{n}")
        yield field


@pytest.fixture
def office(field: Field, open_office: Open) -> Office:
    office = open_office(field.path)
    office.scan()
    return office


def folder(tmp_path: Path, name: str) -> Path:
    path = tmp_path / name
    path.mkdir(exist_ok=True)
    return path


def other_store(path: Path, *ids: str) -> Path:
    """Another bridge's store, as long as the first one's, with these of its messages among its own."""
    with VeryGoodPlugins(path, durable=False) as bridge:
        for n in NUMBERS:
            bridge.post(LAWLEY, f"DR{n + 1000}", message_id=f"TWO{n}")
        for message_id in ids:
            bridge.post(LAWLEY, f"DR{message_id[3:]}", message_id=message_id)
    return path


def at(office: Office, path: Path) -> None:
    office.set(bridge={"path": str(path)})
    office.store = path


def remembered(office: Office) -> Path:
    ((path, host),) = office.query("SELECT store_path, store_host FROM wamon.sources WHERE source = 'main'")
    assert host
    return Path(path)


def counted(office: Office) -> list[int]:
    return office.query("SELECT count(*) FROM wamon.ledger WHERE gone_at IS NULL")


# Another's store


@pytest.mark.fault("F92")
@pytest.mark.parametrize("command", ["scan", "run", "verify", "gaps"])
def test_a_second_store_under_one_name_is_refused_with_both_paths(
    office: Office, field: Field, tmp_path: Path, command: str
) -> None:
    second = Office(tmp_path / "second", office.dsn, other_store(tmp_path / "messages.db"))
    done = second.run(command)
    assert (done.returncode, done.stdout) == (78, "")
    for part in ("another store", str(field.path), str(second.store), "bridge.name", "adopt-store"):
        assert part in " ".join(done.stderr.split())
    office.scan()
    assert office.query("SELECT count(*) FROM wamon.rewinds") == [0]
    assert counted(office) == [len(NUMBERS)]
    second.set(bridge={"name": "second"})
    second.scan()
    assert office.verify().clean


@pytest.mark.fault("F92")
def test_a_second_store_is_refused_also_beside_a_daemon_on_the_first(office: Office, tmp_path: Path) -> None:
    second = Office(tmp_path / "second", office.dsn, other_store(tmp_path / "messages.db"))
    with office.running() as daemon:
        eventually("it works", lambda: office.query("SELECT count(*) FROM wamon.leases") == [1], said=daemon.said)
        for words in (("run",), ("run", "--standby"), ("scan",)):
            done = second.run(*words)
            assert (done.returncode, "belongs to another store" in done.stderr) == (78, True)


@pytest.mark.fault("F92")
def test_doctor_tells_a_second_store_and_writes_nothing(office: Office, field: Field, tmp_path: Path) -> None:
    second = Office(tmp_path / "second", office.dsn, other_store(tmp_path / "messages.db"))
    done = second.run("doctor", "--json")
    assert "belongs to another store" in done.stdout
    assert remembered(office) == field.path


@pytest.mark.fault("F92")
def test_a_second_store_of_the_same_group_is_refused_too(office: Office, tmp_path: Path) -> None:
    """Two phones in one group: their bridges store the same messages, each in its own rows."""
    ids = [f"ONE{n}" for n in NUMBERS]
    at(office, other_store(tmp_path / "messages.db", *ids))
    with pytest.raises(ConfigError, match="belongs to another store"):
        office.scan()


@pytest.mark.fault("F92")
def test_of_two_stores_that_began_as_one_the_one_that_was_read_last_is_the_sources(
    office: Office, field: Field, tmp_path: Path
) -> None:
    copy = Path(shutil.copy(field.path, tmp_path / "messages.db"))
    field.post(LAWLEY, "DR1760000")
    office.scan()
    with VeryGoodPlugins(copy, durable=False) as bridge:
        bridge.post(LAWLEY, "DR1770000", message_id="ITS OWN")
    at(office, copy)
    with pytest.raises(ConfigError, match="belongs to another store"):
        office.scan()


def test_a_person_can_say_that_it_is_the_same(office: Office, field: Field, tmp_path: Path) -> None:
    new = other_store(tmp_path / "messages.db")
    at(office, new)
    answer = office.answer("state", "adopt-store")
    assert (answer["source"], answer["former_path"], answer["path"]) == ("main", str(field.path), str(new))
    office.scan()
    assert ("Lawley", f"DR{NUMBERS[0] + 1000}") in office.drops()
    assert ("Lawley", f"DR{NUMBERS[0]}") in office.drops()
    at(office, field.path)
    with pytest.raises(ConfigError):
        office.scan()


def test_a_store_that_isnt_there_is_not_adopted(office: Office, field: Field, tmp_path: Path) -> None:
    at(office, tmp_path / "away.db")
    assert office.run("state", "adopt-store").returncode == 69
    assert remembered(office) == field.path


# The same store


def _moved(path: Path, to: Path) -> Path:
    return Path(shutil.move(path, to))


def _copied(path: Path, to: Path) -> Path:
    return Path(shutil.copy(path, to))


def _linked(path: Path, to: Path) -> Path:
    to.symlink_to(path)
    return to


def _reloaded(path: Path, to: Path) -> Path:
    """As `.dump` into a new file does: every row has another number."""
    with closing(sqlite3.connect(path)) as old, closing(sqlite3.connect(to)) as new, new:
        new.executescript("\n".join(old.iterdump()))
        new.execute("UPDATE messages SET rowid = rowid + 5000")
    path.unlink()
    return to


def _restored_elsewhere(path: Path, to: Path) -> Path:
    """An older copy: it lacks the newest rows."""
    shutil.move(path, to)
    with closing(sqlite3.connect(to)) as db, db:
        db.execute("DELETE FROM messages WHERE rowid > 7")
    return to


def _paired_anew_elsewhere(path: Path, to: Path) -> Path:
    path.unlink()
    return other_store(to, f"ONE{NUMBERS[-1]}")


ELSEWHERE = [_moved, _copied, _linked, _reloaded, _restored_elsewhere, _paired_anew_elsewhere]


@pytest.mark.fault("F36", "F37", "F38")
@pytest.mark.parametrize("happens", ELSEWHERE, ids=lambda happens: happens.__name__.strip("_"))
def test_what_is_known_to_be_the_same_store_goes_on_at_another_place(
    office: Office, field: Field, tmp_path: Path, happens: Callable[[Path, Path], Path]
) -> None:
    field.bridge.close()
    at(office, happens(field.path, tmp_path / "messages.db"))
    with VeryGoodPlugins(office.store, durable=False) as bridge:
        bridge.post(LAWLEY, "DR1790000", message_id="NEW")
    office.scan()
    assert ("Lawley", "DR1790000") in office.drops()
    assert {("Lawley", f"DR{n}") for n in NUMBERS} < office.drops()
    assert office.verify().clean


def _paired_anew(path: Path) -> None:
    path.unlink()
    other_store(path)


def _emptied(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("DELETE FROM messages")


def _vacuumed(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("VACUUM")


@pytest.mark.fault("F36", "F39")
@pytest.mark.parametrize(
    "happens", [_paired_anew, _emptied, _vacuumed], ids=lambda happens: happens.__name__.strip("_")
)
def test_at_its_own_place_any_content_is_the_sources(
    office: Office, field: Field, happens: Callable[[Path], None]
) -> None:
    field.bridge.close()
    happens(field.path)
    with VeryGoodPlugins(field.path, durable=False) as bridge:
        bridge.post(LAWLEY, "DR1790000", message_id="NEW")
    office.scan()
    assert ("Lawley", "DR1790000") in office.drops()


def test_another_name_of_the_host_is_no_other_store(office: Office, field: Field) -> None:
    office.query("UPDATE wamon.sources SET store_host = 'elsewhere'")
    field.post(LAWLEY, "DR1790000")
    office.scan()
    assert ("Lawley", "DR1790000") in office.drops()
    assert office.query("SELECT count(*) FROM wamon.sources WHERE store_host = 'elsewhere'") == [0]


@pytest.mark.fault("F92")
def test_the_same_path_on_another_host_is_another_store(office: Office, field: Field) -> None:
    field.bridge.close()
    _paired_anew(field.path)
    office.query("UPDATE wamon.sources SET store_host = 'elsewhere'")
    with pytest.raises(ConfigError, match=f"{field.path} on elsewhere"):
        office.scan()


@pytest.mark.fault("F92")
def test_where_a_daemon_works_on_another_host_known_messages_alone_dont_make_it_the_same(
    office: Office, field: Field
) -> None:
    field.bridge.close()
    field.path.unlink()
    other_store(field.path, *(f"ONE{n}" for n in NUMBERS))
    office.query("UPDATE wamon.sources SET store_host = 'elsewhere'")
    office.query(
        "INSERT INTO wamon.leases (source, holder, host, boot, pid, process_started, expires_at)"
        " VALUES ('main', gen_random_uuid(), 'elsewhere', 'x', 1, 1, now() + interval '1 minute')"
    )
    with pytest.raises(ConfigError, match="belongs to another store"):
        office.scan()
    office.query("DELETE FROM wamon.leases")
    office.scan()


def test_a_wrong_path_from_which_nothing_was_read_binds_nobody(open_office: Open, field: Field, tmp_path: Path) -> None:
    empty = tmp_path / "messages.db"
    VeryGoodPlugins(empty, durable=False).close()
    office = open_office(empty)
    office.scan()
    at(office, field.path)
    office.scan()
    assert len(office.drops()) == len(NUMBERS)
    assert remembered(office) == field.path
