"""`wamon groups`: the chats in the bridge's store, and which of them are watched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from wamon.cli.options import BridgeOption, ConfigOption, JsonLinesOption, JsonOption, said

if TYPE_CHECKING:
    from wamon.views.groups import Chat, Groups

_UNITS = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))


def add_to(app: typer.Typer) -> None:
    app.command()(groups)


def groups(
    ctx: typer.Context,
    bridge: BridgeOption = None,
    every: Annotated[bool, typer.Option("--all", help="List people's private chats, too.")] = False,
    config: ConfigOption = None,
    json: JsonOption = False,
    jsonl: JsonLinesOption = False,
) -> None:
    """List the groups in the bridge's store: how many messages, how fresh, and which are watched.

    Only the store is read; no database is needed. Configured groups come first, then those with the newest messages.
    Of a large store the newest 100,000 messages are counted.

    \b
    wamon groups
    wamon groups --bridge /opt/whatsapp-bridge/store/messages.db
    wamon groups --all --json
    """
    from wamon.app.configured import bridge_of, store_of
    from wamon.views import groups as view

    options = said(ctx, config, json, jsonl)
    settings = options.config()
    store = store_of(settings, bridge_of(settings, bridge))
    answer = view.groups(store, settings, options.clock.now(), every=every)
    if options.json:
        options.say_list(answer)
    else:
        _show(answer)


def _show(answer: Groups) -> None:
    from wamon.render import say, table
    from wamon.views.groups import COUNTED

    rows = [
        (
            chat.name,
            chat.jid,
            chat.messages,
            _age(chat.age_seconds),
            _watched(chat, complete=answer.complete),
        )
        for chat in answer.groups
    ]
    table(
        ("Name", "JID", "Messages", "Newest", "Watched"),
        rows,
        right=("Messages", "Newest"),
        whole=("JID",),
        state="Watched",
    )
    if not rows:
        say(f"The store {answer.bridge} has no groups.")
    if not answer.complete:
        say(f"The store is large: only its newest {COUNTED:,} messages were counted.")
    if answer.hidden:
        say(f"Private chats aren't shown ({answer.hidden:,}); --all shows them.")


def _watched(chat: Chat, *, complete: bool) -> str:
    if not chat.configured:
        return "no"
    if not chat.enabled:
        return "not enabled"
    if chat.messages:
        return "yes"
    return "yes, but has no messages" if complete else "yes, but has none of late"


def _age(seconds: float | None) -> str:
    """The age in its largest unit; a clock that is ahead makes no negative one."""
    if seconds is None:
        return ""
    return next((f"{int(seconds // size)} {unit} ago" for unit, size in _UNITS if seconds >= size), "now")
