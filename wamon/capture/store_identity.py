"""Whose a store is: two configs may name one source by chance, and each would take the other's messages for vanished.

A source remembers where its store stands. There any content is its own: bridges are paired anew, files restored.
Elsewhere a store has to hold what was read: the rows at which the position stands, or messages that are recorded, as
after a move, a restore or a renumbering. What can't be known, a person says: `wamon state adopt-store`.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from wamon.bridge.store import Store
from wamon.errors import BridgeUnavailable, BridgeUnknown, ConfigError
from wamon.host.process import Process
from wamon.ledger.source import StoreAt
from wamon.log import logger

if TYPE_CHECKING:
    from wamon.ledger.source import Source

_MESSAGES_LOOKED_FOR = 400


def here(store: Store) -> StoreAt:
    """Where a store stands: its path as it was configured, so that a link that is set anew changes nothing."""
    return StoreAt(str(store.path.absolute()), Process.this().host)


def accept(source: Source, store: Store) -> None:
    """Take the store for this source's, and remember where it stands. Raises as `refuse_anothers`."""
    was, now = source.store(), here(store)
    refuse_anothers(source, store)
    if was is None or (was != now and not _is_same_file(was, now)):
        source.keep_store(now)
        if was is not None:
            logger.info(
                "The store of source %s stands at %s now, not at %s.",
                source.name,
                now,
                was,
                extra={"action": "store.moved"},
            )


def refuse_anothers(source: Source, store: Store) -> None:
    """Raises ConfigError where the store is another's, and what reading it raises: it is read only at another place."""
    was, now = source.store(), here(store)
    if was is None or _is_its_own(source, store, was, now):
        return
    raise ConfigError(
        f"Source {source.name} belongs to another store: that is {was}, and this is {now}.",
        hint="Bridges that share a database need distinct names: set bridge.name. If this is that bridge's store after "
        "all, paired anew at another place, say, `wamon state adopt-store` says so.",
    )


def _is_its_own(source: Source, store: Store, was: StoreAt, now: StoreAt) -> bool:
    """Whether the store at `now` is the one that stood at `was`."""
    if was == now or _is_same_file(was, now) or not any(group.messages for group in source.groups.values()):
        return True
    stands = _stands(source, store)
    if was.host == now.host and _stands_at_present(source, Path(was.path)) > stands:
        return False
    return stands > 0 or (_holds_known_messages(source, store) and not source.works_elsewhere(was, now.host))


def _is_same_file(was: StoreAt, now: StoreAt) -> bool:
    """Whether two paths of this host lead to one file."""
    with suppress(OSError):
        return was.host == now.host and Path(was.path).samefile(now.path)
    return False


def _stands(source: Source, store: Store) -> int:
    """Up to which row the store holds, at its row, what was read; 0 where it doesn't."""
    return max((store.standing(place).rowid for place in source.tails.values()), default=0)


def _stands_at_present(source: Source, path: Path) -> int:
    """As `_stands`, for a store that may be gone."""
    with suppress(BridgeUnavailable, BridgeUnknown):
        return _stands(source, Store(path))
    return 0


def _holds_known_messages(source: Source, store: Store) -> bool:
    known = source.some_messages(_MESSAGES_LOOKED_FOR)
    return bool(store.find(known, {jid.encode(): jid for jid, _ in known}))
