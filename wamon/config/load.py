"""The config: found, read, filled from the environment, checked as a whole, with the place of every problem."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from wamon.config import document, fields, problems
from wamon.config.alerts import Alerts
from wamon.config.conversations import people
from wamon.config.credentials import with_credentials
from wamon.config.document import Document, Place, Problem, Steps
from wamon.config.schema import Config, renamed
from wamon.config.surroundings import Surroundings
from wamon.config.zone import host_zone
from wamon.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from wamon.config.hooks import Hook

SYSTEM = Path("/etc/wamon")
"""Where a host's configs lie: its own, and those of the units beside it."""
PLACES = (Path("config/wamon.yaml"), SYSTEM / "wamon.yaml")
"""Where a config is looked for that nobody named."""
ROOT_STATE = Path("/var/lib/wamon")
"""Root's state directory where no config names one."""

OVERRIDES: dict[str, Steps] = {
    "WAMON_DATABASE_URL": ("database", "url"),
    "WAMON_BRIDGE_PATH": ("bridge", "path"),
    "WAMON_STATE_DIR": ("state", "dir"),
    "WAMON_WEB_TOKEN": ("web", "token"),
}

_ROLL_OUT = {
    "WA_ENHANCED_PROCESSING": "enabled",
    "WA_ENHANCED_USERS": "users",
    "WA_ENHANCED_ROLLOUT_PERCENTAGE": "percentage",
}
_EMPTY = (None, "")
_HINT = "Correct this, and try it with `wamon config check`."


def find(explicit: Path | None, environ: Mapping[str, str]) -> Path | None:
    """Return the config's path, or None where there is none; raise ConfigError if a named one isn't there."""
    if explicit is not None:
        return _named(str(explicit), "--config", environ)
    if named := environ.get("WAMON_CONFIG"):
        return _named(named, "WAMON_CONFIG", environ)
    return next((path for path in PLACES if _is_there(path)), None)


def known() -> list[Path]:
    """Return every config in the usual places: beside the one of this host, those of its further units."""
    further = sorted(SYSTEM.glob("*.yaml"))
    return [path for path in dict.fromkeys([*PLACES, *further]) if _is_there(path)]


def load(path: Path, environ: Mapping[str, str], *, check_pattern: Callable[[str], object] | None = None) -> Config:
    """Return the config in a file; raise ConfigError with all its problems."""
    return parsed(content(path), path, environ, check_pattern=check_pattern)


def parsed(
    told: bytes, path: Path, environ: Mapping[str, str], *, check_pattern: Callable[[str], object] | None = None
) -> Config:
    """Return the config that a file's content tells; raise ConfigError with all its problems."""
    environ = with_credentials(environ, path)
    try:
        found = document.read(told, environ, renamed)
    except document.BrokenError as error:
        broken = error.problem
    else:
        return _checked(found, path, environ, check_pattern)
    raise _error(Document(), [broken], path)


def load_alerts(path: Path, environ: Mapping[str, str]) -> Alerts:
    """Return the section `alerts` of a config that may be wrong elsewhere; raise ConfigError if it can't be read."""
    try:
        found = document.read(content(path), with_credentials(environ, path), renamed)
        return Alerts.model_validate(found.data.get("alerts"))
    except (document.BrokenError, ValidationError):
        raise ConfigError(f"The section alerts of {path} can't be read.", hint=_HINT) from None


def defaults(environ: Mapping[str, str], *, check_pattern: Callable[[str], object] | None = None) -> Config:
    """Return the config of somebody who has none."""
    return _checked(Document(), None, with_credentials(environ), check_pattern)


def _named(given: str, by: str, environ: Mapping[str, str]) -> Path:
    try:
        path = Path(fields.home(given, environ))
    except ValueError:
        path = Path(given)
    if _is_there(path):
        return path
    raise ConfigError(f"There is no config {path}, which {by} names.", hint="Correct the path, or leave it out.")


def _is_there(path: Path) -> bool:
    """Say whether something is at `path`, even if we may not see it: to pass over that would surprise its owner."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return False
    except OSError:
        return True
    return True


def content(path: Path) -> bytes:
    """Return what is in a config's file, and a byte beside it where that is too much; raise ConfigError."""
    try:
        with path.open("rb") as file:
            return file.read(document.MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "its name can't be one"
        raise ConfigError(f"The config {path} can't be read: {why}.", hint="Check the path and its rights.") from error


def _checked(
    found: Document,
    file: Path | None,
    environ: Mapping[str, str],
    check_pattern: Callable[[str], object] | None,
) -> Config:
    _override(found, environ)
    _choose_people(found, environ)
    _switch_replies(found, environ)
    _complete(found, environ)
    zone = _zone(found, environ)
    base = file.parent if file else Path()
    config, wrong = _validated(found, Surroundings(base, environ, zone, check_pattern))
    wrong = [
        *found.problems,
        *wrong,
        *_shared(found, "groups", "jid", "JID of another group"),
        *_shared(found, "hooks", "name", "name of another hook"),
        *(_sources_of_hooks(config) if config else []),
    ]
    if config is None or wrong:
        raise _error(found, wrong, file)
    return config


def _override(found: Document, environ: Mapping[str, str]) -> None:
    for variable, steps in OVERRIDES.items():
        if value := environ.get(variable):
            found.places[steps] = Place(variable, variable, steps[-1])
            try:
                _set(found, steps, value if steps[-1] in {"url", "token"} else fields.path(value, Path(), environ))
            except ValueError as error:
                found.problems.append(Problem(steps, str(error)))


def _switch_replies(found: Document, environ: Mapping[str, str]) -> None:
    """Have $WAMON_REPLIES=off end all that is said, whatever the file says; `on` leaves it to the file.

    Nobody is chosen then: bursts go on to be closed, and what is due is skipped, as with `wamon replies off`.
    """
    said = environ.get("WAMON_REPLIES", "").strip().lower()
    if said in {"", "on"}:
        return
    steps = ("replies", "enabled")
    found.places[steps] = Place("WAMON_REPLIES", "WAMON_REPLIES", steps[-1])
    if said == "off":
        _set(found, steps, False)
        _set(found, ("conversations", "users"), [])
        _set(found, ("conversations", "percentage"), 0)
    else:
        found.problems.append(Problem(steps, "should be on or off"))


def _choose_people(found: Document, environ: Mapping[str, str]) -> None:
    """Have the variables of a roll-out hold: on or off and the percentage instead of the file's, users beside them."""
    for variable, key in _ROLL_OUT.items():
        if said := environ.get(variable, "").strip():
            steps = ("conversations", key)
            found.places[steps] = Place(variable, variable, key)
            _set(found, steps, _users(_get(found, steps), said) if key == "users" else document.resolve(said))


def _users(in_file: object, said: str) -> object:
    users = people(in_file) if isinstance(in_file, str) else in_file or []
    if not isinstance(users, list):
        return users  # a problem, told as such
    known = {str(user) for user in users}
    return [*users, *(user for user in people(said) if user not in known)]


def _get(found: Document, steps: Steps) -> object:
    section, key = map(str, steps)
    data = found.data.get(section)
    return data.get(key) if isinstance(data, dict) else None


def _set(found: Document, steps: Steps, value: object) -> None:
    section, key = map(str, steps)
    data = found.data.get(section)
    if data in _EMPTY:
        found.data[section] = {key: value}
    elif isinstance(data, dict):  # else it is a problem already
        data[key] = value


def _complete(found: Document, environ: Mapping[str, str]) -> None:
    """Say what the file leaves to the host."""
    state = found.data.get("state")
    if state in _EMPTY or (isinstance(state, dict) and state.get("dir") in _EMPTY):
        _complete_state(found, environ)
    if found.data.get("timezone") in _EMPTY:
        found.data["timezone"] = host_zone(environ)


def _complete_state(found: Document, environ: Mapping[str, str]) -> None:
    try:
        _set(found, ("state", "dir"), _state_dir(environ))
    except ValueError:
        found.problems.append(Problem(("state", "dir"), "is missing, and there is no home directory to put it in"))


def _state_dir(environ: Mapping[str, str]) -> Path:
    if os.geteuid() == 0:
        return ROOT_STATE
    given = Path(environ.get("XDG_STATE_HOME", ""))
    home = given if given.is_absolute() else Path(environ.get("HOME") or "~", ".local/state")
    return fields.path(home / "wamon", Path(), environ)


def _zone(found: Document, environ: Mapping[str, str]) -> ZoneInfo:
    value = found.data["timezone"]
    try:
        return value if isinstance(value, ZoneInfo) else fields.timezone(value)
    except ValueError:
        return host_zone(environ)


def _validated(found: Document, around: Surroundings) -> tuple[Config | None, list[Problem]]:
    try:
        return Config.model_validate(found.data, context=around), []
    except ValidationError as error:
        return None, problems.of_validation(error)


def _shared(found: Document, section: str, key: str, of_another: str) -> list[Problem]:
    """Find what two of a list share and mustn't: in the raw data, so that other problems don't hide it."""
    parts = found.data.get(section)
    first: dict[str, int] = {}
    wrong = []
    for index, part in enumerate(parts if isinstance(parts, list) else []):
        value = part.get(key) if isinstance(part, dict) else None
        if isinstance(value, str) and value and first.setdefault(value.strip(), index) != index:
            line = found.places[section, first[value.strip()], key].value[0]
            wrong.append(Problem((section, index, key), f"is the {of_another}, too (line {line}): keep one"))
    return wrong


def _sources_of_hooks(config: Config) -> list[Problem]:
    """Find hooks whose source can't be theirs: another's, one that nobody reads, or one under two projects."""
    name = config.bridge.name
    projects: dict[str, Hook] = {}
    wrong = []
    for index, hook in enumerate(config.hooks):
        if hook.of is None and hook.name == name:
            why = f"is the bridge's name: give it another, or say `of: {name}` beside it"
            wrong.append(Problem(("hooks", index, "name"), why))
        if hook.of == name and config.bridge.path is None:
            why = f"is the bridge {name}, whose store nobody reads: set bridge.path, or leave `of` out"
            wrong.append(Problem(("hooks", index, "of"), why))
        first = projects.setdefault(hook.source, hook) if hook.project else hook
        if first.project != hook.project:
            why = f"is {first.project} at hook {first.name}, of the same source {hook.source}: say one project for both"
            wrong.append(Problem(("hooks", index, "project"), why))
    return wrong


def _error(found: Document, wrong: list[Problem], file: Path | None) -> ConfigError:
    return ConfigError("\n".join(problems.lines(found, wrong, file)), hint=_HINT)
