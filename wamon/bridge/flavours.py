"""The kinds of store that wamon can read, known by the columns of their table `messages`. More don't matter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from wamon.errors import BridgeUnknown

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet


@dataclass(frozen=True, slots=True)
class Flavour:
    """How one kind of bridge names what we read. The expressions are SQL over its table `messages`, called m."""

    name: str
    needs: frozenset[str]
    message_id: str
    sender: str
    sent_at: str
    from_me: str
    text: str
    media_type: str = "m.media_type"
    only: str = "1"
    """Which rows count. GOWA keeps a copy of a message for each of its devices: the last written one speaks."""

    @property
    def columns(self) -> str:
        return (
            f"m.rowid, m.chat_jid, {self.message_id}, {self.sender}, {self.sent_at}, {self.from_me}, "
            f"{self.text}, {self.media_type}"
        )


WACLI = Flavour(
    name="wacli",
    needs=frozenset({"chat_jid", "msg_id", "sender_jid", "ts", "from_me", "text", "media_type", "media_caption"}),
    message_id="m.msg_id",
    sender="m.sender_jid",
    sent_at="m.ts",
    from_me="m.from_me",
    text="coalesce(nullif(m.text, ''), m.media_caption)",
)

_WRITTEN = "(coalesce(julianday({0}.updated_at), 0), coalesce({0}.updated_at, ''), {0}.device_id)"
"""When GOWA wrote a row: by the clock, and as text where SQLite can't read Go's form or the clock is too coarse."""

GOWA = Flavour(
    name="gowa",
    needs=frozenset({"id", "chat_jid", "device_id", "sender", "content", "timestamp", "is_from_me", "updated_at"}),
    message_id="m.id",
    sender="m.sender",
    sent_at="m.timestamp",
    from_me="m.is_from_me",
    text="m.content",
    only=(
        "NOT EXISTS (SELECT 1 FROM messages AS n WHERE n.id = m.id AND n.chat_jid = m.chat_jid "  # noqa: S608
        f"AND {_WRITTEN.format('n')} > {_WRITTEN.format('m')})"
    ),
)

WHATSAPP_MCP = Flavour(
    name="whatsapp-mcp",
    needs=frozenset({"id", "chat_jid", "sender", "content", "timestamp", "is_from_me", "media_type"}),
    message_id="m.id",
    sender="m.sender",
    sent_at="m.timestamp",
    from_me="m.is_from_me",
    text="m.content",
)

FLAVOURS = (WACLI, GOWA, WHATSAPP_MCP)
"""The most particular first: GOWA's columns include all of whatsapp-mcp's."""


def recognise(columns: AbstractSet[str], wanted: str) -> Flavour:
    """The flavour of a `messages` table with these columns.

    `wanted` is the config's `bridge.flavour`: a flavour's name, or `auto`. Raises BridgeUnknown where none fits.
    """
    named = [flavour for flavour in FLAVOURS if wanted in {"auto", flavour.name}]
    for flavour in named:
        if flavour.needs <= columns:
            return flavour
    lacking = " ".join(sorted(named[-1].needs - columns))
    raise BridgeUnknown(
        f"Its table `messages` fits no bridge that wamon knows: for {named[-1].name} it lacks {lacking}.",
        hint="Is bridge.path the bridge's message store, and bridge.flavour right? `wamon doctor` looks closer."
        if wanted == "auto"
        else "Set bridge.flavour to auto, or name the right one.",
    )
