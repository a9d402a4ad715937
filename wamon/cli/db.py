"""`wamon db`: where the database is, and its backups."""

from __future__ import annotations

import logging
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated

import typer

from wamon.cli import clusters
from wamon.cli.options import ConfigOption, JsonOption, said
from wamon.cli.usage import Commands

if TYPE_CHECKING:
    from collections.abc import Iterator

commands = typer.Typer(cls=Commands, no_args_is_help=True, rich_markup_mode=None)


def add_to(app: typer.Typer) -> None:
    clusters.add_to(commands)
    app.add_typer(
        commands,
        name="db",
        help="""Find, back up and restore the database.

        \b
        psql "$(wamon db url)"
        wamon db dump backup.dump
        wamon db list
        """,
    )


@commands.command()
def url(ctx: typer.Context, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Print the address of the database, for psql and other clients.

    The embedded PostgreSQL is started, and keeps running until `wamon db stop`. An address from the config is printed
    as it stands there, password and all.

    \b
    wamon db url
    psql "$(wamon db url)" -c 'SELECT * FROM wamon.drops'
    """
    from wamon.app.database import database
    from wamon.postgres.embedded import server as embedded
    from wamon.render import say
    from wamon.views.db import Url
    from wamon.views.document import as_json

    options = said(ctx, config, json)
    settings = options.config()
    with database(settings) as dsn:
        if settings.database.url is None:
            embedded.keep(settings.state.dir)
    if options.json:
        say(as_json(Url(dsn, embedded=settings.database.url is None)))
    else:
        say(dsn)


@commands.command()
def migrate(ctx: typer.Context, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Bring the schema wamon up to this wamon's version, which every command that needs it does by itself.

    The roles wamon_app, wamon_hooks, wamon_reader and wamon_operator, where you have made them, are granted what each
    may.

    \b
    wamon db migrate
    """
    from wamon.app.database import database
    from wamon.postgres import migrations
    from wamon.postgres.connection import connected
    from wamon.render import say
    from wamon.views.db import Migrated
    from wamon.views.document import as_json

    options = said(ctx, config, json)
    with database(options.config()) as dsn, connected(dsn) as db:
        applied = migrations.migrate(db)
        migrations.grant_roles(db)
    version = migrations.migrations()[-1].version
    if options.json:
        say(as_json(Migrated(version, tuple(applied))))
    else:
        say(f"Applied {', '.join(applied)}." if applied else f"Nothing to do: the schema is version {version}.")


@commands.command()
def dump(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write; - is standard output.")],
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Write a backup of everything that wamon recorded, and of the review table.

    The file is PostgreSQL's own custom format (`pg_dump -Fc`), for your eyes only, and appears whole or not at all.

    \b
    wamon db dump backup.dump
    wamon db dump - | gpg --encrypt --recipient office > backup.dump.gpg
    """
    from wamon.app.database import database
    from wamon.postgres.backup import Table
    from wamon.postgres.backup import dump as write_dump
    from wamon.render import say
    from wamon.views.db import Dump
    from wamon.views.document import as_json

    options = said(ctx, config, json)
    settings = options.config()
    with _output(file, json=options.json) as output, database(settings) as dsn:
        write_dump(dsn, Table.named(settings.database.review_table), output)
    if str(file) == "-":
        return
    answer = Dump(str(file.absolute()), file.stat().st_size)
    if options.json:
        say(as_json(answer))
    else:
        say(f"Wrote {answer.path}, {answer.bytes:,} bytes.")


@commands.command()
def restore(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `wamon db dump` wrote.")],
    force: Annotated[bool, typer.Option("--force", help="Replace what is recorded in the database now.")] = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Restore a backup, in one transaction: whatever goes wrong, the database stays as it was.

    A review table that has rows is left alone, since the QA team's work is in it. What came after the backup was made
    is read from the bridge's store again by the next scan.

    \b
    wamon db restore backup.dump
    wamon db restore backup.dump --force
    """
    from wamon.app.database import database
    from wamon.postgres.backup import Table
    from wamon.postgres.backup import restore as read_dump
    from wamon.render import say
    from wamon.views.db import Restored
    from wamon.views.document import as_json

    options = said(ctx, config, json)
    settings = options.config()
    _require_readable(file)
    with database(settings) as dsn:
        review = Table.named(settings.database.review_table)
        restored = read_dump(dsn, file, review, options.clock.now(), replace=force)
    answer = Restored(str(file.absolute()), restored.replaced, restored.review, tuple(restored.migrated))
    if options.json:
        say(as_json(answer))
        return
    say(f"Restored {answer.path}" + (", in place of what was there." if restored.replaced else "."))
    if restored.review == "kept":
        say(
            f"{settings.database.review_table} has rows, so it was left as it is. If only wamon wrote them since, drop "
            "that table and restore again to have the backup's."
        )


@commands.command()
def stop(ctx: typer.Context, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Stop the embedded PostgreSQL that `wamon db url` keeps running.

    \b
    wamon db stop
    """
    from wamon.postgres.embedded import server as embedded
    from wamon.render import say
    from wamon.views.db import Stopped
    from wamon.views.document import as_json

    options = said(ctx, config, json)
    folder = options.config().state.dir
    stopped = embedded.stop(folder)
    if options.json:
        say(as_json(Stopped(stopped)))
    else:
        say("Stopped." if stopped else f"No embedded PostgreSQL runs for {folder}.")


@commands.command()
def serve(ctx: typer.Context, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Keep the embedded PostgreSQL running until SIGTERM: a unit of its own, where several wamons share it.

    Else it ends with the last wamon that uses it. It needs no port: others reach it by its socket, as they do anyway.

    \b
    wamon db serve
    """
    import signal

    from wamon.errors import ConfigError
    from wamon.host.notify import notify
    from wamon.host.signals import Signals
    from wamon.log import WITH_TIME, configure, logger, under_systemd
    from wamon.postgres.embedded import server as embedded

    options = said(ctx, config, json)
    settings = options.config()
    configure(logging.INFO, as_json=options.json or under_systemd(), form=WITH_TIME)
    if settings.database.url is not None:
        raise ConfigError(
            "database.url names a PostgreSQL that isn't the embedded one.", hint="Then there is nothing to serve here."
        )
    with Signals(signal.SIGTERM, signal.SIGINT) as signals, embedded.running(settings.state.dir):
        logger.info("The embedded PostgreSQL runs.", extra={"action": "db.serving"})
        notify("READY=1")
        next(iter(signals))
        notify("STOPPING=1")
    logger.info("The embedded PostgreSQL was left; the last to leave stops it.", extra={"action": "db.served"})


@contextmanager
def _output(file: Path, *, json: bool) -> Iterator[IO[bytes]]:
    from wamon.errors import UsageError

    if str(file) != "-":
        with _whole_or_nothing(file) as output:
            yield output
        return
    if json or sys.stdout.isatty():
        raise UsageError(
            "A dump on standard output goes to a file or a program, not to a terminal, and not together with --json.",
            hint="For example: wamon db dump - > backup.dump.",
        )
    yield sys.stdout.buffer


@contextmanager
def _whole_or_nothing(file: Path) -> Iterator[IO[bytes]]:
    """A file that appears, or is replaced, only once everything is written and on the disk."""
    from wamon.host.files import replacing

    try:
        with replacing(file) as temporary, temporary.open("wb") as output:
            yield output
    except OSError as error:
        raise _unusable(file, "written", error) from None


def _require_readable(file: Path) -> None:
    try:
        with file.open("rb"):
            pass
    except OSError as error:
        raise _unusable(file, "read", error) from None


def _unusable(file: Path, how: str, error: OSError) -> Exception:
    from wamon.errors import UsageError

    return UsageError(f"{file} can't be {how}: {error.strerror}.", hint="Correct the path, or see to its rights.")
