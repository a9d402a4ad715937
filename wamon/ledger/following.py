"""What follows a recording, in its transaction: review rows, rejections, replies. Followers know the ledger; it knows
none of them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Protocol

from wamon.errors import WamonError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from wamon.ledger.changes import Candidate, Judged, Key
    from wamon.ledger.drafts import Origin
    from wamon.model import Reading
    from wamon.postgres.connection import Database

Conflict = tuple[str, str]
"""(project, drop number) whose review row is another project's."""


class Renamed(NamedTuple):
    """A group whose project has another name now."""

    chat: int
    jid: str
    was: str
    now: str
    wholly: bool = False  # no group keeps the old name, and the new one is all that came of it


@dataclass(frozen=True, slots=True)
class Posted:
    """What one recording wrote. Kinds and standings are worked out once."""

    readings: Sequence[Reading] = ()
    """The new messages, in row order; none where another process read them: see `Draft`."""
    edited: Sequence[Reading] = ()
    """Known messages that say something else now."""
    recovered: Sequence[Reading] = ()
    """Those of the edited ones that were parked so far: nobody has followed them yet."""
    origins: Mapping[Key, Origin] = field(default_factory=dict)
    """Of the messages that hooks brought."""
    near: Sequence[Reading] = ()
    """The new and edited messages that hold near misses."""
    submissions: Sequence[Judged] = ()
    """Those that were inserted, and those that were rejected and are real now."""
    revived: Sequence[Candidate] = ()
    """Those that are live again; not while the same message lives in another source, so in `retracted`."""
    retracted: Sequence[Candidate] = ()
    admitted: Sequence[Candidate] = ()
    """Those that were rejected, and whose numbers are on their project's list by now."""
    mended: AbstractSet[Key] = frozenset()
    """The messages that say nothing new: a repair only brought back what was missing."""
    again: bool = False
    """Replay, repair, sweep: rows that were missing, and nobody is answered."""


class NotYet(WamonError):
    """A follower can't tell yet what these messages are: whoever brings them waits, and comes again."""

    def __init__(self, keys: AbstractSet[Key]) -> None:
        super().__init__("It isn't known yet whose message it is.")
        self.keys = keys


class Follower(Protocol):
    """Writes what a recording means elsewhere. What it raises rolls the whole recording back."""

    @property
    def shares_rows(self) -> bool:
        """Whether sources that feed one project write the same rows: then their recordings come one after the other."""

    def prepare(self, db: Database, readings: Sequence[Reading]) -> None:
        """Within the fence, before any other lock: all messages of the batch, known ones, too."""

    def follow(self, db: Database, posted: Posted) -> Sequence[Conflict]:
        """Once ledger and submissions are written. Most return ()."""


class OwnReplies(Protocol):
    """Knows our own replies again, which a bridge stores like anybody's messages."""

    def has_replied(self) -> bool:
        """Within a recording: whether anything was ever said."""

    def without_own_replies(self, readings: Sequence[Reading]) -> Sequence[Reading]:
        """Within a recording: the same readings, of which those that are our own replies say nothing."""
