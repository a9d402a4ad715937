"""A restart that lost nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

if TYPE_CHECKING:
    from wamon.service.restart import Restarted


@dataclass(frozen=True, slots=True)
class Restart:
    """What `wamon restart` did."""

    unit: Annotated[str, "the unit that was restarted"]
    source: Annotated[str, "the bridge's name"]
    seq: Annotated[int, "its fence's number, in PostgreSQL, before the restart"]
    mirrored: Annotated[bool, "the state file said the same"]
    pid_before: Annotated[int, "the process before; 0 where none ran"]
    pid: Annotated[int, "the process now"]
    seconds: Annotated[float, "from the stop to the first pass"]
    status: Annotated[str, "what the daemon told systemd"]


def restart(done: Restarted) -> Restart:
    """What this restart did."""
    return Restart(
        unit=done.unit,
        source=done.position.source,
        seq=done.position.seq,
        mirrored=done.position.mirrored,
        pid_before=done.before.pid,
        pid=done.after.pid,
        seconds=done.seconds,
        status=done.after.status,
    )
