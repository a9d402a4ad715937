"""Do deliveries come in: is each hook's address there, does its source exist, is anything refused?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wamon.health.check import Check, State
from wamon.webhooks.providers import KNOWN
from wamon.words import age, amount, span

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from wamon.config.hooks import Hook
    from wamon.health.facts import Facts
    from wamon.health.ledger_facts import WaitingDeliveries


def checks(facts: Facts) -> Iterator[Check]:
    """Those of each hook, and of deliveries to hooks that the config had once."""
    for hook in facts.subject.config.hooks:
        yield address(hook)
        if hook.of is not None:
            yield source(hook, facts.subject.config.bridge.name)
        yield refusals(hook, facts.refused_today.get(hook.name, 0))
    known = {hook.name for hook in facts.subject.config.hooks}
    for deliveries in facts.waiting_deliveries:
        yield waiting(deliveries, facts.database_now, is_known=deliveries.hook in known)


def address(hook: Hook) -> Check:
    """Whether the hook has a secret: without one anybody could deliver, so its address doesn't exist."""
    numbers = {"hook": hook.name}
    if hook.secret:
        return Check("hooks.address", State.OK, f"/hooks/{hook.name} is open to {hook.provider}.", numbers=numbers)
    sentence = f"The hook {hook.name} has no secret, so /hooks/{hook.name} doesn't exist."
    hint = "Set hooks[].secret: `openssl rand -hex 24` prints one. Its sender needs the same."
    return Check("hooks.address", State.WARN, sentence, hint, numbers=numbers)


def source(hook: Hook, bridge: str) -> Check:
    """Whether the bridge is there whose second witness the hook is."""
    numbers = {"hook": hook.name}
    if hook.of == bridge:
        return Check("hooks.source", State.OK, f"{hook.name} is the second witness of {bridge}.", numbers=numbers)
    sentence = (
        f"The hook {hook.name} is of {hook.of}, and this config's bridge is {bridge}: nobody records what it brings."
    )
    return Check("hooks.source", State.BAD, sentence, f"Say `of: {bridge}`, or leave it out.", numbers=numbers)


def refusals(hook: Hook, refused: int) -> Check:
    """Whether deliveries of today were refused."""
    numbers = {"hook": hook.name, "refused_today": refused}
    if not refused:
        return Check("hooks.refused", State.OK, f"{hook.name} refused nothing today.", numbers=numbers)
    repeats = KNOWN[hook.provider].repeats
    after = "it delivers them again for a while" if repeats else "it doesn't deliver them again"
    sentence = f"{hook.name} refused {refused:,} of today's deliveries; if {hook.provider} sent them, {after}."
    hint = f"Has it the hook's secret? `wamon hooks test {hook.name}` tries ours; the log of `wamon web` says why."
    return Check("hooks.refused", State.WARN, sentence, hint, numbers=numbers)


def waiting(deliveries: WaitingDeliveries, now: datetime, *, is_known: bool) -> Check:
    """Why deliveries aren't taken in."""
    hook, count, since = deliveries
    waits = f"{amount(count, 'delivery')} to hook {hook} {'waits' if count == 1 else 'wait'} to be recorded"
    numbers = {"hook": hook, "waiting": count}
    if is_known:
        sentence = f"{waits}, the oldest for {span(age(since, now))}."
        return Check(
            "hooks.waiting", State.WARN, sentence, "`wamon run` records them, and `wamon scan`.", numbers=numbers
        )
    hint = f"They are kept. Name {hook} under hooks again until they are recorded."
    return Check("hooks.waiting", State.BAD, f"{waits}, and the config has no such hook.", hint, numbers=numbers)
