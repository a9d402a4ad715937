"""Writing a host's units, all or none, and taking them away again."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from wamon.errors import Fatal
from wamon.host.files import replace_all
from wamon.service.units import Service, cron_file, present, state_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from wamon.service.units import Host

ACCOUNT = "wamon"


class ChangedByHand(Fatal):
    """A file that wamon would write or remove is somebody else's work."""


def command() -> list[str]:
    """How the wamon that runs now is run again: its script's path, else its Python's."""
    script = Path(sys.executable).with_name("wamon")
    return [str(script)] if os.access(script, os.X_OK) else [sys.executable, "-m", "wamon"]


def account(store: Path | None) -> str:
    """As whom the service runs: wamon where there is such an account, else the store's owner unless that is root."""
    with suppress(KeyError):
        return pwd.getpwnam(ACCOUNT).pw_name
    with suppress(OSError, KeyError):
        owner = store.stat().st_uid if store else 0
        if owner != 0:
            return pwd.getpwuid(owner).pw_name
    return ACCOUNT


def write(contents: Mapping[Path, str], service: Service) -> dict[Path, str]:
    """Write these files and remove the service's others: all, or none. What became of each, in a word.

    Raises ChangedByHand where one of them is no longer as wamon wrote it, Fatal where one can't be written.
    """
    obsolete = [path for path in present(service) if path not in contents]
    refuse_changed([*contents, *obsolete], service)
    outdated = {path: text for path, text in contents.items() if state_of(path, text) != "current"}
    told = {path: "updated" if path.exists() else "written" for path in outdated}
    with _explained():
        for path in outdated:
            path.parent.mkdir(parents=True, exist_ok=True)
        replace_all(outdated, mode=0o644)
        for path in obsolete:
            path.unlink()
    return {path: told.get(path, "unchanged") for path in contents} | dict.fromkeys(obsolete, "removed")


def remove(service: Service) -> list[Path]:
    """Remove the service's files; those that were there. Raises ChangedByHand, Fatal."""
    refuse_changed(present(service), service)
    of_others = cron_file(service, None)
    obsolete = [path for path in present(service) if path not in of_others]
    with _explained():
        replace_all(of_others, mode=0o644)
        for path in obsolete:
            path.unlink()
    return obsolete


def lacks(service: Service, host: Host) -> Iterator[tuple[str, str]]:
    """What the service lacks before it can start: a sentence, and a command that helps, or nothing."""
    try:
        pwd.getpwnam(host.account)
    except KeyError:
        shell = "useradd --system --no-create-home --home-dir / --shell /usr/sbin/nologin"
        yield f"There is no account {host.account}.", f"{shell} {host.account}"
    else:
        for path in (Path(host.command[0]), host.config, host.store):
            if path is not None and path.exists() and not _readable(path, host.account):
                yield f"The account {host.account} can't read {path}: let it in, or move the file.", ""
    if not host.config.exists():
        yield f"There is no config {host.config}.", f"{' '.join(host.command)} init --output {host.config}"
    elif host.store is None:
        yield f"{host.config} names no bridge's store.", f"{host.command[0]} --config {host.config} config check"
    if service.credential.exists() and service.credential.stat().st_mode & 0o077:
        yield f"Others can read the database's URL in {service.credential}.", f"chmod 600 {service.credential}"


def _readable(path: Path, name: str) -> bool:
    """Whether an account can read a file. Only root can try; for others it is taken as read."""
    test = shutil.which("test")
    if os.geteuid() != 0 or test is None:
        return True
    done = subprocess.run([test, "-r", str(path)], check=False, **as_account(name))  # type: ignore[call-overload]  # noqa: S603
    return bool(done.returncode == 0)


def as_account(name: str | None) -> dict[str, object]:
    """How subprocess runs something as this account: for root, another one; else, and for no account, as it is."""
    if os.geteuid() != 0 or name in {None, "root"}:
        return {}
    try:
        found = pwd.getpwnam(str(name))
    except KeyError:
        raise Fatal(
            f"There is no account {name}, as which the service runs.", hint="Make it, or name another."
        ) from None
    groups = os.getgrouplist(found.pw_name, found.pw_gid)
    return {"user": found.pw_uid, "group": found.pw_gid, "extra_groups": groups, "cwd": "/"}


def refuse_changed(paths: Sequence[Path], service: Service) -> None:
    """Raise ChangedByHand where one of the files is no longer as wamon wrote it."""
    changed = [str(path) for path in paths if state_of(path) == "changed"]
    if changed:
        raise ChangedByHand(
            f"{' and '.join(changed)} {'are' if len(changed) > 1 else 'is'} not as wamon wrote it; nothing was done.",
            hint=f"Move your changes into a drop-in (`systemctl edit {service.unit}`), remove the file, and try again.",
        )


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        what = f"{error.filename} can't be written or removed: {error.strerror}."
        raise Fatal(what, hint="Run this as root.") from None
