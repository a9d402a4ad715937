"""Is the bridge's store there, does the bridge still bring messages, and does it keep what photos say?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wamon.bridge.snapshot import MOUNT_THE_FOLDER
from wamon.health.baseline import PATIENCE_SECONDS, patience
from wamon.health.check import Absent, Check, State, unknown
from wamon.words import age, amount, span

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wamon.health.facts import Facts, GroupFacts

_FEWEST_PHOTOS = 20
_NEARLY_ALL = 0.98
_FUTURE_SECONDS = 120.0
_RECONNECT = "Is the bridge running, and its phone still linked (WhatsApp, Linked devices)? Its log says more."
_RECONNECT_OR_COME_BACK = f"{_RECONNECT} Has the phone left the group?"


def checks(facts: Facts) -> Iterator[Check]:
    """All of them; where no store is read, that one is none."""
    yield store(facts)
    if facts.subject.config.has_hooks_alone:
        return
    yield rights(facts)
    yield journal(facts)
    yield source(facts)
    yield writing(facts)
    if facts.subject.config.bridge.name in facts.subject.config.sources_of_hooks:
        yield dropped(facts)
    for group in facts.groups:
        yield freshness(facts, group)
    yield captions(facts)
    yield messages_clock(facts)


def dropped(facts: Facts) -> Check:
    """Whether the store lacks what a hook of the bridge brought."""
    ledger_facts = facts.ledger_facts
    if isinstance(ledger_facts, Absent):
        return unknown("bridge.dropped", ledger_facts)
    missed = ledger_facts.store_missed
    if not missed:
        return Check("bridge.dropped", State.OK, "The store has all that hooks brought.", numbers={"messages": 0})
    sentence = f"The bridge's store lacks {amount(missed, 'message')} of the last day that a hook brought."
    hint = "They are recorded; `wamon gaps` lists them. What no hook brought is lost: is the bridge's disk full?"
    return Check("bridge.dropped", State.WARN, sentence, hint, numbers={"messages": missed})


def store(facts: Facts) -> Check:
    """Whether the store can be read, and is of a flavour that wamon knows."""
    found = facts.store
    if isinstance(found, Absent):
        return Check("bridge.store", found.state, found.why, found.hint)
    path = facts.subject.store.path if facts.subject.store else None
    numbers = {"flavour": found.flavour, "rows": found.rows, "path": str(path)}
    return Check("bridge.store", State.OK, f"The bridge's store {path} is read, as {found.flavour}'s.", numbers=numbers)


def journal(facts: Facts) -> Check:
    """Whether the bridge's journal can be seen, and what a frozen reader does to its writing."""
    found = facts.store
    if isinstance(found, Absent):
        return unknown("bridge.journal", found)
    numbers = {"wal": found.is_wal}
    if found.is_wal:
        sentence = "The store has a write-ahead log: reading it keeps nobody from writing."
        return Check("bridge.journal", State.OK, sentence, numbers=numbers)
    if found.other_name is not None:
        return Check(
            "bridge.journal",
            State.WARN,
            f"The store has a rollback journal, and {found.other_name}: the journal of a bridge that died in the "
            "middle of a write isn't seen beside it, and what it had half written is read.",
            MOUNT_THE_FOLDER,
            numbers=numbers,
        )
    return Check(
        "bridge.journal",
        State.OK,
        "The store has a rollback journal: whoever is frozen while reading it (`docker pause`, SIGSTOP) keeps the "
        "bridge from writing until it goes on or is ended. wamon reads nearly all of it without a lock.",
        numbers=numbers,
    )


def doorbell(why_silent: str | None) -> Check:
    """Whether writes to the store are noticed at once."""
    if why_silent is None:
        return Check("bridge.doorbell", State.OK, "The store's folder can be watched: a write is noticed at once.")
    return Check(
        "bridge.doorbell",
        State.WARN,
        f"The store's folder can't be watched ({why_silent}): `wamon run` looks at it once an interval.",
        "Nothing is lost by it. As root, `sysctl fs.inotify` shows the limits, which every user has for himself.",
    )


def source(facts: Facts) -> Check:
    """Whether the store is the one that the source of its name was read from."""
    name = "bridge.source"
    if facts.refused is not None:
        return Check(name, State.BAD, str(facts.refused), facts.refused.hint)
    for absent in (facts.store, facts.ledger_facts):
        if isinstance(absent, Absent):
            return unknown(name, absent)
    return Check(name, State.OK, f"The store is that of source {facts.subject.source}.")


def rights(facts: Facts) -> Check:
    """Whether our reading can lock the bridge out of its own store, or the bridge's stopping can lock us out."""
    found = facts.access
    if isinstance(found, Absent):
        return unknown("bridge.rights", found)
    numbers = {"owner": found.is_owner, "may_write_folder": found.may_write_folder, "wal": found.is_wal}
    if found.has_ours:
        return Check(
            "bridge.rights",
            State.BAD,
            "A -wal or -shm file beside the bridge's store belongs to wamon's user: the bridge can't write its store.",
            "Stop the bridge and wamon, give those files to the bridge's user, then run wamon as that user, or take "
            "its right to write the folder.",
            numbers=numbers,
        )
    if found.endangers_the_bridge:
        return Check(
            "bridge.rights",
            State.BAD,
            "The store is in WAL mode, and wamon's user is another than the bridge's and may write its folder: a read "
            "while the bridge is stopped leaves files that the bridge can't write.",
            "Run wamon as the bridge's user, or take wamon's user the right to write the folder.",
            numbers=numbers,
        )
    if not found.is_owner and found.has_log and not found.may_write_folder:
        sentence = (
            "Nothing that wamon does can hinder the bridge; a store in WAL mode is readable while its bridge runs."
        )
        return Check("bridge.rights", State.OK, sentence, numbers=numbers)
    return Check("bridge.rights", State.OK, "Nothing that wamon does can hinder the bridge.", numbers=numbers)


def writing(facts: Facts) -> Check:
    """Whether the bridge still brings anything: bad where every group is unusually silent and no file was written."""
    found = facts.store
    if isinstance(found, Absent) or found.written_at is None:
        return unknown("bridge.writing", found if isinstance(found, Absent) else Absent("It has no time of writing."))
    since_seconds = age(found.written_at, facts.now)
    numbers = {"written_at": found.written_at, "age_seconds": since_seconds}
    judged = {freshness(facts, group).state for group in facts.groups}
    shortest = min((patience(group.usual_seconds) for group in facts.groups), default=0.0)
    sentence = f"The bridge last wrote its store {span(since_seconds)} ago"
    if judged == {State.WARN} and since_seconds > shortest:
        return Check(
            "bridge.writing",
            State.BAD,
            f"{sentence}, and every group is silent unusually long.",
            _RECONNECT,
            numbers=numbers,
        )
    if State.UNKNOWN in judged and State.OK not in judged and since_seconds > PATIENCE_SECONDS:
        sentence += "; whether its groups are silent unusually long isn't known now"
        return Check("bridge.writing", State.UNKNOWN, f"{sentence}.", numbers=numbers)
    return Check("bridge.writing", State.OK, f"{sentence}.", numbers=numbers)


def freshness(facts: Facts, group: GroupFacts) -> Check:
    """Whether a group is silent for longer than it usually is at this hour of the week."""
    name = "bridge.freshness"
    if group.newest_at is None:
        return _never(facts, group)
    silent_seconds = age(group.newest_at, facts.now)
    usual = group.usual_seconds
    numbers = {"age_seconds": silent_seconds, "usual_seconds": usual, "newest_at": group.newest_at}
    told = f"The newest message of {group.name} is {span(silent_seconds)} old"
    usually = "what is usual isn't known yet" if usual is None else f"usual at this hour is up to {span(usual)}"
    if group.joined is None and silent_seconds > PATIENCE_SECONDS:
        sentence = f"{told}; whether that is usual isn't known now."
        return Check(name, State.UNKNOWN, sentence, group=group.name, jid=group.jid, numbers=numbers)
    late = silent_seconds > patience(usual)
    hint = _RECONNECT_OR_COME_BACK if late else ""
    state = State.WARN if late else State.OK
    return Check(name, state, f"{told}; {usually}.", hint, group.name, group.jid, numbers)


def _never(facts: Facts, group: GroupFacts) -> Check:
    store = facts.store
    named = not isinstance(store, Absent) and store.chats
    if isinstance(store, Absent) or (group.joined is None and not named):
        sentence = f"When {group.name} had its newest message isn't known."
        return Check("bridge.freshness", State.UNKNOWN, sentence, group=group.name, jid=group.jid)
    lacks = bool(store.chats) and group.jid not in store.chats
    where = "The bridge's store has no chat" if lacks else "No message was found yet of"
    hint = "Is its JID right (`wamon groups` lists them), and is the bridge's phone in the group?"
    return Check("bridge.freshness", State.WARN, f"{where} {group.name}.", hint, group.name, group.jid)


def captions(facts: Facts) -> Check:
    """Whether the bridge keeps what people write under their photos: where it doesn't, those drops can't be found."""
    found = facts.store
    if isinstance(found, Absent):
        return unknown("bridge.captions", found)
    numbers = {"photos": found.photos, "without_text": found.photos_without_text}
    if found.photos < _FEWEST_PHOTOS:
        sentence = f"Too few photos ({found.photos}) came in the last week to tell whether the bridge keeps captions."
        return Check("bridge.captions", State.UNKNOWN if found.photos == 0 else State.OK, sentence, numbers=numbers)
    share = found.photos_without_text / found.photos
    counted = f"{found.photos_without_text:,} of {found.photos:,} photos and videos of the last week have no text"
    if share >= _NEARLY_ALL:
        return Check(
            "bridge.captions",
            State.WARN,
            f"{counted}: the bridge seems to drop captions, and the drop numbers in them.",
            "Update the bridge to one that keeps captions (lharries' whatsapp-mcp doesn't), or have people post the "
            "number as a text of its own.",
            numbers=numbers,
        )
    return Check("bridge.captions", State.OK, f"{counted}: the bridge keeps captions.", numbers=numbers)


def messages_clock(facts: Facts) -> Check:
    """Whether a message comes from the future: then this host's clock is behind, or a phone's is ahead."""
    found = facts.store
    if isinstance(found, Absent):
        return unknown("clock.messages", found)
    numbers = {"ahead_seconds": max(found.ahead_seconds, 0.0)}
    if found.ahead_seconds > _FUTURE_SECONDS:
        return Check(
            "clock.messages",
            State.WARN,
            f"A message was sent {span(found.ahead_seconds)} in the future.",
            "Is this host's clock right (`timedatectl`)? If it is, the bridge's host or a phone is ahead.",
            numbers=numbers,
        )
    return Check("clock.messages", State.OK, "No message comes from the future.", numbers=numbers)
