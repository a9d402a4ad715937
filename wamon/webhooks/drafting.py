"""What the process does that drafts a long backlog of deliveries. It imports little, and so begins quickly."""

from __future__ import annotations

import gc
import pickle
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from wamon.webhooks.opening import Event

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from wamon.ledger.columns import ColumnDrafter
    from wamon.model import Group
    from wamon.webhooks.opening import Drafted, Opener

    Sent = tuple[int, bytes, str, datetime, bytes]


class Task(NamedTuple):
    """For whom deliveries are drafted."""

    opener: Opener
    groups: Mapping[str, Group]
    drafter: ColumnDrafter

    def drafted(self, came: Sequence[Sent]) -> Drafted | None:
        """What these write."""
        return self.opener.drafted(self.opener.all_opened(list(map(_event, came))), self.groups, self.drafter)


def sent(event: Event) -> Sent:
    """A delivery as that process gets it."""
    return event.event, event.uid_bytes, event.hook, event.received_at, event.body


def _event(came: Sent) -> Event:
    """As far as it is looked at there."""
    event, uid_bytes, hook, received_at, body = came
    return Event(event, uid_bytes, hook, received_at, b"", body, is_young=False, may_overtake=False)


def draft_all() -> None:
    """What that process does: a task from stdin, then batches; what each writes goes to stdout, as long as any come."""
    gc.disable()  # a batch is many objects, and none of them forms a circle
    with suppress(EOFError, BrokenPipeError):
        task: Task = pickle.load(sys.stdin.buffer)  # noqa: S301
        while True:
            pickle.dump(task.drafted(pickle.load(sys.stdin.buffer)), sys.stdout.buffer)  # noqa: S301
            sys.stdout.flush()
