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
