"""Is PostgreSQL there, of a version and encoding that hold what wamon writes, with wamon's schema, on the same time?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wamon.health.check import Absent, Check, State, unknown
from wamon.postgres.migrations import OLDEST_SERVER
from wamon.words import span

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wamon.health.facts import Facts

VERSIONS = range(OLDEST_SERVER, 19)
_APART_SECONDS = 5.0
_FAR_APART_SECONDS = 300.0


def checks(facts: Facts) -> Iterator[Check]:
    """All of them."""
    yield reachable(facts)
    yield version(facts)
    yield encoding(facts)
    yield schema(facts)
    yield review(facts)
    yield clock(facts)


def reachable(facts: Facts) -> Check:
    """Whether the server answers, and lets us write."""
    server = facts.server
    if isinstance(server, Absent):
        return Check("database.server", server.state, server.why, server.hint)
    if server.read_only:
        hint = "After a failover, point database.url at the primary."
        return Check("database.server", State.BAD, "PostgreSQL answers, and is read-only.", hint)
    return Check("database.server", State.OK, "PostgreSQL answers, and can be written.")


def version(facts: Facts) -> Check:
    """Whether wamon is tested with the server's version."""
    server = facts.server
    if isinstance(server, Absent):
        return unknown("database.version", Absent("PostgreSQL can't be asked."))
    major, minor = divmod(server.version, 10_000)
    told = f"The server is PostgreSQL {major}.{minor}."
    if major < VERSIONS.start:
        return Check(
            "database.version", State.BAD, told, f"wamon needs {VERSIONS.start} or newer.", numbers={"major": major}
        )
    state = State.OK if major in VERSIONS else State.WARN
    hint = "" if major in VERSIONS else f"wamon is tested with {VERSIONS.start} to {VERSIONS[-1]}."
    return Check("database.version", state, told, hint, numbers={"major": major})


def encoding(facts: Facts) -> Check:
    """Whether the database holds every text that people write."""
    server = facts.server
    if isinstance(server, Absent):
        return unknown("database.encoding", Absent("PostgreSQL can't be asked."))
    told = f"The database's encoding is {server.encoding}."
    if server.encoding == "UTF8":
        return Check("database.encoding", State.OK, told, numbers={"encoding": server.encoding})
    hint = "wamon records nothing here. Make one: CREATE DATABASE wamon TEMPLATE template0 ENCODING 'UTF8'."
    return Check("database.encoding", State.BAD, told, hint, numbers={"encoding": server.encoding})


def schema(facts: Facts) -> Check:
    """Whether the schema is this wamon's."""
    server = facts.server
    if isinstance(server, Absent):
        return unknown("database.schema", Absent("PostgreSQL can't be asked."))
    numbers = {"version": server.schema, "known": server.known_schema}
    if server.schema == 0:
        sentence = "There is no schema wamon yet: the first scan makes it."
        return Check(
            "database.schema", State.UNKNOWN, sentence, "`wamon scan`, or `wamon db migrate`.", numbers=numbers
        )
    if not server.readable:
        return Check(
            "database.schema",
            State.BAD,
            f"The schema is version {server.schema}, a newer wamon's; this one knows version {server.known_schema}.",
            "Run the newer wamon here, or go back to a backup from before: `wamon db restore FILE --force`.",
            numbers=numbers,
        )
    if server.outdated:
        sentence = f"The schema is version {server.schema}; this wamon brings version {server.known_schema}."
        return Check(
            "database.schema",
            State.WARN,
            sentence,
            "`wamon db migrate` brings it up, and so does the next scan.",
            numbers=numbers,
        )
    told = f"The schema is version {server.schema}"
    newer = ", which this wamon may write to" if server.schema > server.known_schema else ", this wamon's own"
    return Check("database.schema", State.OK, f"{told}{newer}.{_by_hand(facts)}", numbers=numbers)


def _by_hand(facts: Facts) -> str:
    """How its names are found in psql: wamon's own server finds them by itself."""
    is_ours = facts.subject.config.database.url is None
    return "" if is_ours else " In psql its names are found after SET search_path = public, wamon;"


def review(facts: Facts) -> Check:
    """Whether review rows can be written, and which of their columns can't hold what wamon writes."""
    table = facts.review
    if table is None:
        return Check("database.review", State.OK, "No review table is configured.")
    if isinstance(table, Absent):
        return Check("database.review", table.state, table.why, table.hint)
    numbers = {"left_out": dict(table.left_out)}
    if table.left_out:
        them = ", ".join(f"{table.name}.{name} ({kind})" for name, kind in sorted(table.left_out.items()))
        hint = "Nothing is written there. Give them a type that can hold it, or leave it so: the posts are recorded."
        return Check(
            "database.review", State.WARN, f"Columns can't hold what wamon writes: {them}.", hint, numbers=numbers
        )
    if table.hides_rows:
        sentence = f"Row security of {table.name} may hide rows from this user, or refuse new ones."
        hint = f"Give it a policy that lets it see and write all rows, or the attribute BYPASSRLS: {table.grant}"
        return Check("database.review", State.WARN, sentence, hint, numbers=numbers)
    comment = table.columns.get("comment")
    most = f", and its comment holds {comment.length} characters" if comment and comment.length else ""
    return Check("database.review", State.OK, f"{table.name} holds what wamon writes{most}.", numbers=numbers)


def clock(facts: Facts) -> Check:
    """Whether this host and the database agree on the time."""
    ahead = facts.host_ahead_seconds
    if ahead is None:
        return unknown("clock.database", Absent("PostgreSQL can't be asked."))
    numbers = {"ahead_seconds": ahead}
    if abs(ahead) <= _APART_SECONDS:
        return Check("clock.database", State.OK, "This host and the database agree on the time.", numbers=numbers)
    state = State.BAD if abs(ahead) > _FAR_APART_SECONDS else State.WARN
    sentence = f"This host's clock is {span(abs(ahead))} {'ahead of' if ahead > 0 else 'behind'} the database's."
    hint = "Set both by NTP (`timedatectl` tells). Nothing is lost by it; times and ages told here are off."
    return Check("clock.database", state, sentence, hint, numbers=numbers)
