"""What is shipped beside the code, wherever it lies: the units, the pages, the sample config."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable


def shipped(packaged: str, in_checkout: str) -> Traversable:
    """A file or folder: in the package where it is installed, else in the checkout beside it."""
    inside = files("wamon") / packaged
    return inside if inside.is_dir() or inside.is_file() else Path(__file__).parents[2] / in_checkout
