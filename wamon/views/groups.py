"""The chats in the bridge's store, and which of them are watched."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

if TYPE_CHECKING:
    from wamon.bridge.store import Store
    from wamon.bridge.traffic import Traffic
    from wamon.config.schema import Config


@dataclass(frozen=True, slots=True)
class Chat:
    """A chat of the store, or of the config."""

    jid: Annotated[str, "the chat's JID"]
    name: Annotated[str, "the configured name, else the store's, else the JID"]
    chat_name: Annotated[str, "the store's name for it; empty where it has none"]
    messages: Annotated[int, "messages in the store; of one that isn't counted whole, among its newest 100,000"]
    last_message_at: Annotated[datetime | None, "when the newest was sent"]
    age_seconds: Annotated[float | None, "how long ago that was"]
    configured: Annotated[bool, "the config names it"]
    enabled: Annotated[bool, "it is watched"]


@dataclass(frozen=True, slots=True)
class Groups:
    """What `wamon groups` lists.

    Configured groups first, then those with the newest messages.
    """

    bridge: Annotated[str, "the store that was read"]
    flavour: Annotated[str, "`whatsapp-mcp`, `wacli` or `gowa`"]
    groups: tuple[Chat, ...]
    hidden: Annotated[int, "chats that are no groups, left out without `--all`"]
    complete: Annotated[bool, "the whole store was counted; else its newest 100,000 messages, or a few more"]


COUNTED = 100_000
"""Messages: as many are counted at most, since all of a large store take as long as they are many."""


def groups(store: Store, config: Config, now: datetime, *, every: bool) -> Groups:
    """The store's chats. Private ones are their people's business: listed where they are configured, or with `every`.

    Raises BridgeUnavailable.
    """
    traffic = store.traffic(COUNTED)
    chats = _chats(traffic, store, config, now)
    shown = tuple(chat for chat in chats if every or chat.configured or chat.jid.endswith("@g.us"))
    return Groups(str(store.path), store.flavour().name, shown, len(chats) - len(shown), traffic.complete)


def _chats(traffic: Traffic, store: Store, config: Config, now: datetime) -> list[Chat]:
    names = {chat.jid: chat.name for chat in store.chats()}
    wanted = {group.jid: group for group in config.groups}
    chats = []
    for jid in {*traffic.chats, *names, *wanted}:
        count, last = traffic.chats.get(jid, (0, None))
        age = None if last is None else round((now - last).total_seconds(), 1)
        own = wanted.get(jid)
        name = own.name if own else names.get(jid) or jid
        chats.append(Chat(jid, name, names.get(jid, ""), count, last, age, own is not None, bool(own and own.enabled)))
    return sorted(chats, key=_order)


def _order(chat: Chat) -> tuple[bool, float, str]:
    """Configured ones first, then by the age of the newest message."""
    return not chat.configured, float("inf") if chat.age_seconds is None else chat.age_seconds, chat.jid
