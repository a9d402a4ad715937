"""What takes deliveries in: one intake a source that hooks feed."""

from __future__ import annotations

import sys
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from wamon.app.commands import offices_of, recorders_of, review_of, rules_of
from wamon.app.database import ledger
from wamon.app.following import Talk
from wamon.bridge.people import Aliases
from wamon.capture.groups import follow_names
from wamon.errors import UsageError
from wamon.health.gaps import recorded_gaps
from wamon.ledger.dead_letters import letters_of_events
from wamon.ledger.retention import keep_since
from wamon.ledger.source import BroughtSource, Source
from wamon.webhooks.events import event_of
from wamon.webhooks.intake import Feed, Intake, Taken
from wamon.webhooks.proof import Proof, Unproven, prove

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from datetime import datetime

    from wamon.clock import Clock
    from wamon.config.schema import Config
    from wamon.health.gaps import Gap, Window
    from wamon.ledger.dead_letters import Letter
    from wamon.ledger.effects import Effects
    from wamon.postgres.connection import Database

_SWITCH_SECONDS = 0.0005
"""A tenth of the usual: after each answer of PostgreSQL's who records waits so long for who parses."""


@contextmanager
def intakes(config: Config, clock: Clock) -> Iterator[tuple[Database, Sequence[Intake]]]:
    """An intake for each source that a hook feeds, ready to work, over one connection of their own."""
    sys.setswitchinterval(_SWITCH_SECONDS)
    with ledger(config) as db, ExitStack() as stack:
        found = [_begun(config, source, db, clock) for source in config.sources_of_hooks]
        for intake in found:
            stack.callback(intake.end)
        yield db, found


def take_in_all(config: Config, clock: Clock) -> Taken:
    """Take in until nothing is new. What a store may still come to hold waits for the daemon, or the next time."""
    taken = Taken()
    with intakes(config, clock) as (_, found):
        for intake in found:
            while (one := intake.take_in()).events:
                taken.add(one)
    return taken


def proofs(config: Config, clock: Clock, *, repair: bool) -> Proof:
    """Compare what hooks brought with the ledger. `repair`: take in once more what that lacks, first."""
    events = 0
    unproven: list[Unproven] = []
    with intakes(config, clock) as (_, found):
        for intake in found:
            if repair:
                intake.events.retry({one.event for one in prove(intake).unproven})
                while intake.take_in().events:
                    pass
            proof = prove(intake)
            events += proof.events
            unproven += proof.unproven
    return Proof(events, unproven)


@contextmanager
def brought_sources(config: Config) -> Iterator[Sequence[Source]]:
    """The sources that hooks feed, over one connection of their own."""
    with ledger(config) as db:
        yield [Source(db, name) for name in config.sources_of_hooks]


def letters_of_hooks(config: Config) -> list[Letter]:
    """The deliveries, and parts of them, that couldn't be recorded; the last to fail first."""
    with ledger(config) as db:
        found = [letter for source in config.sources_of_hooks for letter in letters_of_events(db, source)]
    return sorted(found, key=lambda letter: letter.failed_at, reverse=True)


def take_in_again(config: Config, events: Collection[int], clock: Clock) -> list[int]:
    """Take these deliveries in once more, which adds nothing twice; those whose bodies are still kept."""
    taken: list[int] = []
    with intakes(config, clock) as (_, found):
        for intake in found:
            taken += intake.events.retry(events)
            while intake.take_in().events:
                pass
    return taken


def taken_in_since(config: Config, moment: datetime, clock: Clock) -> list[int]:
    """The deliveries that came since then, were taken in, and whose bodies are still kept."""
    with intakes(config, clock) as (_, found):
        return [event for intake in found for event in intake.events.since(moment)]


def retry_letters(config: Config, letters: Collection[str], clock: Clock) -> None:
    """Take the deliveries of these dead letters in once more."""
    take_in_again(config, {event_of(letter) for letter in letters}, clock)


def discard_letters(config: Config, letters: Collection[str], clock: Clock) -> None:
    """Give up these dead letters of deliveries."""
    with intakes(config, clock) as (_, found):
        for intake in found:
            intake.events.discard(letters)


def gaps_of_hooks(config: Config, window: Window, names: Collection[str] = ()) -> list[Gap]:
    """What can't be proven of the groups that hooks bring, where no store is read; of these, by name or JID, or all.

    Raises UsageError for a name that no group has.
    """
    with ledger(config) as db:
        sources = [Source(db, name) for name in config.sources_of_hooks]
        for source in sources:
            source.collect()
        served = {source.name: [g for g in source.groups.values() if g.enabled] for source in sources}
        known = {name for groups in served.values() for group in groups for name in (group.jid, group.project)}
        if unknown := sorted({*names} - known):
            projects = sorted({group.project for groups in served.values() for group in groups})
            hint = f"The groups are {', '.join(projects)}." if projects else "The config names none."
            raise UsageError(f"There is no group {', '.join(unknown)}.", hint=hint)
        found = []
        for source in sources:
            groups = [group for group in served[source.name] if not names or {group.jid, group.project} & {*names}]
            found += recorded_gaps(source, groups, window)
    return sorted(found, key=lambda gap: (gap.start, gap.group or ""))


@contextmanager
def effects_of_hooks(config: Config, clock: Clock) -> Iterator[tuple[Sequence[Effects], Database]]:
    """What writes the rows for the office that wait, where no store is read, and a connection of its own."""
    with ledger(config) as db:
        aliases = Aliases(config.bridge.people, None)
        review = review_of(config, config.source, aliases, db, clock)
        offices = offices_of(config, config.source, review, aliases, db, clock)
        yield [office.effects for office in offices], db


def is_polled(config: Config, source: str) -> bool:
    """Whether this source's store is read."""
    return config.bridge.path is not None and source == config.bridge.name


def _begun(config: Config, name: str, db: Database, clock: Clock) -> Intake:
    source = BroughtSource(db, name)
    source.load()
    polled = is_polled(config, name)
    aliases = Aliases(config.bridge.people, config.bridge.path if polled else None)
    rules = rules_of(config, aliases)
    review = review_of(config, name, aliases, db, clock)
    offices = offices_of(config, name, review, aliases, db, clock)
    since = keep_since(db, config.privacy.keep_text, lambda: None)
    recorder = recorders_of(config, source, offices, since, clock, None)(rules)
    hooks = {hook.name: hook for hook in config.hooks if hook.source == name}
    projects = {group.jid: group.name for group in config.groups if group.enabled}
    if not polled:
        follow_names(source, review, projects)
    intake = Intake(
        source, Feed(hooks, projects, is_polled=polled), rules, recorder, Talk(is_on=config.conversations.enabled)
    )
    intake.begin()
    return intake
