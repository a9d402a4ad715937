"""`wamon events`: what happened, a JSON object a line, for shells and for what ships logs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.support.bridges import LAWLEY, VeryGoodPlugins
from tests.support.environment import program
from tests.support.forked import Forked
from tests.support.office import Office, eventually
from tests.support.truth import Field


@pytest.fixture
def field(tmp_path: Path) -> Iterator[Field]:
    with Field(VeryGoodPlugins(tmp_path / "messages.db", durable=False)) as field:
        field.post(LAWLEY, "DR1000001")
        yield field


@pytest.fixture
def office(open_office: Any, field: Field) -> Office:
    office: Office = open_office(field.path, database={"review_table": ""})
    office.scan()
    return office


@contextmanager
def following(office: Office, *words: str) -> Iterator[tuple[Forked, Any]]:
    """A `wamon events --follow` whose reader this is."""
    reader, writer = os.pipe()
    with os.fdopen(reader) as lines, (office.folder / "events.log").open("wb") as stderr:
        with os.fdopen(writer, "wb") as stdout:
            words = ("--config", str(office.config_path), "events", "--follow", *words)
            process = Forked(words, env=os.environ, clock=office.clock, stdout=stdout, stderr=stderr)
        try:
            yield process, lines
        finally:
            process.kill()
            process.wait()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_prints_what_is_committed_as_cloudevents_and_ends_well(
    office: Office, field: Field, number: signal.Signals
) -> None:
    with following(office) as (process, lines):
        begun = json.loads(lines.readline())
        field.post(LAWLEY, "DR1000002")
        office.scan()
        told = json.loads(lines.readline())
        process.send_signal(number)
        assert process.wait(timeout=20) == 0
        assert lines.read() == ""
    assert begun["subject"] == "Lawley/DR1000001"
    assert {name: told[name] for name in ("specversion", "type", "source", "subject", "datacontenttype")} == {
        "specversion": "1.0",
        "type": "wamon.drop.posted",
        "source": "/wamon/main",
        "subject": "Lawley/DR1000002",
        "datacontenttype": "application/json",
    }
    since = office.run("events", "--since", begun["cursor"])
    assert [json.loads(line) for line in since.stdout.splitlines()] == [told]


@pytest.mark.fault("F152")
def test_without_follow_it_prints_what_another_follower_gives_its_place_just_now(office: Office, field: Field) -> None:
    begun = json.loads(office.run("events").stdout)
    field.post(LAWLEY, "DR1000002")
    office.scan()
    with psycopg.connect(office.dsn) as other, ThreadPoolExecutor() as pool:
        other.execute("SELECT FROM wamon.event_stream FOR UPDATE")
        other.execute("UPDATE wamon.event_stream SET last_place = last_place + 1")
        other.execute(
            "UPDATE wamon.events_out AS o SET place = s.last_place, timeline = 1, again = '{f}'"
            " FROM wamon.event_stream AS s WHERE o.place IS NULL"
        )
        printed = pool.submit(office.run, "events", "--since", begun["cursor"])
        waits = (
            "SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        eventually("it waits", lambda: printed.done() or office.query(waits) == [True])
        other.commit()
    assert json.loads(printed.result().stdout)["subject"] == "Lawley/DR1000002"


def test_it_ends_quietly_once_its_reader_has_gone_though_nothing_happens(office: Office) -> None:
    with following(office) as (process, lines):
        lines.readline()
        lines.close()
        assert process.wait(timeout=20) == 0
    assert (office.folder / "events.log").read_text() == ""


def test_it_ends_quietly_where_its_stdout_was_closed_from_the_start(office: Office) -> None:
    command = (*program(), "--config", str(office.config_path), "events", "--follow")
    done = subprocess.run(
        command, check=False, preexec_fn=lambda: os.close(1), stderr=subprocess.PIPE, text=True, timeout=30
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert office.query("SELECT count(*) FROM wamon.event_stream") == [0]  # nothing is kept for nobody


def test_it_stands_back_for_those_who_record(office: Office) -> None:
    with following(office) as (process, lines):
        lines.readline()
        assert os.getpriority(os.PRIO_PROCESS, process.pid) == min(os.getpriority(os.PRIO_PROCESS, 0) + 10, 19)


def test_it_goes_on_from_where_it_was_after_its_connection_was_lost(office: Office, field: Field) -> None:
    with following(office) as (_, lines):
        lines.readline()
        office.query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name = 'wamon' AND pid <> pg_backend_pid()"
        )
        log = office.folder / "events.log"
        eventually("it says so", lambda: "PostgreSQL can't be used now" in log.read_text())
        field.post(LAWLEY, "DR1000002")
        office.scan()
        assert json.loads(lines.readline())["subject"] == "Lawley/DR1000002"


@pytest.mark.fault("F152")
@pytest.mark.parametrize("words", [(), ("--follow",)])
def test_a_full_disk_ends_it_with_a_word_and_loses_nothing(office: Office, words: tuple[str, ...]) -> None:
    begun = json.loads(office.run("events").stdout)
    with Path("/dev/full").open("wb") as full, (office.folder / "events.log").open("wb") as stderr:
        command = ("--config", str(office.config_path), "events", *words)
        process = Forked(command, env=os.environ, clock=office.clock, stdout=full, stderr=stderr)
        assert process.wait(timeout=20) == 1
    assert "No space left on device" in (office.folder / "events.log").read_text()
    assert json.loads(office.run("events").stdout) == begun


@pytest.mark.parametrize("cursor", ["42", "0123456789ab-1-1-1", ""])
def test_a_cursor_that_nobody_gave_is_said(office: Office, cursor: str) -> None:
    office.run("events")
    done = office.run("events", "--since", cursor)
    assert (done.returncode, done.stdout) == (2, "")
    assert "The cursor is unknown." in done.stderr
