"""The config: whether it can be used, and every value that holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from wamon.config.show import describe
from wamon.views.document import as_json, from_json

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from wamon.config import schema
    from wamon.config.sample import NewKey as Found


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that the sample config names and the config doesn't."""

    key: Annotated[
        str, "with its section's, such as `alerts.reports.daily`; of a section that is lacking, the section's"
    ]
    default: Annotated[str | None, "its value as the sample writes it; null: that takes several lines"]
    comment: Annotated[str, "what the sample says of it, its first sentence"]


@dataclass(frozen=True, slots=True)
class Checked:
    """What `wamon config check` found."""

    path: Annotated[str, "the config"]
    groups: Annotated[int, "groups in it"]
    enabled: Annotated[int, "those that are watched"]
    bridge: Annotated[str | None, "the bridge's store"]
    hooks: Annotated[int, "hooks in it"]
    embedded: Annotated[bool, "the database is the embedded PostgreSQL"]
    mute: Annotated[tuple[str, ...], "hooks, and `groups`, where bursts are to be answered and nothing can be sent"]
    new_keys: Annotated[
        tuple[NewKey, ...], "with `--against-sample`: what the sample config names and this one doesn't"
    ]


@dataclass(frozen=True, slots=True)
class Bridge:
    """The bridge's store."""

    name: Annotated[str, "the source's name in the database"]
    path: Annotated[str | None, "the store"]
    flavour: Annotated[str, "`auto`, `whatsapp-mcp`, `wacli` or `gowa`"]
    people: Annotated[str, "`auto`, `none` or a path"]


@dataclass(frozen=True, slots=True)
class Database:
    """Where drops are recorded."""

    url: Annotated[str | None, "null: the embedded PostgreSQL"]
    review_table: Annotated[str | None, "null: none is written"]


@dataclass(frozen=True, slots=True)
class State:
    """Where wamon keeps its own files."""

    dir: Annotated[str, "the state directory"]


@dataclass(frozen=True, slots=True)
class Scan:
    """How the store is read."""

    interval: Annotated[str, "a duration such as `15s`"]
    start: Annotated[str, "`beginning`, `now`, a time or an age"]
    ignore_from_me: Annotated[bool, "pass over what the bridge's own account posts"]
    ignore_senders: Annotated[tuple[str, ...], "whose messages are passed over"]


@dataclass(frozen=True, slots=True)
class Drops:
    """What counts as a drop number."""

    pattern: Annotated[str, "what a drop number must match"]


@dataclass(frozen=True, slots=True)
class Privacy:
    """What is shown and kept of people."""

    show: Annotated[str, "`names`, `phones` or `none`"]
    keep_text: Annotated[str, "a duration, or `forever`"]


@dataclass(frozen=True, slots=True)
class Replies:
    """What is said into the groups."""

    enabled: Annotated[bool, "answers into the groups"]
    url: Annotated[str, "the bridge's send API"]
    token: Annotated[str | None, "masked"]
    max_age: Annotated[str, "a duration: older messages aren't answered"]
    quiet_hours: Annotated[str | None, "such as `20:00-06:00`"]
    per_minute: Annotated[int, "the most that are sent in a minute"]
    templates: Annotated[Mapping[str, str], "what is said of each kind; empty: nothing"]


@dataclass(frozen=True, slots=True)
class Web:
    """Where `wamon web` serves."""

    listen: Annotated[str, "address and port; a socket of systemd comes before it"]
    hosts: Annotated[tuple[str, ...], "further names under which it may be asked"]
    token: Annotated[str | None, "masked"]
    public_url: Annotated[str | None, "how its links begin"]


@dataclass(frozen=True, slots=True)
class Send:
    """By which API a hook's answers leave."""

    url: Annotated[str | None, "null: it can't answer"]
    token: Annotated[str | None, "masked"]


@dataclass(frozen=True, slots=True)
class Hook:
    """An address at which a provider delivers."""

    name: Annotated[str, "the address is `/hooks/<name>`"]
    provider: Annotated[str, "`meta`, `wati`, `manychat`, `gowa`, `wacli`, `vgp`, `felixisaac`, `evolution` or `waha`"]
    secret: Annotated[tuple[str, ...], "masked, one or two; none: the address doesn't exist"]
    of: Annotated[str | None, "the bridge whose second witness it is; null: a source of its own"]
    account: Annotated[str | None, "whose ids these are; null: the source's"]
    project: Annotated[str | None, "of drops in its direct chats; null: none are recorded there"]
    verify_token: Annotated[str | None, "masked; Meta's"]
    numbers: Annotated[tuple[str, ...], "ours at Meta, by their phone_number_id"]
    history: Annotated[bool, "WATI is asked for what was said before"]
    send: Send


@dataclass(frozen=True, slots=True)
class Waits:
    """How long a kind of conversation waits. Durations."""

    settle: Annotated[str, "for quiet"]
    max_wait: Annotated[str, "at most, from a burst's first message on"]
    answer_within: Annotated[str, "after that an answer would come too late"]


@dataclass(frozen=True, slots=True)
class Agent:
    """The model that answers whom no template tells anything."""

    enabled: Annotated[bool, "it is asked"]
    url: Annotated[str | None, "of an OpenAI-compatible server; null: none"]
    model: Annotated[str | None, "its name there"]
    key: Annotated[str | None, "masked"]
    instructions: Annotated[str | None, "the file of what it is told"]
    budget: Annotated[int, "the most tokens of one question, its answer included"]
    answer_tokens: Annotated[int, "those that an answer may take"]
    tokens_field: Annotated[str, "`auto`, `max_completion_tokens` or `max_tokens`"]
    timeout: Annotated[str, "a duration: a question takes no longer"]
    max_chars: Annotated[int, "a longer answer isn't sent"]
    links: Annotated[bool, "an answer may hold one"]


@dataclass(frozen=True, slots=True)
class Conversations:
    """Answers to bursts of messages."""

    enabled: Annotated[bool, "bursts are answered"]
    groups: Annotated[bool, "those in groups, too"]
    users: Annotated[tuple[str, ...], "the persons who are chosen by name"]
    percentage: Annotated[int, "of the others, so many in a hundred"]
    workers: Annotated[int, "how many bursts are worked at once"]
    direct: Waits
    group: Waits
    missed_after: Annotated[str, "a duration: after so long a silence, what was missed is looked for"]
    missed_after_for: Annotated[Mapping[str, str], "the same of some persons"]
    human_for: Annotated[str, "a duration: so long nothing is said after a colleague spoke"]
    keep_text: Annotated[str, "a duration: texts of direct chats are kept so long"]
    per_minute: Annotated[int, "the most that are sent in a minute"]
    templates: Annotated[Mapping[str, str], "what is said; empty: nothing"]
    labels: Annotated[Mapping[str, str], "how a burst names what was missed before it"]
    agent: Agent


@dataclass(frozen=True, slots=True)
class Group:
    """A chat that the config names."""

    name: Annotated[str, "the project's name"]
    jid: Annotated[str, "the chat's JID"]
    description: Annotated[str, "for people"]
    enabled: Annotated[bool, "it is watched"]
    validate: Annotated[bool, "only listed drop numbers are accepted"]
    replies: Annotated[bool, "something is said there, if replies are enabled"]
    reply_templates: Annotated[Mapping[str, str], "what is said there otherwise than elsewhere"]


@dataclass(frozen=True, slots=True)
class Nats:
    """A stream of NATS JetStream."""

    url: Annotated[str | None, "its servers; who is let in is masked"]
    subject: Annotated[str, "which the stream takes"]


@dataclass(frozen=True, slots=True)
class Events:
    """Where what happened goes out to."""

    nats: Nats


@dataclass(frozen=True, slots=True)
class Effective:
    """What `wamon config show` shows.

    The config's own keys, every one with the value that holds; passwords and the like are `***`.
    """

    bridge: Bridge
    database: Database
    state: State
    scan: Scan
    drops: Drops
    timezone: Annotated[str, "a zone of the IANA list"]
    privacy: Privacy
    alerts: Annotated[Mapping[str, Any], "channels and rules, as config/wamon.yaml explains them"]
    replies: Replies
    web: Web
    hooks: tuple[Hook, ...]
    conversations: Conversations
    events: Events
    groups: tuple[Group, ...]


def checked(path: Path, config: schema.Config, new: Iterable[Found] = ()) -> Checked:
    """What is in this config, which can be used, and which keys of the sample it doesn't name."""
    return Checked(
        path=str(path),
        groups=len(config.groups),
        enabled=sum(group.enabled for group in config.groups),
        bridge=None if config.bridge.path is None else str(config.bridge.path),
        hooks=len(config.hooks),
        embedded=config.database.url is None,
        mute=config.mute,
        new_keys=tuple(NewKey(*each) for each in new),
    )


def effective(config: schema.Config) -> Effective:
    """Every value that holds, without a secret."""
    return from_json(Effective, as_json(describe(config)))
