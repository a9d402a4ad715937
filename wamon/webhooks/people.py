"""Persons behind aliases: one delivery's ids are one person's, and persons found to be one are joined.

One lock an account, to the commit: a person looked up before another's join would be the wrong one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wamon.failpoints import failpoint
from wamon.postgres.queries import Queries
from wamon.privacy import person_hash

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from wamon.postgres.connection import Database
    from wamon.providers.deliveries import Alias

SQL = Queries("wamon.webhooks", "people")


def join_people(
    db: Database,
    account: str,
    together: Iterable[tuple[Alias, ...]],
    join: Callable[[Database, int, int], None] = lambda db, other, into: None,  # noqa: ARG005
) -> dict[Alias, int]:
    """Within a recording, before any lock but the fence: have the aliases of each tuple be one person's; each's person.

    `join` has what hangs on the one person hang on the other.
    """
    groups = merged(together)
    if not groups:
        return {}
    SQL.run(db, "lock_account", account=account)
    known = _known(db, account, [alias for group in groups for alias in group])
    there = set(known)
    lacking = [group for group in groups if not any(alias in known for alias in group)]
    for group, person in zip(lacking, _new_people(db, account, [group[0] for group in lacking]), strict=True):
        known[group[0]] = person
    persons = {alias: min(known[one] for one in group if one in known) for group in groups for alias in group}
    _add_aliases(db, account, {alias: person for alias, person in persons.items() if alias not in there})
    for other, into in sorted({(known[a], person) for a, person in persons.items() if known.get(a, person) != person}):
        SQL.run(db, "join_person", person=other, into=into)
        join(db, other, into)
    failpoint("identity.joined")
    return persons


def merged(together: Iterable[tuple[Alias, ...]]) -> list[list[Alias]]:
    """The aliases of each person, whichever tuples they came in."""
    of: dict[Alias, list[Alias]] = {}
    for aliases in together:
        both = list(dict.fromkeys(one for alias in aliases for one in of.get(alias, [alias])))
        of.update(dict.fromkeys(both, both))
    return list({id(group): group for group in of.values()}.values())


def _known(db: Database, account: str, aliases: Sequence[Alias]) -> dict[Alias, int]:
    """The persons of those aliases that are known, which say when they were last heard of, to the day."""
    found = SQL.run(db, "known_aliases", **_keys(account, aliases)).fetchall()
    if unseen := [aliases[n - 1] for n, _, is_unseen in found if is_unseen]:
        SQL.run(db, "see_aliases", **_keys(account, unseen))
    return {aliases[n - 1]: person for n, person, _ in found}


def _keys(account: str, aliases: Collection[Alias]) -> dict[str, object]:
    return {"account": account, "kinds": [a.kind for a in aliases], "values": [a.value for a in aliases]}


def _new_people(db: Database, account: str, firsts: Sequence[Alias]) -> list[int]:
    """A person for each of these first aliases."""
    if not firsts:
        return []
    key = bytes(SQL.value(db, "person_key"))
    hashes = [person_hash(key, alias.kind, alias.value) for alias in firsts]
    return [person for (person,) in SQL.run(db, "add_people", account=account, hashes=hashes)]


def _add_aliases(db: Database, account: str, persons: dict[Alias, int]) -> None:
    if persons:
        SQL.run(db, "add_aliases", **_keys(account, persons), persons=list(persons.values()))
