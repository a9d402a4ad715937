"""What `wamon doctor` says of the unit and of restarts."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from wamon.errors import Fatal
from wamon.health.check import Check, State
from wamon.service import history, hygiene
from wamon.service.nightly import nightly
from wamon.service.restart_log import events
from wamon.service.systemd import NoSystemd, Systemd
from wamon.service.units import Service, installed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from wamon.clock import Clock
    from wamon.config.schema import Config
    from wamon.service.history import Night, Restart
    from wamon.service.hygiene import Hygiene
    from wamon.service.nightly import Nightly
    from wamon.service.schedule import Schedule

_MEANT = {"planned", "stopped"}


def sound(settings: Config, clock: Clock, root: Path = Path("/")) -> list[Check]:
    """The service that works on this config's state, as far as this host has one."""
    service = _service_of(settings.state.dir, root)
    systemd = Systemd(root)
    try:
        found = hygiene.collect(service or Service(root), systemd, settings.state.dir, clock)
    except Fatal as error:
        return [Check("service.unit", State.UNKNOWN, str(error), error.hint)]
    unit = _unit(service, systemd, found)
    if service is None:
        return [unit]
    recent = [one for one in found.restarts if one.at >= clock.now() - timedelta(days=1)]
    return [unit, _nightly(found.nightly, found.night, found.next_at), _restarts(recent)]


def last_night(state_dir: Path, clock: Clock, root: Path = Path("/")) -> list[Check]:
    """The check of the nightly restart of the service that works on this state, where there is one."""
    service = _service_of(state_dir, root)
    if service is None:
        return []
    try:
        kept = events(state_dir)
    except Fatal as error:
        return [Check("service.nightly", State.UNKNOWN, str(error), error.hint)]
    found = nightly(service, Systemd(root))
    return [_nightly(found, hygiene.last_night(kept, found, clock.now()), None)]


@dataclass(frozen=True, slots=True)
class Restarts:
    """Of the service that works on a state: its instance's name, its next planned restart, its last restart."""

    instance: str
    next_at: datetime | None
    last: Restart | None
    planned_at: datetime | None  # since when a restart is announced that hasn't come yet


def restarts_of(state_dir: Path, clock: Clock, root: Path = Path("/")) -> Restarts:
    """As far as this account may see them."""
    service, now = _service_of(state_dir, root), clock.now()
    try:
        kept = events(state_dir)
    except Fatal:
        kept = []
    planned = nightly(service, Systemd(root)).planned if service else None
    last = next(reversed(history.restarts(kept)), None)
    name = (service.instance if service else None) or ""
    return Restarts(name, planned.after(now) if planned else None, last, history.planned_at(kept, now))


def _service_of(state_dir: Path, root: Path) -> Service | None:
    for path in sorted((root / "etc/systemd/system").glob("wamon*.service")):
        at = path.name.removeprefix("wamon").removesuffix(".service")
        if at in {"", *({at} if at.startswith("@") and len(at) > 1 else ())}:
            service = Service(root, at[1:] or None)
            unit = installed(service)
            if unit and unit.environ.get("WAMON_STATE_DIR") == str(state_dir):
                return service
    return None


def _unit(service: Service | None, systemd: Systemd, found: Hygiene) -> Check:
    name = "service.unit"
    if service is None:
        running = f"wamon runs (process {found.running.pid})" if found.running else "wamon doesn't run"
        hint = "`wamon service install` has systemd start it, and start it again whatever ends it."
        return Check(name, State.WARN, f"{running}, and no unit of this host works on this state.", hint)
    if not systemd.is_there:
        return Check(name, State.UNKNOWN, f"{service.unit} is installed, but systemd doesn't run here.")
    try:
        shown = systemd.show(service.unit)
    except NoSystemd as error:
        return Check(name, State.UNKNOWN, str(error), error.hint)
    if shown.is_ready:
        return Check(name, State.OK, f"{service.unit} runs. {shown.status}".strip())
    hint = f"`systemctl start {service.unit}`; the journal says why it isn't up."
    return Check(name, State.BAD, f"{service.unit} is {shown.active}.", hint)


def _nightly(found: Nightly, night: Night | None, next_at: datetime | None) -> Check:
    name = "service.nightly"
    if found.off:
        return Check(name, State.OK, f"The nightly restart is switched off: {found.off}.")
    if found.planned is None or night is None:
        return Check(name, State.OK, "The nightly restart is planned at an hour that wamon can't read.")
    return _night(found.planned, night, next_at)


def _night(planned: Schedule, night: Night, next_at: datetime | None) -> Check:
    name = "service.nightly"
    numbers = {"next_at": next_at, "due_at": night.due_at}
    if night.happened is False:
        sentence = f"The last planned restart, at {planned}, didn't happen."
        return Check(name, State.WARN, sentence, "`wamon hygiene` shows what did.", numbers=numbers)
    how = "happened" if night.happened else "is still to come"
    return Check(name, State.OK, f"The nightly restart, at {planned}, {how}.", numbers=numbers)


def _restarts(recent: Sequence[Restart]) -> Check:
    counted = Counter(one.reason for one in recent if one.reason not in _MEANT)
    numbers = dict(counted)
    if not counted:
        return Check("service.restarts", State.OK, "No restart of the last day was unforeseen.")
    told = ", ".join(f"{reason} {count} times" if count > 1 else f"{reason} once" for reason, count in counted.items())
    sentence = f"Unforeseen restarts within a day: {told}."
    return Check("service.restarts", State.WARN, sentence, "`wamon hygiene` lists them.", numbers=numbers)
