"""Replies whose sender is ended at any boundary, or sends beside another: at most one is sent for each submission."""

from __future__ import annotations

import os
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.support.bridges import LAWLEY, VeryGoodPlugins
from tests.support.clock import CLOCK
from tests.support.office import Daemon, Office, eventually
from tests.support.replies import reply
from tests.support.send_api import Behaviour, StandIn, send_api
from wamon import failpoints
from wamon.app.configured import configured
from wamon.failpoints import NAMES
from wamon.postgres.connection import connected
from wamon.postgres.leases import Lease, leased

BOUNDARIES = [name for name in NAMES if name.startswith("reply.")]
SURELY_UNSENT = {"reply.chosen"}
SURELY_KEPT = {"reply.ended"}
UNKNOWN = set(BOUNDARIES) - SURELY_UNSENT - SURELY_KEPT


@pytest.fixture
def bridge(tmp_path: Path) -> Iterator[VeryGoodPlugins]:
    with VeryGoodPlugins(tmp_path / "messages.db", durable=False) as bridge:
        bridge.chat(LAWLEY, "Lawley")
        yield bridge


@pytest.fixture
def api() -> Iterator[StandIn]:
    with send_api() as api:
        yield api


@pytest.fixture
def office(bridge: VeryGoodPlugins, open_office: Callable[..., Office], api: StandIn) -> Office:
    return open_office(bridge.path, replies=api.replies, scan={"interval": "1s"})


def post(bridge: VeryGoodPlugins, *numbers: str) -> None:
    bridge.post(LAWLEY, " ".join(numbers), at=CLOCK.now())


def sent(office: Office) -> None:
    config = configured(office.config_path, {})
    with connected(office.dsn) as db, leased(db, "main") as lease:
        reply(config, lease)


def states(office: Office) -> list[str]:
    return office.query("SELECT state FROM wamon.replies ORDER BY about")


def ended_at(name: str, office: Office, *, action: str) -> None:
    """Send in a forked child that is killed, or raises, at this boundary."""
    child = os.fork()
    if child == 0:
        os.environ["WAMON_FAILPOINT"] = f"{name}:1:{action}"
        failpoints._reached.clear()
        try:
            sent(office)
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) == (action == "kill"), f"{name} was never met"


@pytest.mark.parametrize("action", ["kill", "raise"])
@pytest.mark.parametrize("name", BOUNDARIES)
def test_whoever_is_ended_while_sending_sends_none_twice(
    office: Office, bridge: VeryGoodPlugins, api: StandIn, name: str, action: str
) -> None:
    post(bridge, "DR1000001", "DR1000002", "DR1000003")
    office.scan()
    ended_at(name, office, action=action)
    sent(office)
    sent(office)
    assert max(Counter(api.texts).values()) == 1
    first = {**dict.fromkeys(UNKNOWN, "unknown")}.get(name, "sent")
    assert states(office) == [first, "sent", "sent"]
    assert len(api.asked) == (2 if name in {"reply.begun", "reply.connected"} else 3)


def test_a_boundary_is_one_of_a_sending() -> None:
    assert len(BOUNDARIES) == 6


def test_two_that_send_at_once_never_send_the_same(office: Office, bridge: VeryGoodPlugins, api: StandIn) -> None:
    post(bridge, *(f"DR10000{n:02}" for n in range(30)))
    office.scan()
    config = configured(office.config_path, {})
    with connected(office.dsn) as db, leased(db, "main") as lease:
        failed: list[BaseException] = []

        def also() -> None:
            try:
                reply(config, lease)
            except BaseException as error:  # noqa: BLE001 - asserted below
                failed.append(error)

        threads = [threading.Thread(target=also) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failed == []
    assert Counter(Counter(api.texts).values()) == {1: 30}


def gone(office: Office, number: str) -> Callable[[], bool]:
    return lambda: office.query("SELECT state FROM wamon.replies WHERE about = %s", number) == ["sent"]


def is_sent(office: Office, number: str, daemon: Daemon) -> None:
    eventually(f"{number} answered", gone(office, number), said=daemon.said)


def test_the_daemon_answers_and_what_it_leaves_behind_is_not_repeated(
    office: Office, bridge: VeryGoodPlugins, api: StandIn
) -> None:
    post(bridge, "DR1000001")
    with office.running() as daemon:
        is_sent(office, "DR1000001", daemon)
        post(bridge, "DR1000002")
        is_sent(office, "DR1000002", daemon)
        assert daemon.end() == 0
    api.behaviours = ["late"]
    with office.running() as daemon:
        post(bridge, "DR1000003")
        eventually("the bridge is asked", lambda: len(api.asked) == 3, said=daemon.said)
        daemon.end(signal.SIGKILL)
    api.behaviours = ["sent"]
    with office.running(WAMON_REPLIES="on") as daemon:
        eventually("it is told as unknown", lambda: states(office)[2] == "unknown", said=daemon.said)
        post(bridge, "DR1000004")
        is_sent(office, "DR1000004", daemon)
        assert daemon.end() == 0
    assert max(Counter(api.texts).values()) == 1
    assert len(api.asked) == 4


@pytest.mark.parametrize("behaviour", ["late", "dropped"])
def test_a_bridge_that_does_not_answer_delays_no_pass(
    office: Office, bridge: VeryGoodPlugins, api: StandIn, behaviour: Behaviour
) -> None:
    api.behaviours = [behaviour]
    post(bridge, "DR1000001")
    with office.running() as daemon:
        eventually("the bridge is asked", lambda: len(api.asked) == 1, said=daemon.said)
        post(bridge, "DR1000002")
        eventually(
            "the next one is recorded", lambda: ("Lawley", "DR1000002") in office.drops(), said=daemon.said, seconds=4
        )
        assert daemon.end() == 0


def test_the_environment_switches_the_daemons_replies_off(
    office: Office, bridge: VeryGoodPlugins, api: StandIn
) -> None:
    post(bridge, "DR1000001")
    with office.running(WAMON_REPLIES="off") as daemon:
        eventually("it is recorded", lambda: ("Lawley", "DR1000001") in office.drops(), said=daemon.said)
        assert daemon.end() == 0
    assert (api.asked, states(office)) == ([], [])


@pytest.mark.fault("F91")
def test_of_two_installations_on_one_store_the_first_speaks_and_the_second_says_who_that_is(
    tmp_path: Path, office: Office, own_dsn: str, bridge: VeryGoodPlugins, api: StandIn
) -> None:
    """As prod and dev on one host: each with its own database, one of them by a link to the store."""
    (tmp_path / "dev").mkdir()
    link = tmp_path / "dev" / "messages.db"
    link.symlink_to(bridge.path)
    other = Office(tmp_path / "dev", own_dsn, link, replies=api.replies, scan={"interval": "1s"})
    post(bridge, "DR1000001")
    with office.running() as prod:
        is_sent(office, "DR1000001", prod)
        with other.running() as dev:
            eventually("dev leaves it", lambda: states(other) == ["skipped"], said=dev.said)
            for number in ("DR1000002", "DR1000003"):
                post(bridge, number)
                is_sent(office, number, prod)
            eventually("dev leaves them all", lambda: states(other) == ["skipped"] * 3, said=dev.said)
            assert other.query("SELECT DISTINCT reason LIKE %s FROM wamon.replies", speaks(prod)) == [True]
            assert dev.said().count("Replies are sent by ") == 1
            assert prod.end() == 0
            eventually("dev's turn", lambda: turn_of(other, bridge, api), said=dev.said)
            assert dev.end() == 0
    assert max(Counter(api.texts).values()) == 1


def speaks(daemon: Daemon) -> str:
    return f"%(pid {daemon.process.pid}) sends there"


def turn_of(office: Office, bridge: VeryGoodPlugins, api: StandIn) -> bool:
    """Whether this office answers what is posted now."""
    number = f"DR{2_000_000 + len(api.asked) + len(states(office))}"
    post(bridge, number)
    eventually(
        "its end", lambda: office.query("SELECT 1 FROM wamon.replies WHERE about = %s AND state <> 'due'", number)
    )
    return office.query("SELECT state FROM wamon.replies WHERE about = %s", number) == ["sent"]


def test_a_lease_that_was_lost_while_sending_lets_the_outcome_be_known(
    office: Office, bridge: VeryGoodPlugins, api: StandIn
) -> None:
    """The new holder takes it for unknown; the former one, still waiting for its answer, learns that it was sent."""
    post(bridge, "DR1000001")
    office.scan()
    config = configured(office.config_path, {})
    with connected(office.dsn) as db:
        former = Lease(db, "main")
        former.take()
        api.before_answer = partial(sent, office)
        reply(config, former)
    assert (len(api.asked), states(office)) == (1, ["sent"])
