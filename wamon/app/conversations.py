"""What works on conversations, by a config."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wamon.app.database import ledger
from wamon.conversations.proof import Proof, prove

if TYPE_CHECKING:
    from wamon.config.schema import Config


def proof(config: Config) -> Proof:
    """Compare messages, turns and answers of this config's sources."""
    with ledger(config) as db:
        return prove(db, config.all_sources)
