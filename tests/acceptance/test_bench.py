"""The bench itself, on a small store: what it measures as whole processes, and what it measures of the daemon."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bench import catchups, growth, lists, passes
from bench.figures import FLOOR, MONITOR, WAMON, Figures
from bench.ground import Ground
from bench.subjects import (
    bare_query,
    catch_up,
    cold_seconds,
    grown_seconds,
    listed,
    listed_peak,
    page_shown,
    peak,
    ten_rows,
    unchanged,
)
from tests.conftest import fresh


class Settled(Ground):
    """Where each database has the schema already: here nobody asks how long its steps take."""

    @contextmanager
    def database(self) -> Iterator[str]:
        yield from fresh(self.dsn)


@pytest.fixture(scope="module")
def ground(request: pytest.FixtureRequest, reachable: Path) -> Ground:
    return Settled(request.getfixturevalue("_embedded_18"), reachable, reachable)


def test_the_bench_measures_wamon_and_its_floor_alike(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passes, "_ROUNDS", 1)
    monkeypatch.setattr(passes, "_QUICK_ROUNDS", 2)
    figures = Figures()
    catchups.measure(ground, figures, 500, rounds=1)
    passes.measure(ground, figures, 600)
    growth.measure(ground, figures, 100, 600, rounds=1)
    both = (catch_up(500), peak(500), cold_seconds(600), grown_seconds(600, 100), ten_rows(600))
    assert all(figures.of(subject, who) for subject in both for who in (WAMON, FLOOR))
    assert figures.of(unchanged(600), WAMON)
    assert figures.of(unchanged(600), MONITOR)
    assert figures.of(bare_query(600), FLOOR)


def test_the_bench_measures_lists_over_a_ledger_and_an_older_one(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists, "_ROUNDS", 1)
    monkeypatch.setattr(lists, "_LOOKS", 1)
    monkeypatch.setattr(lists, "LISTS", ("gaps",))
    monkeypatch.setattr(lists, "OF_ALL_DROPS", ())
    figures = Figures()
    lists.measure(ground, figures, 400)
    assert all(figures.of(listed("gaps", size), WAMON) for size in (400, 2_000))
    assert all(figures.of(listed_peak("gaps", size), WAMON) for size in (400, 2_000))
    assert all(figures.of(page_shown(size), WAMON) for size in (400, 2_000))
