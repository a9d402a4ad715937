"""Whoever tries again or mends, and is overtaken by another wamon meanwhile, undoes nothing of what that one did."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.bridges import LAWLEY
from tests.support.checks import assert_whole
from tests.support.office import Office
from tests.support.truth import Field
from wamon.bridge.store import Store
from wamon.capture.scan import retry
from wamon.capture.verify import Verification, sweep
from wamon.ledger.comparison import Comparison

POISON = "DR6666666"


@pytest.fixture
def offices(tmp_path: Path, dsn: str, field: Field) -> tuple[Office, Office]:
    """Two hosts with one database and one source, which both are up to date."""
    one, two = (Office(tmp_path / name, dsn, field.path) for name in ("one", "two"))
    one.scan()
    return one, two


def overtaken(monkeypatch: pytest.MonkeyPatch, owner: object, name: str, meanwhile: Callable[[], object]) -> None:
    """After the next look of this kind, and before what is made of it, something happens."""
    look = getattr(owner, name)

    def looks(*arguments: Any) -> Any:
        found = look(*arguments)
        found = list(found) if isinstance(found, Iterator) else found
        monkeypatch.setattr(owner, name, look)
        meanwhile()
        return found

    monkeypatch.setattr(owner, name, looks)


def parked(office: Office, field: Field) -> str:
    with office.refusing(POISON):
        message_id = field.post(LAWLEY, POISON)
        office.scan()
    office.query("UPDATE wamon.dead_letters SET next_try_at = now()")
    return message_id


@pytest.mark.parametrize("text", ["DR1000002", POISON], ids=["edited", "recorded"])
@pytest.mark.fault("F58")
def test_a_retry_that_is_overtaken_records_what_the_message_says_now_and_once(
    offices: tuple[Office, Office], field: Field, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    retrying, other = offices
    message_id = parked(retrying, field)

    def meanwhile() -> None:
        field.edit(message_id, text)
        other.scan()

    overtaken(monkeypatch, Store, "find_one", meanwhile)
    with retrying.opened() as pipeline:
        retry(pipeline)
    assert retrying.query("SELECT count(*) FROM wamon.dead_letters") == [0]
    assert set(retrying.query("SELECT drop_number FROM qa_photo_reviews")) == {"DR1000001", text}
    assert_whole(retrying, field)


@pytest.mark.fault("F58")
def test_a_parked_message_that_comes_back_while_it_is_given_up_is_recorded(
    offices: tuple[Office, Office], field: Field, monkeypatch: pytest.MonkeyPatch
) -> None:
    retrying, other = offices
    message_id = parked(retrying, field)
    field.bridge.delete(message_id)

    def meanwhile() -> None:
        field.bridge.redeliver(message_id)
        other.scan()

    overtaken(monkeypatch, Store, "find_one", meanwhile)
    with retrying.opened() as pipeline:
        retry(pipeline)
    assert retrying.query("SELECT count(*) FROM wamon.dead_letters") == [0]
    assert_whole(retrying, field)


@pytest.mark.fault("F58")
def test_a_message_that_comes_back_while_a_sweep_marks_it_gone_is_not_gone(
    offices: tuple[Office, Office], field: Field, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweeping, other = offices
    (key,) = field.bridge.rowids()
    field.bridge.delete(key.message_id)

    def meanwhile() -> None:
        field.bridge.redeliver(key.message_id)
        other.scan()

    overtaken(monkeypatch, Verification, "_gone", meanwhile)
    with sweeping.opened() as pipeline:
        sweep(pipeline)
    assert sweeping.query("SELECT count(*) FROM wamon.ledger WHERE gone_at IS NOT NULL") == [0]
    assert_whole(sweeping, field)


@pytest.mark.fault("F58")
def test_two_sweeps_that_restore_a_review_row_make_one(
    offices: tuple[Office, Office], field: Field, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the office's table knows no unique key."""
    sweeping, other = offices
    sweeping.query("DELETE FROM qa_photo_reviews")
    sweeping.query("ALTER TABLE qa_photo_reviews DROP CONSTRAINT qa_photo_reviews_drop_number_project_key")

    def meanwhile() -> None:
        with other.opened() as pipeline:
            sweep(pipeline)
        other.query("UPDATE qa_photo_reviews SET comment = 'seen'")

    overtaken(monkeypatch, Comparison, "drops_without_review", meanwhile)
    with sweeping.opened() as pipeline:
        sweep(pipeline)
    assert sweeping.query("SELECT drop_number, comment FROM qa_photo_reviews") == [("DR1000001", "seen")]
    assert_whole(sweeping, field)
