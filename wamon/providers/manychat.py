"""ManyChat. Pure.

A flow's author writes the request, so the secret stands in a header of theirs, and the body is a contact's data. It has
no id of the message unless the author sends one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wamon.providers.deliveries import DIRECT, Alias, PersonMessage, Verdict
from wamon.providers.fields import Malformed, aliases, each, maybe_id, moment, parsed, said, shown
from wamon.providers.peeks import named, peeked, typed
from wamon.providers.sending import Failed, Refused, Sent, alias_of, code_of, fields_of, is_taken, not_sent, post
from wamon.providers.signatures import bearer, told

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wamon.net.message import Answer, Request
    from wamon.providers.deliveries import Delivery, Parsed, Peek
    from wamon.providers.fields import Fields
    from wamon.providers.sending import Judged, Outgoing

ANSWER = b'{"version":"v2","content":{"messages":[]}}'
"""What the flow takes for done: an empty answer, which sends nothing."""
_WINDOW_CLOSED = {3011, 3031}
_NOT_FILLED_IN = "{{"
"""How a field begins whose name the flow doesn't know: it would make all persons one."""
_PERSON, _TYPE, _ID = named("whatsapp_phone", "whatsapp_bsuid"), typed("type"), named("message_id")


def peek(body: bytes) -> Peek:
    """A contact's data names no type."""
    return peeked(body, _PERSON, _TYPE)


def verify(delivery: Delivery, secrets: Sequence[str]) -> Verdict:
    """By the header X-Wamon-Secret, else by Authorization."""
    return told(delivery.headers.get("x-wamon-secret") or bearer(delivery), secrets)


def parse(delivery: Delivery) -> list[Parsed]:
    """The one message."""
    return parsed(delivery.body, lambda contact: each([contact], _message))


def _message(contact: Fields) -> Iterator[Parsed]:
    subscriber = contact.get("id")
    subscriber = str(subscriber) if isinstance(subscriber, int) else maybe_id(subscriber)
    if subscriber is None or subscriber.startswith(_NOT_FILLED_IN):
        raise Malformed("it names no subscriber")
    text = said(contact.get("last_input_text"))
    yield PersonMessage(
        maybe_id(contact.get("message_id")),
        DIRECT,
        (Alias("subscriber", subscriber), *aliases(contact.get("whatsapp_phone"), contact.get("whatsapp_bsuid"))),
        moment(contact.get("last_interaction"), contact.get("ig_last_interaction")),
        "text" if text else "other",
        text,
        shown(contact.get("name")),
    )


def request(outgoing: Outgoing) -> Request | None:
    """The request that sends a text to a subscriber. None where the person is none."""
    subscriber = alias_of(outgoing, "subscriber")
    if subscriber is None:
        return None
    content: dict[str, object] = {"messages": [{"type": "text", "text": outgoing.text}]}
    if alias_of(outgoing, "phone", "bsuid"):  # else Facebook's, which isn't named
        content = {"type": "whatsapp", **content}
    return post(outgoing, {"subscriber_id": subscriber.value, "data": {"version": "v2", "content": content}})


def judged(answer: Answer) -> Judged:
    """What came of it: the status field says so, not the status code."""
    said = fields_of(answer)
    if said.get("status") == "success" and is_taken(answer):
        return Sent()
    if said.get("status") == "error":
        code = code_of(said.get("code"))
        if code in _WINDOW_CLOSED:
            return Failed("The 24 hours within which the person may be answered are over.")
        why = f"The send API said that it failed, with code {code}." if code else "The send API said that it failed."
        return Refused(why, retry_after_seconds=answer.retry_after_seconds)
    return not_sent(answer)
