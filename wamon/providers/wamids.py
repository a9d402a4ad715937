"""Ids of Meta's Cloud API, which WATI passes on: each is made around the id that the message has on the phone. Pure."""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error as NoBase64
from functools import lru_cache

_STANZA = re.compile(rb"[0-9A-F]{16,40}")


@lru_cache(maxsize=8_192)  # recording a message asks several times
def stanza_id(message_id: str) -> str | None:
    """The id that a bridge on the same phone gives this message, of a wamid; None where it isn't one that tells."""
    encoded = message_id.removeprefix("wamid.")
    if encoded == message_id:
        return None
    try:
        inner = b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except (NoBase64, ValueError):
        return None
    found = _STANZA.findall(inner)
    return found[-1].decode() if found else None
