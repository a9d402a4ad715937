"""The page `/hooks`: what comes to each hook, and what is wrong with any."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

from wamon.config import hooks as config
from wamon.views.home import stale_since
from wamon.views.hooks import ABOUT_HOOKS, Hook, listed
from wamon.views.snapshot import snapshot
from wamon.views.sources import Check, sources

if TYPE_CHECKING:
    from wamon.postgres.connection import Database


@dataclass(frozen=True, slots=True)
class HooksPage:
    """The page `/hooks`: the hooks of the config of `wamon web`, as `wamon hooks list` lists them."""

    at: Annotated[datetime, "the moment that it shows, by the database's clock"]
    zone: Annotated[str, "the zone in which its times are to be shown"]
    stale: Annotated[datetime | None, "the last sign of life of the source that is down for longest; null: none is"]
    hooks: tuple[Hook, ...]
    checks: tuple[Check, ...]


def hooks_page(db: Database, configured: Sequence[config.Hook], zone: ZoneInfo) -> HooksPage:
    """What came to these hooks, and what the sources' checks say of any. Raises DatabaseUnavailable, SchemaError."""
    with snapshot(db) as moment:
        known, own = sources(db), listed(db, configured, zone)
    checks = {check.sentence: check for source in known if source.is_heard_of for check in source.checks}
    wrong = [check for check in checks.values() if check.name in ABOUT_HOOKS and check.state in {"warn", "bad"}]
    wrong.sort(key=lambda check: ABOUT_HOOKS.index(check.name))
    return HooksPage(moment.at, str(zone), stale_since(known), own, tuple(wrong))
