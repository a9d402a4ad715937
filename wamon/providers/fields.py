"""Reading fields of a delivery that anybody may have written: each gives its value or raises Malformed. Pure."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

from wamon.model import is_bsuid
from wamon.providers.deliveries import DIRECT, Alias, Broken, Receipt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from wamon.providers.deliveries import AliasKind, Parsed, Part, ReceiptState

T = TypeVar("T")
Fields = dict[str, Any]

_DEEPEST = 64
_NESTING = {dict, list}
_NOT_FILLED_IN = "flow_token"
_LONGEST_NUMBER = 20
_LONGEST_ID = 256
_MS_SINCE = 10**12
"""A time from here on is in milliseconds: in seconds it would be the year 33658."""
_EARLIEST, _LATEST = datetime(2009, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
_EARLIEST_SECONDS, _LATEST_SECONDS = _EARLIEST.timestamp(), _LATEST.timestamp()
_PHONE = re.compile(r"\+?([0-9]{5,20})")
_JID = re.compile(r"([0-9]{5,20})(?:\.[0-9]+)?(?::[0-9]+)?@([a-z.]+)")
_SERVERS: dict[str, AliasKind] = {
    "s.whatsapp.net": "phone", "c.us": "phone", "lid": "lid", "hosted": "phone", "hosted.lid": "lid",
}  # fmt: skip
_OF_MANY = ("@g.us", "@broadcast", "@newsletter")
_RFC_3339 = re.compile(r"(\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d)(\.\d+)?([Zz]|[+-]\d\d:\d\d)")
_IS_UTF_8 = re.compile(rb"\{[^\0]")
"""How the JSON of an object begins in it, and in no other encoding."""
SILENT = {
    "secretEncryptedMessage", "pinInChatMessage", "keepInChatMessage", "encEventResponseMessage", "albumMessage",
    "callLogMesssage",
}  # fmt: skip
"""What WhatsApp's programs tell one another of messages, in the names of its own kinds: an edit that can't be read, a
pin, how many photos come now, a call. Nobody says anything by it."""
REACTIONS = {"reactionMessage", "encReactionMessage", "pollUpdateMessage"}
"""In the same names, among them a vote: nobody waits for an answer to it."""
_RECEIPTS: dict[str, ReceiptState] = {"delivered": "delivered", "read": "read", "played": "read"}
_UNREADABLE = re.compile("[\x00\ud800-\udfff]")
_PARTS: dict[str, Part] = {
    "text": "text", "chat": "text", "button": "text", "interactive": "text",
    "image": "photo", "photo": "photo",
    "audio": "voice", "voice": "voice", "ptt": "voice",
    "video": "file", "document": "file", "file": "file",
}  # fmt: skip


class Malformed(ValueError):
    """A field holds what it shouldn't. Says which, never what."""


class _HugeNumber:
    """Stands for a number that nobody should count with."""


def parsed(body: bytes, read: Callable[[Fields], Iterable[Parsed]]) -> list[Parsed]:
    """What a reader makes of a body that is a JSON object: never an exception."""
    try:
        return list(read(fields(_document(body), "the body")))
    except RecursionError:
        return [Broken(None, "nested too deeply")]
    except Malformed as error:
        return [Broken(None, str(error))]
    except ValueError:
        return [Broken(None, "no JSON")]


def each(parts: Sequence[T], read: Callable[[T], Iterable[Parsed]], first: int = 0) -> list[Parsed]:
    """What a reader makes of each part; a broken one is told beside its neighbours."""
    found: list[Parsed] = []
    for n, part in enumerate(parts, first):
        try:
            _check_depth(part)
            found += list(read(part))
        except Malformed as error:
            found.append(Broken(n, str(error)))
    return found


def fields(value: object, what: str) -> Fields:
    """A JSON object."""
    if isinstance(value, dict):
        return value
    raise Malformed(f"{what} is no object")


def some(value: object) -> Fields:
    """A JSON object; an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def items(value: object) -> list[Any]:
    """A JSON list; an empty one for anything else."""
    return value if isinstance(value, list) else []


def unwrapped(value: object) -> Fields:
    """A message of WhatsApp's without what it is wrapped in, where messages disappear, say: all wrappers are alike."""
    message = some(value)
    while inner := next((found for one in message.values() if (found := some(some(one).get("message")))), {}):
        message = inner
    return message


def said(value: object) -> str:
    """A text; "" where there is none."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise Malformed("its text is no text")
    if _UNREADABLE.search(value):
        raise Malformed("its text holds what is no character")
    return value


def first_said(*values: object) -> str:
    """The first of these that says something."""
    return next((text for value in values if (text := said(value))), "")


def answers(form: object) -> list[str]:
    """What stands in a form that somebody filled in, which comes as JSON in a text: each text and number of it.

    Its token, which isn't theirs, is left out. [] where it can't be read.
    """
    if not isinstance(form, str):
        return []
    try:
        filled = _document(form)
        _check_depth(filled)
    except (ValueError, RecursionError):
        return []
    return [text for text in map(_written, _leaves(filled)) if text]


def _leaves(value: object) -> Iterator[object]:
    if isinstance(value, dict):
        yield from (leaf for name, inner in value.items() if name != _NOT_FILLED_IN for leaf in _leaves(inner))
    elif isinstance(value, list):
        yield from (leaf for inner in value for leaf in _leaves(inner))
    else:
        yield value


def _written(value: object) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return said(value) if isinstance(value, str) else ""


def shown(value: object) -> str:
    """A person's name; "" where it is none."""
    return value if isinstance(value, str) and not _UNREADABLE.search(value) else ""


def word(value: object) -> str:
    """A short word such as a type; "" for anything else."""
    return value if isinstance(value, str) and len(value) <= _LONGEST_ID and value.isprintable() else ""


def message_id(value: object) -> str:
    """The id of a message."""
    if isinstance(value, str) and 0 < len(value) <= _LONGEST_ID and value.isprintable():
        return value
    raise Malformed("it has no id")


def maybe_id(value: object) -> str | None:
    """An id, where there is one."""
    return None if value is None or value == "" else message_id(value)


def moment(*values: object) -> datetime | None:
    """The first of these that is a time, in UTC: seconds or milliseconds, as a number or a text, or RFC 3339."""
    for value in values:
        if (found := _moment(value)) is not None:
            return found
    return None


def part_of(kind: object) -> Part:
    """The part of a conversation that a provider's type of message is."""
    return _PARTS.get(kind.lower() if isinstance(kind, str) else "", "other")


def receipts(kind: object, told: Fields) -> Iterator[Receipt]:
    """What became of ours, as whatsmeow tells it; what we read ourselves, on a phone, is told the same way."""
    state = _RECEIPTS.get(word(kind).lower())
    if state and told.get("IsFromMe") is not True:
        yield from (Receipt(message_id(one), None, state) for one in items(told.get("MessageIDs")))


def alias(value: object) -> list[Alias]:
    """The person behind an id of any form: a phone, a JID, a BSUID; none where it is nobody's, as a group's."""
    if not isinstance(value, str):
        return []
    if is_bsuid(value):
        return [Alias("bsuid", value)]
    if phone := _PHONE.fullmatch(value):
        return [Alias("phone", phone[1])]
    jid = _JID.fullmatch(value)
    kind = _SERVERS.get(jid[2]) if jid else None
    return [Alias(kind, jid[1])] if jid and kind else []


def aliases(*values: object) -> tuple[Alias, ...]:
    """The person behind these ids, each once."""
    try:
        return _known_aliases(values)
    except TypeError:  # a list, say, which is nobody's id, and can't be looked up
        return _aliases(values)


def _aliases(values: tuple[object, ...]) -> tuple[Alias, ...]:
    return tuple(dict.fromkeys(one for value in values for one in alias(value)))


_known_aliases = lru_cache(maxsize=4096)(_aliases)
"""The same, for those who write again and again."""


def chat_of(jid: object) -> str:
    """The chat that a JID names: a group's, or where somebody speaks to everybody; any other is one-to-one."""
    return jid if isinstance(jid, str) and jid.endswith(_OF_MANY) and jid.isprintable() else DIRECT


def _number(convert: Callable[[str], T]) -> Callable[[str], T | _HugeNumber]:
    return lambda digits: convert(digits) if len(digits) <= _LONGEST_NUMBER else _HugeNumber()


_DECODER = json.JSONDecoder(parse_int=_number(int), parse_float=_number(float), parse_constant=_number(float))
"""Made once: json.loads makes one for each text."""


def _document(text: str | bytes) -> object:
    if isinstance(text, bytes):
        text = text.decode("utf-8" if _IS_UTF_8.match(text) else json.detect_encoding(text), "surrogatepass")
    if text.startswith("{"):
        document, end = _DECODER.raw_decode(text)
        if end == len(text):
            return document
    return _DECODER.decode(text)


def _moment(value: object) -> datetime | None:
    if isinstance(value, str):
        if not (value.isascii() and value.isdigit() and len(value) <= _LONGEST_NUMBER):
            found = _RFC_3339.fullmatch(value)
            return _by_the_calendar(*found.groups(default="")) if found else None
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    seconds = value / 1000 if value >= _MS_SINCE else value
    return datetime.fromtimestamp(seconds, UTC) if _EARLIEST_SECONDS < seconds < _LATEST_SECONDS else None


def _by_the_calendar(seconds: str, fraction: str, zone: str) -> datetime | None:
    try:
        return _sane(datetime.fromisoformat(seconds.upper() + fraction[:7] + zone.upper()).astimezone(UTC))
    except (ValueError, OverflowError):
        return None


def _sane(at: datetime) -> datetime | None:
    return at if _EARLIEST < at < _LATEST else None


def _check_depth(value: object) -> None:
    if type(value) is dict and _NESTING.isdisjoint(map(type, value.values())):  # of most deliveries
        return
    level = [value] if type(value) in _NESTING else []
    for _ in range(_DEEPEST):
        if not level:
            return
        nesting = [one for one in level if not _NESTING.isdisjoint(map(type, _inside(one)))]
        level = [inner for one in nesting for inner in _inside(one) if type(inner) in _NESTING]
    raise Malformed("it is nested too deeply")


def _inside(value: Any) -> Iterable[Any]:  # noqa: ANN401
    return value.values() if type(value) is dict else value
