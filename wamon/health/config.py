"""Can the config be read, does it watch anything, and is the file of people that it names one?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from wamon.bridge.access import access
from wamon.bridge.snapshot import snapshot
from wamon.bridge.store import Store
from wamon.errors import BridgeUnavailable, BridgeUnknown
from wamon.health.check import Absent, Check, State, unknown
from wamon.net.address import NotSent, allowed
from wamon.words import amount

if TYPE_CHECKING:
    from wamon.config.schema import Config
    from wamon.errors import ConfigError

_NEED_A_CONFIG = ("bridge.store", "recording.daemon", "database.server", "files.folder")


def readable(config: Config, path: Path | None) -> Check:
    """The result for a config that was read, or for the defaults where there is none."""
    watched = sum(group.enabled for group in config.groups)
    numbers = {"path": None if path is None else str(path), "groups": len(config.groups), "watched": watched}
    if path is None:
        hint = "`wamon init --bridge FILE` writes a config from what is in the bridge's store."
        return Check("config.file", State.WARN, "There is no config; the defaults hold.", hint, numbers=numbers)
    if config.has_hooks_alone and not watched:
        told = f"The config {path} is in order: hooks bring the messages, and no group is watched."
        return Check("config.file", State.OK, told, numbers=numbers)
    if not watched:
        hint = "`wamon groups` lists the chats in the bridge's store: name them under `groups:`, enabled."
        return Check("config.file", State.WARN, f"The config {path} watches no group.", hint, numbers=numbers)
    told = f"The config {path} is in order, and watches {amount(watched, 'group')}."
    return Check("config.file", State.OK, told, numbers=numbers)


def broken(error: ConfigError) -> list[Check]:
    """The results where the config can't be read: then nothing else is known."""
    absent = Absent("The config can't be read.")
    return [
        Check("config.file", State.BAD, str(error), error.hint),
        *(unknown(name, absent) for name in _NEED_A_CONFIG),
    ]


def people(config: Config) -> list[Check]:
    """Whether the file that bridge.people names can be read. Nothing where it names none."""
    path = config.bridge.people
    if not isinstance(path, Path):
        return []
    numbers = {"path": str(path)}
    if _holds_people(path):
        return [Check("bridge.people", State.OK, f"People's names are read from {path}.", numbers=numbers)]
    sentence = f"bridge.people names {path}, from which nobody's name can be read."
    hint = "Name whatsmeow's file, whatsapp.db or session.db, and let wamon's user read it; `auto` finds it by itself."
    return [Check("bridge.people", State.WARN, sentence, hint, numbers=numbers)]


def wrong_on_this_host(config: Config) -> list[str]:
    """What a config that can be read names and this host hasn't: a store, an address; or that it watches nothing."""
    found = [_watches_nothing(config), _no_store(config), *_refused_addresses(config)]
    return [sentence for sentence in found if sentence]


def _watches_nothing(config: Config) -> str:
    if (config.hooks and config.bridge.path is None) or any(group.enabled for group in config.groups):
        return ""
    return (
        "No group is watched: `wamon groups` lists the chats in the bridge's store; name them under `groups:`, enabled."
    )


def _no_store(config: Config) -> str:
    if config.has_hooks_alone:
        return ""
    if config.bridge.path is None and config.hooks:
        hook = config.hooks[0]
        return f"The hook {hook.name} has no secret: put it into {hook.secret_file}."
    if config.bridge.path is None:
        return "No bridge's store is named: set bridge.path, or a hook's secret."
    try:
        Store(config.bridge.path, config.bridge.flavour).flavour()
    except (BridgeUnavailable, BridgeUnknown) as error:
        return error.paragraph()
    return ""


def _refused_addresses(config: Config) -> list[str]:
    """Why alerts can't reach where they are to go, as far as its name tells."""
    webhook, mail = config.alerts.channels.webhook, config.alerts.channels.mail
    found = []
    if webhook.url is not None and webhook.kind != "apprise":
        parts = urlsplit(webhook.url.get_secret_value())
        found.append(_refused("webhook", parts.hostname or "", allow_private=webhook.allow_private))
    if mail.host is not None:
        found.append(_refused("mail", mail.host, allow_private=mail.allow_private))
    return found


def _refused(channel: str, host: str, *, allow_private: bool) -> str:
    try:
        allowed(host, 0, allow_private=allow_private)
    except NotSent as error:
        return f"alerts.channels.{channel}: {error.paragraph()}"
    return ""


def _holds_people(path: Path) -> bool:
    try:
        if access(path).endangers_the_bridge:
            return False
        with snapshot(path) as db:
            return bool(db.execute("SELECT 1 FROM sqlite_master WHERE name = 'whatsmeow_contacts'").fetchall())
    except (BridgeUnavailable, BridgeUnknown, OSError):
        return False
