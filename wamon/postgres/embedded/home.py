"""Where an embedded server lives and as whom it runs: its directories, and nothing about the server itself."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import pwd
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from wamon.errors import ConfigError, DatabaseUnavailable
from wamon.host.files import replacing

if TYPE_CHECKING:
    from collections.abc import Iterator

SOCKET_NAME = ".s.PGSQL.5432"
SOCKET_PATH_LIMIT = 107
USE_ANOTHER = "Or set database.url to a PostgreSQL server of your own."
PASSING = {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM}


@dataclass(frozen=True, slots=True)
class Account:
    """An OS user."""

    name: str
    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Home:
    """Where one embedded server lives. `account` is whom it runs as where that can't be us, because we are root.

    `origin` holds the state directory's path, as root, whose servers lie elsewhere under a name that doesn't tell it.
    """

    data: Path
    socket: Path
    log: Path
    lock: Path
    users: Path
    keep: Path
    origin: Path
    owner: Account
    account: Account | None


def locate(state_dir: Path, root_home: Path) -> Home:
    """The home of this state directory's server; makes nothing. ConfigError if there is nobody to run it."""
    real = Path(os.path.realpath(state_dir))
    return home_at(root_home / _digest(real) if os.geteuid() == 0 else real / "postgres")


def home_at(data: Path) -> Home:
    """The home whose data lies here; makes nothing. ConfigError if there is nobody to run it."""
    root = os.geteuid() == 0
    owner = _account_of(data) if root else _account_by_id(os.geteuid())
    return Home(
        data=data,
        socket=_socket_directory(data, owner),
        log=data.with_name(f"{data.name}.log"),
        lock=data.with_name(f"{data.name}.lock"),
        users=data.with_name(f"{data.name}.users"),
        keep=data.with_name(f"{data.name}.keep"),
        origin=data.with_name(f"{data.name}.origin"),
        owner=owner,
        account=owner if root else None,
    )


def unprivileged_account() -> Account:
    """Whom root's new servers run as. ConfigError if there is nobody."""
    for name in ("wamon", "nobody"):
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return Account(name, entry.pw_uid, entry.pw_gid)
    raise ConfigError(
        "PostgreSQL doesn't run as root, and there is neither a user wamon nor nobody to run it.",
        hint=f"Run `useradd --system wamon`. {USE_ANOTHER}",
    )


def make_parent(place: Home) -> None:
    """Make the directory around the home, open for its account to pass through."""
    parent = place.data.parent
    parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    mode = stat.S_IMODE(parent.stat().st_mode)
    if place.account is not None and not mode & stat.S_IXOTH:
        parent.chmod(mode | 0o011)


def make_private(directory: Path, place: Home) -> None:
    """Make a directory that only the home's owner can enter. ConfigError if it is there and anything else."""
    with contextlib.suppress(FileExistsError):
        directory.mkdir(mode=0o700)
    found = directory.lstat()
    if stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid():
        give(directory, place)
    if not _is_private(directory, place.owner):
        raise ConfigError(
            f"{directory}, meant for PostgreSQL's socket, is no directory that {place.owner.name} alone can enter.",
            hint="Somebody else may have made it: look at it, then remove it and try again.",
        )


def note_origin(place: Home, state_dir: Path) -> None:
    """Keep whose server this is, where its place doesn't tell: once its state directory has gone nothing else does."""
    if place.account is None:
        return
    path = os.path.realpath(state_dir)
    if origin_of(place) != Path(path):
        with replacing(place.origin) as temporary:
            temporary.write_bytes(os.fsencode(path))


def origin_of(place: Home) -> Path | None:
    """The state directory of this server; None where an older wamon made it and none has used it since."""
    if place.account is None:
        return place.data.parent
    try:
        return Path(os.fsdecode(place.origin.read_bytes()))
    except FileNotFoundError:
        return None


def give(path: Path, place: Home) -> None:
    """Let the home's account own this file or directory, which must be no link."""
    if place.account is None:
        return
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        os.fchown(descriptor, place.account.uid, place.account.gid)
    finally:
        os.close(descriptor)


def open_private(path: Path, flags: int = os.O_RDWR) -> int:
    """A descriptor of this file, made for our eyes only where it is missing, never reached through a link."""
    return os.open(path, flags | os.O_CREAT | os.O_NOFOLLOW, 0o600)


@contextlib.contextmanager
def explained(where: Path) -> Iterator[None]:
    """Raise the system's refusals of work here as DatabaseUnavailable where they can pass, else as ConfigError."""
    try:
        yield
    except OSError as error:
        name = f" ({error.filename})" if error.filename else ""
        what = f"The embedded PostgreSQL can't work in {where}: {error.strerror}{name}."
        if error.errno in PASSING:
            raise DatabaseUnavailable(what, hint="Make room, then try again.") from error
        hint = f"Let state.dir be a directory that you own, and run wamon as its owner. {USE_ANOTHER}"
        raise ConfigError(what, hint=hint) from error


def _account_of(data: Path) -> Account:
    """A server stays with the account that owns its data, even where a user `wamon` was added since."""
    with contextlib.suppress(FileNotFoundError):
        if uid := data.stat().st_uid:
            return _account_by_id(uid)
    return unprivileged_account()


def _account_by_id(uid: int) -> Account:
    try:
        entry = pwd.getpwuid(uid)
    except KeyError as error:
        raise ConfigError(
            f"The embedded PostgreSQL needs a user with a name, and user id {uid} has none.",
            hint=f"Run wamon as a user that `getent passwd` knows. {USE_ANOTHER}",
        ) from error
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def _socket_directory(data: Path, owner: Account) -> Path:
    """Beside the data, or where that can't be a socket's path, in the first private place whose path can."""
    name = f"wamon-{owner.uid}-{_digest(data)}"
    places = [data.with_name(f"{data.name}.socket"), Path(tempfile.gettempdir(), name), Path("/tmp", name)]  # noqa: S108
    runtime = Path(os.environ.get("XDG_RUNTIME_DIR") or "/nonexistent")
    if _is_private(runtime, owner):
        places.insert(1, runtime / name)
    return next(place for place in places if _can_hold_socket(place))


def _can_hold_socket(directory: Path) -> bool:
    path = str(directory / SOCKET_NAME)
    # A comma separates directories for client and server alike; the others need quoting in postgresql.conf.
    return len(os.fsencode(path)) <= SOCKET_PATH_LIMIT and path.isprintable() and not set(path) & set(",'\"\\")


def _is_private(directory: Path, owner: Account) -> bool:
    try:
        found = directory.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == owner.uid and stat.S_IMODE(found.st_mode) == 0o700


def _digest(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:12]
