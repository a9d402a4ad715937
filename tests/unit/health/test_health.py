"""What the checks make of what was looked at: also of states into which a host is hardly brought."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar, cast
from zoneinfo import ZoneInfo

import pytest

from tests.support.clock import Standing
from wamon.bridge.access import Access
from wamon.config import load as configs
from wamon.errors import BridgeUnavailable, ConfigError
from wamon.health import baseline, bridge, database, files, recording
from wamon.health.check import TITLES, Absent, Check, State, summary, unknown, worst
from wamon.health.config import broken, readable
from wamon.health.facts import NEVER_RECORDED, Facts, GroupFacts, StoreFacts, Subject
from wamon.health.lag import Lag
from wamon.health.ledger_facts import LeaseHolder, LedgerFacts, Server, SourceHistory
from wamon.host.process import Process
from wamon.model import MAIN, Anchor, Place
from wamon.words import amount, size, span

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)  # a Monday
HOUR, DAY = 3_600.0, 86_400.0
OURS = Access(is_owner=True, may_write_folder=True, has_log=False, has_ours=False, is_wal=None)
LAWLEY = GroupFacts("1@g.us", "Lawley", joined=True, messages=5, newest_at=NOW - timedelta(minutes=5), lag=Lag())
SERVER = Server(180001, "UTF8", read_only=False, now=NOW, schema=3, oldest_writer=1, known_schema=3)
PAST = SourceHistory("an id", None, NOW - timedelta(hours=2), NOW - timedelta(days=1), last_verify_clean=True)
GONE = Process("elsewhere", "another boot", 12, 34)


class Position:
    """As much of a source's position as checks look at."""

    seq = 7
    tails: ClassVar = {MAIN: Place((Anchor(48, "9f"),))}


VITALS = LedgerFacts(cast("Any", Position()), PAST, None, {MAIN: 60.0}, {}, {})
Made = Callable[..., Facts]


@pytest.fixture
def made(tmp_path: Path) -> Made:
    """Facts of a host where all is well, but for what the test says."""
    config = configs.defaults({"HOME": str(tmp_path), "WAMON_STATE_DIR": str(tmp_path / "state")})
    store = StoreFacts("whatsapp-mcp", 48, NOW - timedelta(minutes=1), frozenset({"1@g.us"}))
    facts = Facts(Subject(config, None, "main", Standing(NOW)), NOW, OURS, store, SERVER, 0.1, VITALS, [LAWLEY])

    def changed(**what: object) -> Facts:
        return replace(facts, **cast("Any", what))

    return changed


def silent_for(seconds: float, usual_seconds: float | None = None, **more: Any) -> GroupFacts:
    newest = NOW - timedelta(seconds=seconds)
    return replace(LAWLEY, newest_at=newest, usual_seconds=usual_seconds, **more)


# Words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "0 s"),
        (0, "0 s"),
        (119, "119 s"),
        (120, "2 min"),
        (2 * HOUR - 1, "119 min"),
        (7 * HOUR, "7 h"),
        (2 * DAY, "2 d"),
    ],
)
def test_a_duration_is_told_in_the_largest_unit_that_it_fills_twice(seconds: float, words: str) -> None:
    assert span(seconds) == words


def test_amounts_and_sizes_read_well() -> None:
    assert (amount(1, "message"), amount(2000, "message")) == ("1 message", "2,000 messages")
    assert (size(3 * 1024**3), size(150 * 1024**2)) == ("3.0 GiB", "150 MiB")


# Rhythm


def test_the_same_hour_of_former_weeks_is_that_of_the_wall_clock() -> None:
    """Berlin's clocks went back on 2026-10-25."""
    berlin = ZoneInfo("Europe/Berlin")
    asked = baseline.moments(NOW, berlin)
    assert len(asked) == 3 * baseline.WEEKS
    assert {moment.astimezone(berlin).hour for _, moment in asked} == {8, 9, 10}
    assert {moment.astimezone(berlin).weekday() for _, moment in asked} == {0}
    assert (5, datetime(2026, 10, 19, 7, 0, tzinfo=UTC)) in asked


@pytest.mark.parametrize(
    ("silences", "usual"),
    [
        ([], None),
        ([60.0, 60.0], None),
        ([60.0, 300.0, 120.0], 300.0),
        ([60.0, 300.0, 120.0, 200.0], 300.0),
        ([60.0, 4 * DAY, 120.0, 200.0, 90.0], 200.0),
    ],
)
def test_one_outage_among_enough_weeks_isnt_usual(silences: list[float], usual: float | None) -> None:
    assert baseline.usual(silences) == usual


def test_usual_is_the_median_of_the_weeks_since_the_first_new_drop() -> None:
    assert baseline.usual_curve([[4], [2], [9], [0], [0], [0]]) == [4]
    assert baseline.usual_curve([[0], [0], [3], [0], [0], [0]]) == [0]
    assert baseline.usual_curve([[0]] * 6) is None
    assert baseline.usual_curve([[1, 2], [3, 0]]) == [2, 3]


@pytest.mark.parametrize(("place", "usual"), [(0.0, 0), (0.5, 1), (1.0, 2), (20.25, 5), (47.5, 30), (48, 46)])
def test_within_a_half_hour_its_share_is_usual(place: float, usual: float) -> None:
    assert baseline.usual_by([2.0] * 20 + [14.0] * 27 + [46.0], place) == usual


@pytest.mark.parametrize(
    ("seconds", "usual_seconds", "state"),
    [
        (59 * 60, 60, "ok"),  # never within an hour
        (2 * HOUR, 60, "warn"),
        (2 * HOUR, 2 * HOUR, "ok"),
        (40 * HOUR, 63 * HOUR, "ok"),  # a week-end
        (100 * HOUR, 63 * HOUR, "warn"),
        (2 * DAY, None, "ok"),
        (4 * DAY, None, "warn"),
    ],
)
def test_a_group_is_silent_by_its_own_rhythm(
    made: Made, seconds: float, usual_seconds: float | None, state: str
) -> None:
    check = bridge.freshness(made(), silent_for(seconds, usual_seconds))
    assert check.state == state
    assert (check.group, check.numbers["age_seconds"]) == ("Lawley", seconds)
    assert bool(check.hint) == (state == "warn")


def test_a_group_without_messages_is_told_by_what_the_store_knows(made: Made) -> None:
    never = replace(LAWLEY, newest_at=None)
    assert bridge.freshness(made(), never).sentence == "No message was found yet of Lawley."
    stranger = replace(never, jid="2@g.us", name="Mohadin")
    assert bridge.freshness(made(), stranger).sentence == "The bridge's store has no chat Mohadin."
    away = made(store=Absent("It is away."))
    assert bridge.freshness(away, replace(never, joined=None)).state == "unknown"


# The bridge


def test_it_is_bad_when_every_group_is_silent_and_the_store_isnt_written(made: Made) -> None:
    silent, fresh = silent_for(5 * HOUR, 600), replace(LAWLEY, jid="2@g.us")
    store = StoreFacts("gowa", 48, NOW - timedelta(hours=5), frozenset())
    assert bridge.writing(made(groups=[silent, silent], store=store)).state == "bad"
    assert bridge.writing(made(groups=[silent, fresh], store=store)).state == "ok"
    assert bridge.writing(made(groups=[silent, silent])).state == "ok"  # other chats still arrive
    assert bridge.writing(made(groups=[], store=store)).state == "ok"
    assert bridge.writing(made(store=Absent("It is away."))).state == "unknown"


@pytest.mark.parametrize(
    ("photos", "without_text", "state"),
    [(0, 0, "unknown"), (19, 19, "ok"), (20, 20, "warn"), (100, 97, "ok"), (100, 98, "warn")],
)
def test_a_bridge_that_drops_captions_is_told_with_what_to_do(
    made: Made, photos: int, without_text: int, state: str
) -> None:
    store = StoreFacts("whatsapp-mcp", 48, NOW, frozenset(), photos=photos, photos_without_text=without_text)
    check = bridge.captions(made(store=store))
    assert check.state == state
    assert ("Update the bridge" in check.hint) == (state == "warn")


def test_a_message_from_the_future_is_told(made: Made) -> None:
    def ahead(seconds: float) -> State:
        return bridge.messages_clock(made(store=StoreFacts("gowa", 1, NOW, frozenset(), ahead_seconds=seconds))).state

    assert (ahead(0), ahead(119), ahead(500)) == ("ok", "ok", "warn")


@pytest.mark.parametrize(
    ("access", "state"),
    [
        (OURS, "ok"),
        (Access(is_owner=False, may_write_folder=False, has_log=True, has_ours=False, is_wal=None), "ok"),
        (Access(is_owner=False, may_write_folder=True, has_log=False, has_ours=False, is_wal=False), "ok"),
        (Access(is_owner=False, may_write_folder=True, has_log=True, has_ours=False, is_wal=True), "bad"),
        (Access(is_owner=False, may_write_folder=True, has_log=True, has_ours=True, is_wal=True), "bad"),
        (Absent("It can't be seen."), "unknown"),
    ],
)
def test_rights_with_which_a_read_of_ours_locks_the_bridge_out_are_bad(
    made: Made, access: Access | Absent, state: str
) -> None:
    assert bridge.rights(made(access=access)).state == state


def test_a_store_that_cant_be_read_is_bad_in_the_errors_own_words(made: Made) -> None:
    away = Absent.because(BridgeUnavailable("The bridge's store x isn't there.", hint="Has the bridge run?"))
    check = bridge.store(made(store=away))
    assert (check.state, check.sentence) == ("bad", "The bridge's store x isn't there.")
    assert check.hint == "Has the bridge run?"


# Recording


@pytest.mark.parametrize(
    ("lag", "moved_seconds", "state"),
    [
        (Lag(), 9 * DAY, "ok"),
        (Lag(3, 2.0), 9 * DAY, "ok"),  # it has just arrived
        (Lag(3, 9 * DAY), 1.0, "ok"),  # history that is being read
        (Lag(3, 90.0), 90.0, "warn"),
        (Lag(3, DAY), DAY, "bad"),
        (Lag(more=True), DAY, "ok"),  # it was rewound
        (None, DAY, "unknown"),
    ],
)
def test_a_group_is_behind_when_messages_wait_and_its_cursor_stands(
    lag: Lag | None, moved_seconds: float, state: str
) -> None:
    assert recording.lag(replace(LAWLEY, lag=lag, moved_seconds=moved_seconds)).state == state


def test_a_group_that_nobody_has_read_yet_says_how_to() -> None:
    check = recording.lag(replace(LAWLEY, joined=False, lag=None))
    assert (check.state, "wamon scan" in check.hint) == ("warn", True)


def test_more_messages_than_were_counted_are_at_least_so_many() -> None:
    check = recording.lag(replace(LAWLEY, lag=Lag(20_000, DAY, more=True), moved_seconds=DAY))
    assert "behind by at least 20,000 messages" in check.sentence


def test_no_daemon_is_a_warning_and_one_that_died_or_is_stuck_is_bad(made: Made) -> None:
    here = LeaseHolder(Process.this(), NOW - timedelta(hours=3), NOW, expired=False)
    assert recording.daemon(made()).state == "warn"
    works = recording.daemon(made(ledger_facts=replace(VITALS, holder=here)))
    assert (works.state, works.numbers["pid"], works.numbers["running"]) == ("ok", os.getpid(), True)
    stuck = recording.daemon(made(ledger_facts=replace(VITALS, holder=here._replace(expired=True))))
    assert (stuck.state, stuck.numbers["running"], "runs, but" in stuck.sentence) == ("bad", True, True)
    died = recording.daemon(
        made(ledger_facts=replace(VITALS, holder=here._replace(process=replace(here.process, process_started=1))))
    )
    assert (died.state, died.numbers["running"], "gone without" in died.sentence) == ("bad", False, True)
    elsewhere = here._replace(process=GONE)  # which nobody here can see: its lease tells
    assert recording.daemon(made(ledger_facts=replace(VITALS, holder=elsewhere))).state == "ok"
    silent = recording.daemon(made(ledger_facts=replace(VITALS, holder=elsewhere._replace(expired=True))))
    assert (silent.state, silent.numbers["running"]) == ("bad", False)


@pytest.mark.parametrize(
    ("past", "sweep", "verify"),
    [
        (PAST, "ok", "ok"),
        (PAST._replace(last_sweep_at=None, last_verify_at=None), "unknown", "unknown"),
        (PAST._replace(last_sweep_at=NOW - timedelta(hours=13)), "warn", "ok"),
        (PAST._replace(sweep_due="the store was replaced"), "ok", "ok"),
        (PAST._replace(last_verify_clean=False), "ok", "bad"),
        (PAST._replace(last_verify_at=NOW - timedelta(days=40)), "ok", "warn"),
    ],
)
def test_the_last_sweep_and_verify_are_judged_by_age_and_result(
    made: Made, past: SourceHistory, sweep: str, verify: str
) -> None:
    facts = made(ledger_facts=replace(VITALS, past=past))
    assert (recording.sweep(facts).state, recording.verify(facts).state) == (sweep, verify)


@pytest.mark.parametrize(("url", "is_told"), [(None, False), ("postgresql://db.example.com/wamon", True)])
def test_on_a_server_of_others_it_says_how_names_are_found_there(made: Made, url: str | None, *, is_told: bool) -> None:
    facts = made(server=SERVER)
    database_ = facts.subject.config.database.model_copy(update={"url": url})
    config = facts.subject.config.model_copy(update={"database": database_})
    facts = replace(facts, subject=replace(facts.subject, config=config))
    assert ("SET search_path = public, wamon;" in database.schema(facts).sentence) is is_told


def test_dead_letters_are_a_warning_and_retries_are_not(made: Made) -> None:
    assert recording.dead_letters(made(ledger_facts=replace(VITALS, dead={1: 2}, retry={1: 1}))).numbers == {
        "dead": 2,
        "retry": 1,
    }
    assert recording.dead_letters(made(ledger_facts=replace(VITALS, dead={1: 2}))).state == "warn"
    assert recording.dead_letters(made(ledger_facts=replace(VITALS, retry={1: 1}))).state == "ok"


# PostgreSQL


@pytest.mark.parametrize(("number", "state"), [(140012, "bad"), (150000, "ok"), (180003, "ok"), (190000, "warn")])
def test_versions_15_to_18_are_what_wamon_is_tested_with(made: Made, number: int, state: str) -> None:
    assert database.version(made(server=SERVER._replace(version=number))).state == state


@pytest.mark.parametrize(
    ("schema", "oldest_writer", "state"), [(0, 0, "unknown"), (2, 1, "warn"), (3, 1, "ok"), (4, 3, "ok"), (4, 4, "bad")]
)
def test_a_schema_is_told_older_newer_or_too_new(made: Made, schema: int, oldest_writer: int, state: str) -> None:
    assert database.schema(made(server=SERVER._replace(schema=schema, oldest_writer=oldest_writer))).state == state


def test_a_database_that_holds_not_every_text_is_bad(made: Made) -> None:
    assert database.encoding(made()).state == "ok"
    assert database.encoding(made(server=SERVER._replace(encoding="LATIN1"))).state == "bad"


def test_a_server_that_cant_be_written_is_bad(made: Made) -> None:
    assert database.reachable(made()).state == "ok"
    assert database.reachable(made(server=SERVER._replace(read_only=True))).state == "bad"


@pytest.mark.parametrize(("ahead_seconds", "state"), [(-4.0, "ok"), (20.0, "warn"), (-900.0, "bad"), (None, "unknown")])
def test_clocks_that_differ_are_told(made: Made, ahead_seconds: float | None, state: str) -> None:
    check = database.clock(made(host_ahead_seconds=ahead_seconds))
    assert check.state == state
    assert ("behind" in check.sentence) == (state == "bad")


# Files


@pytest.mark.parametrize(
    ("free_mib", "free_files", "state"),
    [(2_000, 10_000, "ok"), (600, 10_000, "warn"), (100, 10_000, "bad"), (2_000, 10, "bad")],
)
def test_a_disk_that_fills_up_is_told_in_time(
    made: Made, monkeypatch: pytest.MonkeyPatch, free_mib: int, free_files: int, state: str
) -> None:
    # bsize, frsize, blocks, bfree, bavail, files, ffree, favail, flag, namemax
    full = os.statvfs_result((4096, 4096, 10**9, 0, free_mib * 256, 10**6, 0, free_files, 0, 255))
    monkeypatch.setattr(os, "statvfs", lambda _: full)
    check = next(files.room(made()))
    assert (check.state, check.numbers["free_bytes"]) == (state, free_mib * 1024**2)


def test_a_disk_without_a_count_of_files_isnt_short_of_them(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    btrfs = os.statvfs_result((4096, 4096, 10**9, 0, 10**9, 0, 0, 0, 0, 255))
    monkeypatch.setattr(os, "statvfs", lambda _: btrfs)
    assert {check.state for check in files.room(made())} == {"ok"}


def test_the_state_directory_is_nobody_elses_to_write(made: Made) -> None:
    folder = made().subject.config.state.dir
    assert files.folder(made()).state == "unknown"
    folder.mkdir(mode=0o700)
    assert files.folder(made()).state == "ok"
    folder.chmod(0o777)
    assert files.folder(made()).state == "warn"
    folder.rmdir()
    folder.write_text("a file")
    assert files.set_aside(made()).state == "ok"


# Results


def test_every_check_that_cant_run_says_what_it_is_and_why(made: Made) -> None:
    absent = Absent("It is away.", "Bring it back.")
    facts = made(store=absent, access=absent, server=absent, host_ahead_seconds=None, ledger_facts=absent, groups=[])
    found = [check for room in (bridge, recording, database, files) for check in room.checks(facts)]
    assert {check.name for check in found} <= set(TITLES)
    unknowns = [check for check in found if check.name != "files.room"]
    assert {check.state for check in unknowns} <= {State.UNKNOWN, State.OK}
    assert unknown("recording.sweep", absent) in found
    assert unknown("recording.sweep", absent).sentence == "The last sweep: not looked at. It is away."


def test_what_was_never_recorded_is_unknown_and_says_how_to_begin(made: Made) -> None:
    check = recording.daemon(made(ledger_facts=NEVER_RECORDED))
    assert (check.state, "wamon scan" in check.hint) == ("unknown", True)


def test_the_worst_state_speaks_for_all() -> None:
    def of(*states: State) -> State:
        return worst(Check("bridge.store", state, "A sentence.") for state in states)

    assert of() == "ok"
    assert of(State.OK, State.UNKNOWN) == "unknown"
    assert of(State.WARN, State.UNKNOWN) == "warn"
    assert of(State.BAD, State.WARN, State.OK) == "bad"


def test_a_summary_is_one_line() -> None:
    warnings = [Check("bridge.store", State.WARN, "One."), Check("bridge.store", State.WARN, "Two.")]
    assert summary([]) == "All is well."
    assert summary([warnings[0], Check("bridge.store", State.UNKNOWN, "None.")]) == "One."
    assert summary(warnings) == "One. And 1 more."
    assert summary([*warnings, Check("bridge.store", State.BAD, "Bad.")]) == "Bad."


def test_a_config_is_judged_by_what_it_watches(made: Made, tmp_path: Path) -> None:
    config = made().subject.config
    assert readable(config, None).state == "warn"
    assert "watches no group" in readable(config, tmp_path / "wamon.yaml").sentence
    first, *rest = broken(ConfigError("x:1: wrong", hint="Correct it."))
    assert (first.state, first.sentence, first.hint) == ("bad", "x:1: wrong", "Correct it.")
    assert {check.state for check in rest} == {State.UNKNOWN}
