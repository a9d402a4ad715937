"""Which groups a source serves: what the config says against what PostgreSQL knows, and where new groups start."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from wamon.errors import Locked
from wamon.ledger.renaming import rename
from wamon.ledger.source import Joining
from wamon.log import logger
from wamon.model import BEGINNING, Anchor, Place

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from wamon.capture.old_state import OldState
    from wamon.capture.pipeline import Pipeline
    from wamon.capture.state_file import Found
    from wamon.ledger.review import Review
    from wamon.ledger.source import Source


@dataclass(frozen=True, slots=True)
class Wanted:
    """A group as the config wants it served."""

    jid: str
    project: str
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class StartRule:
    """`scan.start`, resolved: which of the rows that stand in the store at joining are before the start."""

    words: str = "beginning"
    stands_before: bool = False  # False: none of them
    before: datetime | None = None  # those sent before it; None: all of them


def join(pipeline: Pipeline, wanted: Sequence[Wanted], start: StartRule) -> None:
    """Make the source serve exactly these groups. Raises Superseded, as every change of a source does."""
    _leave(pipeline, wanted)
    _come_back(pipeline, wanted)
    # A chat that has lost its name keeps the one that it had.
    pipeline.projects = {group.jid: group.project for group in wanted if group.project != group.jid}
    if kept := follow_names(pipeline.source, pipeline.review, pipeline.projects):
        _tell_former_names(kept)
    new = [group for group in wanted if group.enabled and group.jid not in pipeline.source.groups]
    found = pipeline.state.open(pipeline.source.instance)
    if new and found.instance_id not in {None, pipeline.source.instance}:
        logger.warning(
            "The database is another than the one that the state file knows: what it doesn't hold is read again. If it "
            "was lost, `wamon db restore FILE --force` with the newest dump brings it back.",
            extra={"action": "database.new"},
        )
        pipeline.source.answer_from_now(pipeline.clock.now())
    if new:
        here = pipeline.store.top() if start.stands_before else BEGINNING
        pipeline.source.join([_joining(pipeline, group, start, here, found) for group in new])
    if found.set_aside is not None and new:
        _tell_lost_starts(new)
    if found.legacy is not None:
        _tell_adopted(found.legacy, new)
        pipeline.state.keep_legacy()


def adopt(pipeline: Pipeline, legacy: Mapping[str, str], wanted: Sequence[Wanted]) -> list[str]:
    """Take groups in that the ledger doesn't know yet, from an old file's {jid: message id}; their JIDs."""
    new = [g for g in wanted if g.enabled and g.jid in legacy and g.jid not in pipeline.source.groups]
    if new:
        pipeline.source.join([_after_message(pipeline, group, legacy[group.jid]) for group in new])
    return [group.jid for group in new]


def _leave(pipeline: Pipeline, wanted: Sequence[Wanted]) -> None:
    served = {group.jid for group in wanted if group.enabled}
    left = [group.jid for group in pipeline.source.groups.values() if group.enabled and group.jid not in served]
    if left:
        pipeline.source.disable(left)


def _come_back(pipeline: Pipeline, wanted: Sequence[Wanted]) -> None:
    known = pipeline.source.groups
    back = [g.jid for g in wanted if g.enabled and g.jid in known and not known[g.jid].enabled]
    if back:
        pipeline.source.enable(back)


def follow_names(source: Source, review: Review | None, names: Mapping[str, str]) -> list[str]:
    """A group is its JID: what is recorded of it follows its project's name.

    Where other people hold the office's rows, all keeps its former name for now: recording doesn't wait for them.
    Returns these names.
    """
    known = source.groups
    projects = {jid: name for jid, name in names.items() if jid in known and known[jid].project != name}
    if not projects:
        return []
    try:
        renamed = rename(source, review, projects)
    except Locked:
        return sorted({known[jid].project for jid in projects})
    for was, now in sorted({(one.was, one.now) for one in renamed}):
        logger.info("%s is called %s now, and its drops follow.", was, now, extra={"action": "project.renamed"})
    return []


def _tell_former_names(projects: Sequence[str]) -> None:
    logger.warning(
        "Recorded under the former name for now: %s. Other sessions have locked rows that are to follow the new one.",
        ", ".join(projects),
        extra={"action": "project.not_renamed"},
    )


def _joining(pipeline: Pipeline, group: Wanted, rule: StartRule, here: Place, found: Found) -> Joining:
    if found.legacy is not None and group.jid in found.legacy.positions:
        return _after_message(pipeline, group, found.legacy.positions[group.jid])
    if found.instance_id not in {None, pipeline.source.instance} and group.jid in found.groups:
        return _as_it_started_before(pipeline, group, found.groups[group.jid])
    return Joining(group.jid, group.project, rule.words, rule.before, here)


def _after_message(pipeline: Pipeline, group: Wanted, message_id: str) -> Joining:
    """Adopted from an old file: what stands up to and including that message is before the start."""
    place = pipeline.store.place_of(group.jid, message_id)
    if place is None:
        logger.warning(
            "The old position of %s is no longer in the store: it begins at the beginning.",
            group.project,
            extra={"action": "state.lost"},
        )
        return Joining(group.jid, group.project)
    return Joining(group.jid, group.project, f"after {message_id}", None, place)


def _as_it_started_before(pipeline: Pipeline, group: Wanted, was: Mapping[str, Any]) -> Joining:
    """The database is new, but the state file remembers: what was excluded then is excluded now, nothing else."""
    try:
        place = Place(tuple(Anchor(rowid, key_hash) for rowid, key_hash in was.get("start_anchors") or ()))
        before = was.get("start_before")
        moment = datetime.fromisoformat(before).astimezone(UTC) if before else None
        standing = pipeline.store.standing(place)
    except (TypeError, ValueError, OverflowError):  # somebody else's values, too large for a row number or a year
        return Joining(group.jid, group.project)
    if standing == BEGINNING:
        return Joining(group.jid, group.project)
    return Joining(group.jid, group.project, str(was.get("start")), moment, standing)


def _tell_lost_starts(new: Sequence[Wanted]) -> None:
    logger.warning(
        "If that file held where %s began, it is lost: all that stands in the store counts as new.",
        ", ".join(group.project for group in new),
        extra={"action": "state.start_lost"},
    )


def _tell_adopted(legacy: OldState, new: Sequence[Wanted]) -> None:
    adopted = [group.project for group in new if group.jid in legacy.positions]
    if legacy.odd:
        logger.warning(
            "Of the old state file these entries hold no message id, and were passed over: %s.",
            ", ".join(legacy.odd),
            extra={"action": "state.odd"},
        )
    logger.warning(
        "The old state file was adopted for %s, and is kept as state.json.legacy.",
        ", ".join(adopted) or "no group, since the ledger knows them all or the config none",
        extra={"action": "state.adopted"},
    )
