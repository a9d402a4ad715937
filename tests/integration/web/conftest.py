"""One `wamon web` for all tests of a file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.clock import CLOCK
from tests.support.office import Office
from tests.support.web import TOKEN, Site, serving


@pytest.fixture(autouse=True, scope="module")
def _at_postgresqls_time() -> Iterator[None]:
    """Pages are of the moment that PostgreSQL tells."""
    with CLOCK.as_hosts():
        yield


@pytest.fixture(scope="module")
def _site(tmp_path_factory: pytest.TempPathFactory, _reused_18: Any) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("web")
    office = Office(folder / "office", _reused_18.empty(), Path(folder / "no-store.db"))
    with serving(office, token=TOKEN) as site:
        yield site


@pytest.fixture
def site(_site: Site, dsn: str) -> Site:
    """The site, over an empty database."""
    return _site
