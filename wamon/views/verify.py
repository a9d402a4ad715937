"""What a verify found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from wamon.capture.verify import ANSWERED_ONCE

if TYPE_CHECKING:
    from wamon.capture import verify as proof
    from wamon.capture.pipeline import Pipeline
    from wamon.conversations.proof import Proof as Answered
    from wamon.webhooks.proof import Proof


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that a promise rules out."""

    promise: Annotated[int, "which promise doesn't hold"]
    group: Annotated[str | None, "the project's name"]
    message_id: Annotated[str | None, "the message"]
    detail: Annotated[str, "what is wrong"]


@dataclass(frozen=True, slots=True)
class Verify:
    """What `wamon verify` found."""

    clean: Annotated[bool, "nothing is wrong"]
    checked: Annotated[int, "messages compared"]
    dead: Annotated[int, "dead letters; they aren't unclean"]
    older_rules: Annotated[int, "messages read under older rules"]
    without_text: Annotated[int, "messages with a drop whose texts are gone before `privacy.keep_text`"]
    reviews_waiting: Annotated[int, "drops whose rows in the office's tables wait to be written; they aren't unclean"]
    store_missed: Annotated[int, "messages that hooks brought and the store lacks; they aren't unclean"]
    events: Annotated[int, "deliveries of hooks compared, as long as their bodies are kept"]
    turns: Annotated[int, "finished turns of conversations compared, as long as they are kept: 90 days"]
    problems: tuple[Problem, ...]


def verify(pipeline: Pipeline, verified: proof.Verified, delivered: Proof, answered: Answered | None) -> Verify:
    """What this verify found, of the store, of hooks and of conversations; None: nobody is answered."""
    return Verify(
        clean=verified.clean and _is_clean(delivered, answered),
        checked=verified.checked,
        dead=verified.dead,
        older_rules=verified.older_rules,
        without_text=verified.without_text,
        reviews_waiting=verified.reviews_waiting,
        store_missed=verified.store_missed,
        events=delivered.events,
        turns=answered.turns if answered else 0,
        problems=(
            *(_problem(pipeline, problem) for problem in verified.problems),
            *_unproven(delivered),
            *_flaws(answered),
        ),
    )


def without_store(delivered: Proof, answered: Answered | None) -> Verify:
    """What this verify found where hooks alone bring messages."""
    return Verify(
        clean=_is_clean(delivered, answered),
        checked=0,
        dead=0,
        older_rules=0,
        without_text=0,
        reviews_waiting=0,
        store_missed=0,
        events=delivered.events,
        turns=answered.turns if answered else 0,
        problems=(*_unproven(delivered), *_flaws(answered)),
    )


def _is_clean(delivered: Proof, answered: Answered | None) -> bool:
    return not delivered.unproven and not (answered and answered.flaws)


def _flaws(answered: Answered | None) -> tuple[Problem, ...]:
    return tuple(
        Problem(ANSWERED_ONCE, None, flaw.message_id, f"conversation {flaw.uid} {flaw.detail}")
        for flaw in (answered.flaws if answered else ())
    )


def _unproven(delivered: Proof) -> tuple[Problem, ...]:
    return tuple(
        Problem(1, None, one.message_id, f"came with delivery {one.event}, and isn't in the ledger")
        for one in delivered.unproven
    )


def _problem(pipeline: Pipeline, problem: proof.Problem) -> Problem:
    return Problem(
        promise=problem.promise,
        group=pipeline.source.groups[problem.jid].project if problem.jid else None,
        message_id=problem.message_id or None,
        detail=problem.detail,
    )
