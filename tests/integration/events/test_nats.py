"""Events into a stream of NATS JetStream: real servers, and a cursor that moves on their acknowledgements alone."""

from __future__ import annotations

import asyncio
import json
import signal
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import nats
import pytest
from nats.js.api import DiscardPolicy

from tests.support.bridges import LAWLEY, VeryGoodPlugins
from tests.support.clock import CLOCK, HOST
from tests.support.events import Consumer, told_drops
from tests.support.nats import NEW, OLD, SUBJECT, Brokers, brokers
from tests.support.office import Office, eventually, run_while
from tests.support.ports import free_port
from tests.support.truth import Field
from wamon import failpoints
from wamon.app.configured import configured
from wamon.app.database import ledger
from wamon.app.look import looked_at
from wamon.daemon.events_out import EventsOut
from wamon.daemon.passes import Passes
from wamon.daemon.stopping import Stopping
from wamon.events.model import Event
from wamon.events.nats import Broker, Published
from wamon.events.outlets import Outlet
from wamon.events.stream import POLL_SECONDS
from wamon.health.check import Check, State
from wamon.health.event_facts import event_facts
from wamon.health.events import behind
from wamon.postgres.connection import connected

EACH = [pytest.param(OLD, id="Debian's"), pytest.param(NEW, id="the wheel's")]


@pytest.fixture
def broker() -> Iterator[Brokers]:
    if NEW is None:
        pytest.skip("nats-server isn't installed here")
    with brokers(NEW) as found:
        yield found


@pytest.fixture
def field(tmp_path: Path) -> Iterator[Field]:
    with Field(VeryGoodPlugins(tmp_path / "messages.db", durable=False)) as field:
        field.post(LAWLEY, "DR1000001 DR1000002")
        yield field


OfficeTo = Callable[[str], Office]


@pytest.fixture
def office_to(field: Field, open_office: Callable[..., Office]) -> OfficeTo:
    """An office whose events go out to these servers, and which has scanned."""

    def opened(url: str) -> Office:
        office = open_office(field.path, events={"nats": {"url": url}})
        office.scan()
        return office

    return opened


@contextmanager
def going_out(office: Office) -> Iterator[None]:
    """The side task alone, as a daemon has it beside its passes."""
    stopping = Stopping()
    task = EventsOut(configured(office.config_path, {}), ledger, Passes(lambda: None), CLOCK)
    thread = threading.Thread(target=task.run, args=(stopping,))
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join()


def why(office: Office) -> str:
    """Why nothing goes out."""
    return "".join(filter(None, office.query("SELECT why FROM wamon.event_outlets")))


def span_of(check: Check) -> float:
    seconds = check.numbers["behind_seconds"]
    assert isinstance(seconds, float)
    return seconds


def nothing_waits(office: Office) -> bool:
    """All that happened is acknowledged."""
    with connected(office.dsn) as db:
        found = event_facts(db, "nats wamon")
    return found.has_begun and found.behind_seconds is None


def ids(found: Brokers) -> list[str]:
    return [one for one, _ in found.messages()]


def posted(found: Brokers) -> list[str]:
    """The drops whose posts the stream holds."""
    told = [json.loads(body) for _, body in found.messages()]
    return [event["data"]["drop_number"] for event in told if event["type"] == "wamon.drop.posted"]


@pytest.mark.parametrize("program", EACH)
def test_what_is_recorded_goes_out_once_and_a_consumer_rebuilds_the_drops(
    field: Field, office_to: OfficeTo, program: str | None
) -> None:
    if program is None:
        pytest.skip("nats-server isn't installed here")
    with brokers(program) as found:
        found.make_stream()
        office = office_to(found.url)

        def act() -> None:
            eventually("what stands", lambda: found.count() == 2)
            field.edit(field.post(LAWLEY, "DR1000001 again"), "DR1000003")
            eventually("what follows", lambda: ("Lawley", "DR1000003") in office.drops())
            eventually("all of it", lambda: nothing_waits(office))

        run_while(office, act)
        consumer = Consumer()
        consumer.take(body.decode() for _, body in found.messages())
    assert len(consumer.types) == len(consumer.ids)
    assert consumer.drops() == told_drops(office)
    # Its task may be cut off, so a daemon that ends doesn't wait for it.
    eventually("its lease is let go", lambda: office.query("SELECT count(*) FROM wamon.leases") == [0])


@pytest.mark.fault("F157")
def test_without_a_stream_events_wait_and_go_out_once_there_is_one(office_to: OfficeTo, broker: Brokers) -> None:
    office = office_to(broker.url)
    with going_out(office):
        eventually("why", lambda: "No stream" in why(office), said=lambda: why(office))
        broker.make_stream()
        eventually("what waited", lambda: broker.count() == 2, said=lambda: why(office))
        eventually("all is well", lambda: why(office) == "")


@pytest.mark.fault("F157")
def test_a_stream_that_is_full_is_said_and_what_it_has_stands(office_to: OfficeTo, broker: Brokers) -> None:
    broker.make_stream(max_msgs=1, discard=DiscardPolicy.NEW)
    office = office_to(broker.url)
    with going_out(office):
        eventually("why", lambda: "maximum messages exceeded" in why(office), said=lambda: why(office))
        broker.change_stream(max_msgs=-1)
        eventually("the rest", lambda: len(ids(broker)) == 2)
    assert len(set(ids(broker))) == 2


@pytest.mark.fault("F157")
def test_a_broker_that_stalls_delays_events_and_no_record(field: Field, office_to: OfficeTo, broker: Brokers) -> None:
    broker.make_stream()
    office = office_to(broker.url)

    def act() -> None:
        eventually("what stands", lambda: broker.count() == 2)
        broker.nodes[0].send(signal.SIGSTOP)
        field.post(LAWLEY, "DR1000003")
        eventually("it is recorded", lambda: ("Lawley", "DR1000003") in office.drops())
        eventually("why", lambda: why(office), said=lambda: why(office))
        broker.nodes[0].send(signal.SIGCONT)
        eventually("it goes out", lambda: broker.count() == 4)

    run_while(office, act)
    assert len(set(ids(broker))) == 4


def test_of_two_runs_one_publishes_for_both_sources_and_the_other_takes_over(
    tmp_path: Path, field: Field, office_to: OfficeTo, broker: Brokers
) -> None:
    broker.make_stream()
    first = office_to(broker.url)
    with Field(VeryGoodPlugins(tmp_path / "north.db", durable=False)) as north:
        second = Office(tmp_path / "north", first.dsn, north.path, bridge={"name": "north"})
        second.set(events={"nats": {"url": broker.url}})

        def published_by() -> list[int]:
            return first.query("SELECT pid FROM wamon.leases WHERE source = 'events to nats wamon'")

        with first.running() as one, second.running() as other:
            eventually("one publishes", published_by)
            holder, heir = sorted((one, other), key=lambda run: run.process.pid not in published_by())
            north.post(LAWLEY, "DR1000003")
            eventually("both sources' go out", lambda: "DR1000003" in posted(broker), said=lambda: why(first))
            holder.end(signal.SIGKILL)
            (field if heir is one else north).post(LAWLEY, "DR1000004")
            eventually("the other's go out", lambda: "DR1000004" in posted(broker), said=lambda: why(first))
            assert published_by() == [heir.process.pid]
    assert sorted(posted(broker)) == ["DR1000001", "DR1000002", "DR1000003", "DR1000004"]


@pytest.mark.fault("F158")
def test_what_ends_between_acknowledgement_and_cursor_is_published_again_and_the_stream_has_each_once(
    office_to: OfficeTo, broker: Brokers, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker.make_stream()
    office = office_to(broker.url)
    failpoints._reached.clear()
    monkeypatch.setenv("WAMON_FAILPOINT", "events.acknowledged:1:raise")
    with going_out(office):
        eventually("its cursor", lambda: nothing_waits(office), said=lambda: why(office))
    assert failpoints._reached["events.acknowledged"] == 2
    assert len(set(ids(broker))) == broker.count() == 2


def test_more_events_than_are_on_the_way_at_once_all_arrive_in_their_order(broker: Brokers) -> None:
    broker.make_stream()
    events = [Event(str(n), f"Lawley/DR{n % 1700}", "", f'{{"n": {n}}}') for n in range(2500)]
    with closing(Broker(broker.url, SUBJECT)) as ours:
        found = ours.publish(events)
    assert (found.acknowledged, found.failure) == (2500, None)
    assert ids(broker) == [event.id for event in events]


def test_more_than_a_connection_takes_is_given_up_where_the_broker_stalls(broker: Brokers) -> None:
    """The library would wait ten seconds for each event beyond two MiB, whatever our time is."""
    broker.make_stream()
    with closing(Broker(broker.url, SUBJECT)) as ours:
        assert ours.publish([Event("first", "Lawley/DR1", "", "{}")]).acknowledged == 1
        broker.nodes[0].send(signal.SIGSTOP)
        found = ours.publish([Event(str(n), f"Lawley/DR{n}", "", "x" * 32_768) for n in range(1_000)])
        broker.nodes[0].kill()  # its end of the connection, too
        assert ours.publish([Event("last", "Lawley/DR1", "", "{}")]).failure
    assert (found.acknowledged, bool(found.failure)) == (0, True)


class Rests(Stopping):
    """Notes how long a task rests instead of resting, and ends it after so many times."""

    def __init__(self, most: int = 1) -> None:
        super().__init__()
        self._most = most
        self.rests: list[float] = []

    def wait(self, seconds: float) -> bool:
        self.rests.append(seconds)
        if len(self.rests) == self._most:
            self.set()
        return self.is_set()


class RestsBeside(Rests):
    """As `Rests`, where the passes have read all after so many of them."""

    def __init__(self, passes: Passes, ended_after: int) -> None:
        super().__init__(21)
        self._passes = passes
        self._ended_after = ended_after

    def wait(self, seconds: float) -> bool:
        if len(self.rests) + 1 == self._ended_after:
            self._passes.ended(1)
        return super().wait(seconds)


@pytest.mark.parametrize(
    ("ended_after", "rests"),
    [(0, [POLL_SECONDS] * 21), (3, [0.1] * 3 + [POLL_SECONDS] * 18), (99, [0.1] * 20 + [POLL_SECONDS])],
    ids=["passes that have read all", "passes that just did", "passes that read a backlog"],
)
def test_after_each_look_it_rests_for_passes_that_are_behind(
    office_to: OfficeTo, broker: Brokers, ended_after: int, rests: list[float]
) -> None:
    broker.make_stream()
    office, passes = office_to(broker.url), Passes(lambda: None)
    passes.go_on(1000)
    if not ended_after:
        passes.ended(1)
    stopping = RestsBeside(passes, ended_after)
    EventsOut(configured(office.config_path, {}), ledger, passes, CLOCK).run(stopping)
    assert broker.count() == 2
    assert stopping.rests == rests


@pytest.mark.fault("F157")
def test_a_broker_that_is_away_is_tried_often_at_first_and_then_less(office_to: OfficeTo) -> None:
    office, stopping = office_to(f"nats://127.0.0.1:{free_port()}"), Rests(33)
    EventsOut(configured(office.config_path, {}), ledger, Passes(lambda: None), CLOCK).run(stopping)
    assert stopping.rests == [0.25] + [0.5] * 29 + [2.0] * 3


@pytest.mark.fault("F157")
@pytest.mark.parametrize("answer", [b"+OK", b"{}", b'{"stream": "WAMON"}', b'{"stream": "", "seq": 1}'])
def test_an_answer_that_names_no_place_in_a_stream_is_no_acknowledgement(
    office_to: OfficeTo, broker: Brokers, answer: bytes
) -> None:
    async def lie(message: Any) -> None:
        await message.respond(answer)

    found = answered(office_to(broker.url), broker, lie)
    assert (found.acknowledged, bool(found.failure)) == (0, True)


@pytest.mark.fault("F157")
def test_an_answer_to_another_event_is_none_to_this_one(office_to: OfficeTo, broker: Brokers) -> None:
    replies: list[str] = []

    async def answer_the_first(message: Any) -> None:
        replies.append(message.reply)
        for to in (replies[0], f"{message.reply}0", f"{message.reply}.1"):
            await message._client.publish(to, b'{"stream": "WAMON", "seq": 1}')

    found = answered(office_to(broker.url), broker, answer_the_first)
    assert (found.acknowledged, len(replies), bool(found.failure)) == (1, 2, True)


def answered(office: Office, broker: Brokers, answer: Callable[[Any], Awaitable[None]]) -> Published:
    """What comes of publishing two events where nobody but this answers them."""

    def published() -> Published:
        with ledger(configured(office.config_path, {})) as db, closing(Broker(broker.url, SUBJECT)) as ours:
            events = Outlet(db, "nats wamon").news(10)
            assert len(events) == 2
            return ours.publish(events)

    async def while_it_answers() -> Published:
        client = await nats.connect(broker.url)
        await client.subscribe(SUBJECT, cb=answer)
        await client.flush()
        try:
            return await asyncio.to_thread(published)
        finally:
            await client.close()

    return asyncio.run(while_it_answers())


def test_a_password_is_not_told(office_to: OfficeTo) -> None:
    office = office_to(f"nats://wamon:hunter2swordfish@127.0.0.1:{free_port()}")
    with going_out(office):
        eventually("why", lambda: "can't be used now" in why(office))
    assert "hunter2" not in why(office)


def test_doctor_tells_how_far_events_are_behind(office_to: OfficeTo) -> None:
    office = office_to(f"nats://127.0.0.1:{free_port()}")
    office.clock = HOST

    def seen() -> Check:
        facts = looked_at(configured(office.config_path, {}), None, HOST)
        assert facts.events_out is not None
        return behind(facts.events_out)

    assert seen().state is State.UNKNOWN
    with going_out(office):
        eventually("why", lambda: why(office))
    assert seen().state is State.OK
    office.query("UPDATE wamon.events_out SET at = at - interval '10 minutes'")
    found = seen()
    assert found.state is State.WARN
    assert span_of(found) > 600
    assert "can't be used now" in found.sentence
