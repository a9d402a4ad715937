"""What happens to the wamons of the property test: they stay, stall, fail at a step, are killed; and clocks move."""

from __future__ import annotations

import json
import os
import signal
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.support.oracle import Stored
from wamon import failpoints
from wamon.bridge.store import Page
from wamon.capture.pipeline import Pipeline, run_pass
from wamon.clock import Clock
from wamon.errors import DatabaseUnavailable


class Movable(Clock):
    """Stands where the bridge stands, or as far from there as it was moved."""

    def __init__(self, there: Callable[[], datetime]) -> None:
        self.there = there
        self.away = timedelta()

    def now(self) -> datetime:
        return self.there() + self.away


@dataclass
class Running:
    """A wamon that stays in its process, with what it remembers."""

    stack: ExitStack
    pipeline: Pipeline
    is_disturbed: bool = False  # something was done to its database that may end it


@dataclass(frozen=True)
class Stalled:
    """A wamon that has read a page and not recorded it."""

    wamon: Running
    page: Page
    read: Stored
    at: tuple[str | None, int]  # instance and seq


def ahead(path: Path) -> str:
    """What the state file says, at a position that nothing has come to; the file as it is where it says nothing."""
    content = path.read_text()
    try:
        document = json.loads(content)
        for position in document["sources"].values():
            position |= {"seq": 10**6, "rowid": 10**9}
    except (ValueError, LookupError, TypeError):
        return content
    return json.dumps(document)


def record(stalled: Stalled) -> None:
    """Go on with the page that was read before."""
    pipeline = stalled.wamon.pipeline
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline.store, "read_page", lambda *_: stalled.page)
        run_pass(pipeline)


@contextmanager
def failing(failpoint: str, act: Callable[[str, str], None] = failpoints._act) -> Iterator[None]:
    failpoints._reached.clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WAMON_FAILPOINT", failpoint)
        patch.setattr(failpoints, "_act", act)
        yield


def until_killed(scans: Callable[[], object], failpoint: str, *, may_break: bool) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of Python 3.12, where threads idle: the child needs none
        child = os.fork()
    if child == 0:
        code = 1
        try:
            failpoints._reached.clear()
            os.environ["WAMON_FAILPOINT"] = failpoint
            scans()
            code = 0
        except DatabaseUnavailable:
            code = 0 if may_break else 1
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    assert not os.WIFSIGNALED(status) or os.WTERMSIG(status) == signal.SIGKILL
