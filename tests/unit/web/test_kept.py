"""One look for all who ask while it lasts, and for a while after it."""

from __future__ import annotations

import asyncio

from tests.support.clock import CLOCK
from wamon.errors import DatabaseUnavailable
from wamon.web.kept import Kept


def test_who_asks_while_a_look_lasts_gets_what_it_finds() -> None:
    looks: list[int] = []

    async def look() -> int:
        looks.append(1)
        await asyncio.sleep(0)
        return len(looks)

    async def asked() -> list[int]:
        kept = Kept(look, 60, CLOCK)
        together = await asyncio.gather(kept.now(), kept.now(), kept.now())
        return [*together, await kept.now()]

    assert asyncio.run(asked()) == [1, 1, 1, 1]


def test_a_look_that_fails_fails_for_all_who_wait_for_it_and_not_one_after_the_other() -> None:
    looks: list[int] = []

    async def look() -> None:
        looks.append(1)
        await asyncio.sleep(0)
        raise DatabaseUnavailable("PostgreSQL hasn't answered.")

    async def asked() -> None:
        kept = Kept(look, 60, CLOCK)
        for outcome in await asyncio.gather(kept.now(), kept.now(), return_exceptions=True):
            assert isinstance(outcome, DatabaseUnavailable)

    asyncio.run(asked())
    assert looks == [1]
