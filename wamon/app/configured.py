"""What a config names: itself, the bridge, and the bridge's store. Commands that only look need no more than this."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from wamon.bridge.store import Store
from wamon.config import load as configs
from wamon.drops.reading import Rules
from wamon.errors import ConfigError, NoStore
from wamon.model import USUAL_SIZES, Sizes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from wamon.config.schema import Config


def configured(path: Path | None, environ: Mapping[str, str]) -> Config:
    """The config that `--config`, the environment or the usual places name; without any, the defaults."""
    found = configs.find(path, environ)
    return (
        configs.load(found, environ, check_pattern=Rules) if found else configs.defaults(environ, check_pattern=Rules)
    )


@dataclass(frozen=True, slots=True)
class Bridge:
    """Which store is read, under which name, how much at once; its chats, by JID or name, beside those configured."""

    path: Path
    name: str
    admitted: tuple[str, ...] = ()
    sizes: Sizes = USUAL_SIZES


def bridge_of(config: Config, override: Path | None = None, groups: Sequence[str] = ()) -> Bridge:
    """The config's bridge, or the store that `--bridge` names: its real path is then its source's name.

    Raises ConfigError where there is neither, NoStore where none is meant to be.
    """
    ours = config.bridge.path
    if override is None:
        if config.has_hooks_alone:
            raise NoStore(
                "No bridge's store is read here: hooks bring the messages, so there is none to look at.",
                hint="`wamon hooks list` tells what came; `wamon hooks replay` takes deliveries in again.",
            )
        if ours is None and config.hooks:
            raise ConfigError(
                f"No bridge's store is named, and the hook {config.hooks[0].name} has no secret.",
                hint=f"Put it into the file {config.hooks[0].secret_file}, or set bridge.path.",
            )
        if ours is None:
            raise ConfigError(
                "No bridge's store is named.",
                hint="Set bridge.path in the config (`wamon init --bridge FILE` writes one), or pass --bridge FILE.",
            )
        return Bridge(ours, config.bridge.name)
    known = {name for group in config.groups for name in (group.jid, group.name)}
    admitted = tuple(name for name in groups if name not in known)
    same = ours is not None and ours.resolve() == override.resolve()
    return Bridge(override, config.bridge.name if same else str(override.resolve()), admitted)


def store_of(config: Config, bridge: Bridge) -> Store:
    """The store of a bridge, read with the configured flavour."""
    return Store(bridge.path, config.bridge.flavour, bridge.sizes)
