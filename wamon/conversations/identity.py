"""Who somebody is: the persons behind a batch's senders, known before the first message is appended; who is chosen."""

from __future__ import annotations

import re
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

from wamon.model import is_number, sender_parts
from wamon.postgres.queries import Queries
from wamon.providers.deliveries import Alias
from wamon.providers.fields import aliases
from wamon.webhooks.people import join_people

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from wamon.bridge.people import Aliases
    from wamon.config.conversations import Conversations
    from wamon.postgres.connection import Database

SQL = Queries("wamon.conversations", "identity")

_MOST_DIGITS_OF_A_PHONE = 12
_TYPED = re.compile(r"\+?[0-9][0-9 ()-]*")


class Person(NamedTuple):
    """Somebody behind aliases."""

    person: int
    uid: str
    hash: str  # what the log calls them
    values: list[str]  # of their aliases


class Senders:
    """The persons behind the senders of a store's rows, in one account: a phone, a LID, or both by the bridge's map."""

    def __init__(self, account: str, known: Aliases) -> None:
        self._account = account
        self._known = known

    def persons(self, db: Database, senders: Collection[str]) -> dict[str, tuple[int, Alias]]:
        """Within a recording, before any lock but the fence: each sender's person, and by which alias it is known.

        None for those that name nobody.
        """
        from wamon.conversations.joins import join

        forms = self._known.one_form(senders)
        ids = {sender: found for sender in senders if (found := _ids(sender, forms[sender]))}
        persons = join_people(db, self._account, ids.values(), join)
        return {sender: (persons[found[0]], found[0]) for sender, found in ids.items()}


def _ids(sender: str, form: str) -> tuple[Alias, ...]:
    """The ids of a sender whose one form is this. A store may hold a LID's digits alone: too many for a phone's."""
    user, server = sender_parts(sender)
    if not form:
        return ()
    if form != user:
        return Alias("lid", user), Alias("phone", form)
    is_lid = not server and is_number(user) and len(user) > _MOST_DIGITS_OF_A_PHONE
    return (Alias("lid", user),) if is_lid else aliases(sender)


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
