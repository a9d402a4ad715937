"""Opening deliveries: what each holds, what its messages say, and what a batch writes if all of it is new."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from wamon.ledger.columns import ReadColumns
from wamon.log import log_failure
from wamon.model import FROM_THE_BEGINNING, Reading, Start
from wamon.providers import buffer
from wamon.providers.deliveries import DIRECT, Broken, Delivery, IdentityChange, Ping
from wamon.webhooks.messages import NAMELESS, SPOKEN, brought, columns_of, of_numbers, origin_of
from wamon.webhooks.providers import KNOWN

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from collections.abc import Set as AbstractSet
    from datetime import datetime

    from wamon.config.hooks import Hook, Provider
    from wamon.drops.reading import Rules
    from wamon.ledger.changes import Key
    from wamon.ledger.columns import ColumnDrafter
    from wamon.ledger.drafts import Draft, Origin
    from wamon.model import Columns, Group
    from wamon.providers.deliveries import Alias, Parsed
    from wamon.webhooks.messages import Brought

_LAST_ROW = 2**63 - 1


class Event(NamedTuple):
    """A delivery as it was kept."""

    event: int
    uid_bytes: bytes  # as such: to make a UUID takes as long as to read the rest
    hook: str
    received_at: datetime
    sha256: bytes
    body: bytes
    is_young: bool  # its store may still come to hold what it brought
    may_overtake: bool  # the message that it edits or takes back may still come

    @property
    def uid(self) -> UUID:
        return UUID(bytes=self.uid_bytes)


class Opened(NamedTuple):
    """A delivery and what it holds."""

    event: Event
    parts: Sequence[Parsed]
    messages: Sequence[Brought]
    others: Sequence[Parsed]  # the parts that are no messages: of most deliveries there are none

    @property
    def unreadable(self) -> str | None:
        """Why all of it can't be read, if it can't."""
        return next((part.why for part in self.others if isinstance(part, Broken) and part.place is None), None)

    @property
    def broken(self) -> list[Broken]:
        """Its parts that can't be read."""
        return [part for part in self.others if isinstance(part, Broken)]

    @property
    def is_test(self) -> bool:
        """Whether its sender only tried the address."""
        return any(isinstance(part, Ping) for part in self.others)

    @property
    def is_nameless(self) -> bool:
        """Whether its sender gave it no id."""
        return any(one.message_id.startswith(NAMELESS) for one in self.messages)

    def writers(self) -> list[Alias]:
        """The people who wrote what it holds, each by the first of their aliases."""
        said = (one for one in self.messages if not one.from_me and one.aliases)
        return list(dict.fromkeys(one.aliases[0] for one in said))


class Drafted(NamedTuple):
    """What a batch of deliveries writes, if the ledger holds nothing of it."""

    draft: Draft
    messages: Counter[int]  # how many each delivery brought, by event
    alone: AbstractSet[int]  # the deliveries that hold one message and nothing else
    together: Mapping[str, Mapping[tuple[Alias, ...], None]]  # by account, the aliases that are one person's


class Said(NamedTuple):
    """A message that a delivery brought, and what it says."""

    opened: Opened
    reading: Reading
    brought: Brought

    @property
    def key(self) -> Key:
        return self.reading.message[1:3]

    @property
    def is_early(self) -> bool:
        """Whether it tells of a message that may still come, and only that says whose it is."""
        return self.brought.names_nobody and self.opened.event.may_overtake

    def origin(self, persons: Mapping[Alias, int]) -> Origin:
        """Whence it comes, of these persons."""
        return origin_of(self.brought, self.opened.event.uid, persons)


class Line(NamedTuple):
    """A hook, as far as what it brings is read by that."""

    provider: Provider
    numbers: Collection[str]  # those of ours that are meant; empty: all


@dataclass(frozen=True, slots=True)
class Opener:
    """Opens the deliveries of one source. It asks nobody, so it works beside a transaction, in any process."""

    lines: Mapping[str, Line]  # by hook
    accounts: Mapping[str, str]  # whose ids of persons the deliveries of each hook have
    projects: Mapping[str, str]  # those of the watched groups, by JID
    is_polled: bool  # its store is read as well
    rules: Rules

    @classmethod
    def of(cls, hooks: Mapping[str, Hook], projects: Mapping[str, str], rules: Rules, *, is_polled: bool) -> Opener:
        """What opens the deliveries of these hooks."""
        lines = {name: Line(hook.provider, hook.numbers) for name, hook in hooks.items()}
        return cls(lines, _accounts(hooks), projects, is_polled, rules)

    def all_opened(self, events: Sequence[Event]) -> list[Opened]:
        """What these hold."""
        return [self._opened(event) for event in events]

    def _opened(self, event: Event) -> Opened:
        try:
            parts = self._parsed(event)
        except Exception as error:  # noqa: BLE001 - the fault is ours: it waits as what can't be read, and holds no other up
            log_failure("reading of a delivery", error)
            parts = [Broken(None, f"wamon failed with {type(error).__name__}")]
        messages = list(brought(parts, event.uid_bytes, event.received_at))
        others = [part for part in parts if not isinstance(part, SPOKEN)] if len(messages) < len(parts) else []
        return Opened(event, parts, messages, others)

    def _parsed(self, event: Event) -> Sequence[Parsed]:
        delivery = Delivery({}, {}, "", event.body, event.received_at)
        if event.hook == buffer.HOOK:
            return buffer.parse(delivery)
        line = self.lines[event.hook]
        return of_numbers(KNOWN[line.provider].sender.parse(delivery), line.numbers)

    def said(self, opened: Sequence[Opened], groups: Mapping[str, Group]) -> list[Said]:
        """What the messages say that count."""
        found = self._counting(opened, groups)
        return [Said(each, self._read(n, one, groups), one) for n, (each, one) in enumerate(found, 1)]

    def _counting(self, opened: Sequence[Opened], groups: Mapping[str, Group]) -> list[tuple[Opened, Brought]]:
        """The messages that count, in the order in which they were sent; of the same time, as they came, edits last."""
        found = [(each, one) for each in opened for one in each.messages if self._counts(one, groups)]
        found.sort(key=_order)
        return _with_their_messages(found)

    def _counts(self, one: Brought, groups: Mapping[str, Group]) -> bool:
        """Of a watched group, or one-to-one. What a polled group's edit says, the store says too."""
        jid = one.said.chat
        if jid == DIRECT:
            return True
        group = groups.get(jid)
        if group is None or not group.enabled:
            return False
        return not one.is_edit if self.is_polled else jid in self.projects

    def _read(self, n: int, one: Brought, groups: Mapping[str, Group]) -> Reading:
        message = one.message(n)
        group = groups[message.chat_jid]
        if message.chat_jid == DIRECT and (message.from_me or not group.project):
            return Reading(message, (), DIRECT)
        start = Start(_LAST_ROW, group.start_before) if group.start_before else FROM_THE_BEGINNING
        return self.rules.read(message, start)

    def lacking(self, opened: Sequence[Opened], groups: Mapping[str, Group]) -> set[str]:
        """The watched groups, of those that these deliveries tell of, which aren't among those served."""
        watched = {one.said.chat for each in opened for one in each.messages} & self.projects.keys()
        return {jid for jid in watched if jid not in groups or not groups[jid].enabled}

    def drafted(self, opened: Sequence[Opened], groups: Mapping[str, Group], drafter: ColumnDrafter) -> Drafted | None:
        """What these deliveries write, if all that they say is new; None where they must be asked about."""
        found = self._counting(opened, groups)
        if not found or any(one.is_edit or one.message_id.startswith(NAMELESS) for _, one in found):
            return None
        if self.lacking(opened, groups):
            return None
        columns = columns_of([one for _, one in found])
        said = self.rules.read_columns(columns)
        said.odd.update(_read_apart(columns, groups))
        odd = [self._read(n + 1, found[n][1], groups) for n in sorted(said.odd)]
        drafter.add(ReadColumns(columns, said, odd, (), [each.event.uid_bytes for each, _ in found]))
        draft = drafter.draft()
        if draft is None:
            return None
        messages = Counter([each.event.event for each, _ in found])
        alone = {each.event.event for each, _ in found if len(each.parts) == messages[each.event.event] == 1}
        return Drafted(draft, messages, alone, self.together(opened))

    def together(self, opened: Sequence[Opened]) -> dict[str, dict[tuple[Alias, ...], None]]:
        """By account, the aliases that are one person's, each once: a few people write most."""
        by_account: dict[str, dict[tuple[Alias, ...], None]] = {}
        for one in opened:
            together = by_account.setdefault(self.accounts[one.event.hook], {})
            for message in one.messages:
                together[message.said.aliases] = None
            for part in one.others:
                if isinstance(part, IdentityChange):
                    together[part.before + part.after] = None
        return by_account


def _order(found: tuple[Opened, Brought]) -> tuple[datetime, bool]:
    return found[1].sent_at, found[1].is_edit


def _with_their_messages(found: list[tuple[Opened, Brought]]) -> list[tuple[Opened, Brought]]:
    """The same, an edit as one of its message, where that is among them: the key of one may name somebody else.

    It comes behind that, whatever time it bears: some bear none, and count as sent when they were received.
    """
    if not any(one.is_edit for _, one in found):
        return found
    first = {(one.said.chat, one.message_id): one for _, one in found if not one.is_edit}
    told = (
        (each, first.get((one.said.chat, one.message_id), one).edited(one) if one.is_edit else one)
        for each, one in found
    )
    return sorted(told, key=_order)


def _read_apart(columns: Columns, groups: Mapping[str, Group]) -> list[int]:
    """The places of the messages of which more than the text tells what they say."""
    apart = {
        jid for jid in set(columns.jids) if groups[jid].start_before or (jid == DIRECT and not groups[jid].project)
    }
    if not apart and True not in columns.from_me:
        return []
    places = enumerate(zip(columns.jids, columns.from_me, strict=True))
    return [n for n, (jid, from_me) in places if jid in apart or (jid == DIRECT and from_me)]


def _accounts(hooks: Mapping[str, Hook]) -> dict[str, str]:
    """Whose ids of persons the deliveries of each hook have: of what came by hand, the first hook's that can answer."""
    answering = next((hook for hook in hooks.values() if hook.send.url), next(iter(hooks.values())))
    return {name: hook.ids_of for name, hook in hooks.items()} | {buffer.HOOK: answering.ids_of}
