"""Pages are of the moment that PostgreSQL tells."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.clock import CLOCK


@pytest.fixture(autouse=True, scope="module")
def _at_postgresqls_time() -> Iterator[None]:
    with CLOCK.as_hosts():
        yield
