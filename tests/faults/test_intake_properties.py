"""Whatever a bridge, its hook, a sender without a store and the intake do in whatever order: each message once.

WAMON_CHAOS_EXAMPLES=2000 runs that many examples of 50 steps.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from tests.support.bridges import LAWLEY, VeryGoodPlugins
from tests.support.deliveries import GOWA, MANYCHAT, meta_body, meta_message
from tests.support.intake import MISPLACED, hook, in_lawley, keep, take_in
from tests.support.office import Office
from tests.support.stages import disturbed
from tests.support.truth import Field
from wamon.webhooks import intake

EXAMPLES = os.environ.get("WAMON_CHAOS_EXAMPLES")
"""Read here: the session's fixtures remove such variables before any test runs."""

IDS = st.lists(st.integers(0, 9), min_size=1, max_size=5)
ENDS = ["event.parsed", "event.claimed", "identity.joined", "record.ledger", "event.recorded", "record.fence"]
HOOKS = [hook("meta", project="Lawley"), hook("manychat", project="Lawley"), hook("gowa", of="main")]
OWN_PHONE = [f"2782000{n:04}" for n in range(10)]


class Deliveries(RuleBasedStateMachine):
    def __init__(self, folder: Path, dsn: str) -> None:
        super().__init__()
        store = folder / f"{next(NUMBERS)}.db"
        self.field = Field(VeryGoodPlugins(store, durable=False))
        self.office = Office(folder / store.stem, dsn, store, hooks=HOOKS)
        tables = self.office.query("SELECT tablename FROM pg_tables WHERE schemaname = 'wamon'")
        emptied = ", ".join(f"wamon.{name}" for name in tables if name not in {"migrations", "instance"})
        self.office.query(f"TRUNCATE {emptied} CASCADE")
        self.field.post(LAWLEY, "hello", message_id="FIRST")
        self.office.scan()
        self.due: set[str] = set()
        self.nameless = 0

    @rule(ids=IDS, broken=st.booleans())
    def meta_delivers(self, ids: list[int], broken: bool) -> None:
        said: list[dict[str, Any]] = [
            meta_message(**{"id": f"wamid.{n}", "from": OWN_PHONE[n], "text": {"body": f"DR100000{n}"}}) for n in ids
        ]
        keep(self.office, "meta", meta_body(*said, *([meta_message(id=None)] if broken else []), contacts=[]))
        self.due |= {f"wamid.{n}" for n in ids}

    @rule()
    def manychat_delivers(self) -> None:
        """Long after the one before it: no twin."""
        self.nameless += 1
        keep(self.office, "manychat", MANYCHAT, ago=timedelta(hours=self.nameless))

    @rule(n=st.integers(0, 9))
    def the_hook_of_the_store_delivers(self, n: int) -> None:
        keep(self.office, "gowa", in_lawley(GOWA, f"DR200000{n}", f"S{n}"))
        self.due.add(f"S{n}")

    @rule(n=st.integers(0, 9))
    def the_bridge_stores(self, n: int) -> None:
        self.field.post(LAWLEY, f"DR200000{n}", message_id=f"S{n}")
        self.due.add(f"S{n}")

    @rule()
    def a_minute_passes(self) -> None:
        self.office.query(
            "WITH earlier AS (UPDATE wamon.deliveries SET received_at = received_at - interval '61 s') "
            "UPDATE wamon.delivery_queue SET received_at = received_at - interval '61 s', next_try_at = now()"
        )

    @rule()
    def a_scan(self) -> None:
        self.office.scan()

    @rule()
    def an_intake(self) -> None:
        take_in(self.office)

    @rule(failpoint=st.sampled_from(ENDS), nth=st.integers(1, 2), way=st.sampled_from(["kill", "raise"]))
    def an_intake_that_is_ended(self, failpoint: str, nth: int, way: str) -> None:
        disturbed(lambda: take_in(self.office), f"{failpoint}:{nth}:{way}")

    @invariant()
    def nothing_is_doubled(self) -> None:
        doubled = "SELECT count(*) - count(DISTINCT (chat, message_id)) FROM wamon.submission_rows"
        assert self.office.query(doubled) == [0]
        assert self.office.query(MISPLACED) == []
        assert (
            self.office.query("SELECT count(*) FROM wamon.ledger WHERE message_id LIKE 'event:%%'")[0] <= self.nameless
        )

    def teardown(self) -> None:
        """In the end nothing is lost, and who knew of what is told right."""
        self.a_minute_passes()
        self.office.scan()
        take_in(self.office)
        held = {name for name in self.office.query("SELECT message_id FROM wamon.ledger") if "event:" not in name}
        assert held == self.due | {"FIRST"}
        nameless = self.office.query("SELECT count(*) FROM wamon.ledger WHERE message_id LIKE 'event:%%'")
        assert nameless == [self.nameless]
        assert self.office.query("SELECT count(*) FROM wamon.webhook_events WHERE state <> 'done'") == [0]
        assert self.office.verify().clean
        self.field.__exit__(None, None, None)


NUMBERS: Iterator[int] = count()


@pytest.mark.timeout(0 if EXAMPLES else 120)
@pytest.mark.fault("F110", "F114")
def test_each_message_that_is_delivered_or_stored_is_recorded_once(
    tmp_path: Path, dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "_A_BATCH", 2)  # three deliveries are a backlog, of which is drafted what it writes
    examples, steps = (int(EXAMPLES), 50) if EXAMPLES else (2, 10)

    class Here(Deliveries):
        def __init__(self) -> None:
            super().__init__(tmp_path, dsn)

    run_state_machine_as_test(
        Here,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            derandomize=not EXAMPLES,
            suppress_health_check=list(HealthCheck),
        ),
    )
