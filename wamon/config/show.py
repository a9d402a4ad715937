"""The effective config for people, its secrets masked."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import yaml
from pydantic import RootModel

from wamon.config.fields import FOREVER, written
from wamon.config.section import known

if TYPE_CHECKING:
    from datetime import time

    from pydantic import SecretStr

    from wamon.config.agent import Agent
    from wamon.config.alerts import Alerts, Rule
    from wamon.config.conversations import Conversations
    from wamon.config.hooks import Hook
    from wamon.config.replies import GroupTemplates, Replies
    from wamon.config.schema import Config, Group
    from wamon.config.web import Web

MASK = "***"


def describe(config: Config) -> dict[str, object]:
    """Return every effective value as plain data, in the example's order, without a secret."""
    return {
        "bridge": {
            "name": config.bridge.name,
            "path": None if config.bridge.path is None else str(config.bridge.path),
            "flavour": config.bridge.flavour,
            "people": str(config.bridge.people),
        },
        "database": {"url": _url(config.database.url), "review_table": config.database.review_table},
        "state": {"dir": str(config.state.dir)},
        "scan": {
            "interval": written(config.scan.interval),
            "start": str(config.scan.start),
            "ignore_from_me": config.scan.ignore_from_me,
            "ignore_senders": list(config.scan.ignore_senders),
        },
        "drops": {"pattern": config.drops.pattern},
        "timezone": str(config.timezone),
        "privacy": {"show": config.privacy.show, "keep_text": _keep(config)},
        "alerts": _alerts(config.alerts),
        "replies": _replies(config.replies),
        "web": _web(config.web),
        "hooks": [_hook(hook) for hook in config.hooks],
        "conversations": _conversations(config.conversations),
        "events": {"nats": {"url": _servers(config.events.nats.url), "subject": config.events.nats.subject}},
        "groups": [_group(group) for group in config.groups],
    }


def as_yaml(config: Config) -> str:
    """Return `describe` as a config file's text: read again, it means the same, but for the secrets."""
    return yaml.safe_dump(_escaped(describe(config)), sort_keys=False, allow_unicode=True)


def _url(url: SecretStr | None) -> str | None:
    return None if url is None else mask(url.get_secret_value())


def _servers(url: SecretStr | None) -> str | None:
    """Without who is let in: a token stands where else a user does."""
    return None if url is None else _LET_IN.sub(f"//{MASK}@", url.get_secret_value())


def _keep(config: Config) -> str:
    return FOREVER if config.privacy.keep_text is None else written(config.privacy.keep_text)


def _group(group: Group) -> dict[str, object]:
    said: dict[str, object] = RootModel(group).model_dump(by_alias=True)
    return {**said, "reply_templates": _own(group.reply_templates)}


def _own(templates: GroupTemplates) -> dict[str, str]:
    return templates.model_dump(by_alias=True, exclude_none=True)


_SECRET = re.compile(r"pass(?!file)|secret|scram|token|key|credential", re.IGNORECASE)
_USER = re.compile(r"(\w+://[^:@/?#]*):.*@", re.DOTALL)
_LET_IN = re.compile(r"//[^,]*@")
_SETTING = re.compile(r"(\w+)(\s*=\s*)('(?:[^'\\]|\\.)*'?|(?:\\.|[^\s\\])*)", re.DOTALL)


def mask(url: str) -> str:
    """Return a database's URL or connection string without its passwords.

    The password ends at the last `@`, since one that wasn't percent-encoded may hold any character.
    """
    if "://" not in url:
        return _SETTING.sub(lambda found: _setting(found[1], found[2], found[3]), url)
    address, mark, query = _USER.sub(rf"\1:{MASK}@", url).partition("?")
    return address + mark + "&".join(_parameter(each) for each in query.split("&"))


def _setting(key: str, between: str, value: str) -> str:
    return key + between + (MASK if _SECRET.search(unquote(key)) else value)


def _parameter(each: str) -> str:
    key, between, value = each.partition("=")
    return _setting(key, between, value) if between or not each else MASK  # a password's rest, after a plain `&`


def _alerts(alerts: Alerts) -> dict[str, object]:
    """What `alerts` says, without what a channel needs to be trusted."""
    webhook, mail = alerts.channels.webhook, alerts.channels.mail
    rules = {name: _rule(alerts.rules.of(name)) for name in known(type(alerts.rules))}
    return {
        "heartbeat": alerts.heartbeat and _without_token(alerts.heartbeat.get_secret_value()),
        "channels": {
            "webhook": {
                "url": webhook.url and _without_token(webhook.url.get_secret_value()),
                "kind": webhook.kind,
                "allow_private": webhook.allow_private,
            },
            "mail": {
                **mail.model_dump(by_alias=True),
                "password": mail.password and MASK,
                "to": list(mail.to),
            },
        },
        "reports": {"daily": _time_of_day(alerts.reports.daily), "weekly": _time_of_day(alerts.reports.weekly)},
        "rules": rules,
    }


def _time_of_day(at: time | None) -> str | None:
    return None if at is None else f"{at:%H:%M}"


def _rule(rule: Rule) -> dict[str, object]:
    return {
        name: written(value) if isinstance(value, timedelta) else value
        for name in sorted(type(rule).model_fields, key=_RULE_KEYS.index)
        for value in [getattr(rule, name)]
    }


_RULE_KEYS = ("enabled", "more_than", "hold", "repeat")


def _without_token(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}/{MASK}"


def _replies(replies: Replies) -> dict[str, object]:
    return {
        **replies.model_dump(by_alias=True),
        "url": mask(replies.url),
        "token": replies.token and MASK,
        "max_age": written(replies.max_age),
        "quiet_hours": replies.quiet_hours and str(replies.quiet_hours),
    }


def _web(web: Web) -> dict[str, object]:
    return {
        "listen": str(web.listen),
        "hosts": list(web.hosts),
        "token": web.token and MASK,
        "public_url": web.public_url,
    }


def _hook(hook: Hook) -> dict[str, object]:
    return {
        **hook.model_dump(),
        "secret": [MASK for _ in hook.secret],
        "verify_token": hook.verify_token and MASK,
        "numbers": list(hook.numbers),
        "send": {"url": hook.send.url and mask(hook.send.url), "token": hook.send.token and MASK},
    }


def _conversations(conversations: Conversations) -> dict[str, object]:
    said = conversations.model_dump(exclude={"agent"})
    return {**{key: _plain(value) for key, value in said.items()}, "agent": _agent(conversations.agent)}


def _agent(agent: Agent) -> dict[str, object]:
    return {
        **agent.model_dump(),
        "url": agent.url and mask(agent.url),
        "key": agent.key and MASK,
        "instructions": agent.instructions and str(agent.instructions.path),
        "timeout": written(agent.timeout),
    }


def _plain(value: object) -> object:
    """The same with its durations as one writes them, and its tuples as lists."""
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, tuple):
        return list(value)
    return written(value) if isinstance(value, timedelta) else value


def _escaped(value: object) -> object:
    if isinstance(value, dict):
        return {key: _escaped(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_escaped(each) for each in value]
    return re.sub(r"\$(?=[${])", "$$", value) if isinstance(value, str) else value
