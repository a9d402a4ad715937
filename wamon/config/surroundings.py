"""What a value's meaning depends on beside the file, and the paths that it makes."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from zoneinfo import ZoneInfo

from pydantic import ValidationInfo

from wamon.config import fields


@dataclass(frozen=True, slots=True, repr=False)
class Surroundings:
    """What a value's meaning depends on: the directory of relative paths, the environment, the zone of naive times."""

    base: Path = field(default_factory=Path)
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    check_pattern: Callable[[str], object] | None = None


def around(info: ValidationInfo) -> Surroundings:
    """Those of the file that is read."""
    return info.context if isinstance(info.context, Surroundings) else Surroundings()


def path(value: object, info: ValidationInfo) -> Path:
    """An absolute path, relative to the file's directory."""
    where = around(info)
    return fields.path(value, where.base, where.environ)
