"""A config as a file of its own, read on a host of which nothing is known."""

from __future__ import annotations

from pathlib import Path

from wamon.config.load import load
from wamon.config.schema import Config


def read(folder: Path, text: str, **environ: str) -> Config:
    file = folder / "wamon.yaml"
    file.write_text(text)
    return load(file, {"HOME": "/home/op", "TZ": "Africa/Johannesburg", **environ})
