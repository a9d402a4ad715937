"""Dead letters that no store is needed for: deliveries, parts of them, and bursts that were given up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wamon.app.database import ledger, reading
from wamon.app.intake import discard_letters, letters_of_hooks, retry_letters
from wamon.ledger.dead_letters import discard_turns, letters, letters_of_events, letters_of_turns
from wamon.postgres.embedded import server as embedded

if TYPE_CHECKING:
    from collections.abc import Collection

    from wamon.clock import Clock
    from wamon.config.schema import Config
    from wamon.ledger.dead_letters import Letter

_OF_TURN = "turn:"


def letters_without_store(config: Config) -> list[Letter]:
    """All of them, the last to fail first."""
    with ledger(config) as db:
        of_turns = [letter for source in config.all_sources for letter in letters_of_turns(db, source)]
    return sorted([*letters_of_hooks(config), *of_turns], key=lambda letter: letter.failed_at, reverse=True)


def ids_at_hand(config: Config) -> list[str]:
    """The ids of all letters, of a store's messages too: none where the embedded PostgreSQL would have to be started.

    Raises as `reading` does.
    """
    if config.database.url is None and not embedded.runs(embedded.home(config.state.dir)):
        return []
    with reading(config) as db:
        found = letters(db, config.bridge.name)
        for source in config.all_sources:
            found += [*letters_of_events(db, source), *letters_of_turns(db, source)]
    return [letter.message_id for letter in found]


def retry(config: Config, letters: Collection[str], clock: Clock, *, late: bool) -> None:
    """Take these deliveries in again, and have these bursts answered after all; `late`: also what is too old by now."""
    of_turns, of_hooks = _parted(letters)
    if of_hooks:
        retry_letters(config, of_hooks, clock)
    if of_turns:
        from wamon.conversations.rescue import retry_letters as reopen

        with ledger(config) as db:
            reopen(db, of_turns, config.conversations, late=late)


def discard(config: Config, letters: Collection[str], clock: Clock) -> None:
    """Give these up."""
    of_turns, of_hooks = _parted(letters)
    if of_hooks:
        discard_letters(config, of_hooks, clock)
    if of_turns:
        with ledger(config) as db:
            discard_turns(db, of_turns)


def _parted(letters: Collection[str]) -> tuple[list[str], list[str]]:
    """Those of turns, and those of hooks."""
    of_turns = [one for one in letters if one.startswith(_OF_TURN)]
    return of_turns, [one for one in letters if not one.startswith(_OF_TURN)]
