"""Views in threads: who asks may be gone before PostgreSQL answers."""

from __future__ import annotations

import asyncio
import threading
from contextlib import AbstractContextManager, ExitStack, nullcontext
from typing import Any, cast

import pytest

from wamon.errors import DatabaseUnavailable
from wamon.postgres.connection import Database
from wamon.web.database import DatabaseThreads, Server


def opened() -> AbstractContextManager[Database]:
    return nullcontext(cast("Any", object()))


def test_a_view_that_ends_after_its_loop_ends_its_thread_without_a_word() -> None:
    threads, begun, may_end = DatabaseThreads(opened), threading.Event(), threading.Event()

    def view(_: Database) -> None:
        begun.set()
        may_end.wait()

    async def ask_and_go() -> None:
        asked = asyncio.ensure_future(threads.run(view))
        await asyncio.to_thread(begun.wait)
        asked.cancel()

    asyncio.run(ask_and_go())
    may_end.set()
    threads.close(60)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("view-")]


def test_once_one_thread_is_connected_what_another_met_meanwhile_is_believed_no_more() -> None:
    tries: list[str] = []

    def opened() -> AbstractContextManager[Database]:
        tries.append("a try")
        if len(tries) == 1:
            with pytest.raises(DatabaseUnavailable):
                server.connect(ExitStack())
        elif len(tries) == 2:
            raise DatabaseUnavailable("It is away.")
        return nullcontext(cast("Any", object()))

    server = Server(opened)
    for _ in range(2):
        server.connect(ExitStack())
    assert len(tries) == 3
