"""A store with one post, and a server that is nobody else's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.bridges import LAWLEY, VeryGoodPlugins
from tests.support.server import Initialised, Server, with_template
from tests.support.truth import Field
from wamon.postgres.embedded import server as embedded


@pytest.fixture
def field(tmp_path: Path) -> Iterator[Field]:
    with Field(VeryGoodPlugins(tmp_path / "messages.db", durable=False)) as field:
        field.post(LAWLEY, "DR1000001")
        yield field


@pytest.fixture(scope="module")
def server(reachable: Path, initialised: Initialised, request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server that the module's tests may stop."""
    state_dir = reachable / request.module.__name__
    initialised.copy(state_dir, reachable / "lib")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(embedded, "ROOT_HOME", reachable / "lib")
        with embedded.running(state_dir) as dsn:
            yield Server(state_dir, with_template(dsn))
