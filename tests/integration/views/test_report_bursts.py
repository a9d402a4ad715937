"""What came of bursts, per project and day: of whole days of a zone, by PostgreSQL's clock."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest

from tests.support.clock import first_morning
from tests.support.conversations import Talks
from tests.support.office import Office
from tests.support.talk import advance, desk, talking, write
from wamon.postgres.connection import connected
from wamon.reports import bursts
from wamon.reports.period import daily, weekly

ZONE = ZoneInfo("Africa/Johannesburg")
_MONDAY = first_morning() - timedelta(days=first_morning().weekday() + 7)
WEDNESDAY = (_MONDAY + timedelta(days=2)).astimezone(ZONE).replace(hour=12)
"""Of a week that is over."""
DAY = WEDNESDAY.date()


@pytest.fixture
def talks(any_dsn: str) -> Talks:
    return Talks(any_dsn)


def idle(talks: Talks, phone: str, project: str, *, kind: str = "group", bursts: int = 9) -> int:
    chat = talks.chat(jid=f"{project}@g.us" if kind == "group" else "direct", project=project, kind=kind)
    return talks.conversation(talks.person(phone), chat, "idle", last=bursts, answered=bursts)


def figures(dsn: str, project: str | None = None, day: date = DAY, make: Any = daily) -> list[Any]:
    with connected(dsn) as db:
        return [tuple(one) for one in bursts.by_project(db, make(day, ZONE, WEDNESDAY), project)]


def test_a_day_counts_the_bursts_that_were_closed_on_it_whatever_their_outcome(talks: Talks) -> None:
    lawley = idle(talks, "27820000001", "Lawley")
    ended = [("answered", 61), ("answered", 63), ("stale", None), ("silent", None), ("human", None), ("dead", None)]
    for fence, (outcome, after) in enumerate(ended, start=1):
        talks.burst(lawley, fence, WEDNESDAY, outcome, after, follow_up=fence == 1, missed=fence)
    for fence, went_on in enumerate(("failed", "lost", "released", "joined", "reopened", None), start=10):
        talks.turn(lawley, fence, 7, 7, went_on)
    talks.run("UPDATE wamon.turns SET ended_at = %(at)s WHERE fence >= 10", at=WEDNESDAY)

    assert figures(talks.dsn) == [
        ("Lawley", None, 6, 2, 62.0, 62.9, 1, 21),
        ("Lawley", DAY, 6, 2, 62.0, 62.9, 1, 21),
    ]


def test_a_day_begins_at_its_zones_midnight(talks: Talks) -> None:
    lawley, midnight = idle(talks, "27820000001", "Lawley"), WEDNESDAY.replace(hour=0)
    for fence, at in enumerate((midnight - timedelta(microseconds=1), midnight, midnight + timedelta(days=1)), start=1):
        talks.burst(lawley, fence, at, "silent")

    assert [(row[1], row[2]) for row in figures(talks.dsn)] == [(None, 1), (DAY, 1)]
    of_week = figures(talks.dsn, make=weekly)
    assert [(row[1], row[2]) for row in of_week] == [(None, 3), *((DAY + timedelta(days=day), 1) for day in (-1, 0, 1))]


def test_one_to_one_chats_count_for_their_hooks_project_and_without_one_for_none(talks: Talks) -> None:
    talks.burst(idle(talks, "27820000001", "Lawley"), 1, WEDNESDAY, "silent")
    talks.burst(idle(talks, "27820000002", "", kind="direct"), 1, WEDNESDAY, "silent")
    assert [row[0] for row in figures(talks.dsn) if row[1] is None] == ["Lawley", None]
    assert [row[0] for row in figures(talks.dsn, "Lawley") if row[1] is None] == ["Lawley"]

    talks.run("UPDATE wamon.groups SET project = 'Mohadin' WHERE kind = 'direct'")
    assert [row[0] for row in figures(talks.dsn) if row[1] is None] == ["Lawley", "Mohadin"]


@pytest.mark.parametrize("state", ["due", "sending", "unknown", "failed", "skipped"])
def test_an_answer_counts_once_it_is_known_to_be_sent(talks: Talks, state: str) -> None:
    talks.burst(idle(talks, "27820000001", "Lawley"), 1, WEDNESDAY, after=61)
    talks.run("UPDATE wamon.replies SET state = %(state)s", state=state)

    assert figures(talks.dsn)[0] == ("Lawley", None, 1, 0, None, None, 0, 0)


def test_late_bursts_that_are_told_together_are_all_answered_by_that(talks: Talks) -> None:
    conversations = [idle(talks, f"2782000000{n}", "Lawley") for n in range(4)]
    for conversation in conversations:
        talks.burst(conversation, 1, WEDNESDAY, "digest", 61 if conversation == conversations[-1] else None)
    talks.run("UPDATE wamon.replies SET kind = 'digest'")
    talks.burst(
        idle(talks, "27820000009", "Mohadin"), 1, WEDNESDAY, "digest"
    )  # another group's, whose digest wasn't sent

    assert [row[2:6] for row in figures(talks.dsn) if row[1] is None] == [(4, 4, 61.0, 61.0), (1, 0, None, None)]


def test_a_person_is_a_hash_with_bursts_and_messages_a_day_whoever_they_were_joined_into(talks: Talks) -> None:
    phone, lid = talks.person("27820000001"), talks.person("27820000002")
    chat = talks.chat(project="Lawley")
    for person, through in ((phone, 3), (lid, 2)):
        talks.turn(talks.conversation(person, chat, "idle", last=through, answered=through), 1, 1, through)
    talks.run("UPDATE wamon.people SET merged_into = %(into)s WHERE person = %(other)s", into=phone, other=lid)

    with psycopg.connect(talks.dsn) as db:
        rows = db.execute(
            "SELECT sum(bursts), sum(messages), person, source, project FROM wamon.rates_by_person "
            "WHERE day >= current_date - 1 GROUP BY person, source, project"
        ).fetchall()
    assert rows == [(2, 5, talks.hashed("27820000001"), "main", "Lawley")]


def test_a_burst_of_an_office_is_timed_from_its_first_message_to_its_answers_sending(
    talks: Talks, tmp_path_factory: pytest.TempPathFactory
) -> None:
    office = talking(Office(tmp_path_factory.mktemp("office"), talks.dsn, tmp_path_factory.mktemp("none") / "none.db"))
    office.set(bridge={"path": None}, groups=[])
    write(office)
    advance(office, 10)
    write(office, "and one thing more")
    advance(office, 40)
    with desk(office) as one:
        one.finish(one.claim_one())
    office.query(
        "UPDATE wamon.replies SET state = 'sent', "
        "tried_at = (SELECT min(seen_at) FROM wamon.conversation_messages) + interval '50 s'"
    )

    (ended_at,) = office.query("SELECT ended_at FROM wamon.turns")
    (row, *_) = figures(talks.dsn, day=ended_at.astimezone(ZONE).date())
    assert row == (None, None, 1, 1, 50.0, 50.0, 0, 0)
