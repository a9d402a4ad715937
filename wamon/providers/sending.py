"""What leaves by a provider's API, and what an answer of it means, whoever it is. Pure.

What a provider answers is never repeated: it may quote the message.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from wamon.net.message import Request
from wamon.providers.deliveries import DIRECT
from wamon.providers.fields import Fields, some

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from wamon.net.message import Answer
    from wamon.providers.deliveries import Alias, AliasKind

_LONGEST_ID = 200
_LATE = 408
"""Timed out: 4xx, but who knows where."""
_FAILED = {"false", "error", "failed"}
_HINTS = {
    401: "Is its token the provider's?",
    403: "Is its token the provider's?",
    429: "It takes fewer in a minute: `conversations.per_minute`, `replies.per_minute`.",
}


class Outgoing(NamedTuple):
    """What is to be sent, by which API. `aliases` are the person's, the last heard of first; none in a group."""

    url: str
    token: str
    chat: str  # DIRECT, or a group's JID
    text: str
    aliases: Sequence[Alias] = ()


class Sent(NamedTuple):
    """It was taken. Its id, where the provider gives it; `local_id` is what only the provider's own events go by."""

    message_id: str | None = None
    local_id: str | None = None


class Refused(NamedTuple):
    """It certainly wasn't taken: the same again, later, can work."""

    why: str
    hint: str = ""
    retry_after_seconds: float | None = None


class Failed(NamedTuple):
    """It certainly wasn't taken, and never will be."""

    why: str


class Unknown(NamedTuple):
    """Perhaps it was taken."""

    why: str
    hint: str = ""


Judged = Sent | Refused | Failed | Unknown


def post(outgoing: Outgoing, body: Mapping[str, object], headers: Mapping[str, str] | None = None) -> Request:
    """The request with this body; the token as a bearer's, unless headers are given."""
    if headers is None:
        headers = {"Authorization": f"Bearer {outgoing.token}"} if outgoing.token else {}
    written = json.dumps(body, ensure_ascii=False).encode()
    return Request("POST", outgoing.url, written, {"Content-Type": "application/json", **headers})


def alias_of(outgoing: Outgoing, *kinds: AliasKind) -> Alias | None:
    """The person's alias of the first of these kinds that they have, as it was last heard of."""
    return next((alias for kind in kinds for alias in outgoing.aliases if alias.kind == kind), None)


def jid_of(outgoing: Outgoing, phones: str = "s.whatsapp.net") -> str | None:
    """The chat as a bridge names it: a group's JID, or a person's by phone, else by LID."""
    if outgoing.chat != DIRECT:
        return outgoing.chat
    alias = alias_of(outgoing, "phone", "lid")
    return f"{alias.value}@{phones if alias.kind == 'phone' else 'lid'}" if alias else None


def fields_of(answer: Answer) -> Fields:
    """The answer's JSON object; an empty one for anything else."""
    try:
        return some(json.loads(answer.body))
    except (ValueError, RecursionError):
        return {}


def code_of(value: object) -> int | None:
    """A provider's code of an error, as a number or in quotes."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 10:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def id_of(value: object) -> str | None:
    """The id of a message that was sent; None for what can't be one."""
    return value if isinstance(value, str) and value.isprintable() and 0 < len(value) <= _LONGEST_ID else None


def is_taken(answer: Answer) -> bool:
    """Whether its status says so."""
    return 200 <= answer.status < 300


def doubted(judged: Judged, answer: Answer) -> Judged:
    """The same, but unknown where an answer says that it was sent, and that something failed."""
    if isinstance(judged, Sent) and _says_failed(fields_of(answer)):
        return Unknown("The send API's answer says both that it was sent and that something failed.")
    return judged


def _says_failed(said: Fields) -> bool:
    results = (str(said.get(name)).lower() in _FAILED for name in ("ok", "result", "status", "success"))
    return bool(said.get("error") or said.get("errors")) or any(results)


def not_sent(answer: Answer) -> Refused | Unknown:
    """What an answer means that doesn't say that it was sent, by its status."""
    status = answer.status
    if 400 <= status < 500 and status != _LATE:
        hint = _HINTS.get(status, "Is its URL right?")
        return Refused(f"The send API refused it with status {status}.", hint, answer.retry_after_seconds)
    return Unknown(f"The send API answered with status {status}, and not that it was sent.")
