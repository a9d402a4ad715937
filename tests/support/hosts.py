"""A host on which embedded servers lie beside one another."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support.server import Initialised
from wamon.postgres.embedded import server as embedded


class Host:
    """A host of its own: root's servers, a config, and state directories."""

    def __init__(self, folder: Path, initialised: Initialised) -> None:
        self.folder = folder
        self._initialised = initialised

    def cluster(self, name: str, *, noted: bool = True) -> Path:
        """A state directory with a server that never ran; its data."""
        state = self.folder / name
        state.mkdir(parents=True, exist_ok=True)
        self._initialised.copy(state, embedded.ROOT_HOME)
        place = embedded.home(state)
        if noted:
            place.origin.write_text(str(state))
        return place.data

    def config(self, **state: str) -> Path:
        path = self.folder / "wamon.yaml"
        path.write_text(json.dumps({"state": state}))
        return path
