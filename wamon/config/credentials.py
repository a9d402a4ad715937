"""What systemd hands over beside the environment: files that only the service can read."""

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


def with_credentials(environ: Mapping[str, str]) -> Mapping[str, str]:
    """The environment, and what `$CREDENTIALS_DIRECTORY` holds for the variables that it leaves out or empty.

    A file of the folder of secrets stands for the variable that is named as it: hook-wati for WAMON_HOOK_WATI. An empty
    credential says nothing. Raises ConfigError for one that can't be read.
    """
    folder = environ.get("CREDENTIALS_DIRECTORY")
    if not folder:
        return environ
    secrets = {_variable(file.name): file for file in sorted(Path(folder).glob(f"{_OF_A_FOLDER}*"))}
    files = secrets | {name: Path(folder, file) for name, file in _FILES.items()}
    found = {name: _read(file) for name, file in files.items() if not environ.get(name)}
    return {**environ, **{name: value for name, value in found.items() if value}}


def _variable(file: str) -> str:
    return "WAMON_" + re.sub("[^A-Z0-9]", "_", file.removeprefix(_OF_A_FOLDER).upper())


def _read(file: Path) -> str:
    try:
        return file.read_text("utf-8").strip()
    except FileNotFoundError:
        return ""
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise ConfigError(
            f"The credential {file} can't be read: {why}.", hint="See LoadCredential= in the unit."
        ) from None
