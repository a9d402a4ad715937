"""The bridge's send API: the request by which a reply leaves, and what its answer means. Pure.

whatsapp-mcp and its forks share it: POST {recipient, message}, answered with {success, message}. What the bridge
answers is never repeated: it may quote the message.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from wamon.errors import Retryable
from wamon.net.message import Request

if TYPE_CHECKING:
    from pydantic import SecretStr

    from wamon.net.message import Answer

_LONGEST_ID = 200
_NOT_CONNECTED = "Not connected"
"""How the bridge's refusal begins while WhatsApp is away. Its other failures may come after the message went out."""


class NotTaken(Retryable):
    """The bridge certainly didn't take it."""


class PerhapsTaken(Retryable):
    """Nobody knows whether the bridge took it."""


class SendApi:
    """One bridge's."""

    def __init__(self, url: str, token: SecretStr | None) -> None:
        self._url = url
        self._token = token

    def request(self, recipient: str, message: str) -> Request:
        """The request that sends a message to a chat's JID."""
        body = json.dumps({"recipient": recipient, "message": message}, ensure_ascii=False).encode()
        headers = {"Content-Type": "application/json"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token.get_secret_value()}"
        return Request("POST", self._url, body, headers)


def message_id(answer: Answer) -> str | None:
    """The id of the message that was sent, where the bridge's answer gives it. Raises NotTaken, PerhapsTaken."""
    status, said = answer.status, _parsed(answer.body)
    success = said.get("success")
    if success is True and 200 <= status < 300:
        return _id(said)
    if 400 <= status < 500 and status != 408:
        hint = "Is replies.token the bridge's?" if status in {401, 403} else "Is replies.url right?"
        retry_after = answer.retry_after_seconds
        raise NotTaken(f"The send API refused it with status {status}.", hint=hint, retry_after_seconds=retry_after)
    if success is False and (status < 300 or str(said.get("message")).startswith(_NOT_CONNECTED)):
        raise NotTaken(f"The send API said that it failed, with status {status}.", hint="Is the bridge connected?")
    raise PerhapsTaken(f"The send API answered with status {status}, and not that it was sent.")


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _id(answer: dict[str, Any]) -> str | None:
    """The message's id, by any of the names that bridges give it."""
    given = next((answer[name] for name in ("message_id", "messageId", "id") if name in answer), None)
    return given if isinstance(given, str) and given.isprintable() and 0 < len(given) <= _LONGEST_ID else None
