"""Health looks at real stores and servers in every state, changes nothing, and tells nobody's words."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tests.support.bridges import LAWLEY, MAMELODI, MOHADIN, VELO_TEST, Lharries, VeryGoodPlugins, Wacli
from tests.support.clock import CLOCK, HOST, Standing, first_morning
from tests.support.office import Office
from tests.support.truth import Field
from wamon.app.configured import bridge_of, configured
from wamon.app.look import looked_at
from wamon.bridge.access import access
from wamon.health.baseline import moments
from wamon.health.check import Check
from wamon.health.checks import check_all
from wamon.health.facts import Facts
from wamon.health.lag import lag_of
from wamon.postgres.connection import connected, keyed_transaction
from wamon.postgres.queries import Queries

PHONE = "27820009999"
WORDS = "okapi-quagga-zebra"
MONDAY = first_morning().replace(hour=8) - timedelta(days=first_morning().weekday() + 7)  # 10:00 in Johannesburg
NOBODY = 65534


@pytest.fixture
def field(tmp_path: Path) -> Iterator[Field]:
    with Field(VeryGoodPlugins(tmp_path / "messages.db", durable=False)) as field:
        field.bridge.now = MONDAY - timedelta(days=3)
        yield field


@pytest.fixture
def office(tmp_path: Path, dsn: str, field: Field) -> Office:
    return Office(tmp_path / "office", dsn, field.path)


@pytest.fixture
def any_office(tmp_path: Path, any_dsn: str, field: Field) -> Office:
    """On each server that SQL must run on."""
    return Office(tmp_path / "office", any_dsn, field.path)


def look(office: Office, now: datetime | None = None) -> Facts:
    config = configured(office.config_path, {})
    return looked_at(config, bridge_of(config), Standing(now) if now else office.clock)


def checks(office: Office, now: datetime | None = None) -> dict[tuple[str, str | None], Check]:
    found = check_all(look(office, now))
    by_name = {(check.name, check.group): check for check in found}
    assert len(by_name) == len(found) - sum(check.name == "files.room" for check in found) + 1  # one a disk
    return by_name


def states(office: Office, now: datetime | None = None) -> dict[str, str]:
    """The state of each check that isn't about one group."""
    return {name: check.state for (name, group), check in checks(office, now).items() if group is None}


def post_weeks(field: Field, jid: str, until: datetime, weeks: int = 8) -> None:
    """A message every half hour of the days from Monday to Friday, 8 to 17 in Johannesburg."""
    at = until - timedelta(weeks=weeks)
    with field.bridge.batch():
        while at <= until:
            wall = at + timedelta(hours=2)
            if wall.weekday() < 5 and 8 <= wall.hour < 17:
                field.post(jid, "Good morning team", at=at)
            at += timedelta(minutes=30)


# Freshness


WEEK = {
    -41: "ok",  # Saturday afternoon
    -13: "ok",  # Sunday evening
    -2: "ok",  # Monday, before work
    -1.5: "ok",  # half an hour late
    -1: "warn",
    2: "warn",  # Monday noon
}
"""How a silence since Friday is judged, by the hours from Monday, 10:00."""


@pytest.mark.fault("F83")
def test_a_group_is_late_by_its_own_week(any_office: Office, field: Field) -> None:
    post_weeks(field, LAWLEY, MONDAY - timedelta(days=2))
    any_office.scan()
    for hours, state in WEEK.items():
        check = checks(any_office, MONDAY + timedelta(hours=hours))["bridge.freshness", "Lawley"]
        assert check.state == state
        usual = cast("float", check.numbers["usual_seconds"])
        assert usual == (1_800 if state == "warn" else (63 * 3_600 + 1_800))


def test_one_weeks_outage_doesnt_hide_the_next(office: Office, field: Field) -> None:
    post_weeks(field, LAWLEY, MONDAY - timedelta(days=2))
    outage = (MONDAY - timedelta(days=15), MONDAY - timedelta(days=12))
    office.scan()
    office.query("DELETE FROM wamon.ledger WHERE sent_at BETWEEN %s AND %s", *outage)
    check = checks(office, MONDAY + timedelta(hours=2))["bridge.freshness", "Lawley"]
    assert (check.state, check.numbers["usual_seconds"]) == ("warn", 1_800)


def test_with_little_history_only_the_age_counts(office: Office, field: Field) -> None:
    field.post(LAWLEY, "Good morning team", at=MONDAY)
    office.scan()

    def at(days: int) -> Check:
        return checks(office, MONDAY + timedelta(days=days))["bridge.freshness", "Lawley"]

    assert (at(2).state, at(4).state) == ("ok", "warn")
    assert at(2).numbers["usual_seconds"] is None


def test_a_message_that_isnt_recorded_yet_is_fresh_all_the_same(office: Office, field: Field) -> None:
    post_weeks(field, LAWLEY, MONDAY - timedelta(days=2))
    office.scan()
    field.post(LAWLEY, "DR1752028", at=MONDAY + timedelta(minutes=55))
    found = checks(office, MONDAY + timedelta(hours=1))
    assert found["bridge.freshness", "Lawley"].state == "ok"
    numbers = found["recording.lag", "Lawley"].numbers
    assert (numbers["messages"], numbers["seconds"], numbers["more"]) == (1, 300.0, False)


@pytest.mark.fault("F53")
def test_a_message_from_the_future_neither_hides_a_silence_nor_stays_untold(office: Office, field: Field) -> None:
    field.post(LAWLEY, "Good morning team", at=MONDAY)
    field.post(LAWLEY, "My clock is wrong", at=MONDAY + timedelta(days=30))
    office.scan()
    found = checks(office, MONDAY + timedelta(days=4))
    assert found["bridge.freshness", "Lawley"].state == "warn"
    assert found["clock.messages", None].state == "warn"


@pytest.mark.fault("F83")
def test_when_all_are_silent_and_nothing_is_written_the_bridge_is_bad(office: Office, field: Field) -> None:
    post_weeks(field, LAWLEY, MONDAY - timedelta(days=2), weeks=5)
    office.set(groups=[{"name": "Lawley", "jid": LAWLEY}])
    office.scan()
    noon = MONDAY + timedelta(hours=2)

    def written(ago: timedelta) -> str:
        at = (noon - ago).timestamp()
        os.utime(field.path, (at, at))
        return states(office, noon)["bridge.writing"]

    assert written(timedelta(minutes=10)) == "ok"  # other chats' messages arrive
    assert written(timedelta(days=2)) == "bad"


def test_a_configured_group_that_the_store_lacks_is_told(office: Office, field: Field) -> None:
    field.post(LAWLEY, "Good morning team")
    office.set(groups=[{"name": "Mohadin", "jid": MOHADIN}, {"name": "Typo", "jid": "120363999999999999@g.us"}])
    found = checks(office)
    assert found["bridge.freshness", "Mohadin"].sentence == "No message was found yet of Mohadin."
    assert found["bridge.freshness", "Typo"].sentence == "The bridge's store has no chat Typo."


# Lag


def test_lag_counts_only_what_the_ledger_lacks(any_office: Office, field: Field) -> None:
    for n in range(5):
        field.post(LAWLEY, f"DR100000{n}")
    any_office.scan()
    field.post(MOHADIN, "DR1000009", at=MONDAY)
    field.post("120363000000000009@g.us", "See you on Sunday")
    groups = {group.name: group for group in look(any_office, MONDAY + timedelta(seconds=90)).groups}
    assert asdict(cast("Any", groups["Mohadin"].lag)) == {"messages": 1, "seconds": 90.0, "more": False}
    assert asdict(cast("Any", groups["Lawley"].lag)) == {"messages": 0, "seconds": 0.0, "more": False}
    assert (groups["Lawley"].messages, groups["Mohadin"].messages) == (5, 0)


def test_a_rewound_group_isnt_behind(office: Office, field: Field) -> None:
    field.post(LAWLEY, "DR1000001")
    office.scan()
    assert office.run("state", "rewind", "--group", "Lawley", "--to", "beginning").returncode == 0
    assert checks(office)["recording.lag", "Lawley"].sentence == "Lawley is up to date."


def test_only_so_many_pages_are_counted(office: Office, field: Field) -> None:
    with field.bridge.batch():
        for n in range(1_100):
            field.post(LAWLEY, f"DR1{n:06}")
    with office.opened() as pipeline:
        now = pipeline.clock.now()
        capped = lag_of(pipeline.store, pipeline.source, [LAWLEY], now, most_pages=1)[LAWLEY]
        assert (capped.messages, capped.more) == (1_000, True)
        whole = lag_of(pipeline.store, pipeline.source, [LAWLEY], now)[LAWLEY]
        assert (whole.messages, whole.more) == (1_100, False)


def test_behind_with_nobody_reading_is_bad_in_time(office: Office, field: Field) -> None:
    field.post(LAWLEY, "DR1000001")
    office.scan()
    field.post(LAWLEY, "DR1000002")
    assert checks(office, field.bridge.now + timedelta(days=1))["recording.lag", "Lawley"].state == "ok"
    office.query("UPDATE wamon.cursors SET advanced_at = now() - interval '2 minutes'")
    assert checks(office, field.bridge.now + timedelta(days=1))["recording.lag", "Lawley"].state == "warn"
    office.query("UPDATE wamon.cursors SET advanced_at = now() - interval '1 hour'")
    assert checks(office, field.bridge.now + timedelta(days=1))["recording.lag", "Lawley"].state == "bad"


# Today


def test_today_is_the_messages_own_day_in_the_configured_zone(any_office: Office, field: Field) -> None:
    midnight = MONDAY - timedelta(hours=10)
    field.post(LAWLEY, "DR1000001", at=midnight - timedelta(seconds=1))
    field.post(LAWLEY, "DR1000001 again, and DR1000002", at=midnight)
    field.post(LAWLEY, "DR1000003", at=midnight + timedelta(hours=23, minutes=59), message_id="TAKEN BACK")
    field.post(LAWLEY, "DR1000004", at=midnight + timedelta(days=1))
    field.post(MOHADIN, "DR1000002", at=midnight)
    any_office.scan()
    groups = {group.name: (group.new, group.resubmissions) for group in look(any_office, MONDAY).groups}
    assert groups == {"Lawley": (2, 1), "Mohadin": (1, 0), "Velo Test": (0, 0), "Mamelodi": (0, 0)}
    field.edit("TAKEN BACK", "Sorry")
    any_office.scan()
    assert next(group.new for group in look(any_office, MONDAY).groups if group.name == "Lawley") == 1


# Captions


@pytest.mark.parametrize(("kind", "state"), [(Lharries, "warn"), (VeryGoodPlugins, "ok"), (Wacli, "ok")])
def test_a_bridge_that_keeps_no_captions_is_found_out(
    tmp_path: Path, dsn: str, kind: type[Lharries], state: str
) -> None:
    with kind(tmp_path / "own.db", durable=False) as bridge:
        for n in range(30):
            bridge.post(LAWLEY, f"DR100{n:04}", media="image" if n % 2 else "video")
        check = checks(Office(tmp_path / "own", dsn, bridge.path), bridge.now)["bridge.captions", None]
    assert check.state == state
    assert check.numbers == {"photos": 30, "without_text": 30 if state == "warn" else 0}


# Every state of everything


@pytest.mark.both_servers
def test_where_all_is_well_all_is_well(any_office: Office, field: Field) -> None:
    for jid in (LAWLEY, MOHADIN, VELO_TEST, MAMELODI):
        field.post(jid, "DR1000001", at=HOST.now() - timedelta(minutes=1))
    any_office.clock = HOST  # it is compared with the database's
    any_office.scan()
    with any_office.opened() as pipeline:
        pipeline.source.note_verify(clean=True)
    found = checks(any_office)
    off = {name: check.sentence for name, check in found.items() if check.state != "ok"}
    assert off == {
        ("recording.daemon", None): "No daemon runs.",
        ("bridge.captions", None): found["bridge.captions", None].sentence,
    }


def test_looking_writes_nothing_anywhere(office: Office, field: Field) -> None:
    field.post(LAWLEY, "DR1000001")
    before = {path: path.stat().st_mtime_ns for path in field.path.parent.rglob("*")}
    assert states(office)["recording.daemon"] == "unknown"
    assert {path: path.stat().st_mtime_ns for path in field.path.parent.rglob("*")} == before
    assert office.query("SELECT count(*) FROM wamon.sources") == [0]
    assert [group.joined for group in look(office).groups] == [False] * 4
    office.scan()
    whole = "SELECT s::text, c::text FROM wamon.sources AS s, wamon.cursors AS c"
    standing = (office.query(whole), office.everything(), office.state_path.read_bytes())
    checks(office)
    assert (office.query(whole), office.everything(), office.state_path.read_bytes()) == standing


def test_without_a_database_the_bridge_and_the_files_are_checked_all_the_same(office: Office, field: Field) -> None:
    field.post(LAWLEY, "DR1000001", at=MONDAY)
    office.set(database={"url": "postgresql://nobody@127.0.0.1:1/none"})
    found = checks(office, MONDAY)
    assert found["database.server", None].state == "bad"
    assert "Is the server up" in found["database.server", None].hint
    assert found["bridge.store", None].state == "ok"
    assert found["bridge.freshness", "Lawley"].state == "ok"
    assert found["recording.lag", "Lawley"].state == "unknown"
    assert {found[name, None].state for name in ("recording.sweep", "database.schema", "clock.database")} == {"unknown"}


def test_without_a_database_nobody_knows_whether_a_silence_is_usual(office: Office, field: Field) -> None:
    field.post(LAWLEY, "DR1000001", at=MONDAY)
    os.utime(field.path, (MONDAY.timestamp(), MONDAY.timestamp()))
    office.set(database={"url": "postgresql://nobody@127.0.0.1:1/none"})
    for days in (1, 30):
        found = checks(office, MONDAY + timedelta(days=days))
        assert found["bridge.freshness", "Lawley"].state == "unknown"
        assert found["bridge.freshness", "Lawley"].sentence.endswith("; whether that is usual isn't known now.")
        assert found["bridge.writing", None].state == "unknown"


def test_without_a_store_the_database_is_checked_all_the_same(office: Office, field: Field) -> None:
    field.post(LAWLEY, "DR1000001")
    office.scan()
    field.path.rename(field.path.with_name("elsewhere.db"))
    found = checks(office)
    assert found["bridge.store", None].state == "bad"
    assert "isn't there" in found["bridge.store", None].sentence
    assert found["bridge.freshness", "Lawley"].numbers["newest_at"]
    assert found["recording.sweep", None].state == "ok"
    assert found["recording.lag", "Lawley"].state == "unknown"


@pytest.mark.parametrize("content", [b"", b"no database at all, and long enough to look like something"])
def test_a_store_that_is_none_is_told(office: Office, content: bytes) -> None:
    office.store.write_bytes(content)
    assert states(office)["bridge.store"] == "bad"


def test_a_schema_that_isnt_there_is_unknown_and_nothing_is_recorded(
    tmp_path: Path, empty_dsn: str, field: Field
) -> None:
    office = Office(tmp_path / "office", empty_dsn, field.path)
    found = states(office)
    assert (found["database.server"], found["database.schema"]) == ("ok", "unknown")
    assert office.query("SELECT to_regclass('wamon.migrations') IS NULL") == [True]


def test_a_newer_schema_is_bad_and_an_older_one_a_warning(tmp_path: Path, dsn: str, field: Field) -> None:
    office = Office(tmp_path / "office", dsn, field.path)
    office.scan()
    office.query("DELETE FROM wamon.migrations WHERE version > 1")
    office.query("DROP TABLE wamon.leases")
    found = checks(office)
    assert found["database.schema", None].state == "warn"
    assert "older than this wamon" in found["recording.daemon", None].sentence
    office.query("INSERT INTO wamon.migrations (version, name, oldest_writer) VALUES (99, 'future', 99)")
    found = checks(office)
    assert found["database.schema", None].state == "bad"
    assert "newer wamon" in found["recording.daemon", None].sentence


def test_a_database_in_another_encoding_is_bad(tmp_path: Path, dsn: str, field: Field) -> None:
    with psycopg.connect(dsn, autocommit=True) as db:
        db.execute("CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'")
    try:
        office = Office(tmp_path / "office", make_conninfo(dsn, dbname="latin"), field.path)
        assert states(office)["database.encoding"] == "bad"
    finally:
        with psycopg.connect(dsn, autocommit=True) as db:
            db.execute("DROP DATABASE latin")


@pytest.mark.fault("F15")
def test_a_read_only_database_is_bad_and_is_read_all_the_same(tmp_path: Path, dsn: str, field: Field) -> None:
    office = Office(tmp_path / "office", dsn, field.path)
    field.post(LAWLEY, "DR1000001")
    office.scan()
    office.query(
        f"ALTER DATABASE {psycopg.conninfo.conninfo_to_dict(dsn)['dbname']} SET default_transaction_read_only = on"
    )
    found = checks(office)
    assert found["database.server", None].state == "bad"
    assert found["recording.lag", "Lawley"].sentence == "Lawley is up to date."


def test_dead_letters_and_retries_are_counted(any_office: Office, field: Field) -> None:
    for n in range(3):
        field.post(LAWLEY, f"DR100000{n}")
    any_office.scan()
    any_office.query("UPDATE wamon.ledger_rows SET status = 'dead' WHERE text LIKE '%%0'")
    any_office.query("UPDATE wamon.ledger_rows SET status = 'retry' WHERE text LIKE '%%1'")
    assert checks(any_office)["recording.dead", None].numbers == {"dead": 1, "retry": 1}


def test_an_embedded_server_that_was_never_made_isnt_made_to_be_looked_at(office: Office, field: Field) -> None:
    office.set(database={"url": ""})
    found = states(office)
    assert (found["database.server"], found["recording.daemon"]) == ("unknown", "unknown")
    assert not office.state_path.parent.exists()


# The state file


def test_the_state_file_is_compared_with_postgresql(office: Office, field: Field) -> None:
    field.post(LAWLEY, "DR1000001")
    office.scan()
    office.query("UPDATE wamon.cursors SET advanced_at = now() - interval '1 minute'")
    document = json.loads(office.state_path.read_text("utf-8"))

    def write(**changed: object) -> str:
        office.state_path.write_text(json.dumps({**document, **changed}))
        return states(office)["files.state"]

    assert write() == "ok"
    assert write(sources={}) == "warn"
    assert write(instance_id="another") == "warn"
    office.state_path.write_text("{torn")
    assert states(office)["files.state"] == "warn"
    assert office.state_path.read_text() == "{torn"
    office.state_path.write_text(json.dumps({LAWLEY: "AN ID"}))
    assert states(office)["files.state"] == "ok"
    office.state_path.unlink()
    assert states(office)["files.state"] == "warn"


def test_a_state_file_for_all_to_read_is_told(office: Office) -> None:
    office.scan()
    assert states(office)["files.state"] == "ok"
    office.state_path.chmod(0o644)
    assert states(office)["files.state"] == "warn"


def test_state_files_that_were_set_aside_are_told(office: Office) -> None:
    office.scan()
    (office.state_path.parent / f"state.json.bad-{CLOCK.now():%Y%m%dT%H%M%SZ}").write_text("{torn")
    check = checks(office)["files.set_aside", None]
    assert (check.state, check.numbers) == ("warn", {"files": 1})


# Rights


@pytest.fixture
def bridges_folder(reachable: Path) -> Iterator[Path]:
    folder = reachable / "bridge"
    folder.mkdir(mode=0o755)
    yield folder
    shutil.rmtree(folder)


@contextmanager
def as_nobody() -> Iterator[None]:
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def rights(path: Path) -> tuple[bool, bool, bool]:
    """Whether the read of another user endangers the bridge, has done so, and what the store says of itself."""
    with as_nobody():
        found = access(path)
    return found.endangers_the_bridge, found.has_ours, found.is_wal is True


@pytest.mark.fault("F33")
def test_another_user_who_may_write_beside_a_store_in_wal_mode_is_a_danger(bridges_folder: Path) -> None:
    with Wacli(bridges_folder / "wacli.db", durable=False) as bridge:
        bridge.post(LAWLEY, "DR1000001")
        assert rights(bridge.path) == (False, False, False)
        bridges_folder.chmod(0o777)
        assert rights(bridge.path) == (True, False, True)
        assert not access(bridge.path).endangers_the_bridge
    Path(f"{bridge.path}-shm").touch()
    os.chown(f"{bridge.path}-shm", NOBODY, NOBODY)
    assert rights(bridge.path) == (True, True, True)


def test_another_user_beside_a_rollback_journal_is_none(bridges_folder: Path) -> None:
    bridges_folder.chmod(0o777)
    with VeryGoodPlugins(bridges_folder / "messages.db", durable=False) as bridge:
        assert rights(bridge.path) == (False, False, False)


def test_a_store_that_our_look_would_lock_isnt_opened(bridges_folder: Path, tmp_path: Path, dsn: str) -> None:
    with Wacli(bridges_folder / "wacli.db", durable=False) as bridge:
        bridge.post(LAWLEY, "DR1000001")
    bridges_folder.chmod(0o777)
    bridge.path.chmod(0o644)
    office = Office(tmp_path / "office", dsn, bridge.path)
    config = configured(office.config_path, {})
    with as_nobody():
        facts = looked_at(config, bridge_of(config), CLOCK)
    assert {path.name for path in bridges_folder.iterdir()} == {"wacli.db"}
    found = {check.name: check for check in check_all(facts)}
    assert (found["bridge.rights"].state, found["bridge.store"].state) == ("bad", "unknown")


# What a look costs, and what it tells


HISTORY = """
    INSERT INTO wamon.ledger_rows (chat, content_hash, sent_at, rules, message_id, status, sender)
    SELECT 1 + n %% 4, n, now() - n * interval '90 seconds', 1, md5(n::text), 'ignored', 'x'
    FROM generate_series(1, 40000) AS n
"""


@pytest.mark.parametrize("analysed", [True, False])
@pytest.mark.both_servers
def test_every_question_about_history_goes_by_index(any_dsn: str, analysed: bool) -> None:
    now = CLOCK.now()
    asked = moments(now, configured(None, {"HOME": "/tmp"}).timezone)
    values = {
        "chats": [1, 2, 3, 4],
        "now": now,
        "weeks": [week for week, _ in asked],
        "moments": [moment for _, moment in asked],
        "message_ids": ["a", "b", "c", "d"],
    }
    with connected(any_dsn) as db:
        db.execute("INSERT INTO wamon.sources (source) VALUES ('main')")
        db.execute(cast("Any", HISTORY), {})
        if analysed:
            db.execute("ANALYZE")
        for name in ("silences", "newest", "unfinished", "recorded"):
            with keyed_transaction(db):
                plan = "\n".join(
                    row[0] for row in db.execute("EXPLAIN " + Queries("wamon.health", "ledger_facts").sql(name), values)
                )
            assert "Seq Scan" not in plan, plan
            assert ("heard_pkey" in plan) == (name in {"silences", "newest"})


def test_no_result_holds_a_sender_or_a_text(office: Office, field: Field) -> None:
    """In any state that quotes what went wrong."""
    for jid in (LAWLEY, MOHADIN):
        field.post(jid, f"DR1752028 {WORDS}", sender=PHONE, message_id=f"{jid[:9]}")
        field.post(jid, WORDS, sender=PHONE, media="image")
    told = [look_and_tell(office)]
    office.scan()
    office.query("UPDATE wamon.ledger_rows SET status = 'dead', reason = 'poison' WHERE status = 'done'")
    told.append(look_and_tell(office))
    office.state_path.write_text(f'{{"{WORDS}": {PHONE}')
    told.append(look_and_tell(office))
    with field.bridge.locked():
        told.append(look_and_tell(office))
    office.query("ALTER TABLE wamon.groups RENAME COLUMN jid TO jjid")
    told.append(look_and_tell(office))
    office.query("ALTER TABLE wamon.groups RENAME COLUMN jjid TO jid")
    assert "UndefinedColumn" in told[-1]
    for one in told:
        assert PHONE not in one
        assert WORDS not in one


def look_and_tell(office: Office) -> str:
    return json.dumps([asdict(check) for check in checks(office).values()], default=str)


def test_a_daemon_asks_with_what_it_holds(office: Office, field: Field) -> None:
    """A pipeline's own connection and store do, and its transactions aren't disturbed."""
    from wamon.health.checks import check_all
    from wamon.health.facts import Subject, collect

    field.post(LAWLEY, "DR1000001")
    office.scan()
    with office.opened() as pipeline:
        subject = Subject(configured(office.config_path, {}), pipeline.store, pipeline.source.name, pipeline.clock)
        found = check_all(collect(subject, pipeline.source.db))
        pipeline.reload()
    assert next(check for check in found if check.name == "recording.sweep").state == "ok"
