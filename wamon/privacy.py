"""What people see of people: `privacy.show` governs it, in every table, report, export and JSON."""

from __future__ import annotations

import hmac
import re
from functools import cache
from typing import TYPE_CHECKING

from wamon.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Literal

    from wamon.bridge.people import People, Person
    from wamon.config.schema import Config

    Show = Literal["names", "phones", "none"]

_LAST_DIGITS = 4
_FEWEST_DIGITS_OF_A_PHONE = 7
_HASH_DIGITS = 12
_BETWEEN_DIGITS = re.compile(r"[\s()./…-]")


def people_of(config: Config) -> Directory:
    """The people whom the bridge knows now, nobody where it can't be read, and how they are shown."""
    from wamon.bridge.people import NOBODY, people_file, read_people

    path = people_file(config.bridge.people, config.bridge.path)
    return Directory(read_people(path) if path else NOBODY, config.privacy.show)


class Directory:
    """Whom a recorded sender stands for, and what is shown of them. Each sender is looked up once."""

    def __init__(self, people: People, show: Show) -> None:
        self._show = show
        self.person: Callable[[str], Person] = cache(people.person)
        """The person behind a sender in any of its forms; for counting, whatever is shown."""
        self.shown: Callable[[str], str | None] = cache(self._shown)
        """A sender as the config lets people see it; None where it lets nothing be seen, or there is none."""

    def key(self, sender: str) -> str:
        """What all forms of a person have in common."""
        return self.person(sender).key

    def _shown(self, sender: str) -> str | None:
        return None if self._show == "none" else _words(self.person(sender), self._show)

    def senders_like(self, wanted: str, senders: Iterable[str]) -> list[str]:
        """Those of the recorded senders whose name holds these words, or whose number ends with these digits.

        Raises UsageError where people aren't shown: what can be searched for can be found out.
        """
        if self._show == "none":
            raise UsageError("Nobody can be looked for.", hint="privacy.show is none: people aren't shown at all.")
        return [sender for sender in senders if _fits(self.person(sender), wanted)]


def _words(person: Person, show: Show) -> str | None:
    if person.phone is not None:
        seen = person.phone if show == "phones" else _last_digits(person.phone)
        return f"{person.name} {seen}" if person.name else seen
    if person.name or not person.key:
        return person.name
    return f"unknown {_last_digits(person.key)}"


def _last_digits(number: str) -> str:
    return f"…{number[-_LAST_DIGITS:]}"


def _fits(person: Person, wanted: str) -> bool:
    if digits := typed_digits(wanted):
        return (person.phone or person.key).endswith(digits)
    words = wanted.casefold().split()
    shown = f"{person.name or ''} {_last_digits(person.phone or person.key)}".casefold()
    return bool(words) and all(word in shown for word in words)


def person_hash(key: bytes, kind: str, value: str) -> str:
    """What stands for a person's number where the number itself mustn't: `key` is the database's own."""
    return hmac.digest(key, f"{kind}:{value}".encode(), "sha256").hex()[:_HASH_DIGITS]


def phone_hashes(key: bytes, phone: str) -> list[str]:
    """The hash of each form in which a phone's number is typed: whole, or without its first digits."""
    forms = [phone[n:] for n in range(len(phone) - _FEWEST_DIGITS_OF_A_PHONE + 1)] or [phone]
    return [person_hash(key, "phone", form) for form in forms]


def typed_phone_hash(key: bytes, typed: str) -> str | None:
    """The hash of a number as somebody typed it; None where it is too short for a phone's."""
    digits = re.sub(r"\D", "", typed).lstrip("0")
    return person_hash(key, "phone", digits) if len(digits) >= _FEWEST_DIGITS_OF_A_PHONE else None


def typed_digits(wanted: str) -> str | None:
    """The last digits of a number, as people write one: `+27 82 …`, `0027 (0)82 …`, `(082) …`, `082-…`, `…0001`."""
    bare = _BETWEEN_DIGITS.sub("", wanted.replace("(0)", ""))
    digits = bare.removeprefix("+")
    if not (digits.isascii() and digits.isdigit()):
        return None
    if digits == bare and len(digits) > _LAST_DIGITS:
        return digits.removeprefix("00") if digits.startswith("00") else digits.removeprefix("0")
    return digits
