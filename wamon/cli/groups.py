"""`wamon groups`: the chats in the bridge's store, and which of them are watched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from wamon.cli.options import BridgeOption, ConfigOption, JsonOption, said

if TYPE_CHECKING:
    from datetime import datetime

    from wamon.bridge.store import Store
    from wamon.config.schema import Config

_UNITS = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))


class _Chat(NamedTuple):
    jid: str
    name: str  # the configured one, else the store's
    chat_name: str
    messages: int
    last_message_at: datetime | None
    age_seconds: float | None
    configured: bool
    enabled: bool


def add_to(app: typer.Typer) -> None:
    app.command()(groups)


def groups(
    ctx: typer.Context,
    bridge: BridgeOption = None,
    every: Annotated[bool, typer.Option("--all", help="List people's private chats, too.")] = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """List the groups in the bridge's store: how many messages, how fresh, and which are watched.

    Only the store is read; no database is needed. Configured groups come first, then those with the newest messages.

    \b
    wamon groups
    wamon groups --bridge /opt/whatsapp-bridge/store/messages.db
    wamon groups --all --json
    """
    from wamon.app.commands import bridge_of, store_of
    from wamon.render import as_json

    options = said(ctx, config, json)
    settings = options.config()
    store = store_of(settings, bridge_of(settings, bridge))
    answer = _answer(store, _chats(store, settings), every=every)
    if options.json:
        as_json(answer)
    else:
        _show(answer)


def _chats(store: Store, config: Config) -> list[_Chat]:
    from wamon.clock import Clock

    now = Clock().now()
    traffic = store.traffic()
    names = {chat.jid: chat.name for chat in store.chats()}
    wanted = {group.jid: group for group in config.groups}
    chats = []
    for jid in {*traffic, *names, *wanted}:
        count, last = traffic.get(jid, (0, None))
        age = None if last is None else round((now - last).total_seconds(), 1)
        own = wanted.get(jid)
        name = own.name if own else names.get(jid) or jid
        chats.append(_Chat(jid, name, names.get(jid, ""), count, last, age, own is not None, bool(own and own.enabled)))
    return sorted(chats, key=_order)


def _order(chat: _Chat) -> tuple[bool, float, str]:
    """Configured ones first, then by the age of the newest message."""
    return not chat.configured, float("inf") if chat.age_seconds is None else chat.age_seconds, chat.jid


def _answer(store: Store, chats: list[_Chat], *, every: bool) -> dict[str, Any]:
    """Private chats are their people's business: shown only where they are configured or asked for."""
    shown = [chat for chat in chats if every or chat.configured or chat.jid.endswith("@g.us")]
    return {
        "bridge": str(store.path),
        "flavour": store.flavour().name,
        "groups": [chat._asdict() for chat in shown],
        "hidden": len(chats) - len(shown),
    }


def _show(answer: dict[str, Any]) -> None:
    from wamon.render import say, table

    rows = [
        (
            chat["name"],
            chat["jid"],
            chat["messages"],
            _age(chat["age_seconds"]),
            _watched(chat),
        )
        for chat in answer["groups"]
    ]
    table(("Name", "JID", "Messages", "Newest", "Watched"), rows, right=("Messages", "Newest"), whole=("JID",))
    if not rows:
        say(f"The store {answer['bridge']} has no groups.")
    if answer["hidden"]:
        say(f"{answer['hidden']:,} chats that are no groups aren't shown; --all shows them.")


def _watched(chat: dict[str, Any]) -> str:
    if not chat["configured"]:
        return "no"
    if not chat["enabled"]:
        return "not enabled"
    return "yes" if chat["messages"] else "yes, but has no messages"


def _age(seconds: float | None) -> str:
    """The age in its largest unit; a clock that is ahead makes no negative one."""
    if seconds is None:
        return ""
    return next((f"{int(seconds // size)} {unit} ago" for unit, size in _UNITS if seconds >= size), "now")
