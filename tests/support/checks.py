"""What a test waits for while an office works, and asks of it in the end."""

from __future__ import annotations

from collections.abc import Callable

from tests.support.office import Office, eventually
from tests.support.truth import Field


def recorded(office: Office, number: str, said: Callable[[], object] = str) -> None:
    """Wait until this number is a drop of Lawley's."""
    drop = "SELECT 1 FROM wamon.drops WHERE project = 'Lawley' AND drop_number = %s"
    eventually(f"{number} recorded", lambda: office.query(drop, number), said=lambda: str(said()))


def assert_whole(office: Office, field: Field) -> None:
    """Nothing is lost and nothing doubled of what the store says, and verify says so too."""
    field.truth.scanned()
    assert office.submissions() == field.truth.submissions()
    assert office.kinds() == field.truth.kinds()
    assert office.ledger() == field.truth.ledger()
    verified = office.verify()
    assert verified.clean, verified.problems
