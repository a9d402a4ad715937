"""Secrets beside the environment: files that systemd hands over, and those of a folder beside the config."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from wamon.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

_FILES = {
    "WAMON_DATABASE_URL": "database-url",
    "WAMON_ALERT_URL": "alert-url",
    "WAMON_ALERT_PASSWORD": "alert-password",
    "WAMON_REPLY_TOKEN": "reply-token",
    "WAMON_WEB_TOKEN": "web-token",
}
_OF_A_FOLDER = "secret_"
"""What systemd puts before the names of the files in /etc/wamon/secrets."""
_SECRET = re.compile("[a-z0-9-]+")
"""A secret's file; what an editor leaves beside it is none."""


def secrets_beside(config: Path) -> Path:
    """The folder of a config's secrets: `secrets`, of an instance's prod.yaml `prod.secrets`."""
    return config.with_name("secrets" if config.stem == "wamon" else f"{config.stem}.secrets")


def with_credentials(environ: Mapping[str, str], config: Path | None = None) -> Mapping[str, str]:
    """The environment, and for the variables that it leaves out or empty what files hold.

    Those of `$CREDENTIALS_DIRECTORY` come first, then those of the folder beside the config, as far as this user may
    see it. A file of a folder of secrets stands for the variable that is named as it: hook-wati for WAMON_HOOK_WATI. An
    empty one says nothing. Raises ConfigError for one that can't be read.
    """
    found = dict(environ)
    for files in (_handed_over(environ.get("CREDENTIALS_DIRECTORY")), _files_beside(config)):
        said = {name: _read(file) for name, file in files.items() if not found.get(name)}
        found |= {name: value for name, value in said.items() if value}
    return found


def variable(file: str) -> str:
    """For which variable a secret's file stands."""
    return "WAMON_" + re.sub("[^A-Z0-9]", "_", file.upper())


def _handed_over(folder: str | None) -> dict[str, Path]:
    if not folder:
        return {}
    secrets = sorted(Path(folder).glob(f"{_OF_A_FOLDER}*"))
    named = {variable(file.name.removeprefix(_OF_A_FOLDER)): file for file in secrets}
    return named | {name: Path(folder, file) for name, file in _FILES.items()}


def _files_beside(config: Path | None) -> dict[str, Path]:
    if config is None:
        return {}
    files = sorted(secrets_beside(config).glob("*"))
    return {variable(file.name): file for file in files if _SECRET.fullmatch(file.name)}


def _read(file: Path) -> str:
    try:
        return file.read_text("utf-8").strip()
    except FileNotFoundError:
        return ""
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise ConfigError(
            f"The credential {file} can't be read: {why}.",
            hint="Let wamon's user read it; of a unit see LoadCredential=.",
        ) from None
