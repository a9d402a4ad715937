"""Ids of Meta's Cloud API: each is made around the one that a message, also WATI's, or a group has on a phone. Pure."""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error as NoBase64
from functools import lru_cache

_STANZA = re.compile(rb"[0-9A-F]{16,40}")
_GROUP = re.compile(rb"capi_group:[0-9]+:([0-9]{10,20})")
_WAMID = "wamid."
_END_OF_GROUP = "ZD"


def stanza_id(message_id: str) -> str | None:
    """The id that a bridge on the same phone gives this message, of a wamid; None where it isn't one that tells."""
    return _stanza_within(message_id.removeprefix(_WAMID)) if message_id.startswith(_WAMID) else None


@lru_cache(maxsize=8_192)  # recording a message asks several times
def _stanza_within(encoded: str) -> str | None:
    found = _STANZA.findall(_decoded(encoded))
    return found[-1].decode() if found else None


@lru_cache(maxsize=1024)  # a few groups are written to most
def group_jid(group_id: str) -> str | None:
    """The JID that the group has on a phone; None where its id doesn't tell."""
    found = _GROUP.fullmatch(_decoded(group_id.removesuffix(_END_OF_GROUP)))
    return f"{found[1].decode()}@g.us" if found else None


def _decoded(encoded: str) -> bytes:
    """What base64 holds; nothing where it is none."""
    try:
        return b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except (NoBase64, ValueError):
        return b""
