"""Who somebody is, and who is chosen."""

from __future__ import annotations

import re
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

from wamon.postgres.queries import Queries

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wamon.config.conversations import Conversations
    from wamon.postgres.connection import Database

SQL = Queries("wamon.conversations", "identity")

_TYPED = re.compile(r"\+?[0-9][0-9 ()-]*")


class Person(NamedTuple):
    """Somebody behind aliases."""

    person: int
    uid: str
    hash: str  # what the log calls them
    values: list[str]  # of their aliases


def people(db: Database, persons: Iterable[int]) -> dict[int, Person]:
    """Within a transaction: these persons."""
    wanted = sorted(set(persons))
    return {one.person: one for one in SQL.rows(db, "people", Person, persons=wanted)} if wanted else {}


def is_chosen(person: Person, conversations: Conversations) -> bool:
    """Whether somebody is answered: they are listed by one of their ids, or belong to the share that is."""
    share = int(sha256(person.uid.encode()).hexdigest()[:8], 16) % 100
    return share < conversations.percentage or not as_ids(conversations.users).isdisjoint(person.values)


def as_ids(typed: Iterable[str]) -> set[str]:
    """Ids as the config has them, as they are known: a phone as its digits, however it is typed there."""
    return {re.sub(r"\D", "", one) if _TYPED.fullmatch(one) else one for one in typed}
