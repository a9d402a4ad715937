"""What `wamon web` says once it serves: on a terminal a link that signs in, anywhere what is in the way."""

from __future__ import annotations

import asyncio
import gc
import sys
from contextlib import suppress
from logging import INFO, WARNING
from typing import TYPE_CHECKING

from wamon.errors import WamonError
from wamon.host.memory import give_back
from wamon.log import logger
from wamon.web import sessions
from wamon.web.html import compile_templates
from wamon.web.replication import replication

if TYPE_CHECKING:
    from wamon.web.site import Site

_LINK_MINUTES = 10
_SECONDS_BETWEEN_WORDS = 3600
_SECONDS_BETWEEN_TRIES = 60


async def begin(site: Site) -> None:
    """Say what is in the way, greet and stay known, and count what comes to hooks for as long as the site serves."""
    if site.hooks.names and site.public_url is None and not site.hosts:
        logger.warning(
            "Hooks are configured, and no name of a proxy: whom one on this host lets in may read /metrics. Set "
            "web.public_url or web.hosts.",
            extra={"action": "web.unnamed"},
        )
    await asyncio.gather(greet(site), site.hooks.run())


async def greet(site: Site) -> None:
    """Look at PostgreSQL, so that its connection stands, or the log says why not; have templates ready; stay known."""
    await _greet(site)
    await asyncio.to_thread(compile_templates)
    give_back()
    gc.freeze()  # what starting took stays: to go through it takes the collector as long as a hundred deliveries
    if site.only != "hooks":
        await _stay_known(site)


async def _stay_known(site: Site) -> None:
    """Leave word in the database, once an hour, that pages are served: a scan publishes for nobody else."""
    while not site.stopping.is_set():
        rest_seconds = _SECONDS_BETWEEN_WORDS
        try:
            await site.database.run(sessions.note_served)
        except WamonError:  # every page tells
            rest_seconds = _SECONDS_BETWEEN_TRIES
        with suppress(TimeoutError):
            await asyncio.wait_for(site.stopping.wait(), rest_seconds)


async def _greet(site: Site) -> None:
    try:
        if sys.stderr.isatty() and site.only != "hooks":
            code = await site.database.run(sessions.make_link, "operator", _LINK_MINUTES)
            print(f"Signs in once, within {_LINK_MINUTES} minutes: {site.url}/login#{code}", file=sys.stderr)  # noqa: T201
        else:
            await site.database.run(sessions.cookie_name)
        standby = await site.database.run(replication)
        logger.log(WARNING if standby.is_awaited else INFO, "%s", standby.sentence, extra={"action": "web.replication"})
    except WamonError as error:
        logger.warning("No page can be shown yet. %s", error.paragraph(), extra={"action": "web.waiting"})
