"""The drop numbers of a batch of new messages, by columns: they are written and counted, and mostly never looked at."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, overload

from wamon.ledger.changes import NOTHING_STANDS, Candidate, Judged, Standing
from wamon.model import Message, moment_at

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wamon.ledger.changes import Drop

Post = tuple[str, str, bytes, bytes, int, str, bytes, int, bool, bool]
"""A drop number in a message: project, number, the message's id, the row as COPY takes it, then as `Posts` has it."""


@dataclass(frozen=True, slots=True)
class Posts:
    """The posts of a batch, in order of project, number and message id: of each column one value a post."""

    projects: Sequence[str] = ()
    numbers: Sequence[str] = ()
    message_ids: Sequence[bytes] = ()
    rowids: Sequence[int] = ()
    jids: Sequence[str] = ()
    senders: Sequence[bytes] = ()
    sent_ats: Sequence[int] = ()  # as `microseconds` says: the message's own time, else that of the batch
    from_me: Sequence[bool] = ()
    have_time: Sequence[bool] = ()

    @classmethod
    def of(cls, posts: list[Post]) -> tuple[Posts, Sequence[bytes]]:
        """These posts, which may come in any order and are taken from the list, and their rows."""
        if not posts:
            return cls(), ()
        posts.sort()
        projects, numbers, message_ids, rows, rowids, jids, senders, sent_ats, *rest = zip(*posts, strict=True)
        posts.clear()
        return cls(projects, numbers, message_ids, array("q", rowids), jids, senders, array("q", sent_ats), *rest), rows

    @property
    def drops(self) -> list[Drop]:
        """The drop of each."""
        return list(zip(self.projects, self.numbers, strict=True))

    def candidate(self, n: int) -> Candidate:
        """The submission that one of them is to be."""
        sent_at = moment_at(self.sent_ats[n])
        message = Message(
            self.rowids[n],
            self.jids[n],
            self.message_ids[n].decode(),
            self.senders[n].decode(),
            sent_at if self.have_time[n] else None,
            "",
            "",
            self.from_me[n],
            0,
        )
        return Candidate(message, self.projects[n], self.numbers[n], sent_at)

    def candidates(self) -> list[Candidate]:
        """The submissions that they are to be."""
        return list(map(self.candidate, range(len(self.numbers))))


class Added(Sequence[Judged]):
    """The submissions that posts became, in their order; each is made when somebody looks at it."""

    def __init__(self, posts: Posts, kinds: Sequence[str | None], standing: Mapping[int, Standing]) -> None:
        self.posts = posts
        self._kinds = kinds
        self._standing = standing

    def __len__(self) -> int:
        return len(self._kinds)

    @overload
    def __getitem__(self, n: int) -> Judged: ...
    @overload
    def __getitem__(self, n: slice) -> Sequence[Judged]: ...
    def __getitem__(self, n: int | slice) -> Judged | Sequence[Judged]:
        if isinstance(n, slice):
            return [self[one] for one in range(*n.indices(len(self)))]
        return Judged(self.posts.candidate(n), self._kinds[n], self._stands(n))

    def firsts(self) -> list[int]:
        """The places of those whose drop nothing stands of, and that nobody else posted here."""
        drops = self.posts.drops  # in order
        beside = zip([None, *drops], drops, [*drops[1:], None], strict=False)
        alone = [n for n, (before, drop, after) in enumerate(beside) if before != drop != after]
        return [n for n in alone if self._stands(n) == NOTHING_STANDS]

    def others(self, places: Sequence[int]) -> list[Judged]:
        """Those that aren't at these places."""
        return [self[n] for n in sorted(set(range(len(self))).difference(places))]

    def _stands(self, n: int) -> Standing:
        return self._standing.get(n, NOTHING_STANDS)
