"""`/ready`: whether what this process needs is there, and what each source publishes of itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime  # noqa: TC003 - a view is read back by its types
from typing import TYPE_CHECKING

from wamon.errors import SchemaError, WamonError
from wamon.postgres.connection import transaction
from wamon.postgres.queries import Queries
from wamon.views.sources import sources
from wamon.web.kept import Kept
from wamon.web.replication import replication
from wamon.words import span

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wamon.postgres.connection import Database
    from wamon.views.sources import Check, Source
    from wamon.web.replication import Replication
    from wamon.web.site import Site

KEPT_SECONDS = 2
_QUERIES = Queries("wamon.web", "ready")
_STATEMENT_SECONDS = 3


@dataclass(frozen=True, slots=True)
class ReadyCheck:
    """One thing that was looked at. `source` None: it is about this `wamon web`."""

    name: str
    source: str | None
    state: str
    sentence: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Ready:
    """What was found, and when."""

    ready: bool
    status: str
    version: str
    at: datetime
    checks: tuple[ReadyCheck, ...]


class Readiness:
    """Looks at most every two seconds, however often it is asked."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._checks = Kept(self._look, KEPT_SECONDS, site.clock)

    async def now(self, *, web_alone: bool) -> Ready:
        """All checks, or this process's alone."""
        site, found = self._site, await self._checks.now()
        checks = tuple(check for check in found if check.source is None or not web_alone)
        states = {check.state for check in checks}
        status = "unavailable" if "bad" in states else "late" if "warn" in states else "ok"
        return Ready(status != "unavailable", status, site.version, site.clock.now(), checks)

    async def _look(self) -> tuple[ReadyCheck, ...]:
        try:
            return await self._site.database.run(_found)
        except SchemaError as error:
            return (_answers(), ReadyCheck("web.schema", None, "bad", str(error), error.hint))
        except WamonError as error:
            return (ReadyCheck("web.database", None, "bad", str(error), error.hint),)


def _found(db: Database) -> tuple[ReadyCheck, ...]:
    with transaction(db, _STATEMENT_SECONDS):
        durable, known = _QUERIES.value(db, "durable"), sources(db)
    standby = replication(db)
    published = (ReadyCheck(one.name, source.name, *_result(one)) for source in known for one in source.checks)
    return (*_own(standby, durable=durable), *map(_sign, known), *published)


def _result(check: Check) -> tuple[str, str, str]:
    return check.state, check.sentence, check.hint


def _sign(source: Source) -> ReadyCheck:
    """Whether a source gives signs of life: what it published before says nothing of now."""
    state = {"late": "warn", "down": "bad", "none": "unknown"}.get(source.sign, "ok")
    if source.sign == "none":
        return ReadyCheck("source.sign", source.name, state, f"{source.name} has never reported.")
    sentence = f"{source.name} on {source.host} gave its last sign {span(source.silent_seconds or 0)} ago."
    hint = f"There: `systemctl status {source.unit}`" if state == "bad" else ""
    return ReadyCheck("source.sign", source.name, state, sentence, hint)


def _own(standby: Replication, *, durable: bool) -> Iterable[ReadyCheck]:
    yield _answers()
    yield ReadyCheck("web.schema", None, "ok", "The schema is this wamon's.")
    if durable:
        yield ReadyCheck("web.durable", None, "ok", "What PostgreSQL commits outlives a power cut.")
    else:
        hint = "Set fsync and synchronous_commit to on."
        yield ReadyCheck("web.durable", None, "bad", "What PostgreSQL commits may be lost by a power cut.", hint)
    state = "warn" if standby.is_awaited else "unknown" if standby.kind == "unknown" else "ok"
    yield ReadyCheck("web.replication", None, state, standby.sentence, standby.hint)


def _answers() -> ReadyCheck:
    return ReadyCheck("web.database", None, "ok", "PostgreSQL answers.")
