"""Writers that make a store as the real bridges do: their tables, their statements, their commits, their times.

Every write commits like the bridge's own, unless it stands inside `batch()`. What each bridge does, and where that was
read, stands in the project's notes on bridges; a docstring says only what differs from WhatsApp's own view. Left out is
what no reader looks at: the tables for contacts, polls and the like, and wacli's full-text index.
"""

from tests.support.bridges.bridge import Bridge, Renumbering
from tests.support.bridges.forms import (
    LAWLEY,
    MAMELODI,
    MOHADIN,
    OWN_NUMBER,
    PROJECTS,
    SAST,
    TECHNICIAN,
    VELO_TEST,
    Key,
    SenderForm,
    Sent,
    Value,
    go_string_time,
    mattn_time,
    new_message_id,
    sender_as,
)
from tests.support.bridges.gowa import Gowa, Times
from tests.support.bridges.wacli import Wacli, WacliJanuary
from tests.support.bridges.whatsapp_mcp import Lharries, VelocityFibre, VeryGoodPlugins

BRIDGES: tuple[type[Bridge], ...] = (Lharries, VelocityFibre, VeryGoodPlugins, WacliJanuary, Wacli, Gowa)
"""One of each kind, to run a test over all of them."""

__all__ = [
    "BRIDGES",
    "LAWLEY",
    "MAMELODI",
    "MOHADIN",
    "OWN_NUMBER",
    "PROJECTS",
    "SAST",
    "TECHNICIAN",
    "VELO_TEST",
    "Bridge",
    "Gowa",
    "Key",
    "Lharries",
    "Renumbering",
    "SenderForm",
    "Sent",
    "Times",
    "Value",
    "VelocityFibre",
    "VeryGoodPlugins",
    "Wacli",
    "WacliJanuary",
    "go_string_time",
    "mattn_time",
    "new_message_id",
    "sender_as",
]
