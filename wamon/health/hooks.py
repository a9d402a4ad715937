"""Do deliveries come in: is each hook's address there, and its source; is anything refused, parked or missing?"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from wamon.health.baseline import patience
from wamon.health.check import Absent, Check, State, unknown
from wamon.health.delivery_facts import HookFacts
from wamon.providers import buffer
from wamon.webhooks.counts import MOST_REFUSALS
from wamon.webhooks.providers import KNOWN
from wamon.words import age, amount, span

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from wamon.config.hooks import Hook
    from wamon.config.schema import Config
    from wamon.health.delivery_facts import DeliveryFacts, WaitingDeliveries
    from wamon.health.facts import Facts


def checks(facts: Facts) -> Iterator[Check]:
    """Those of each hook, and of deliveries to hooks that the config had once."""
    config, found = facts.subject.config, facts.deliveries
    hooks = config.hooks
    for hook in hooks:
        yield address(hook)
        if hook.of is not None:
            yield source(hook, config.bridge.name)
    if isinstance(found, Absent):
        for hook in hooks:
            yield from (replace(unknown(name, found), numbers={"hook": hook.name}) for name in _ASKED)
        return
    yield from _of_deliveries(hooks, found, facts.database_now)
    yield from _waiting(config, found, facts.database_now)


_ASKED = ("hooks.refused", "hooks.quiet", "hooks.refusing", "hooks.parked", "hooks.empty")
TELLING = 10
"""So many deliveries without a message are no chance: receipts and who is typing come beside messages."""


def _of_deliveries(hooks: Sequence[Hook], found: DeliveryFacts, now: datetime) -> Iterator[Check]:
    for hook in hooks:
        own = found.hooks.get(hook.name, HookFacts(hook.name))
        yield refusals(hook, own, now)
        if hook.secret:
            yield quiet(own, now)
    known = {hook.name for hook in hooks}
    for own in found.hooks.values():
        if own.refused_lately >= MOST_REFUSALS and own.hook in known:
            yield refusing(own)
        if own.parked:
            yield parked(own)
        if own.empty >= TELLING and own.hook in known:
            yield empty(own.hook, own.empty)


def _waiting(config: Config, found: DeliveryFacts, now: datetime) -> Iterator[Check]:
    lacks = {hook.name: "" if hook.source in config.all_sources else "secret" for hook in config.hooks}
    if lacks:
        lacks[buffer.HOOK] = ""
    for deliveries in found.waiting:
        yield waiting(deliveries, now, lacks.get(deliveries.hook, "hook"))


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


def refusals(hook: Hook, own: HookFacts, now: datetime) -> Check:
    """Whether deliveries of today were refused, and whether their sender has come back since."""
    numbers = {"hook": hook.name, "refused_today": own.refused_today, "refused_at": own.refused_at}
    if not own.refused_today:
        return Check("hooks.refused", State.OK, f"{hook.name} refused nothing today.", numbers=numbers)
    repeats = KNOWN[hook.provider].repeats
    after = "it delivers them again for a while" if repeats else "it doesn't deliver them again"
    sentence = (
        f"{hook.name} refused {own.refused_today:,} of today's deliveries; if {hook.provider} sent them, {after}."
    )
    hint = f"Has it the hook's secret? `wamon hooks test {hook.name}` tries ours; the log of `wamon web` says why."
    return Check("hooks.refused", State.WARN, f"{sentence}{_since(own, now)}", hint, numbers=numbers)


def _since(own: HookFacts, now: datetime) -> str:
    """Whether anything came after the last refusal."""
    if own.refused_at is None:
        return ""
    if own.last_at and own.last_at > own.refused_at:
        return " Others were taken since."
    return f" None was taken since the last refusal, {span(age(own.refused_at, now))} ago."


def refusing(own: HookFacts) -> Check:
    """That many deliveries were refused just now."""
    numbers = {"hook": own.hook, "refused_lately": own.refused_lately}
    sentence = f"{own.hook} refused {MOST_REFUSALS} deliveries, or more, in the last 10 min."
    hint = f"Was a secret changed on one side only, or does somebody try the address? `wamon hooks test {own.hook}`."
    return Check("hooks.refusing", State.WARN, sentence, hint, numbers=numbers)


def quiet(own: HookFacts, now: datetime) -> Check:
    """Whether nothing has come for longer than is usual at this hour of the week, as it is judged of groups.

    A hook to which nothing ever came isn't judged by time.
    """
    if own.last_at is None:
        return Check("hooks.quiet", State.OK, f"Nothing has come to {own.hook} yet.", numbers={"hook": own.hook})
    silent_seconds, usual = age(own.last_at, now), own.usual_seconds
    numbers = {"hook": own.hook, "age_seconds": silent_seconds, "usual_seconds": usual, "last_at": own.last_at}
    usually = "what is usual isn't known yet" if usual is None else f"usual at this hour is up to {span(usual)}"
    sentence = f"The last delivery to {own.hook} came {span(silent_seconds)} ago; {usually}."
    if silent_seconds <= patience(usual):
        return Check("hooks.quiet", State.OK, sentence, numbers=numbers)
    hint = f"`wamon hooks test {own.hook}` tries the way to it. Is its sender connected, and does it know the address?"
    return Check("hooks.quiet", State.WARN, sentence, hint, numbers=numbers)


def parked(own: HookFacts) -> Check:
    """That deliveries couldn't be read or recorded."""
    numbers = {"hook": own.hook, "parked": own.parked}
    sentence = f"{amount(own.parked, 'delivery')} to {own.hook}, or parts of them, couldn't be read or recorded."
    hint = "They are kept: `wamon dead list` tells why, `wamon dead retry` takes one in again."
    return Check("hooks.parked", State.WARN, sentence, hint, numbers=numbers)


def empty(hook: str, deliveries: int) -> Check:
    """That deliveries come, and hold nothing that is read: those of another product, or of other events."""
    numbers = {"hook": hook, "empty": deliveries}
    sentence = f"None of the last {amount(deliveries, 'delivery')} to {hook} held a message that counts."
    hint = (
        "Does its sender deliver messages, one-to-one or of a watched group, and is it the product that `provider` "
        "names? `wamon help webhooks` says which events it needs."
    )
    return Check("hooks.empty", State.WARN, sentence, hint, numbers=numbers)


def waiting(deliveries: WaitingDeliveries, now: datetime, lacks: str) -> Check:
    """Why deliveries aren't taken in: the config `lacks` the "hook", or its "secret"; "": nothing."""
    hook, count, since = deliveries
    waits = f"{amount(count, 'delivery')} to hook {hook} {'waits' if count == 1 else 'wait'} to be recorded"
    numbers = {"hook": hook, "waiting": count}
    if not lacks:
        sentence = f"{waits}, the oldest for {span(age(since, now))}."
        return Check(
            "hooks.waiting", State.WARN, sentence, "`wamon run` records them, and `wamon scan`.", numbers=numbers
        )
    if lacks == "secret":
        sentence = f"{waits}, and the hook has no secret, so nobody takes them in."
        hint = f"They are kept. Give {hook} a secret until they are recorded, a new one where others know the old one."
        return Check("hooks.waiting", State.BAD, sentence, hint, numbers=numbers)
    hint = f"They are kept. Name {hook} under hooks again until they are recorded."
    return Check("hooks.waiting", State.BAD, f"{waits}, and the config has no such hook.", hint, numbers=numbers)
