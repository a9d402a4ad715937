"""The units, as files: the shipped ones, made a host's own. They are the templates, and work as they are.

What wamon writes begins with a line that tells a change by somebody else. Such a file is never written over.
"""

from __future__ import annotations

import hashlib
import os
import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from wamon.errors import UsageError
from wamon.host.shipped import shipped
from wamon.service import crontab
from wamon.service.crontab import Entry

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from wamon.service.schedule import CronTime, Schedule

State = Literal["missing", "current", "older", "changed"]

_MARK = re.compile(r"# Written by wamon ([0-9a-f]{16}): [^\n]*\n")
_PRIVATE_PLACES = ("/home/", "/root/", "/run/user/")
_ENVIRONMENT = re.compile(r"^Environment=(.*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Service:
    """One wamon under systemd, by its names. `root` is / but for tests."""

    root: Path
    instance: str | None = None

    def __post_init__(self) -> None:
        if self.instance is not None and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", self.instance):
            raise UsageError(
                f"--instance {self.instance!r} is no name for one.",
                hint="Say a word of letters, digits, - and _, such as prod.",
            )

    @property
    def _at(self) -> str:
        return f"@{self.instance}" if self.instance else ""

    @property
    def unit(self) -> str:
        return f"wamon{self._at}.service"

    @property
    def timer(self) -> str:
        return f"wamon-restart{self._at}.timer"

    @property
    def web_unit(self) -> str:
        return f"wamon-web{self._at}.service"

    @property
    def web_socket(self) -> str:
        return f"wamon-web{self._at}.socket"

    @property
    def postgres_unit(self) -> str:
        return f"wamon-postgres{self._at}.service"

    @property
    def config(self) -> Path:
        return Path("/etc/wamon") / f"{self.instance or 'wamon'}.yaml"

    @property
    def credential(self) -> Path:
        return Path("/etc/wamon") / (f"{self.instance}.database-url" if self.instance else "database-url")

    @property
    def state_dir(self) -> Path:
        return Path("/var/lib") / (f"wamon-{self.instance}" if self.instance else "wamon")

    def unit_file(self, unit: str) -> Path:
        return self.root / "etc/systemd/system" / unit

    @property
    def cron_file(self) -> Path:
        """The host's: several that are restarted at one hour share a line of it."""
        return self.root / "etc/cron.d/wamon-restart"

    @property
    def timer_files(self) -> list[Path]:
        """What restarts it at night by systemd's timer."""
        return [self.unit_file(self.timer.replace(".timer", ".service")), self.unit_file(self.timer)]

    @property
    def web_files(self) -> list[Path]:
        """What serves the page."""
        return [self.unit_file(self.web_unit), self.unit_file(self.web_socket)]

    @property
    def files_of_the_page(self) -> list[Path]:
        """What only an install with --web writes."""
        return [*self.web_files, self.postgres_file]

    @property
    def postgres_file(self) -> Path:
        """What runs the embedded PostgreSQL by itself."""
        return self.unit_file(self.postgres_unit)

    def all_files(self) -> list[Path]:
        """Every file that an install of whatever kind may have written."""
        return [self.unit_file(self.unit), *self.timer_files, *self.files_of_the_page, self.cron_file]


@dataclass(frozen=True, slots=True)
class Host:
    """What a host's units say that the shipped ones can't know."""

    command: Sequence[str]  # how wamon is run: its path
    account: str
    config: Path
    store: Path | None


@dataclass(frozen=True, slots=True)
class Web:
    """The page's units: where its socket listens, and whether the embedded PostgreSQL gets a unit of its own."""

    listen: str
    embedded: bool


def rendered(
    service: Service, host: Host, schedule: Schedule | None, cron: CronTime | None, web: Web | None = None
) -> dict[Path, str]:
    """The files' contents, by their paths. Without a schedule: the unit, and cron's where it still names others."""
    paths = [service.unit_file(service.unit), *(service.timer_files if schedule and not cron else ())]
    paths += [*service.web_files, *([service.postgres_file] if web.embedded else [])] if web else []
    contents = {}
    for path in paths:
        text = _template(_template_name(path.name)).replace("/usr/bin/env wamon", _command(host.command))
        if web:
            text = _line(text, "ListenStream=", f"ListenStream={web.listen}")
        if schedule:
            text = _line(text, "OnCalendar=", f"OnCalendar={schedule.calendar}")
        if path not in service.timer_files:
            text = _service_text(text, host)
        if any(map(_is_private, (*host.command[:1], host.config, host.store))):
            text = text.replace("ProtectHome=yes", "ProtectHome=read-only")
        contents[path] = _marked(text)
    return contents | cron_file(service, _entry(service, host, cron) if cron else None)


def cron_file(service: Service, entry: Entry | None) -> dict[Path, str]:
    """The cron file with this entry for the service, or without one; nothing where it needs no file or no change."""
    there = cron_entries(service)
    wanted = there | {service.unit: entry} if entry else {u: e for u, e in there.items() if u != service.unit}
    if not wanted or (entry is None and service.unit not in there):
        return {}
    return {service.cron_file: _marked(crontab.rendered(_template("crontab"), wanted))}


def cron_entries(service: Service) -> dict[str, Entry]:
    """What cron's file of this host says, by the services' units."""
    try:
        return crontab.entries(service.cron_file.read_text("utf-8", "replace"))
    except OSError:
        return {}


def _is_private(place: Path | str | None) -> bool:
    """Whether ProtectHome= would hide a place: where it is named, or where links lead from there."""
    paths = () if place is None else (str(place), os.path.realpath(place))
    return any(path.startswith(_PRIVATE_PLACES) for path in paths)


def _entry(service: Service, host: Host, cron: CronTime) -> Entry:
    words = [*host.command, "restart", *(["--instance", service.instance] if service.instance else [])]
    command = f"{shlex.join(words)} >/dev/null".replace("%", "\\%")
    return Entry(cron.sentence, cron.minute, cron.hour, command)


def _template_name(unit: str) -> str:
    return re.sub(r"@[^.]+", "@", unit)


def _template(name: str) -> str:
    return (shipped("units", "systemd") / name).read_text("utf-8")


def _service_text(text: str, host: Host) -> str:
    text = _line(text, "User=", f"User={host.account}")
    text = _line(text, "Environment=WAMON_CONFIG=", f"Environment={_escaped(f'WAMON_CONFIG={host.config}')}")
    if host.store:
        text = _line(text, "ReadOnlyPaths=", f"ReadOnlyPaths={_escaped(f'-{host.store.resolve().parent}')}")
    return text


def _line(text: str, start: str, line: str) -> str:
    """The text with the line that starts like this replaced."""
    return re.sub(rf"^{re.escape(start)}.*$", lambda _: line, text, count=1, flags=re.MULTILINE)


def _command(words: Sequence[str]) -> str:
    return " ".join(_escaped(word).replace("$", "$$") for word in words)


def _escaped(word: str) -> str:
    """A word as a unit takes it: `%` means something there, and so do spaces and quotes."""
    if any(ord(char) < 32 for char in word):
        raise UsageError(f"A path has a control character in it: {word!r}.", hint="Install wamon elsewhere.")
    word = word.replace("%", "%%")
    if not re.search(r"[\s\"'\\;]", word):
        return word
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _marked(text: str) -> str:
    mark = f"# Written by wamon {_digest(text)}: `wamon service install` refuses once anything here is changed.\n"
    return mark + text


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def present(service: Service) -> list[Path]:
    """The service's files that are on this host; cron's only where it says something of this service."""
    there = [path for path in service.all_files() if state_of(path) != "missing"]
    return [path for path in there if path != service.cron_file or service.unit in cron_entries(service)]


def state_of(path: Path, wanted: str | None = None) -> State:
    """How a file on this host is: as `wanted`, as an earlier install wrote it, changed by somebody, or missing."""
    try:
        text = path.read_text("utf-8", "replace")
    except (FileNotFoundError, NotADirectoryError):
        return "missing"
    except OSError:
        return "changed"
    mark = _MARK.match(text)
    if mark is None or _digest(text[mark.end() :]) != mark[1]:
        return "changed"
    return "current" if wanted in {None, text} else "older"


def listens_on(service: Service) -> str | None:
    """Where the installed page's socket listens; None where none is installed."""
    try:
        return _last(service.unit_file(service.web_socket).read_text("utf-8", "replace"), r"ListenStream=(\S+)")
    except OSError:
        return None


@dataclass(frozen=True, slots=True)
class Installed:
    """What the installed unit says, drop-ins included."""

    environ: Mapping[str, str]
    credential: Path | None
    account: str | None


def installed(service: Service) -> Installed | None:
    """What the unit of this host says; None where it isn't installed."""
    path = service.unit_file(service.unit)
    found = [path, *sorted(path.with_name(f"{path.name}.d").glob("*.conf"))]
    try:
        text = "\n".join(file.read_text("utf-8", "replace") for file in found)
    except OSError:
        return None
    text = text.replace("%%", "\0").replace("%i", service.instance or "").replace("\0", "%")
    environ: dict[str, str] = {}
    for line in _ENVIRONMENT.findall(text):
        words = [word.partition("=") for word in _words(line)]
        environ.update({name: value for name, _, value in words if name.startswith("WAMON_")})
    credential = _last(text, r"LoadCredential=database-url:(.+)")
    return Installed(environ, Path(credential) if credential else None, _last(text, r"User=(\S+)"))


def handed_over(credential: Path | None) -> dict[str, str]:
    """What the unit's credential puts into the environment; nothing where it isn't there, or may not be read."""
    try:
        url = credential.read_text("utf-8").strip() if credential else ""
    except (OSError, ValueError):
        return {}
    return {"WAMON_DATABASE_URL": url} if url else {}


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError:
        return []


def _last(text: str, line: str) -> str | None:
    found = re.findall(rf"^{line}$", text, re.MULTILINE)
    return str(found[-1]) if found else None
