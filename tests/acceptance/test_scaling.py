"""docs/scaling.md by doing: the commands of each step run as they stand there."""

from __future__ import annotations

import configparser
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from psycopg.conninfo import conninfo_to_dict

from tests.support.bridges import LAWLEY, VeryGoodPlugins
from tests.support.clusters import PROGRAMS, streaming_pair
from tests.support.drill import Drill
from tests.support.nats import NEW, STREAM, SUBJECT, brokers
from tests.support.office import Office, eventually
from tests.support.pages import sections
from tests.support.pooler import PROGRAM, SETTINGS, pooled
from tests.support.truth import Field

PAGE = (Path(__file__).parents[2] / "docs/scaling.md").read_text("utf-8")
SECTIONS = sections(PAGE)
FOLLOWED = {"Several hosts on one PostgreSQL", "A pooler", "A standby", "Events out"}

Drilled = Callable[[str], Drill]


@pytest.fixture
def drilled(tmp_path: Path, dsn: str) -> Iterator[Drilled]:
    """A host with a store of nine messages, where a section is followed whole."""
    drills = []

    def drill(heading: str) -> Drill:
        one = Drill(tmp_path / "host", SECTIONS, heading, dsn)
        for number in range(9):
            one.field.post(LAWLEY, f"DR{1_750_000 + number}")
        drills.append(one)
        return one

    yield drill
    for one in drills:
        if one.daemon:
            one.daemon.kill()
        one.field.close()
        assert one.followed == set(range(len(one.blocks)))


def name_service(drill: Drill, name: str, dsn: str) -> None:
    """What psql of the page calls this database."""
    parts = {key: value for key, value in conninfo_to_dict(dsn).items() if key in {"host", "port", "user", "dbname"}}
    file = drill.root / "services"
    file.write_text(f"[{name}]\n" + "".join(f"{key}={value}\n" for key, value in parts.items()))
    drill.environ["PGSERVICEFILE"] = str(file)


def test_every_section_with_commands_is_followed() -> None:
    assert {heading for heading, blocks in SECTIONS.items() if blocks} == FOLLOWED


def test_several_hosts_work_on_one_postgresql(tmp_path: Path, dsn: str, drilled: Drilled) -> None:
    with Field(VeryGoodPlugins(tmp_path / "messages.db", durable=False)) as field:
        field.post(LAWLEY, "DR1760000")
        other = Office(tmp_path / "other", dsn, field.path)
        drill = drilled("Several hosts on one PostgreSQL")
        drill.office.set(bridge={"name": "north"})
        name_service(drill, "wamon", dsn)
        with other.running() as daemon:
            eventually("the other host's lease", lambda: other.query("SELECT 1 FROM wamon.leases"), said=daemon.said)
            drill.follow()
        drill.systemctl("stop")


@pytest.mark.skipif(PROGRAM is None, reason="pgbouncer isn't installed here")
def test_a_pooler_as_the_page_sets_it_stands_between(dsn: str, drilled: Drilled) -> None:
    shown = configparser.ConfigParser()
    shown.read_string(re.search(r"```ini\n(.*?)```", PAGE, re.DOTALL)[1])  # type: ignore[index]
    assert {name: shown["pgbouncer"][name] for name in SETTINGS} == SETTINGS
    drill = drilled("A pooler")
    drill.office.scan()
    with pooled(dsn, 3) as way:
        drill.office.set(database={"url": way})
        drill.follow()


def settings_of_stream() -> dict[str, Any]:
    """What the page's line for `nats` says of the stream, but for its replicas: here is one server."""
    name, line = re.findall(r"^nats stream add (\S+) (.*)$", PAGE, re.MULTILINE)[0]
    said = dict(re.findall(r"--(\S+) (\S+)", line))
    assert (name, said.pop("subjects"), said.pop("replicas")) == (STREAM, SUBJECT, "3")
    seconds = {"max_age": 86_400 * int(said.pop("max-age").removesuffix("d"))}
    seconds["duplicate_window"] = 3_600 * int(said.pop("dupe-window").removesuffix("h"))
    assert said.keys() == {"storage", "retention", "discard"}
    return {**said, **seconds}


@pytest.mark.skipif(NEW is None, reason="nats-server isn't installed here")
def test_events_go_out_to_a_stream(drilled: Drilled) -> None:
    drill = drilled("Events out")
    with brokers(str(NEW)) as found:
        found.make_stream(**settings_of_stream())
        drill.office.set(events={"nats": {"url": found.url}})
        drill.office.scan()
        drill.systemctl("start")
        eventually("what is recorded goes out", lambda: found.count() == 9)
        drill.follow()
        drill.systemctl("stop")


@pytest.mark.skipif(PROGRAMS is None, reason="Debian's PostgreSQL isn't installed here")
def test_a_standby_is_made_synchronous(drilled: Drilled) -> None:
    drill = drilled("A standby")
    with streaming_pair() as (primary, _):
        drill.works_on(primary.dsn)
        name_service(drill, "primary", primary.dsn)
        drill.follow(0)
        waits = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'"
        eventually("it waits for its standby", lambda: primary.query(waits) == [(1,)])
        drill.follow(1)
