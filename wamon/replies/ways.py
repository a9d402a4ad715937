"""By which API what is said in a chat leaves: the bridge's where its store is read, else a hook's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from wamon.bridge.access import real
from wamon.providers import bridge, evolution, felixisaac, gowa, manychat, meta, vgp, wacli, waha, wati
from wamon.providers.deliveries import DIRECT
from wamon.providers.sending import Outgoing, doubted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pydantic import SecretStr

    from wamon.config.hooks import Hook, Provider
    from wamon.config.schema import Config
    from wamon.net.message import Answer, Request
    from wamon.providers.deliveries import Alias
    from wamon.providers.sending import Judged


class Sender(Protocol):
    """A provider's module."""

    def request(self, outgoing: Outgoing) -> Request | None: ...
    def judged(self, answer: Answer) -> Judged: ...


SENDERS: Mapping[Provider, Sender] = {
    "meta": meta,
    "wati": wati,
    "manychat": manychat,
    "gowa": gowa,
    "wacli": wacli,
    "vgp": vgp,
    "felixisaac": felixisaac,
    "evolution": evolution,
    "waha": waha,
}


@dataclass(frozen=True, slots=True)
class Way:
    """One API. `name` is what only one process of this host may hold: who holds it speaks."""

    name: str
    sender: Sender
    url: str
    token: str
    account: str | None = None  # whose ids of persons it knows

    def request(self, chat: str, text: str, aliases: Sequence[Alias]) -> Request | None:
        """The request that sends a text; None where the person has no id that this API can send to."""
        return self.sender.request(Outgoing(self.url, self.token, chat, text, aliases))

    def judged(self, answer: Answer) -> Judged:
        """What came of it."""
        return doubted(self.sender.judged(answer), answer)


class Ways:
    """Those of one source."""

    def __init__(self, config: Config, source: str) -> None:
        store = config.bridge.path if source == config.bridge.name else None
        said = config.replies
        self._store = Way(str(real(store)), bridge, said.url, _plain(said.token)) if store else None
        self._hooks = [_way(hook) for hook in config.hooks if hook.source == source and hook.send.url]

    @property
    def all(self) -> Sequence[Way]:
        """All of them."""
        return [*([self._store] if self._store else []), *self._hooks]

    def to(self, chat: str, account: str | None = None) -> Way | None:
        """How a text reaches a chat: a group, or a person whose ids are this account's. None: it can't."""
        if chat != DIRECT:
            return self._store or next(iter(self._hooks), None)
        return next((way for way in self._hooks if account in {None, way.account}), None)


def _way(hook: Hook) -> Way:
    url = hook.send.url or ""
    return Way(url + hook.ids_of, SENDERS[hook.provider], url, _plain(hook.send.token), hook.ids_of)


def _plain(token: SecretStr | None) -> str:
    return token.get_secret_value() if token else ""
