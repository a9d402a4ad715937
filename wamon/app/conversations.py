"""What works on conversations, by a config."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wamon.app.database import ledger
from wamon.conversations.proof import Proof, prove
from wamon.conversations.rescue import reopen_all
from wamon.health import gaps
from wamon.views.conversations import Rescued, named

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from wamon.config.schema import Config
    from wamon.health.gaps import Gap


def proof(config: Config) -> Proof:
    """Compare messages, turns and answers of this config's sources."""
    with ledger(config) as db:
        return prove(db, config.all_sources)


def rescue(config: Config, asked: str, *, late: bool) -> Rescued:
    """Have a person answered after all, by number in any form, hash or uid: what was given up, or came too late.

    `late`: also what is too old by now. Raises UsageError where nobody, or several are meant.
    """
    with ledger(config) as db:
        name, conversations = named(db, asked, config.privacy.show)
        found = [
            outcome
            for conversation in conversations
            for outcome in reopen_all(db, conversation, config.conversations, late=late)
        ]
    return Rescued(name, found.count("reopened"), found.count("too-old"))


def unanswered(config: Config, since: datetime, names: Collection[str]) -> list[Gap]:
    """When people wrote and got no answer, since it was too old; where groups are named, there alone."""
    with ledger(config) as db:
        found = gaps.unanswered(db, config.all_sources, since)
    return [gap for gap in found if not names or {gap.group, gap.jid} & set(names)]
