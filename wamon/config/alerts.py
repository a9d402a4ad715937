"""The section `alerts`: by which channels people are told, of what, and after how long."""

from datetime import time, timedelta
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, SecretStr, ValidationInfo, model_validator

from wamon.config import fields
from wamon.config.section import Section


def _secret_url(value: object) -> SecretStr:
    return SecretStr(fields.http_url(value.get_secret_value() if isinstance(value, SecretStr) else value))


def _webhook_url(value: object, found: ValidationInfo) -> SecretStr:
    return _secret_text(value) if found.data.get("kind") == "apprise" else _secret_url(value)


def _secret_text(value: object) -> SecretStr:
    return value if isinstance(value, SecretStr) else SecretStr(fields.text(value))


Hold = Annotated[timedelta, BeforeValidator(fields.hold)]
Repeat = Annotated[timedelta, BeforeValidator(fields.repeat)]
Address = Annotated[str, BeforeValidator(fields.mail_address)]

WebhookKind = Literal["json", "google-chat", "discord", "slack", "teams", "ntfy"]
"""Whose bodies wamon writes itself; `apprise` sends by the library of that name."""
PORTS = {"starttls": 587, "tls": 465, "none": 25}


class Webhook(Section):
    """Where alerts are posted. The whole URL is a secret, for most carry a token. None: nowhere."""

    kind: Literal[WebhookKind, "apprise"] = "json"  # first: the address is read by it
    url: Annotated[SecretStr, BeforeValidator(_webhook_url)] | None = None
    allow_private: bool = False


class Mail(Section):
    """By which server alerts are mailed, and to whom. `host` None: by none."""

    host: Annotated[str, BeforeValidator(fields.host)] | None = None
    port: Annotated[int, BeforeValidator(fields.port)] | None = None
    security: Literal["starttls", "tls", "none"] = "starttls"
    user: Annotated[str, BeforeValidator(fields.text)] | None = None
    password: Annotated[SecretStr, BeforeValidator(_secret_text)] | None = None
    sender: Address | None = Field(default=None, alias="from")
    to: tuple[Address, ...] = ()
    helo: Annotated[str, BeforeValidator(fields.host)] | None = None
    allow_private: bool = False

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.host is None:
            return self
        if not (self.sender and self.to):
            raise ValueError("needs `from`, an address, and `to`, a list of them, beside `host`")
        if (self.user is None) is not (self.password is None):
            raise ValueError("needs `user` and `password` together, or neither")
        if self.user and self.security == "none":
            raise ValueError("would send its password for all to read: set `security` to starttls or tls")
        return self


class Channels(Section):
    """How people are told."""

    webhook: Webhook = Webhook()
    mail: Mail = Mail()

    @property
    def named(self) -> tuple[str, ...]:
        """Those that are configured."""
        there = {"webhook": self.webhook.url, "mail": self.mail.host}
        return tuple(name for name, where in there.items() if where)


class Rule(Section):
    """Of one thing: how long it must last before it is told, and be gone before that is told; how often it is said."""

    enabled: bool = True
    hold: Hold = timedelta()
    repeat: Repeat = timedelta(days=1)


class LagRule(Rule):
    more_than: Annotated[timedelta, BeforeValidator(fields.span_to_wait)] = timedelta(minutes=5)
    hold: Hold = timedelta(minutes=5)


class SilenceRule(Rule):
    more_than: Annotated[timedelta, BeforeValidator(fields.span_to_wait)] = timedelta(hours=1)
    hold: Hold = timedelta(minutes=10)


class DeadRule(Rule):
    more_than: Annotated[int, BeforeValidator(fields.count)] = 0


class ShortRule(Rule):
    hold: Hold = timedelta(minutes=2)


class LongRule(Rule):
    hold: Hold = timedelta(minutes=5)


class Rules(Section):
    """What people are told of. wamon/alerts/rules.py says what each looks at."""

    lag: LagRule = LagRule()
    silence: SilenceRule = SilenceRule()
    bridge: LongRule = LongRule()
    dead: DeadRule = DeadRule()
    reviews: Rule = Rule()
    passes: ShortRule = ShortRule()
    database: ShortRule = ShortRule()
    state: Rule = Rule()
    verify: Rule = Rule()
    nightly: Rule = Rule()
    parked_hook: Rule = Field(default=Rule(), alias="parked-hook")
    hook_refused: Rule = Field(default=Rule(), alias="hook-refused")
    orphans: Rule = Rule()
    unanswered: Rule = Rule()
    stuck: Rule = Rule()
    turn_errors: Rule = Field(default=Rule(), alias="turn-errors")
    slow_turns: Rule = Field(default=Rule(), alias="slow-turns")
    double_start: Rule = Field(default=Rule(), alias="double-start")
    stale: Rule = Rule()
    missed: Rule = Rule(enabled=False)
    events: LagRule = LagRule()
    service: LongRule = LongRule()

    def of(self, rule: str) -> Rule:
        """What is said of a rule, by its name in the file."""
        found: Rule = getattr(self, rule.replace("-", "_"))
        return found


TimeOfDay = Annotated[time, BeforeValidator(fields.time_of_day)]


class Reports(Section):
    """From which time of day on the report of the day before, and on Mondays of the week before, is sent. None: never.

    The time is that of the config's zone.
    """

    daily: TimeOfDay | None = None
    weekly: TimeOfDay | None = None


class Alerts(Section):
    """Without a channel nobody is told; without a rule said, all of them hold.

    `heartbeat` is asked while passes end, so that the monitor that expects it notices a dead host. None: nothing is.
    """

    heartbeat: Annotated[SecretStr, BeforeValidator(_secret_url)] | None = None
    channels: Channels = Channels()
    reports: Reports = Reports()
    rules: Rules = Rules()
