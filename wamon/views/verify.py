"""What a verify found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

if TYPE_CHECKING:
    from wamon.capture import verify as proof
    from wamon.capture.pipeline import Pipeline


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
    reviews_waiting: Annotated[int, "rows of the review table that wait to be written; they aren't unclean"]
    store_missed: Annotated[int, "messages that hooks brought and the store lacks; they aren't unclean"]
    problems: tuple[Problem, ...]


def verify(pipeline: Pipeline, verified: proof.Verified) -> Verify:
    """What this verify found."""
    return Verify(
        clean=verified.clean,
        checked=verified.checked,
        dead=verified.dead,
        older_rules=verified.older_rules,
        without_text=verified.without_text,
        reviews_waiting=verified.reviews_waiting,
        store_missed=verified.store_missed,
        problems=tuple(_problem(pipeline, problem) for problem in verified.problems),
    )


def _problem(pipeline: Pipeline, problem: proof.Problem) -> Problem:
    return Problem(
        promise=problem.promise,
        group=pipeline.source.groups[problem.jid].project if problem.jid else None,
        message_id=problem.message_id or None,
        detail=problem.detail,
    )
