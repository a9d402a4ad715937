"""The proof that deliveries became messages: each that was taken in, while its body is kept, against the ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wamon.webhooks.intake import Intake


class Unproven(NamedTuple):
    """A message that a delivery brought, and that the ledger lacks."""

    event: int
    jid: str
    message_id: str


class Proof(NamedTuple):
    """What was looked at, and what doesn't hold."""

    events: int
    unproven: Sequence[Unproven]


def prove(intake: Intake) -> Proof:
    """Compare every delivery that was taken in with the ledger."""
    events = 0
    unproven: list[Unproven] = []
    last = 0
    while some := intake.taken_in_after(last):
        events += len(some)
        last = some[-1].event.event
        unproven += [Unproven(event, *key) for event, key in intake.unrecorded(some)]
    return Proof(events, unproven)
