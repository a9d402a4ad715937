"""All of wamon, imported: for the process that others are forked from."""

from __future__ import annotations

import gc
import importlib
import pkgutil

import wamon
from wamon.cli.main import command

for module in pkgutil.walk_packages(wamon.__path__, "wamon."):
    importlib.import_module(module.name)
command()
gc.freeze()
