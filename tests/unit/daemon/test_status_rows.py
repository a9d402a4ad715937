"""Publishing, as a side task."""

import weakref
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, cast

from tests.support.clock import CLOCK
from wamon.daemon.passes import Passes
from wamon.daemon.status_rows import StatusRows
from wamon.daemon.stopping import Stopping
from wamon.errors import NoConnectionFree


class FewWaits(Stopping):
    """Ends after a few waits, and keeps for how long they were to be."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float] = []

    def wait(self, seconds: float) -> bool:
        self.waits.append(seconds)
        if len(self.waits) == 3:
            self.set()
        return self.is_set()


class Looked:
    """What is published of a look that found nothing."""

    checks = ()

    def store(self) -> dict[str, object]:
        return {}

    def portions(self) -> Iterator[Any]:
        return iter(())


def test_it_lets_go_of_its_connection_where_the_passes_get_none() -> None:
    passes, stopping, absent = Passes(lambda: None), FewWaits(), cast("Any", None)
    opened: list[str] = []

    @contextmanager
    def ledger(_: object) -> Iterator[Any]:
        passes.hang(NoConnectionFree("PostgreSQL has no connection free."))
        opened.append("opened")
        yield None
        opened.append("closed")

    rows = StatusRows(absent, CLOCK, passes, ledger, CLOCK.now(), absent, list, lambda: None)
    rows.run(stopping)
    assert opened == ["opened", "closed"]


def test_one_that_stands_by_rests_though_each_look_is_news() -> None:
    passes, stopping, absent = Passes(lambda: None), FewWaits(), cast("Any", None)
    rows = StatusRows(absent, CLOCK, passes, lambda _: nullcontext(absent), CLOCK.now(), absent, list, lambda: None)
    rows.take(cast("Any", Looked()))
    rows.run(stopping)
    assert stopping.waits == [1.0, 1.0, 1.0]


def test_a_look_is_let_go_while_what_it_found_waits_to_be_published() -> None:
    absent, look = cast("Any", None), Looked()
    rows = StatusRows(absent, CLOCK, Passes(lambda: None), absent, CLOCK.now(), absent, list, lambda: None)
    rows.take(cast("Any", look))
    left = weakref.ref(look)
    del look
    assert left() is None
