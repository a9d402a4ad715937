"""A backlog of deliveries is recorded as what is looked up delivery by delivery, though nobody looks anything up."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any, ClassVar
from uuid import UUID

import psycopg
import pytest

from tests.support.bridges import LAWLEY
from tests.support.deliveries import GOWA, MANYCHAT, NOON, SECONDS, WATI, Json, meta_body, meta_message, wamid
from tests.support.intake import hook, in_lawley, keep, take_in
from tests.support.office import Office
from wamon.app.configured import configured
from wamon.app.intake import intakes
from wamon.ledger.changes import Recorded
from wamon.ledger.drafts import Draft
from wamon.ledger.recording import Recorder
from wamon.postgres.connection import Database
from wamon.webhooks import events, intake
from wamon.webhooks.events import Events
from wamon.webhooks.opening import Drafted, Event, Opener

TEXTS = (
    "DR175{n:04}", "dr 175{n:04} and DR176{n:04}", "DR175{n:04} ②", "D R175{n:04}", "DR175{n:02}", "ok", "", "12 poles",
    "DR1750000",
)  # fmt: skip
HOOKS = [hook("wati", project="Lawley"), hook("gowa", project="Mohadin"), hook("meta"), hook("manychat", project="Z")]
STANZA = "3EB0AABBCCDDEEFF00"
MANY = 100
SOURCES = 2
FEW = 2 * SOURCES  # batches that are drafted before those processes begin
HELD = (
    "SELECT to_jsonb(t) - 'seen_at' FROM wamon.ledger_rows AS t ORDER BY chat, message_id",
    "SELECT to_jsonb(t) - 'recorded_at' FROM wamon.submission_rows AS t ORDER BY chat, message_id, drop_number",
    "SELECT to_jsonb(t) - 'recorded_at' FROM wamon.near_misses AS t ORDER BY chat, message_id, written",
    "SELECT uid, state, messages, reason, attempts, same_as FROM wamon.webhook_events ORDER BY event",
    "SELECT account, kind, value, person FROM wamon.aliases ORDER BY 1, 2, 3",
    "SELECT jid, messages, last_message_id, last_sent_at FROM wamon.groups ORDER BY source, 1",
    "SELECT hook, twins, duplicates FROM wamon.hook_status ORDER BY 1",
    "SELECT message_id, reason, attempts FROM wamon.dead_letters ORDER BY 1",
)


def _deliveries() -> Iterator[tuple[str, Json | bytes]]:
    """Of all kinds; later on some come again, and some messages are edited or taken back."""
    rng = Random(15)
    for n in range(24):
        text, who = rng.choice(TEXTS).format(n=n), f"2782000000{rng.randrange(4)}"
        own: dict[str, Json] = {
            "operator": {"eventType": "sessionMessageSent", "owner": True},
            "photo": {"type": "image"},
        }
        said = WATI | {
            "text": text,
            "waId": who,
            "whatsappMessageId": wamid(f"{STANZA}{n:02}"),
            "timestamp": str(SECONDS - n),
        }
        yield "wati", said | own.get(rng.choice(["", "", "operator", "photo"]), {})
        yield "gowa", in_lawley(GOWA, text, f"G{n}")
        yield "meta", meta_body(meta_message(id=f"wamid.M{n}"), *([meta_message(id=7)] if n == 9 else []), contacts=[])
        if n > 11:
            yield from _odd(rng, n)


def _odd(rng: Random, n: int) -> Iterator[tuple[str, Json | bytes]]:
    again = rng.randrange(n - 11, n - 6)
    edited = in_lawley(GOWA, f"DR177{n:04}", f"E{n}")
    edited["event"], edited["payload"]["original_message_id"] = "message.edited", f"G{again}"
    elsewhere = {**GOWA, "payload": {**GOWA["payload"], "chat_id": "120363999999999999@g.us", "id": f"U{n}"}}
    read = {"eventType": "sentMessageREAD", "whatsappMessageId": wamid(f"{STANZA}{n:02}")}
    odd: list[tuple[str, Json | bytes]] = [
        ("gowa", in_lawley(GOWA, f"DR175{again:04}", f"G{again}")), ("gowa", edited), ("gowa", elsewhere),
        ("wati", read), ("wati", b"no JSON"), ("manychat", MANYCHAT),
    ]  # fmt: skip
    yield odd[n % len(odd)]


def _outcome(office: Office) -> list[list[Any]]:
    tables = office.query("SELECT tablename FROM pg_tables WHERE schemaname = 'wamon'")
    emptied = ", ".join(f"wamon.{name}" for name in tables if name not in {"migrations", "instance"})
    office.query(f"TRUNCATE {emptied} RESTART IDENTITY CASCADE")
    keep(office, "gowa", in_lawley(GOWA, "DR1750000", "G"), uid=UUID(int=1000))
    take_in(office)  # knows the group from now on
    for n, (name, body) in enumerate(_deliveries()):
        keep(office, name, body, uid=UUID(int=n))
    office.query("UPDATE wamon.deliveries SET received_at = %s + event * interval '1 min' RETURNING 1", NOON)
    take_in(office)
    return [office.query(query) for query in HELD]


@pytest.fixture
def drafts(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Has batches be small; whether each draft that is brought is recorded by that."""
    found = []
    bring_new = Recorder.bring_new

    def brought(recorder: Recorder, draft: Draft) -> Recorded:
        found.append(False)
        recorded = bring_new(recorder, draft)
        found[-1] = True
        return recorded

    monkeypatch.setattr(Recorder, "bring_new", brought)
    _have_small_pages(monkeypatch)
    return found


def _have_small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "_MOST", 15)
    monkeypatch.setattr(intake, "_A_BATCH", 6)


def test_what_is_drafted_of_a_backlog_is_recorded_as_what_is_looked_up(
    tmp_path: Path, open_office: Callable[..., Office], drafts: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    office = open_office(tmp_path / "no-store.db", hooks=HOOKS, groups=[{"name": "Lawley", "jid": LAWLEY}])
    drafted = _outcome(office)
    assert set(drafts) == {True, False}
    assert any(drafted), "nothing is held: this says nothing"
    assert len([row for row in drafted[1] if row["stanza_id"]]) > FEW
    monkeypatch.setattr(Recorder, "column_drafter", lambda _: None)
    for by_draft, looked_up in zip(drafted, _outcome(office), strict=True):
        assert by_draft == looked_up


def test_a_backlog_is_read_page_by_page_and_nothing_of_it_twice(
    tmp_path: Path, open_office: Callable[..., Office], monkeypatch: pytest.MonkeyPatch
) -> None:
    office = open_office(tmp_path / "no-store.db", hooks=HOOKS)
    read: list[int] = []
    due = Events.due

    def noted(self: Events, in_hand: Sequence[Event] = ()) -> list[Event]:
        found = due(self, in_hand)
        read.extend(one.event for one in found)
        return found

    monkeypatch.setattr(Events, "due", noted)
    _have_small_pages(monkeypatch)
    for n in range(100):
        keep(office, "wati", WATI | {"text": f"DR175{n:04}", "whatsappMessageId": f"wamid.{n}"})
    take_in(office)
    assert sorted(read) == office.query("SELECT event FROM wamon.webhook_events WHERE state = 'done' ORDER BY event")
    assert office.query("SELECT count(*) FROM wamon.submission_rows") == [100]


class Apart(subprocess.Popen[bytes]):
    """A process, which is noted."""

    begun: ClassVar[list[Apart]] = []

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self.begun.append(self)


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch, drafts: list[bool]) -> list[Apart]:
    """The processes that draft. The batches are small."""
    drafts.clear()
    monkeypatch.setattr(Apart, "begun", [])
    monkeypatch.setattr("wamon.host.beside.subprocess.Popen", Apart)
    return Apart.begun


@pytest.fixture
def office(tmp_path: Path, open_office: Callable[..., Office]) -> Office:
    """With a hundred deliveries that wait, half of them of a group that nobody knows yet."""
    hooks = [hook("wati", project="Lawley"), hook("gowa")]
    office = open_office(tmp_path / "no-store.db", hooks=hooks, groups=[{"name": "Lawley", "jid": LAWLEY}])
    for n in range(MANY):
        keep(office, "wati", WATI | {"text": f"DR175{n:04}", "whatsappMessageId": f"wamid.{n}"})
        keep(office, "gowa", in_lawley(GOWA, f"DR176{n:04}", f"G{n}"))
    return office


def test_a_process_of_its_own_drafts_a_long_backlog_and_ends_with_it(
    office: Office, begun: list[Apart], drafts: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    here: list[Opener] = []
    drafted = Opener.drafted

    def noted(opener: Opener, *of: Any) -> Drafted | None:
        here.append(opener)
        return drafted(opener, *of)

    monkeypatch.setattr(Opener, "drafted", noted)
    take_in(office)
    assert 0 < len(here) <= FEW < drafts.count(True)
    assert [one.returncode is not None for one in begun] == [True] * SOURCES
    _assert_all_recorded(office)


def test_that_process_ends_with_an_intake_that_is_ended_amid_a_backlog(office: Office, begun: list[Apart]) -> None:
    with intakes(configured(office.config_path, {}), office.clock) as (_, found):
        taken = [one.take_in().events for one in found]
        assert 0 < max(taken) < MANY
        assert None in {one.returncode for one in begun}
    assert None not in {one.returncode for one in begun}


@pytest.mark.usefixtures("begun")
def test_what_is_read_ahead_and_another_takes_in_meanwhile_is_left_to_it(office: Office) -> None:
    with intakes(configured(office.config_path, {}), office.clock) as (_, found):
        assert all(0 < one.take_in().events < MANY for one in found)
        take_in(office)
        assert [one.take_in().events for one in found] == [0] * SOURCES
    _assert_all_recorded(office)


@pytest.mark.fault("F1")
@pytest.mark.parametrize("program", ["/bin/false", "/nowhere"])
@pytest.mark.usefixtures("begun")
def test_where_that_process_can_t_begin_a_backlog_is_drafted_here(
    office: Office, drafts: list[bool], monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    monkeypatch.setattr("wamon.host.beside.sys.executable", program)
    take_in(office)
    assert drafts.count(True) > FEW
    _assert_all_recorded(office)


@pytest.mark.fault("F1")
def test_where_that_process_is_killed_the_rest_is_drafted_here(
    office: Office, begun: list[Apart], drafts: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    bring_new = Recorder.bring_new

    def killing(recorder: Recorder, draft: Draft) -> Recorded:
        for one in begun:
            one.kill()
        return bring_new(recorder, draft)

    monkeypatch.setattr(Recorder, "bring_new", killing)
    take_in(office)
    assert len(begun) == SOURCES
    assert drafts.count(True) > FEW
    _assert_all_recorded(office)


@pytest.mark.usefixtures("begun")
def test_of_a_backlog_what_another_holds_is_left_to_it_and_delays_no_other(office: Office, drafts: list[bool]) -> None:
    held = _some(office)
    with psycopg.connect(office.dsn) as other:
        other.execute("SELECT FROM wamon.delivery_queue WHERE event = ANY(%s) FOR UPDATE", [held])
        take_in(office)
        assert office.query("SELECT event FROM wamon.webhook_events WHERE state = 'new' ORDER BY 1") == held
        assert office.query("SELECT count(*) FROM wamon.ledger_rows") == [2 * MANY - len(held)]
    assert drafts.count(True) > FEW, "the others are recorded as they are drafted"
    take_in(office)
    _assert_all_recorded(office)


@pytest.mark.usefixtures("begun")
def test_of_a_backlog_what_another_ended_meanwhile_is_left_as_it_is(
    office: Office, drafts: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    held = _some(office)
    end_new = Events.end_new

    def late(self: Events, db: Database, ending: Sequence[int]) -> bool:
        for one in held:
            if one in ending:
                office.query("SELECT wamon.give_up_delivery(%s)", one)
        return end_new(self, db, ending)

    monkeypatch.setattr(Events, "end_new", late)
    take_in(office)
    assert drafts.count(True) > FEW
    assert office.query("SELECT event FROM wamon.webhook_events WHERE reason = 'discarded' ORDER BY 1") == held
    assert office.query("SELECT count(*) FROM wamon.ledger_rows") == [2 * MANY - len(held)]


@pytest.mark.fault("F65")
def test_what_postgresql_refuses_of_a_drafted_batch_is_parked_alone(office: Office, begun: list[Apart]) -> None:
    with office.refusing("DR1760040"):
        take_in(office)
    assert len(begun) == SOURCES
    assert office.query("SELECT count(*) FROM wamon.ledger_rows") == [2 * MANY - 1]
    assert office.query("SELECT count(*) FROM wamon.dead_letters WHERE kind = 'event' AND attempts = 1") == [1]
    assert office.query("SELECT count(*) FROM wamon.webhook_events WHERE state = 'new' AND attempts = 1") == [1]


def _assert_all_recorded(office: Office) -> None:
    assert office.query("SELECT count(DISTINCT drop_number) FROM wamon.submission_rows") == [2 * MANY]
    assert office.query("SELECT DISTINCT state, messages FROM wamon.webhook_events") == [("done", 1)]


def _some(office: Office) -> list[int]:
    """Deliveries of batches behind the first few."""
    kept = office.query("SELECT event FROM wamon.webhook_events ORDER BY event")
    return [kept[n] for n in (70, 71, 150)]
