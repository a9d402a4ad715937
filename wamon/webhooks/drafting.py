"""What the process does that drafts a long backlog of deliveries. It imports little, and so begins quickly."""

from __future__ import annotations

import gc
import pickle
import sys
from contextlib import suppress
from itertools import repeat
from typing import TYPE_CHECKING, NamedTuple

from wamon.webhooks.opening import Event

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from wamon.ledger.columns import ColumnDrafter
    from wamon.model import Group
    from wamon.webhooks.opening import Drafted, Opener

    Sent = tuple[Sequence[int], Sequence[bytes], Sequence[str], Sequence[datetime], Sequence[bytes]]


class Task(NamedTuple):
    """For whom deliveries are drafted."""

    opener: Opener
    groups: Mapping[str, Group]
    drafter: ColumnDrafter

    def drafted(self, came: Sent) -> Drafted | None:
        """What these write."""
        return self.opener.drafted(self.opener.all_opened(_events(came)), self.groups, self.drafter)


def sent(events: Sequence[Event]) -> Sent:
    """Deliveries as that process gets them: by columns, which are pickled in a third of the time."""
    each, uids, hooks, received_ats, _, bodies, *_ = zip(*events, strict=True)
    return each, uids, hooks, received_ats, bodies


def _events(came: Sent) -> list[Event]:
    """As far as they are looked at there."""
    each, uids, hooks, received_ats, bodies = came
    return list(map(Event, each, uids, hooks, received_ats, repeat(b""), bodies, repeat(False), repeat(False)))


def draft_all() -> None:
    """What that process does: a task from stdin, then batches; what each writes goes to stdout, as long as any come."""
    gc.disable()  # a batch is many objects, and none of them forms a circle
    with suppress(EOFError, BrokenPipeError):
        task: Task = pickle.load(sys.stdin.buffer)  # noqa: S301
        while True:
            pickle.dump(task.drafted(pickle.load(sys.stdin.buffer)), sys.stdout.buffer)  # noqa: S301
            sys.stdout.flush()
