"""A connection that the event loop works with."""

from __future__ import annotations

import asyncio
import select
from functools import partial
from typing import LiteralString

import psycopg
import pytest
import uvloop

from tests.support.proxy import Proxy
from wamon.errors import DatabaseUnavailable, Poison, WamonError
from wamon.postgres.connection import connected
from wamon.postgres.exchange import byteas, execution, preparation, texts
from wamon.web.database import Server
from wamon.web.link import Link, linked


def end_all(other: psycopg.Connection) -> None:
    other.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE application_name = 'wamon' AND datname = current_database()"
    )


def test_what_the_server_refuses_is_told_and_the_connection_goes_on(dsn: str) -> None:
    async def both() -> tuple[bool, bool]:
        link = await linked(Server(partial(connected, dsn)))
        with pytest.raises(Poison, match="22P02"):
            await link.run("SELECT $1::text[]::int[]", texts(["one"]))
        was_lost = link.is_lost
        warned = await link.run("SELECT $1::bytea[]", byteas([bytes(20_000_000)]))
        link.close(5)
        return was_lost, warned

    assert uvloop.run(both()) == (False, False)


def test_a_statement_that_comes_again_is_planned_once_and_again_where_the_server_forgets_it(dsn: str) -> None:
    kept: LiteralString = "SELECT count(*) FROM unnest($1::text[])"
    planned: LiteralString = "SELECT 1 / count(*) FROM pg_prepared_statements WHERE statement = ANY ($1::text[])"

    async def run() -> list[bool]:
        link = await linked(Server(partial(connected, dsn)))
        for _ in range(2):
            await link.run(kept, texts(["a"]))
        await link.run(planned, texts([kept]))
        await link.run("DEALLOCATE ALL")
        with pytest.raises(WamonError):
            await link.run(kept, texts(["a"]))
        warned = await link.run(kept, texts(["a"]))
        was_lost = link.is_lost
        link.close(5)
        return [warned, was_lost]

    assert uvloop.run(run()) == [False, False]


def test_a_connection_that_idles_is_known_to_be_lost_before_it_is_used(dsn: str) -> None:
    async def idled() -> bool:
        link = await linked(Server(partial(connected, dsn)))
        await link.run("SELECT $1::text[]", texts(["a"]))
        with psycopg.connect(dsn, autocommit=True) as other:
            end_all(other)
        for _ in range(1000):
            if link.is_lost:
                break
            await asyncio.sleep(0.01)
        was_lost = link.is_lost
        link.close(5)
        return was_lost

    assert uvloop.run(idled())


def test_a_connection_is_lost_where_its_server_ends_it_or_its_answer_is_not_awaited(dsn: str) -> None:
    async def abandoned(link: Link) -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(link.run("SELECT pg_sleep(30), $1::text[]", texts(["a"])), 0.01)

    async def ended(link: Link) -> None:
        with psycopg.connect(dsn, autocommit=True) as other:
            end_all(other)
        with pytest.raises(DatabaseUnavailable):
            await link.run("SELECT $1::text[]", texts(["a"]))

    async def lost() -> list[bool]:
        found = []
        for lose in (abandoned, ended):
            link = await linked(Server(partial(connected, dsn)))
            found.append(link.is_lost)
            await lose(link)
            found.append(link.is_lost)
            link.close(5)
        return found

    assert uvloop.run(lost()) == [False, True, False, True]


_GOING_DOWN = b"N" + (33).to_bytes(4) + b"SWARNING\0C57P02\0Mgoing down\0\0"


def test_a_connection_is_lost_at_once_where_its_server_goes_down_with_a_word(dsn: str) -> None:
    async def asked(link: Link, proxy: Proxy) -> None:
        answer = asyncio.create_task(link.run("SELECT pg_sleep(60), $1::text[]", texts(["a"])))
        await asyncio.sleep(0)  # it is sent
        proxy.end_with(_GOING_DOWN)
        with pytest.raises(DatabaseUnavailable):
            await asyncio.wait_for(answer, 20)

    async def idled(_: Link, proxy: Proxy) -> None:
        proxy.end_with(_GOING_DOWN)

    async def lost() -> list[bool]:
        found = []
        for lose in (asked, idled):
            with Proxy(dsn) as proxy:
                link = await linked(Server(partial(connected, proxy.dsn)))
                await link.run("SELECT $1::text[]", texts(["a"]))
                found.append(link.is_lost)
                await lose(link, proxy)
                found.append(link.is_lost)
                link.close(5)
        return found

    assert uvloop.run(lost()) == [False, True, False, True]


def test_what_is_sent_to_a_server_that_went_down_as_it_answered_is_refused_at_once(dsn: str) -> None:
    with Proxy(dsn) as proxy, connected(proxy.dsn) as db:
        planning = preparation(db, b"sleep", "SELECT pg_sleep(60), $1::text[]", [texts(["a"])])
        select.select([db], [], [])  # it is planned
        proxy.end_with(_GOING_DOWN)
        planning.proceed()
        with pytest.raises(DatabaseUnavailable):
            execution(db, b"sleep", [texts(["a"])])
