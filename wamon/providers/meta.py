"""Meta's Cloud API. Pure.

One delivery holds up to 1,000 updates of several of our numbers. A person may come with a phone, a BSUID, both or
neither.
"""

from __future__ import annotations

import hmac
from functools import partial
from typing import TYPE_CHECKING

from wamon.providers.deliveries import (
    DIRECT,
    AccountFault,
    IdentityChange,
    OperatorMessage,
    PersonMessage,
    Receipt,
)
from wamon.providers.fields import (
    aliases,
    answers,
    each,
    fields,
    first_said,
    items,
    maybe_id,
    message_id,
    moment,
    parsed,
    part_of,
    shown,
    some,
    word,
)
from wamon.providers.peeks import MOST_BYTES, named, peeked, typed
from wamon.providers.sending import Failed, Sent, alias_of, code_of, fields_of, id_of, is_taken, not_sent, post
from wamon.providers.signatures import signed
from wamon.providers.wamids import group_jid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from wamon.net.message import Answer, Request
    from wamon.providers.deliveries import Alias, Delivery, Parsed, Part, Peek, ReceiptState, Verdict
    from wamon.providers.fields import Fields
    from wamon.providers.sending import Judged, Outgoing

_PERSON, _TYPE = named("from", "wa_id", "user_id", "recipient_id"), typed("type", "status", "field")
_NUMBER, _ID = named("phone_number_id"), named("id")
_WINDOW_CLOSED = 131047
_STATES: Mapping[str, ReceiptState] = {
    "sent": "sent", "delivered": "delivered", "read": "read", "played": "read", "failed": "failed",
    "deleted": "deleted",
}  # fmt: skip


def peek(body: bytes) -> Peek:
    """The dashboard's button sends from number 123456123, under the account "0"."""
    beginning = body[:MOST_BYTES]
    number = _NUMBER.search(beginning)
    is_test = (
        number is not None and number[1] == b"123456123" and any(one[1] == b"0" for one in _ID.finditer(beginning))
    )
    return peeked(body, _PERSON, _TYPE)._replace(is_test=is_test)


def verify(delivery: Delivery, secrets: Sequence[str]) -> Verdict:
    """By the app secret."""
    return signed(delivery, "x-hub-signature-256", secrets, prefix="sha256=")


def challenge(query: Mapping[str, str], verify_token: str) -> str | None:
    """What to answer to a GET by which Meta looks whether the hook is ours; None where the GET is no such."""
    given = query.get("hub.verify_token", "").encode("utf-8", "replace")
    if query.get("hub.mode") != "subscribe" or not hmac.compare_digest(given, verify_token.encode()):
        return None
    return query.get("hub.challenge")


def parse(delivery: Delivery) -> list[Parsed]:
    """Every update of the delivery, in its order."""
    return parsed(delivery.body, _updates)


def _updates(body: Fields) -> Iterator[Parsed]:
    n = 0
    for entry in items(body.get("entry")):
        for change in items(some(entry).get("changes")):
            for parts, read in _kinds(some(change)):
                yield from each(parts, read, n)
                n += len(parts)


def _kinds(change: Fields) -> list[tuple[list[object], Callable[[object], Iterator[Parsed]]]]:
    """What one change holds, and what reads each kind of it. What a phone's history brings was said long ago."""
    if change.get("field") == "history":
        return []
    value = some(change.get("value"))
    line = word(some(value.get("metadata")).get("phone_number_id")) or None
    contacts = [some(one) for one in items(value.get("contacts"))]
    is_standby = change.get("field") == "standby"
    said, echoed = items(value.get("messages")), items(value.get("message_echoes"))
    if change.get("field") == "smb_message_echoes":
        said, echoed = [], said + echoed
    return [
        (said, partial(_message, contacts=contacts, line=line, is_standby=is_standby)),
        (echoed, partial(_echo, line=line, is_standby=is_standby)),
        (items(value.get("statuses")), _status),
        (items(value.get("errors")), _fault),
        (items(value.get("user_id_update")), _new_user_id),
    ]


def _message(part: object, *, contacts: Sequence[Fields], line: str | None, is_standby: bool) -> Iterator[Parsed]:
    message = fields(part, "a message")
    if message.get("type") == "system":
        yield from _identity_change(message)
        return
    if message.get("type") == "request_welcome":  # somebody opened the chat, and wrote nothing
        return
    contact = _contact(message, contacts)
    content, edits, revokes = _content(message)
    yield PersonMessage(
        message_id(message.get("id")),
        _chat(message),
        aliases(
            message.get("from"),
            message.get("from_user_id"),
            message.get("from_parent_user_id"),
            contact.get("wa_id"),
            contact.get("user_id"),
            contact.get("parent_user_id"),
        ),
        moment(message.get("timestamp")),
        _part(content),
        _text(content),
        shown(some(contact.get("profile")).get("name")),
        edits,
        revokes,
        line,
        is_standby,
        content.get("type") == "reaction",
    )


def _chat(message: Fields) -> str:
    """A group's JID, as bridges and the config have it, else its id as it is."""
    group_id = word(message.get("group_id"))
    return (group_jid(group_id) or group_id) if group_id else DIRECT


def _contact(message: Fields, contacts: Sequence[Fields]) -> Fields:
    """The message's own: contacts that name nobody else count where there is only one."""
    mine = {word(message.get(name)) for name in ("from", "from_user_id", "from_parent_user_id")} - {""}
    for contact in contacts:
        theirs = {word(contact.get(name)) for name in ("wa_id", "user_id", "parent_user_id")} - {""}
        if mine & theirs or (len(contacts) == 1 and not (mine and theirs)):
            return contact
    return {}


def _content(message: Fields) -> tuple[Fields, str | None, str | None]:
    """What the message says, and which it edits or revokes."""
    kind = message.get("type")
    if kind == "edit":
        edit = fields(message.get("edit"), "an edit")
        return some(edit.get("message")), message_id(edit.get("original_message_id")), None
    if kind == "revoke":
        revoke = fields(message.get("revoke"), "a revoke")
        return {}, None, message_id(revoke.get("original_message_id"))
    return message, None, None


def _part(content: Fields) -> Part:
    """An answer that says nothing, such as an empty form's, is no text."""
    part = part_of(content.get("type"))
    return "other" if content.get("type") == "interactive" and not _text(content) else part


def _text(content: Fields) -> str:
    """What was written, chosen, or filled into a form."""
    inner = some(content.get(word(content.get("type")) or "text"))
    chosen = some(inner.get("button_reply")) or some(inner.get("list_reply"))
    filled = answers(some(inner.get("nfm_reply")).get("response_json"))
    return first_said(
        inner.get("body"), inner.get("caption"), inner.get("text"), chosen.get("title"), "\n".join(filled)
    )


def _identity_change(message: Fields) -> Iterator[Parsed]:
    system = some(message.get("system"))
    before = aliases(
        message.get("from"),
        message.get("from_user_id"),
        system.get("previous_user_id"),
        system.get("previous_parent_user_id"),
    )
    yield from _one_person(before, aliases(system.get("wa_id"), system.get("user_id"), system.get("parent_user_id")))


def _new_user_id(part: object) -> Iterator[Parsed]:
    """A field of its own: the only one that names a person's former BSUID where the message of it doesn't."""
    update = fields(part, "an update of an id")
    ids = [some(update.get(name)) for name in ("user_id", "parent_user_id")]
    before, after = (aliases(*(one.get(name) for one in ids)) for name in ("previous", "current"))
    yield from _one_person(before, after + aliases(update.get("wa_id")))


def _one_person(before: tuple[Alias, ...], after: tuple[Alias, ...]) -> Iterator[Parsed]:
    if before and after:
        yield IdentityChange(before, after)


def _echo(part: object, *, line: str | None, is_standby: bool) -> Iterator[Parsed]:
    """Somebody answered by the Business app, or Meta's agent did."""
    message = fields(part, "an echo")
    content, edits, revokes = _content(message)
    to = aliases(message.get("to"), message.get("to_user_id"), message.get("to_parent_user_id"))
    yield OperatorMessage(
        message_id(message.get("id")),
        _chat(message),
        to,
        moment(message.get("timestamp")),
        _part(content),
        _text(content),
        edits=edits,
        revokes=revokes,
        line=line,
        is_standby=is_standby,
        is_reaction=content.get("type") == "reaction",
    )


def _status(part: object) -> Iterator[Parsed]:
    status = fields(part, "a status")
    if state := _STATES.get(word(status.get("status"))):
        errors = [some(error) for error in items(status.get("errors"))]
        yield Receipt(message_id(status.get("id")), None, state, _code(errors[0]) if errors else None)


def _fault(part: object) -> Iterator[Parsed]:
    yield AccountFault(_code(fields(part, "an error")) or "?")


def _code(error: Fields) -> str | None:
    code = error.get("code")
    return str(code) if isinstance(code, int) else maybe_id(code)


def request(outgoing: Outgoing) -> Request | None:
    """The request that sends a text: to a phone as `to`, to a BSUID as `recipient`.

    None where there is neither, and to a group: Meta takes its own id of one, of which the JID is a part.
    """
    alias = alias_of(outgoing, "phone", "bsuid") if outgoing.chat == DIRECT else None
    if alias is None:
        return None
    to = {"to" if alias.kind == "phone" else "recipient": alias.value}
    return post(outgoing, {"messaging_product": "whatsapp", **to, "type": "text", "text": {"body": outgoing.text}})


def judged(answer: Answer) -> Judged:
    """What came of it. Once the person has said nothing for 24 hours, only templates may be sent."""
    said = fields_of(answer)
    if code_of(some(said.get("error")).get("code")) == _WINDOW_CLOSED:
        return Failed("The 24 hours within which the person may be answered are over.")
    first = some(next(iter(items(said.get("messages"))), None))
    if is_taken(answer) and (sent_id := id_of(first.get("id"))):
        return Sent(sent_id)
    return not_sent(answer)
