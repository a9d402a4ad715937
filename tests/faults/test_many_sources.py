"""Many sources on one database behind a pooler, each with its `run` and its hook: nothing is lost or doubled.

The suite has a few; `make chaos` has forty, and restarts them for twenty minutes.
"""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPException
from itertools import count
from pathlib import Path

import pytest

from tests.support.bridges import LAWLEY, VeryGoodPlugins
from tests.support.deliveries import GOWA
from tests.support.environment import EXAMPLES
from tests.support.hooks import deliver, hook
from tests.support.intake import in_lawley
from tests.support.office import Daemon, Office, eventually
from tests.support.pooler import PROGRAM, pooled
from tests.support.truth import Field
from tests.support.web import Site, serving

SOURCES, LASTS_SECONDS = (40, 1_200) if EXAMPLES else (3, 0)
SESSIONS = 8
SECONDS = 120 if EXAMPLES else 30
ENDS = (signal.SIGKILL, signal.SIGTERM)

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="pgbouncer isn't installed here")


class Branch:
    """One source: its store, its hook, and its `run`, which stands by for the next one's hook as well."""

    def __init__(self, number: int, folder: Path, dsn: str, way: str) -> None:
        self.source, self.hook = f"branch-{number}", f"hook-{number}"
        folder.mkdir()
        self.field = Field(VeryGoodPlugins(folder / "messages.db", seed=number, durable=False), watched=False)
        both = [hook(f"hook-{one % SOURCES}", "gowa") for one in (number, number + 1)]
        self.office = Office(folder / "office", dsn, self.field.path, bridge={"name": self.source}, hooks=both)
        self.office.set(database={"url": way})
        self._stack = ExitStack()
        self.begin()

    def begin(self) -> None:
        self.daemon: Daemon = self._stack.enter_context(self.office.running())

    def restart(self, number: signal.Signals) -> None:
        self.daemon.end(number)
        self._stack.close()
        self.begin()

    def close(self) -> None:
        self._stack.close()
        self.field.close()


class Page:
    """One of two `wamon web` with all hooks."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._stack = ExitStack()
        self.restart()

    def restart(self) -> None:
        self._stack.close()
        self.site: Site = self._stack.enter_context(serving(self._office))

    def is_kept(self, name: str, number: int) -> bool:
        try:
            return deliver(self.site, "gowa", in_lawley(GOWA, f"DR{number}", f"3EB0{number}"), to=name).status == 200
        except (OSError, HTTPException):
            return False

    def close(self) -> None:
        self._stack.close()


@contextmanager
def region(folder: Path, dsn: str) -> Iterator[tuple[list[Branch], list[Page]]]:
    """All sources and both pages, on one database behind one pooler."""
    with ExitStack() as stack, pooled(dsn, SESSIONS) as way:
        branches = []
        for number in range(SOURCES):
            branches.append(Branch(number, folder / str(number), dsn, way))
            stack.callback(branches[-1].close)
        hooks = [hook(branch.hook, "gowa") for branch in branches]
        pages = []
        for name in ("web-1", "web-2"):
            office = Office(folder / name, dsn, folder / "none.db", hooks=hooks, database={"url": way})
            pages.append(Page(office))
            stack.callback(pages[-1].close)
        yield branches, pages


def turns() -> Iterator[int]:
    """One, and more until the time is over."""
    ends_at = time.monotonic() + LASTS_SECONDS
    for turn in count():
        yield turn
        if time.monotonic() >= ends_at:
            return


@pytest.mark.fault("F156")
def test_many_sources_behind_a_pooler_restarted_at_random_lose_and_double_nothing(tmp_path: Path, own_dsn: str) -> None:
    rng = random.Random(SOURCES)
    with region(tmp_path, own_dsn) as (branches, pages):
        office = branches[0].office
        promised = set()
        for turn in turns():
            for number, branch in enumerate(branches):
                own, brought = (first + 10_000 * number + turn for first in (1_000_000, 2_000_000))
                branch.field.post(LAWLEY, f"DR{own}")
                eventually("a 200", lambda: any(page.is_kept(branch.hook, brought) for page in pages))  # noqa: B023
                promised |= {("Lawley", f"DR{own}"), ("Lawley", f"DR{brought}")}
            for branch in rng.sample(branches, max(1, SOURCES // 8)):
                branch.restart(rng.choice(ENDS))
            rng.choice(pages).restart()
            eventually("all is recorded", lambda: promised <= office.drops(), seconds=SECONDS)  # noqa: B023
        assert_each_is_worked_by_its_own(office, branches)
        assert [branch.daemon.end() for branch in branches] == [0] * SOURCES
        assert office.query("SELECT count(*) FROM wamon.leases") == [0]
        assert office.drops() == promised
        assert set(office.kinds().values()) == {"new"}
        assert all(branch.office.verify().clean for branch in branches)


def assert_each_is_worked_by_its_own(office: Office, branches: list[Branch]) -> None:
    """Each store's source by its own `run`, each hook's by one of the two that know it."""
    pids = [branch.daemon.process.pid for branch in branches]
    holders: dict[str, set[int]] = {branch.source: {pids[n]} for n, branch in enumerate(branches)}
    holders |= {branch.hook: {pids[n], pids[n - 1]} for n, branch in enumerate(branches)}

    def are_right() -> bool:
        held = dict(office.query("SELECT source, pid FROM wamon.leases"))
        return held.keys() == holders.keys() and all(held[source] in right for source, right in holders.items())

    eventually("each has its lease", are_right, seconds=SECONDS)
