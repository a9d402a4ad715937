"""The embedded servers of this user: which config reaches each, and which nothing can reach any more."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from wamon.config import load as configs
from wamon.errors import ConfigError
from wamon.postgres.embedded import clusters as embedded
from wamon.postgres.embedded import server
from wamon.views import db as view

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wamon.config.schema import Config
    from wamon.postgres.embedded.clusters import Cluster


@dataclass(frozen=True, slots=True)
class Reach:
    """What reaches a state directory: a config, or no config at all."""

    path: Path | None
    config: Config


@dataclass(frozen=True, slots=True)
class Found:
    """An embedded server, and what reaches it: None where no config that is known does."""

    cluster: Cluster
    reach: Reach | None

    @property
    def gone(self) -> bool:
        """Whether its state directory has gone, and no config names it."""
        folder = self.cluster.state_dir
        return self.reach is None and folder is not None and not os.path.lexists(folder)

    def view(self) -> view.Cluster:
        """As it is shown."""
        own, reach = self.cluster, self.reach
        bridge = reach.config.bridge.path if reach else None
        return view.Cluster(
            data=str(own.home.data),
            state_dir=str(own.state_dir) if own.state_dir else None,
            config=str(reach.path) if reach and reach.path else None,
            bridge=str(bridge) if bridge else None,
            bytes=own.size_bytes(),
            running=own.runs,
            last_used_at=own.last_used_at,
            gone=self.gone,
        )


def found(explicit: Path | None, environ: Mapping[str, str], *, strict: bool = False) -> list[Found]:
    """All of them. Raises ConfigError where one config, with `strict` any known one, can't be read."""
    reaches = _reaches(explicit, environ, strict=strict)
    known = embedded.clusters(reaches, server.ROOT_HOME)
    return [Found(cluster, reaches.get(cluster.state_dir) if cluster.state_dir else None) for cluster in known]


def others(config: Config, environ: Mapping[str, str]) -> bool:
    """Whether there is an embedded server beside the database of this config."""
    folders = [config.state.dir, configs.defaults(environ).state.dir]
    own = None if config.database.url else server.home(config.state.dir).data
    return any(cluster.home.data != own for cluster in embedded.clusters(folders, server.ROOT_HOME))


def _reaches(explicit: Path | None, environ: Mapping[str, str], *, strict: bool) -> dict[Path, Reach]:
    """By real state directory. The config that holds here comes first, and what holds without one last."""
    named = configs.find(explicit, environ)
    reaches: dict[Path, Reach] = {}
    for path in [named, *configs.known()]:
        try:
            config = configs.load(path, environ) if path else configs.defaults(environ)
        except ConfigError:
            if strict or path == named:
                raise
            continue
        reaches.setdefault(Path(os.path.realpath(config.state.dir)), Reach(path, config))
    defaults = configs.defaults(environ)
    reaches.setdefault(Path(os.path.realpath(defaults.state.dir)), Reach(None, defaults))
    return reaches
