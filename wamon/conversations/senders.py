"""The persons behind a batch's senders, known before the first message is appended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wamon.conversations.joins import join
from wamon.model import is_number, sender_parts
from wamon.providers.deliveries import Alias
from wamon.providers.fields import aliases
from wamon.webhooks.people import join_people

if TYPE_CHECKING:
    from collections.abc import Collection

    from wamon.bridge.people import Aliases
    from wamon.postgres.connection import Database

_MOST_DIGITS_OF_A_PHONE = 12


class Senders:
    """The persons behind the senders of a store's rows, in one account: a phone, a LID, or both by the bridge's map."""

    def __init__(self, account: str, known: Aliases) -> None:
        self._account = account
        self._known = known

    def persons(self, db: Database, senders: Collection[str]) -> dict[str, tuple[int, Alias]]:
        """Within a recording, before any lock but the fence: each sender's person, and by which alias it is known.

        None for those that name nobody.
        """
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
