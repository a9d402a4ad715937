"""Whether everything is recorded, in one sentence. It speaks of recording alone: no silent group is its fault. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, NamedTuple

from wamon.words import amount, span

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wamon.views.sources import Check, Source

_BEHIND_SECONDS = 60
_DECIDING = ("recording.passes", "bridge.store")


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether everything is recorded."""

    state: Annotated[str, "`ok`, `warn`, `bad` or `unknown`"]
    sentence: Annotated[str, "the answer"]
    next: Annotated[str, "what to do; may be empty"]


class Deliveries(NamedTuple):
    """Of all hooks."""

    waiting: int = 0  # though their time has come: nobody takes them in
    waiting_seconds: float = 0.0  # since the oldest of them came
    dead: int = 0  # that can't be recorded, and parts of others


NO_DELIVERIES = Deliveries()


@dataclass(frozen=True, slots=True)
class Facts:
    """What it is judged by."""

    sources: Sequence[Source]
    behind: int = 0  # messages in the stores that aren't recorded
    behind_seconds: float = 0.0  # age of the oldest of them
    dead: int = 0
    deliveries: Deliveries = NO_DELIVERIES


def verdict(facts: Facts) -> Verdict:
    """The first rule that holds."""
    return next(found for rule in _RULES if (found := rule(facts)))


def _nothing_yet(facts: Facts) -> Verdict | None:
    if any(source.sign != "none" for source in facts.sources):
        return None
    if any(source.messages for source in facts.sources):
        return Verdict("unknown", "No daemon has reported yet.", "`wamon run`")
    return Verdict("unknown", "Nothing is recorded yet.", "`wamon run`")


def _down(facts: Facts) -> Verdict | None:
    for one in facts.sources:
        if one.sign == "down":
            silent = span(one.silent_seconds or 0)
            return Verdict(
                "bad",
                f"Nothing is heard of {one.name} on {one.host} for {silent}: what came since may not be recorded.",
                f"there: `systemctl status {one.unit}`",
            )
    return None


def _check_is_bad(facts: Facts) -> Verdict | None:
    checks = (check for source in facts.sources for check in source.checks)
    found = next(filter(_decides, checks), None)
    return Verdict("bad", found.sentence, found.hint) if found else None


def _decides(check: Check) -> bool:
    return check.state == "bad" and (check.name in _DECIDING or check.name.startswith("database."))


def _verify_is_not_clean(facts: Facts) -> Verdict | None:
    for one in facts.sources:
        if one.last_verify_clean is False:
            return Verdict("bad", f"{one.name}: the last verify found something missing.", "`wamon verify --repair`")
    return None


def _behind(facts: Facts) -> Verdict | None:
    if not facts.behind or facts.behind_seconds <= _BEHIND_SECONDS:
        return None
    waits = "waits" if facts.behind == 1 else "wait"
    oldest = span(facts.behind_seconds)
    sentence = f"{amount(facts.behind, 'message')} {waits} to be recorded, the oldest for {oldest}."
    return Verdict("warn", sentence, "`wamon doctor`")


def _deliveries_wait(facts: Facts) -> Verdict | None:
    count, seconds, _ = facts.deliveries
    if not count:
        return None
    waits = "waits" if count == 1 else "wait"
    sentence = f"{amount(count, 'delivery')} {waits} to be recorded, the oldest for {span(seconds)}."
    return Verdict("warn", sentence, "`wamon run`")


def _dead(facts: Facts) -> Verdict | None:
    lacking = [(facts.dead, "message"), (facts.deliveries.dead, "delivery")]
    told = " and ".join(amount(count, noun) for count, noun in lacking if count)
    return Verdict("warn", f"All recorded but {told}, kept and listed below.", "") if told else None


def _late(facts: Facts) -> Verdict | None:
    for one in facts.sources:
        if one.sign == "late":
            return Verdict("warn", f"{one.name} is late: last sign {span(one.silent_seconds or 0)} ago.", "")
    return None


def _all_recorded(_: Facts) -> Verdict:
    return Verdict("ok", "All recorded.", "")


_RULES: Sequence[Callable[[Facts], Verdict | None]] = (
    _nothing_yet,
    _down,
    _check_is_bad,
    _verify_is_not_clean,
    _behind,
    _deliveries_wait,
    _dead,
    _late,
    _all_recorded,
)
