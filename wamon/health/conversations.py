"""Is everybody answered: does anyone wait for long, was anything given up, do turns go well?"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from wamon.health.check import Absent, Check, State, unknown
from wamon.words import age, amount, span

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from wamon.config.conversations import Conversations
    from wamon.config.schema import Config
    from wamon.health.conversation_facts import ConversationFacts

UNANSWERED = timedelta(minutes=10)
MOST_ORPHANS = 5
MOST_STUCK = 5
MOST_DEAD = 10
MOST_ERRORS = 10
SLOW_MS = 2000

_LIST = "`wamon conversations list` names them."


def checks(config: Conversations, found: ConversationFacts | Absent, now: datetime) -> Iterator[Check]:
    """Those of conversations that are enabled, `now` by the database's clock."""
    yield chosen(config)
    if isinstance(found, Absent):
        yield from (unknown(name, found) for name in ASKED)
        return
    yield orphans(found)
    yield unanswered(found, now)
    yield stuck(found)
    yield dead(found)
    yield stale(found)
    yield errors(found)
    yield slow(found)
    yield double_start(found)
    yield missed(found)


ASKED = (
    "conversations.orphans",
    "conversations.unanswered",
    "conversations.stuck",
    "conversations.dead",
    "conversations.stale",
    "conversations.errors",
    "conversations.slow",
    "conversations.double_start",
    "conversations.missed",
)


def way(config: Config) -> Check:
    """Whether what is to be answered can be."""
    numbers = {"mute": list(config.mute)}
    if not config.mute:
        return Check("conversations.way", State.OK, "There is a way to send each answer.", numbers=numbers)
    sentence = f"Bursts are to be answered, and there is no way to send: {', '.join(config.mute)}."
    hint = "Set hooks[].send.url, and its token; of groups, the bridge's path and replies.url."
    return Check("conversations.way", State.WARN, sentence, hint, numbers=numbers)


def lacks_of_answers(config: Config) -> list[Check]:
    """Why somebody is not answered though conversations are enabled: nobody is chosen, or there is no way to send."""
    return [check for check in (chosen(config.conversations), way(config)) if check.state is not State.OK]


def chosen(config: Conversations) -> Check:
    """Whether anybody is answered."""
    users, percentage = len(config.users), config.percentage
    numbers = {"users": users, "percentage": percentage}
    if not config.choose_nobody:
        sentence = f"Answered are {amount(users, 'user')} of the config and {percentage} % of all others."
        return Check("conversations.chosen", State.OK, sentence, numbers=numbers)
    sentence = "Conversations are enabled, and nobody is chosen: nobody is answered."
    hint = "Name test users in conversations.users, or set conversations.percentage; WAMON_REPLIES=off ends both."
    return Check("conversations.chosen", State.WARN, sentence, hint, numbers=numbers)


def agent(config: Config, found: ConversationFacts | Absent, now: datetime) -> Check:
    """Whether the agent, which is enabled, can be asked and heard."""
    name = "conversations.agent"
    if not any(hook.send.url for hook in config.hooks):
        sentence = "The agent is enabled, and no hook can send what it says: it answers nobody."
        return Check(name, State.WARN, sentence, "Set hooks[].send.url, and its token.")
    if isinstance(found, Absent):
        return unknown(name, found)
    if found.agent_off:
        hint = "`wamon replies on --agent` has it asked again."
        return Check(name, State.WARN, "The agent is switched off: nobody asks it.", hint)
    if found.agent_rests_until is not None:
        rest = span(max(0.0, (found.agent_rests_until - now).total_seconds()))
        sentence = f"The agent failed too often, or is busy: nobody asks it for {rest}."
        return Check(
            name, State.WARN, sentence, "Is its server up, and the key right? The log of `wamon run` says why."
        )
    return Check(name, State.OK, "The agent is asked where no template tells anything.")


def orphans(found: ConversationFacts) -> Check:
    """Whether somebody waits whom nobody came to."""
    check = _counted("orphans", found.orphans, "Nobody waits whom no turn came to.")
    if not found.orphans:
        return check
    sentence = f"{amount(found.orphans, 'conversation')} should have been answered over a minute ago, and nobody came."
    hint = "Does `wamon run` run? `wamon conversations orphans` makes them due now."
    return replace(check, state=_worse(found.orphans, MOST_ORPHANS), sentence=sentence, hint=hint)


def unanswered(found: ConversationFacts, now: datetime) -> Check:
    """Whether anybody waits for long."""
    numbers = {"waiting": found.waiting, "oldest_seconds": found.oldest_at and age(found.oldest_at, now)}
    if found.oldest_at is None:
        return Check("conversations.unanswered", State.OK, "Nobody waits for an answer.", numbers=numbers)
    waits = f"{amount(found.waiting, 'conversation')} {'waits' if found.waiting == 1 else 'wait'} for an answer"
    sentence = f"{waits}, the oldest for {span(age(found.oldest_at, now))}."
    if now - found.oldest_at <= UNANSWERED:
        return Check("conversations.unanswered", State.OK, sentence, numbers=numbers)
    return Check("conversations.unanswered", State.WARN, sentence, _LIST, numbers=numbers)


def stuck(found: ConversationFacts) -> Check:
    """Whether many are overdue by minutes."""
    check = _counted("stuck", found.stuck, f"{amount(found.stuck, 'conversation')} stuck.")
    if found.stuck <= MOST_STUCK:
        return check
    sentence = f"{amount(found.stuck, 'conversation')} are overdue by five minutes and more."
    hint = "Does `wamon run` run, and does it hold the sources' leases? Its log says why turns fail."
    return replace(check, state=State.WARN, sentence=sentence, hint=hint)


def dead(found: ConversationFacts) -> Check:
    """Whether bursts were given up."""
    check = _counted("dead", found.dead, "No burst was given up.")
    if not found.dead:
        return check
    sentence = f"{amount(found.dead, 'conversation')} got no answer: four tries failed."
    hint = "`wamon dead list` says why; `wamon dead retry` or `wamon conversations rescue` tries again."
    return replace(check, state=_worse(found.dead, MOST_DEAD), sentence=sentence, hint=hint)


def stale(found: ConversationFacts) -> Check:
    """Whether bursts were too old when somebody came to them."""
    check = _counted("stale", found.stale, "Nothing was too old to answer.")
    if not found.stale:
        return check
    sentence = (
        f"{amount(found.stale, 'conversation')} got no answer: what they wrote was too old when a turn came to it."
    )
    return replace(check, state=State.WARN, sentence=sentence, hint=f"{_LIST} Answer them yourself, or rescue them.")


def errors(found: ConversationFacts) -> Check:
    """Whether many turns fail."""
    check = _counted("errors", found.errors, f"{amount(found.errors, 'turn')} of the last hour failed.")
    if found.errors <= MOST_ERRORS:
        return check
    return replace(check, state=State.WARN, hint="The log of `wamon run` says why.")


def slow(found: ConversationFacts) -> Check:
    """Whether turns take long."""
    numbers = {"p95_ms": found.slow_ms}
    if found.slow_ms is None:
        return Check("conversations.slow", State.OK, "No turn in the last hour.", numbers=numbers)
    sentence = f"Of twenty turns of the last hour nineteen took at most {found.slow_ms:,.0f} ms."
    if found.slow_ms <= SLOW_MS:
        return Check("conversations.slow", State.OK, sentence, numbers=numbers)
    return Check("conversations.slow", State.WARN, sentence, "Is PostgreSQL, or the provider, slow?", numbers=numbers)


def double_start(found: ConversationFacts) -> Check:
    """Whether one person's wait began twice."""
    check = _counted("double_start", found.double_starts, "Each burst of the last hour began once.")
    if not found.double_starts:
        return check
    sentence = (
        f"{amount(found.double_starts, 'burst')} of the last hour began twice within a minute, with no turn between."
    )
    return replace(
        check, state=State.WARN, sentence=sentence, hint="Report it: `wamon verify` tells what else is wrong."
    )


def missed(found: ConversationFacts) -> Check:
    """What was said while we weren't asked. It is no fault; a rule of alerts may tell it."""
    return _counted(
        "missed", found.missed, f"{amount(found.missed, 'message')} of the last hour lay between our answers."
    )


def _counted(name: str, count: int, sentence: str) -> Check:
    return Check(f"conversations.{name}", State.OK, sentence, numbers={name: count})


def _worse(count: int, most: int) -> State:
    return State.BAD if count > most else State.WARN
