"""What `wamon web` is made of: from a config to a server on its socket."""

from __future__ import annotations

import asyncio
import json
import os
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from wamon.app.database import reading
from wamon.config.web import Listen
from wamon.errors import Busy, ConfigError
from wamon.host import sockets
from wamon.host.memory import share_one_arena
from wamon.log import logger

if TYPE_CHECKING:
    from pathlib import Path

    from wamon.clock import Clock
    from wamon.config.schema import Config
    from wamon.web.sessions import Role
    from wamon.web.site import Only

_BACKLOG = 4096
_STOP_SECONDS = 0.5


def serve(config: Config, config_path: Path | None, listen: Listen | None, only: Only, clock: Clock) -> None:
    """Serve all, or one half, until SIGTERM. Raises ConfigError (no extra, no token), Busy (the port is taken)."""
    _require_extra()
    share_one_arena()
    with _listener(listen or config.web.listen) as listener:
        from wamon.replies.queue import patience
        from wamon.views.actions import Terms
        from wamon.web.database import DatabaseThreads
        from wamon.web.greeting import begin
        from wamon.web.hooks import Hooks, Limits
        from wamon.web.metrics import Metrics
        from wamon.web.routes import Front
        from wamon.web.server import serve as serve_pages
        from wamon.web.site import Site
        from wamon.web.writer import Writer

        where = Listen(*listener.getsockname()[:2])
        if only != "hooks":
            _require_token(config, where)
        database, metrics, limits = DatabaseThreads(partial(reading, config)), Metrics(), Limits()
        writer = Writer(partial(reading, config), metrics.hook_batch_rows, limits.commit_seconds)
        doors = () if only == "page" else config.hooks
        hooks = Hooks(doors, writer, database, metrics, clock, config.timezone, limits)
        site = Site(
            instance=config_path.stem if config_path else "wamon",
            only=only,
            listen=where,
            hosts=config.web.hosts,
            token=config.web.token.get_secret_value().encode() if config.web.token else None,
            public_url=config.web.public_url,
            zone=config.timezone,
            pattern=config.drops.pattern,
            review_table=config.database.review_table,
            show=config.privacy.show,
            answers=config.conversations.enabled,
            terms=lambda: Terms(clock.now(), patience(config)),
            clock=clock,
            database=database,
            metrics=metrics,
            stopping=asyncio.Event(),
            started_at=clock.now(),
            started_seconds=clock.monotonic_seconds(),
            hooks=hooks,
            configured_hooks=config.hooks,
        )
        logger.info("Serving on %s.", where.url, extra={"action": "web.started"})
        try:
            serve_pages(Front(site), listener, site.stopping, partial(begin, site))
        finally:
            writer.close(_STOP_SECONDS)
            hooks.close(_STOP_SECONDS)
            database.close(_STOP_SECONDS)
    logger.info("Stopped.", extra={"action": "web.stopped"})


def link(config: Config, role: Role, minutes: int) -> str:
    """The address that signs in once as this role."""
    from wamon.web.sessions import make_link

    with reading(config) as db:
        code = make_link(db, role, minutes)
    return f"{config.web.public_url or config.web.listen.url}/login#{code}"


def _require_extra() -> None:
    try:
        import httptools  # noqa: F401
        import prometheus_client  # noqa: F401
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
        import uvloop  # noqa: F401
    except ImportError as error:
        raise ConfigError(
            f"`wamon web` needs the extra `web`, which isn't installed: {error.name} is missing.",
            hint="In the checkout: pipx install --force '.[web]'. All else works without it.",
        ) from None


def _listener(listen: Listen) -> sockets.Listener:
    try:
        return sockets.handed_over(os.environ) or sockets.listening(listen.address, listen.port, _BACKLOG)
    except sockets.NotHandedOver:
        raise ConfigError(
            "systemd handed over no listening socket, or more than one.",
            hint="wamon-web.socket has one ListenStream=; by hand, unset LISTEN_FDS.",
        ) from None
    except OSError as error:
        if sockets.is_taken(error):
            raise Busy(
                f"{listen} is taken: {_holder(listen)}.", hint="Stop that one, or name another in web.listen."
            ) from None
        raise ConfigError(
            f"{listen} can't be listened on: {error.strerror}.",
            hint="Is it an address of this host, and its port ≥ 1024?",
        ) from None


def _holder(listen: Listen) -> str:
    """Who listens there: another `wamon web` says it of itself, else the kernel knows."""
    from wamon.net.address import NotSent
    from wamon.net.http import Unknown, request
    from wamon.net.message import Bounds

    with suppress(NotSent, Unknown, ValueError, KeyError, TypeError):
        bounds = Bounds(0.5, 0.5, 1000)
        answer = request("GET", f"{listen.url}/health", b"", {}, bounds=bounds, allow_private=True)
        said = json.loads(answer.body)
        return f"wamon web of {str(said['instance'])[:64]} serves there, process {int(said['pid'])}"
    if found := sockets.holder_of(listen.port):
        return f"process {found[0]} ({found[1]}) listens there"
    return f"`ss -ltnp 'sport = :{listen.port}'` tells by whom"


def _require_token(config: Config, where: Listen) -> None:
    if not where.is_loopback and config.web.token is None:
        raise ConfigError(
            f"{where} is reached from other hosts, and there is no web.token.",
            hint="Set WAMON_WEB_TOKEN (`openssl rand -hex 24` prints one), or listen on 127.0.0.1 behind a proxy.",
        )
