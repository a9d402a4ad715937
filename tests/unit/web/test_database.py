"""Views in threads: who asks may be gone before PostgreSQL answers."""

from __future__ import annotations

import asyncio
import threading
from contextlib import AbstractContextManager, nullcontext
from typing import Any, cast

from wamon.postgres.connection import Database
from wamon.web.database import DatabaseThreads


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
