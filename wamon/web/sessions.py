"""One-time links, and the sessions that they begin: PostgreSQL keeps sha256 of each secret, never the secret."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Literal, cast

from wamon.postgres.connection import transaction
from wamon.postgres.queries import Queries

if TYPE_CHECKING:
    from uuid import UUID

    from wamon.postgres.connection import Database

Role = Literal["reader", "operator"]

HOURS = 12
_QUERIES = Queries("wamon.web", "sessions")
_STATEMENT_SECONDS = 3


def cookie_name(db: Database) -> str:
    """The name of this installation's cookie: browsers tell hosts apart, not ports."""
    with transaction(db, _STATEMENT_SECONDS):
        instance: UUID = _QUERIES.value(db, "instance")
    return f"wamon-{instance.hex[:8]}"


def note_served(db: Database) -> None:
    """Leave word that a page is served from here: else a scan publishes nothing for it."""
    with transaction(db, _STATEMENT_SECONDS):
        _QUERIES.run(db, "note_served")


def make_link(db: Database, role: Role, minutes: int) -> str:
    """A code that signs in once within these minutes."""
    code = secrets.token_urlsafe(32)
    with transaction(db, _STATEMENT_SECONDS):
        _QUERIES.run(db, "make_link", code=code.encode(), role=role, minutes=minutes)
    return code


def sign_in(db: Database, code: str) -> str | None:
    """Use a code up: the secret of a new session, or None where the code was used, is too old or is none."""
    session = secrets.token_urlsafe(32)
    with transaction(db, _STATEMENT_SECONDS):
        found = _QUERIES.run(db, "use_link", code=code.encode()).fetchone()
        if found is None:
            return None
        _QUERIES.run(db, "begin", session=session.encode(), role=found[0], hours=HOURS)
    return session


def role_of(db: Database, session: str) -> Role | None:
    """Whose session it is; None where it ended or never was."""
    with transaction(db, _STATEMENT_SECONDS):
        found = _QUERIES.run(db, "role_of", session=session.encode()).fetchone()
    return cast("Role", found[0]) if found else None


def sign_out(db: Database, session: str) -> None:
    """End a session."""
    with transaction(db, _STATEMENT_SECONDS):
        _QUERIES.run(db, "end", session=session.encode())
