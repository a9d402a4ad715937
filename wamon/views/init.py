"""The config that was made from what is there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated


@dataclass(frozen=True, slots=True)
class Group:
    """A group that was written into the config."""

    jid: Annotated[str, "the chat's JID"]
    name: Annotated[str, "the name it was given"]
    messages: Annotated[int, "messages in the store"]
    drops: Annotated[int, "messages with a drop number"]
    enabled: Annotated[bool, "written as enabled"]


@dataclass(frozen=True, slots=True)
class Init:
    """What `wamon init` wrote."""

    path: Annotated[str, "the config that was written"]
    bridge: Annotated[str, "the store that was taken"]
    flavour: Annotated[str, "`whatsapp-mcp`, `wacli` or `gowa`"]
    timezone: Annotated[str, "the zone that was written, such as `Africa/Johannesburg`"]
    timezone_because: Annotated[str, "why that one"]
    groups: tuple[Group, ...]
    ledger: Annotated[str | None, "the state directory of scans before this config, whose ledger it keeps"] = None


@dataclass(frozen=True, slots=True)
class Secret:
    """A file that holds a secret."""

    file: Annotated[str, "where it lies, for its owner alone"]
    variable: Annotated[str, "by which the config names it"]
    what: Annotated[str, "what it is"]
    state: Annotated[str, "`made`, `kept` (it was there), `told` (asked on the terminal) or `missing`"]


@dataclass(frozen=True, slots=True)
class Bot:
    """What `wamon init --bot` did.

    The answer with `--bot`. Files of secrets are named, and what they hold isn't told.
    """

    path: Annotated[str, "the config that was grown"]
    bridge: Annotated[str | None, "the store that it reads; null where hooks bring all messages"]
    hook: Annotated[str, "the hook's name"]
    provider: Annotated[str, "who delivers"]
    source: Annotated[str, "the source that its messages belong to"]
    title: Annotated[str, "where the address is entered"]
    address: Annotated[str, "which address; SECRET in it stands for what the hook's file holds"]
    added: Annotated[tuple[str, ...], "sections that were added"]
    kept: Annotated[tuple[str, ...], "sections that were there, and stayed"]
    secrets: tuple[Secret, ...]
    todo: Annotated[tuple[str, ...], "what is lacking here before somebody can be answered"]
    enter: Annotated[tuple[str, ...], "what is typed or pressed at the provider"]
    nginx: Annotated[str, "the server that publishes the address; empty where the provider is on this host"]
    next: Annotated[tuple[str, ...], "the commands that come next"]
