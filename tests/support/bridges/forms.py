"""The forms of things: groups, ids, people and times, as WhatsApp makes them and bridges write them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta, timezone
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from datetime import datetime, tzinfo
    from random import Random

LAWLEY = "120363418298130331@g.us"
VELO_TEST = "120363421664266245@g.us"
MOHADIN = "120363421532174586@g.us"
MAMELODI = "120363408849234743@g.us"
PROJECTS = {LAWLEY: "Lawley", VELO_TEST: "Velo Test", MOHADIN: "Mohadin", MAMELODI: "Mamelodi"}

SAST = timezone(timedelta(hours=2))
OWN_NUMBER = "27820000000"
TECHNICIAN = "27820000001"

SenderForm = Literal["bare", "full", "lid", "full-lid", "group"]
Value = str | int | bytes | None
Row = dict[str, Value]


class Key(NamedTuple):
    chat: str
    message_id: str


@dataclass(frozen=True, slots=True)
class Sent:
    """A message as WhatsApp carries it, whatever the bridge keeps of it."""

    chat: str
    message_id: str
    text: str
    sender: str  # the phone's bare digits
    at: datetime
    media: str
    from_me: bool
    quoted: str

    @property
    def key(self) -> Key:
        return Key(self.chat, self.message_id)


def new_message_id(rng: Random) -> str:
    """A random id in one of the shapes that WhatsApp's clients make. Their order says nothing."""
    prefix, length = rng.choice((("3EB0", 22), ("3EB0", 20), ("3A", 20), ("3B", 20), ("2A", 20), ("AC", 32), ("", 32)))
    digits = length - len(prefix)
    return prefix + f"{rng.getrandbits(4 * digits):0{digits}X}"


def sender_as(sender: str, form: SenderForm, chat: str) -> str:
    """One person in the forms in which bridges have stored them."""
    lid = f"{100_000_000_000_000 + int(sender) * 7919 % 10**14}"
    match form:
        case "bare":
            return sender
        case "full":
            return f"{sender}@s.whatsapp.net"
        case "lid":
            return lid
        case "full-lid":
            return f"{lid}@lid"
        case "group":  # history sync, where the participant is empty
            return chat.partition("@")[0]


def mattn_time(at: datetime, zone: tzinfo, nanoseconds: int = 0) -> str:
    """A Go time as mattn/go-sqlite3 stores it: whole seconds have no fraction, trailing zeros are dropped."""
    text = at.astimezone(zone).replace(microsecond=0).isoformat(" ")
    return text[:19] + _fraction(nanoseconds) + text[19:]


def go_string_time(at: datetime, zone: tzinfo, nanoseconds: int = 0, running_for: float | None = None) -> str:
    """A Go time as modernc's driver stores it: Go's own String(), with the monotonic reading of time.Now() if any."""
    local = at.astimezone(zone)
    offset, name = f"{local:%z}", local.tzname() or ""
    monotonic = "" if running_for is None else f" m=+{running_for:.9f}"
    return f"{local:%Y-%m-%d %H:%M:%S}{_fraction(nanoseconds)} {offset} {name if name.isalpha() else offset}{monotonic}"


def _fraction(nanoseconds: int) -> str:
    return f".{nanoseconds:09d}".rstrip("0") if nanoseconds else ""
