"""Connections to the database that a config names, or to the embedded one."""

from __future__ import annotations

from contextlib import contextmanager
from logging import DEBUG
from typing import TYPE_CHECKING

from wamon.log import logger
from wamon.postgres.connection import connected
from wamon.postgres.migrations import migrate, require_current

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wamon.config.schema import Config
    from wamon.postgres.connection import Database


@contextmanager
def database(config: Config) -> Iterator[str]:
    """A DSN for as long as the block runs: the configured database's, or the embedded PostgreSQL's."""
    if logger.isEnabledFor(DEBUG):
        logger.debug("The database is %s.", name_of(config), extra={"action": "database.opened"})
    if config.database.url is not None:
        yield config.database.url.get_secret_value()
        return
    from wamon.postgres.embedded import server as embedded

    with embedded.running(config.state.dir) as dsn:
        yield dsn


def name_of(config: Config) -> str:
    """The database as people know it, without its password."""
    if config.database.url is None:
        return f"the embedded PostgreSQL of {config.state.dir}"
    from wamon.config.show import mask

    return f"{mask(config.database.url.get_secret_value())} of database.url"


@contextmanager
def ledger(config: Config) -> Iterator[Database]:
    """A connection to a database whose schema is this wamon's."""
    with database(config) as dsn, connected(dsn) as db:
        migrate(db)
        yield db


@contextmanager
def reading(config: Config) -> Iterator[Database]:
    """A connection for what never migrates. Raises SchemaError where the schema isn't this wamon's."""
    with database(config) as dsn, connected(dsn) as db:
        require_current(db)
        yield db
