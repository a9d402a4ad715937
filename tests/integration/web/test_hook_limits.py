"""The door's bounds, within this process: what it holds at once and for how long, and what it says without a commit."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import Any, LiteralString, NamedTuple
from zoneinfo import ZoneInfo

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from tests.support.clock import CLOCK
from tests.support.deliveries import SECRET, signature
from tests.support.hooks import good
from wamon.config.hooks import Hook
from wamon.errors import DatabaseUnavailable
from wamon.log import configure
from wamon.postgres.connection import Database, connected
from wamon.postgres.exchange import Array
from wamon.web.database import DatabaseThreads
from wamon.web.hooks import Hooks, Limits
from wamon.web.link import Link
from wamon.web.metrics import Metrics
from wamon.web.writer import Writer
from wamon.webhooks.door import Door

Opened = Callable[[], AbstractContextManager[Database]]
Receive = Callable[[], Awaitable[dict[str, Any]]]


class Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]


class Asked:
    """The application of a site with these hooks, asked as a server asks it."""

    def __init__(self, opened: Opened, limits: Limits) -> None:
        metrics = Metrics()
        self.database = DatabaseThreads(opened)
        self.writer = Writer(opened, metrics.hook_batch_rows, limits.commit_seconds)
        hooks = [Hook(name=name, provider="gowa", secret=SECRET) for name in ("one", "two")]
        self.hooks = Hooks(hooks, self.writer, self.database, metrics, CLOCK, ZoneInfo("UTC"), limits)

    async def deliver(self, receive: Receive, name: str = "one", **headers: str) -> Answer:
        sent: list[dict[str, Any]] = []

        async def send(message: Any) -> None:
            sent.append(message)

        given = [(key.replace("_", "-").encode(), value.encode()) for key, value in headers.items()]
        scope = {"type": "http", "method": "POST", "path": f"/hooks/{name}", "query_string": b"", "headers": given}
        await self.hooks(scope, receive, send)
        return Answer(sent[0]["status"], {key.decode(): value.decode() for key, value in sent[0]["headers"]})

    async def deliver_whole(self, name: str = "one") -> Answer:
        _, raw, _ = good("gowa")
        return await self.deliver(once(raw), name, x_hub_signature_256=f"sha256={signature(raw)}")


def once(raw: bytes) -> Receive:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": raw}

    return receive


@contextmanager
def asked(opened: Opened, **limits: Any) -> Iterator[Asked]:
    one = Asked(opened, Limits(**limits))
    try:
        yield one
    finally:
        one.writer.close(5)
        one.database.close(5)


@pytest.fixture
def opened(dsn: str) -> Opened:
    return partial(connected, dsn)


def test_a_body_that_does_not_come_to_its_end_is_given_up(opened: Opened) -> None:
    async def a_byte() -> dict[str, Any]:
        await asyncio.sleep(0.01)
        return {"type": "http.request", "body": b"x", "more_body": True}

    with asked(opened, read_seconds=0.1) as site:
        answer = asyncio.run(site.deliver(a_byte))
    assert (answer.status, answer.headers["connection"]) == (408, "close")


def test_a_hook_that_is_full_refuses_before_reading_and_others_go_on(opened: Opened) -> None:
    async def flooded(site: Asked) -> list[Any]:
        never: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        asks = 0

        async def receive() -> dict[str, Any]:
            nonlocal asks
            asks += 1
            return await never

        held = [asyncio.ensure_future(site.deliver(receive, content_length="5")) for _ in range(2)]
        await asyncio.sleep(0)
        refused, other = await site.deliver(receive), await site.deliver_whole("two")
        never.set_result({"type": "http.disconnect"})
        await asyncio.gather(*held, return_exceptions=True)
        return [asks, refused.status, refused.headers["retry-after"], other.status, (await site.deliver_whole()).status]

    with asked(opened, in_flight_of_a_hook=2) as site:
        assert asyncio.run(flooded(site)) == [2, 503, "2", 200, 200]


@pytest.mark.parametrize("limits", [{"in_flight": 0}, {"body_bytes": 1_000}])
def test_bodies_and_deliveries_have_a_bound_together(opened: Opened, limits: dict[str, int]) -> None:
    with asked(opened, **limits) as site:
        answer = asyncio.run(site.deliver(once(b"x"), content_length="1001"))
    assert (answer.status, answer.headers["retry-after"]) == (503, "2")


@pytest.mark.fault("F101")
def test_what_is_not_committed_in_time_is_put_off(opened: Opened, dsn: str) -> None:
    with asked(opened, commit_seconds=0.2) as site, psycopg.connect(dsn) as other:
        other.execute("LOCK TABLE wamon.webhook_events")
        late = asyncio.run(site.deliver_whole())
        other.rollback()
        assert (late.status, late.headers["retry-after"]) == (503, "5")
        assert "wamon-correlation-id" not in late.headers
    with asked(opened) as site:
        assert asyncio.run(site.deliver_whole()).status == 200


@pytest.mark.fault("F101")
def test_without_postgresql_deliveries_are_put_off_at_once() -> None:
    def refused() -> AbstractContextManager[Database]:
        raise DatabaseUnavailable("It is away.")

    with asked(refused) as site:
        answers = [asyncio.run(site.deliver_whole()) for _ in range(3)]
    assert [(answer.status, answer.headers["retry-after"]) for answer in answers] == [(503, "5")] * 3


def before_each_insert(db: psycopg.Connection, statement: LiteralString) -> None:
    """Have the server run this for each delivery that is to be kept."""
    body: LiteralString = f"$$ BEGIN {statement}; RETURN NEW; END $$"
    db.execute(f"CREATE FUNCTION looks() RETURNS trigger LANGUAGE plpgsql AS {body}")
    db.execute("CREATE TRIGGER looks BEFORE INSERT ON wamon.deliveries FOR EACH ROW EXECUTE FUNCTION looks()")


@pytest.mark.fault("F102")
def test_a_commit_with_a_warning_is_none(own_dsn: str) -> None:
    with psycopg.connect(own_dsn) as db:
        before_each_insert(db, "RAISE WARNING 'no standby'")
    with asked(partial(connected, own_dsn)) as site:
        assert asyncio.run(site.deliver_whole()).status == 503


def test_a_connection_that_was_lost_is_made_anew_for_the_next_delivery(opened: Opened, dsn: str) -> None:
    with asked(opened) as site, psycopg.connect(dsn, autocommit=True) as other:
        first = asyncio.run(site.deliver_whole())
        other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'wamon' AND datname = current_database()"
        )
        second = asyncio.run(site.deliver_whole())
        kept = other.execute("SELECT count(*) FROM wamon.webhook_events").fetchall()
    assert (first.status, second.status, kept) == (200, 200, [(2,)])


def test_a_commit_whose_answer_was_lost_is_repeated_and_adds_nothing(
    opened: Opened, dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, repeated = Link.run, []

    async def losing(link: Link, sql: LiteralString, *values: Array) -> bool:
        was_warned = await run(link, sql, *values)
        repeated.append(sql)
        if len(repeated) == 1:
            link.close(seconds=10)
            raise DatabaseUnavailable("Its answer was lost.")
        return was_warned

    with asked(opened) as site, psycopg.connect(dsn, autocommit=True) as other:
        asyncio.run(site.deliver_whole())
        monkeypatch.setattr(Link, "run", losing)
        answer = asyncio.run(site.deliver_whole())
        kept = other.execute("SELECT count(*) FROM wamon.webhook_events").fetchall()
    assert (answer.status, len(repeated), kept) == (200, 2, [(2,)])


def test_of_the_first_delivery_the_log_names_the_person_too(opened: Opened, capsys: pytest.CaptureFixture[str]) -> None:
    async def begun(site: Asked) -> None:
        beside = asyncio.ensure_future(site.hooks.run())
        await asyncio.sleep(0)  # it asks by which key
        await site.deliver_whole()
        beside.cancel()

    configure(logging.INFO)
    with asked(opened) as site:
        asyncio.run(begun(site))
    (person,) = re.findall("waId=([^,]*)", capsys.readouterr().err)
    assert person != "-"


def test_what_waits_meanwhile_is_committed_together(opened: Opened, dsn: str) -> None:
    async def many(site: Asked, other: psycopg.Connection) -> list[Answer]:
        other.execute("LOCK TABLE wamon.webhook_events")
        waiting = [asyncio.ensure_future(site.deliver_whole()) for _ in range(60)]
        await asyncio.sleep(0)
        other.rollback()
        return await asyncio.gather(*waiting)

    counted = "SELECT count(*), count(DISTINCT xmin::text) <= 2 FROM wamon.deliveries"
    with asked(opened) as site, psycopg.connect(dsn) as other:
        assert {answer.status for answer in asyncio.run(many(site, other))} == {200}
        assert other.execute(counted).fetchall() == [(60, True)]


def test_more_than_may_wait_for_a_commit_are_put_off_at_once(
    opened: Opened, dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wamon.web.writer.MOST_WAITING", 2)

    async def many(site: Asked, other: psycopg.Connection) -> list[int]:
        other.execute("LOCK TABLE wamon.webhook_events")
        asked = [asyncio.ensure_future(site.deliver_whole()) for _ in range(4)]
        await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
        other.rollback()
        return [answer.status for answer in await asyncio.gather(*asked)]

    with asked(opened) as site, psycopg.connect(dsn) as other:
        assert asyncio.run(many(site, other)) == [200, 200, 503, 503]


def test_what_nobody_waits_for_any_more_is_not_kept(opened: Opened, dsn: str) -> None:
    """Its sender was told to come again. What PostgreSQL is at already may be kept all the same."""

    async def late(site: Asked, other: psycopg.Connection) -> list[int]:
        other.execute("LOCK TABLE wamon.webhook_events")
        first = asyncio.ensure_future(site.deliver_whole())
        while site.writer._working is None or site.writer._waiting:  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(0)
        answers = await asyncio.gather(first, site.deliver_whole())
        other.rollback()
        await site.writer._working
        return [answer.status for answer in answers]

    with asked(opened, commit_seconds=0.2) as site, psycopg.connect(dsn) as other:
        assert asyncio.run(late(site, other)) == [503, 503]
        assert other.execute("SELECT count(*) FROM wamon.webhook_events").fetchall() == [(1,)]


@pytest.mark.fault("F102")
def test_a_commit_waits_for_the_servers_disk_whatever_the_database_says(own_dsn: str) -> None:
    with psycopg.connect(own_dsn, autocommit=True) as db:
        db.execute(f"ALTER DATABASE {conninfo_to_dict(own_dsn)['dbname']} SET synchronous_commit = off")
        before_each_insert(db, "ASSERT current_setting('synchronous_commit') = 'on'")
    with asked(partial(connected, own_dsn)) as site:
        assert asyncio.run(site.deliver_whole()).status == 200


def test_a_role_that_may_only_insert_keeps_deliveries(own_dsn: str) -> None:
    with psycopg.connect(own_dsn, autocommit=True) as db:
        db.execute("CREATE ROLE hooks_of_the_test LOGIN")
        try:
            db.execute("GRANT USAGE ON SCHEMA wamon TO hooks_of_the_test")
            db.execute("GRANT USAGE ON SEQUENCE wamon.deliveries_event_seq TO hooks_of_the_test")
            for table in ("deliveries", "delivery_queue"):
                db.execute(f"GRANT INSERT ON wamon.{table} TO hooks_of_the_test")
                db.execute(f"CREATE POLICY t ON wamon.{table} TO hooks_of_the_test USING (true) WITH CHECK (true)")

            @contextmanager
            def as_role() -> Iterator[Database]:
                with connected(own_dsn) as own:
                    own.execute("SET ROLE hooks_of_the_test")
                    yield own

            with asked(as_role) as site:
                assert asyncio.run(site.deliver_whole()).status == 200
        finally:
            db.execute("DROP OWNED BY hooks_of_the_test")
            db.execute("DROP ROLE hooks_of_the_test")


def test_a_fault_of_ours_has_the_sender_come_again(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("27820000001 said DR1752028")

    monkeypatch.setattr(Door, "verify", broken)
    with asked(opened) as site:
        answer = asyncio.run(site.deliver_whole())
    assert (answer.status, answer.headers["retry-after"]) == (503, "5")
