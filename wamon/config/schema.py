"""The config's shape: frozen, every key known, every default in its place."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, SecretStr, ValidationInfo, model_validator
from pydantic.dataclasses import dataclass as section

from wamon.config import fields
from wamon.config.alerts import Alerts
from wamon.config.conversations import Conversations
from wamon.config.document import Steps
from wamon.config.events import Events
from wamon.config.hooks import Hook
from wamon.config.replies import GroupTemplates, Replies, ReplyKind
from wamon.config.section import Section, known, without_empties
from wamon.config.surroundings import around, path
from wamon.config.web import Web

PATTERN = "DR[0-9]{6,8}"


def _people(value: object, info: ValidationInfo) -> str | Path:
    if not isinstance(value, str | Path):
        raise ValueError("should be auto, none or a path")  # noqa: TRY004
    return value if value in {"auto", "none"} else path(value, info)


def _url(value: object) -> SecretStr:
    return SecretStr(fields.database_url(value.get_secret_value() if isinstance(value, SecretStr) else value))


def _span(value: object) -> timedelta:
    return value if isinstance(value, timedelta) else fields.interval(value)


def _keep(value: object) -> timedelta | None:
    return value if isinstance(value, timedelta) else fields.keep(value)


def _start(value: object, info: ValidationInfo) -> fields.Start:
    return value if isinstance(value, fields.Start) else fields.start(value, around(info).zone)


def _zone(value: object) -> ZoneInfo:
    return value if isinstance(value, ZoneInfo) else fields.timezone(value)


def _pattern(value: object, info: ValidationInfo) -> str:
    found = fields.text(value)
    if check := around(info).check_pattern:
        check(found)
    return found


Name = Annotated[str, BeforeValidator(fields.name)]
AnyPath = Annotated[Path, BeforeValidator(path)]


class Bridge(Section):
    """The bridge's store, and its name in the database."""

    name: Name = "main"
    path: AnyPath | None = None
    flavour: Literal["auto", "whatsapp-mcp", "wacli", "gowa"] = "auto"
    people: Annotated[Literal["auto", "none"] | Path, BeforeValidator(_people)] = "auto"


class Database(Section):
    """Where rows go. `url` None: the embedded PostgreSQL. `review_table` None: none is written."""

    empty_counts = frozenset({"review_table"})

    url: Annotated[SecretStr, BeforeValidator(_url)] | None = None
    review_table: Annotated[str | None, BeforeValidator(fields.table)] = "qa_photo_reviews"


class State(Section):
    """The directory of state.json, the lock and (not as root) the embedded PostgreSQL."""

    dir: AnyPath


class Scan(Section):
    """When a pass runs, and what it passes over."""

    interval: Annotated[timedelta, BeforeValidator(_span)] = timedelta(seconds=15)
    start: Annotated[fields.Start, BeforeValidator(_start)] = fields.Start("beginning")
    ignore_from_me: bool = False
    ignore_senders: tuple[Annotated[str, BeforeValidator(fields.sender)], ...] = Field(default=(), repr=False)


class Drops(Section):
    """What counts as a drop number, in its canonical form."""

    pattern: Annotated[str, BeforeValidator(_pattern)] = PATTERN


class Privacy(Section):
    """What people see of people. `keep_text` None: for ever; only `forever` says so, an empty value does not."""

    show: Literal["names", "phones", "none"] = "names"
    keep_text: Annotated[timedelta | None, BeforeValidator(_keep)] = timedelta(days=90)


@section(config=Section.model_config, slots=True)
class Group:
    """A chat to watch; `name` is its project, which several groups may share.

    A dataclass, since there may be ten thousand of them: as a model one takes four times the memory.
    """

    name: Name
    jid: Annotated[str, BeforeValidator(fields.jid)]
    description: Annotated[str, BeforeValidator(fields.text)] = ""
    enabled: bool = True
    validate_: bool = Field(default=False, alias="validate")
    replies: bool = True
    reply_templates: GroupTemplates = GroupTemplates()

    @model_validator(mode="before")
    @classmethod
    def _without_empties(cls, data: object) -> object:
        return without_empties(data, known(Group))


class Config(Section):
    """Everything that an operator can say."""

    bridge: Bridge = Bridge()
    database: Database = Database()
    state: State
    scan: Scan = Scan()
    drops: Drops = Drops()
    timezone: Annotated[ZoneInfo, BeforeValidator(_zone)]
    privacy: Privacy = Privacy()
    alerts: Alerts = Alerts()
    replies: Replies = Replies()
    web: Web = Web()
    hooks: tuple[Hook, ...] = ()
    conversations: Conversations = Conversations()
    events: Events = Events()
    groups: tuple[Group, ...] = ()

    @property
    def sources_of_hooks(self) -> tuple[str, ...]:
        """The sources that hooks feed: a hook without a secret feeds none."""
        return tuple(dict.fromkeys(hook.source for hook in self.hooks if hook.secret))

    @property
    def has_hooks_alone(self) -> bool:
        """Whether no store is read: hooks bring all there is."""
        return self.bridge.path is None and bool(self.sources_of_hooks)

    @property
    def source(self) -> str:
        """The source that `run` works on: the bridge's, or the first that a hook feeds where no store is read."""
        return self.sources_of_hooks[0] if self.has_hooks_alone else self.bridge.name

    @property
    def all_sources(self) -> tuple[str, ...]:
        """The source that `run` works on, and those that hooks feed."""
        return tuple(dict.fromkeys((self.source, *self.sources_of_hooks)))

    @property
    def mute(self) -> tuple[str, ...]:
        """Where bursts would be answered and nothing can be sent: hooks by their names, and `groups`."""
        talks = self.conversations
        if not talks.enabled or talks.choose_nobody:
            return ()
        ways = {(hook.source, hook.ids_of) for hook in self.hooks if hook.send.url}
        hooks = [hook.name for hook in self.hooks if hook.secret and (hook.source, hook.ids_of) not in ways]
        has_groups = talks.groups and any(group.enabled and group.replies for group in self.groups)
        return (*hooks, *(["groups"] if has_groups and self.bridge.path is None and not ways else []))

    def voices(self) -> dict[str, dict[ReplyKind, str]]:
        """The template of each kind of which something is said, by JID; none at all while replies are off."""
        return self.words() if self.replies.enabled else {}

    def words(self) -> dict[str, dict[ReplyKind, str]]:
        """The template of each kind of which something may be said, by JID: bursts don't ask whether replies are on."""
        usual = self.replies.templates
        return {
            group.jid: group.reply_templates.over(usual) for group in self.groups if group.enabled and group.replies
        }


SECTIONS: dict[str, type[Section]] = {
    "bridge": Bridge,
    "database": Database,
    "state": State,
    "scan": Scan,
    "drops": Drops,
    "privacy": Privacy,
    "alerts": Alerts,
    "replies": Replies,
    "web": Web,
    "conversations": Conversations,
    "events": Events,
}

_LISTS: dict[str, type[Section | Group]] = {"groups": Group, "hooks": Hook}

_FORMER_KEYS = {"group_jid": "jid", "group_description": "description"}


def renamed(steps: Steps, key: str) -> str:
    """Return today's name of a key: an older file has `projects:` with `group_jid:`."""
    if not steps and key == "projects":
        return "groups"
    return _FORMER_KEYS.get(key, key) if len(steps) == 2 and steps[0] == "groups" else key


def known_keys(steps: Steps) -> list[str]:
    """Return the keys that the mapping at `steps` may have."""
    model = _model_at(steps)
    return list(known(model)) if model else []


def _model_at(steps: Steps) -> type[Section | Group] | None:
    of_list = _LISTS.get(str(steps[0])) if len(steps) > 1 else None
    model: type[Section | Group] = of_list or Config
    for step in steps[2:] if of_list else steps:
        found = known(model).get(str(step))
        if found is None or not isinstance(found.annotation, type) or not issubclass(found.annotation, Section):
            return None
        model = found.annotation
    return model


def home_of(key: str) -> str | None:
    """Return the section to which a key belongs."""
    return next((name for name, model in SECTIONS.items() if key in known(model)), None)
