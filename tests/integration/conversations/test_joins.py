"""A person stays the same person when their ids change: in mid-burst, in mid-turn, with an operator's word between."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.clock import HOST
from tests.support.deliveries import BSUID, PHONE, meta_body, meta_message
from tests.support.intake import hook, keep, take_in
from tests.support.office import Office, eventually
from tests.support.talk import advance, conversations, desk, due_in, replies, talking, transitions, turns
from wamon.conversations.joins import join
from wamon.conversations.model import TRANSITIONS
from wamon.conversations.operators import leave_to_human
from wamon.postgres.connection import connected, transaction
from wamon.providers.deliveries import Alias
from wamon.webhooks.people import join_people

Opened = Callable[..., Office]
numbers = itertools.count(1)


@pytest.fixture
def office(tmp_path: Path, open_office: Opened) -> Office:
    office = talking(open_office(tmp_path / "messages.db"))
    office.set(hooks=[hook("meta")])
    return office


def write(office: Office, *, by: str) -> None:
    """A message by phone, by bsuid, or by both."""
    message: dict[str, Any] = meta_message(id=f"wamid.J{next(numbers)}", timestamp=str(int(HOST.now().timestamp())))
    if by == "phone":
        del message["from_user_id"]
    if by == "bsuid":
        del message["from"]
    keep(office, "meta", meta_body(message, contacts=[]))
    take_in(office)


def whole(office: Office) -> None:
    """Each message has one place, and no two conversations are one person's."""
    rows = office.query(
        "SELECT c.last_seq, c.answered_seq, count(m.seq) FILTER (WHERE m.seq > c.answered_seq), max(m.seq), c.state"
        " FROM wamon.conversations AS c LEFT JOIN wamon.conversation_messages AS m USING (conversation)"
        " GROUP BY c.conversation"
    )
    for last, answered, pending, highest, state in rows:
        assert pending == last - answered
        assert state == "merged" or (highest or 0) == last
    assert {tuple(one) for one in transitions(office)} <= set(TRANSITIONS)


def test_case_16_ids_that_join_in_mid_burst_are_one_turn(office: Office) -> None:
    write(office, by="phone")
    advance(office, 5)
    write(office, by="bsuid")
    write(office, by="bsuid")
    assert [last for _, last, *_ in conversations(office)] == [1, 2]
    (earliest, _) = due_in(office)
    write(office, by="both")
    assert conversations(office) == [("settling", 4, 0, False)]
    assert due_in(office)[0] == pytest.approx(earliest, abs=2)
    whole(office)
    advance(office, 35)
    with desk(office, "meta") as at:
        turn = at.claim_one()
        assert turn.messages == 4
        at.finish(turn)
    assert len(replies(office)) == 1


@pytest.mark.parametrize("worked", ["phone", "bsuid"])
def test_case_16_ids_that_join_in_mid_turn_put_the_other_s_worker_out(office: Office, worked: str) -> None:
    """Whichever of the two is worked: the one that stays goes on, the other's messages come after it."""
    other = "bsuid" if worked == "phone" else "phone"
    first, second = ("phone", "bsuid")
    write(office, by=first)
    if worked == "phone":
        advance(office, 35)
    else:
        advance(office, 20)
    write(office, by=second)
    if worked == "bsuid":
        later = "(SELECT max(conversation) FROM wamon.conversations)"
        office.query(f"UPDATE wamon.conversations SET due_at = now() WHERE conversation = {later}")
    with desk(office, "meta") as at:
        turn = at.claim_one()
        assert turn.person.values == [PHONE if worked == "phone" else BSUID], other
        write(office, by="both")
        whole(office)
        finished = at.finish(turn)
        advance(office, 40)
        if worked == "phone":
            assert [one.state for one in finished] == ["settling"]
        else:
            assert finished == []
            assert office.query("SELECT fence FROM wamon.conversations WHERE state = 'merged'") == [turn.fence + 1]
            assert ("joined",) in {(outcome,) for *_, outcome in turns(office)}
        at.finish(*at.claim().turns)
    whole(office)
    assert [state for state, *_ in conversations(office)] == ["idle"]
    answered = [(first, last) for first, last, outcome in turns(office) if outcome == "answered"]
    assert sum(last - first + 1 for first, last in answered) == 3


def test_requirement_16_ids_that_join_keep_the_times_before_the_burst(office: Office) -> None:
    with desk(office, "meta") as at:
        for by in ("phone", "bsuid"):
            write(office, by=by)
            advance(office, 35)
            at.finish(at.claim_one())
        office.query("UPDATE wamon.conversations SET last_out_at = now() - interval '20 s'")
        advance(office, 600)
        write(office, by="both")
        advance(office, 35)
        turn = at.claim_one()
    assert turn.prev_out_at is not None
    assert turn.gap_seconds == pytest.approx(635, abs=10)


def test_requirement_16_ids_that_join_keep_a_takeover(office: Office) -> None:
    talking(office, human_for="10m")
    office.set(hooks=[hook("meta")])
    write(office, by="phone")
    write(office, by="bsuid")
    with desk(office, "meta") as at:
        (number,) = office.query("SELECT max(conversation) FROM wamon.conversations")
        with transaction(at.db) as db:
            leave_to_human(db, [number], human_for=timedelta(minutes=10))
        write(office, by="both")
        assert conversations(office, "state, last_seq - answered_seq") == [("human", 1)]
        whole(office)
        advance(office, 605)
        turn = at.claim_one()
        at.finish(turn)
    assert [outcome for *_, outcome in turns(office)] == ["human", "human", "answered"]


def test_two_ids_of_one_delivery_are_one_person_s(office: Office) -> None:
    write(office, by="both")
    assert conversations(office, "state, last_seq") == [("settling", 1)]
    assert sorted(office.query("SELECT value FROM wamon.aliases")) == [PHONE, BSUID]


def test_three_ids_end_in_one_conversation_by_one_hop(office: Office) -> None:
    """b into c, then c into a: what b became points to a at once."""
    office.set(hooks=[hook("meta", account="one")])
    for by in ("phone", "bsuid"):
        write(office, by=by)
    people = office.query("SELECT person FROM wamon.people ORDER BY person")
    write(office, by="both")
    assert office.query("SELECT count(DISTINCT merged_into) FROM wamon.conversations WHERE state = 'merged'") == [1]
    assert office.query("SELECT person FROM wamon.conversations WHERE state <> 'merged'") == [people[0]]


def test_whoever_looks_a_person_up_waits_for_another_s_join(office: Office) -> None:
    """Else it would be the one that is no more."""
    write(office, by="phone")
    write(office, by="bsuid")
    phone, bsuid = Alias("phone", PHONE), Alias("bsuid", BSUID)
    waits = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    with connected(office.dsn) as one, connected(office.dsn) as other, ThreadPoolExecutor(1) as pool:

        def look_up() -> dict[Alias, int]:
            with transaction(other) as db:
                return join_people(db, "meta", [(bsuid,)])

        with transaction(one) as db:
            joined = join_people(db, "meta", [(phone, bsuid)], join)
            looked_up = pool.submit(look_up)
            eventually("the other waits", lambda: looked_up.done() or office.query(waits) == [1])
        assert looked_up.result()[bsuid] == joined[bsuid] == joined[phone]
