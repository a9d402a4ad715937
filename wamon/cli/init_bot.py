"""`wamon init --bot`: hooks and conversations for a config, from a few answers."""

from __future__ import annotations

import json as jsonlib
import os
import re
import secrets
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, cast
from urllib.parse import urlsplit

import typer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from wamon.config.hooks import Provider
    from wamon.config.schema import Config
    from wamon.providers.registration import Registration
    from wamon.views.init import Bot, Secret

_PROVIDER: Provider = "wati"
"""Where nobody says which."""
_SECRET_BYTES = 24


@dataclass(frozen=True, slots=True)
class Given:
    """What was said on the command line; None: it is asked on a terminal, and has its default elsewhere."""

    provider: str | None = None
    account: str | None = None
    send_url: str | None = None
    project: str | None = None
    public_url: str | None = None
    user: str | None = None

    @property
    def anything(self) -> bool:
        return any((self.provider, self.account, self.send_url, self.project, self.public_url, self.user))


@dataclass(frozen=True, slots=True, repr=False)
class Answers:
    """What is to be written. `told`: secrets that the provider made, by their files' names; empty: not told yet."""

    provider: Provider
    account: str
    send_url: str
    project: str
    public_url: str
    user: str
    told: Mapping[str, str]


class Sections(NamedTuple):
    """Those of the config that were added, and those that were there and stayed."""

    added: tuple[str, ...]
    kept: tuple[str, ...]


@dataclass(frozen=True, slots=True, repr=False)
class Grown:
    """What was done. `shown`: the secrets that were made just now, by their files' names."""

    answer: Bot
    config: Config
    shown: Mapping[str, str]


def first_config(target: Path, state: str, zone: str) -> str:
    """A config that reads no store, to be grown."""
    return _part(0, {"SECRETS": _folder(target), "STATE": state, "ZONE": zone})


def grow(target: Path, given: Given) -> Grown:
    """Add what the config lacks of a bot, and make its secrets.

    Raises UsageError where it has hooks already or can't be written, ConfigError where it can't be read.
    """
    from wamon.config import load as configs
    from wamon.errors import ConfigError, UsageError

    config = configs.load(target, os.environ)
    if config.hooks:
        names = ", ".join(hook.name for hook in config.hooks)
        raise UsageError(
            f"{target} has hooks already: {names}. Nothing was changed.",
            hint="`wamon help webhooks` says how one is added by hand, or name another file with --output.",
        )
    answers = _asked(given, config)
    try:
        sections, made = _write(target.resolve(), _sections(target, answers, config), answers)
    except OSError as error:
        raise UsageError(f"{target} can't be written: {error.strerror}.", hint="Check its rights.") from None
    except ConfigError as error:
        wrong = re.sub(r"\S+\.tmp:\d+:\d+: ", "", str(error))
        raise UsageError(f"{target} can't be grown by these answers: {wrong}.", hint="Nothing was changed.") from None
    config = configs.load(target, os.environ)
    return Grown(_answer(target, answers, config, sections, made), config, made)


def show(grown: Grown) -> None:
    """Say what was done, and what is to be done here and at the provider."""
    from wamon.render import say

    answer = grown.answer
    say(f"Added to {answer.path}: {', '.join(answer.added)}. All else in it is as it was.")
    for secret in answer.secrets:
        if secret.state != "missing":
            say(f"{secret.file}: the {secret.what}, {_TOLD[secret.state]}.")
    if answer.todo:
        say("\nStill to do:\n")
        _list(answer.todo)
    say(f"\nThe address for {answer.title}:\n")
    shown = next((text for name, text in grown.shown.items() if name == f"hook-{answer.hook}"), "SECRET")
    say(f"  {answer.address.replace('SECRET', shown)}\n")
    _list(answer.enter)
    if answer.nginx:
        say("\nnginx before it (with ssl_certificate and ssl_certificate_key), which lets in nothing else:\n")
        say(answer.nginx)
    say("\nThen, `run` and `web` each in a terminal of its own, or both by `wamon service install --web`:\n")
    for command in answer.next:
        say(f"  {command}")
    say("\n`wamon help first-answer` goes through all of it.")


def _list(sentences: Iterable[str]) -> None:
    from wamon.render import say

    for sentence in sentences:
        say(f"- {sentence}")


_TOLD = {"made": "made just now", "kept": "which was there and stays", "told": "as you said it"}


def _asked(given: Given, config: Config) -> Answers:
    from wamon.errors import UsageError
    from wamon.providers.registration import REGISTRATIONS

    provider = cast("Provider", _ask(f"Provider ({', '.join(REGISTRATIONS)})", given.provider, _PROVIDER))
    if provider not in REGISTRATIONS:
        raise UsageError(f"There is no provider {provider!r}.", hint=f"One of: {', '.join(REGISTRATIONS)}.")
    known = REGISTRATIONS[provider]
    account = _ask(known.account, given.account, "") if known.account else given.account or ""
    send_url = _ask("Answers go to", given.send_url, _send_url(known, account))
    projects = sorted({group.name for group in config.groups if group.enabled})
    project = _ask(
        "Project of drop numbers in one-to-one chats (empty: none count)",
        given.project,
        projects[0] if len(projects) == 1 else "",
    )
    public_url = _public_url(known, given, config)
    user = _ask("Your own number, with its country code: the first who is answered", given.user, "")
    told = {file: _ask_secret(what) for file, what in _told_by_provider(provider, known).items()}
    return Answers(provider, account, send_url, project, public_url, user.lstrip("+").replace(" ", ""), told)


def _ask(question: str, given: str | None, default: str) -> str:
    if given is not None or not sys.stdin.isatty():
        return default if given is None else given
    return str(typer.prompt(question, default=default, show_default=bool(default), err=True)).strip()


def _ask_secret(what: str) -> str:
    if not sys.stdin.isatty():
        return ""
    found = typer.prompt(f"The {what} (Enter: later)", default="", hide_input=True, show_default=False, err=True)
    return str(found).strip()


def _send_url(known: Registration, account: str) -> str:
    host = account.removeprefix("https://").rstrip("/")
    return known.send_url.format(account=host) if host or "{account}" not in known.send_url else ""


def _public_url(known: Registration, given: Given, config: Config) -> str:
    there = config.web.public_url or ""
    if not known.is_public:
        return given.public_url or there
    question = "Public address of this machine, such as https://wamon.example.com (empty: later)"
    return _ask(question, given.public_url, there)


def _told_by_provider(provider: Provider, known: Registration) -> dict[str, str]:
    """The secrets that only the provider knows: their files, and what it calls them."""
    secret = {f"hook-{provider}": known.app_secret} if known.app_secret else {}
    return secret | {f"send-{provider}": known.token}


def _made_here(provider: Provider, known: Registration) -> dict[str, str]:
    secret = {} if known.app_secret else {f"hook-{provider}": "secret that proves a delivery"}
    return secret | ({f"verify-{provider}": "verify token"} if known.has_verify_token else {})


def _sections(target: Path, answers: Answers, config: Config) -> dict[str, str]:
    """What is added, in the order in which it stands."""
    values = {"SECRETS": _folder(target), "HOOK": "\n".join(_hook(answers, config))}
    values["USERS"] = _quoted(answers.user) if answers.user else ""
    found = {"hooks": _part(2, values), "conversations": _part(3, values)}
    if answers.public_url and answers.public_url != config.web.public_url:
        host = urlsplit(answers.public_url).hostname or ""
        found["web"] = _part(1, {"HOST": _quoted(host), "URL": _quoted(answers.public_url)})
    return found


def _hook(answers: Answers, config: Config) -> Iterator[str]:
    from wamon.config.credentials import variable
    from wamon.providers.registration import REGISTRATIONS

    name, known = answers.provider, REGISTRATIONS[answers.provider]
    yield f"  - name: {name}"
    yield f"    provider: {name}"
    yield f"    secret: ${{{variable(f'hook-{name}')}:-}}"
    if known.flavour and known.flavour == _flavour(config):
        yield f"    of: {_quoted(config.bridge.name)}   # the second witness of its store; another bridge's is none"
    if answers.project:
        yield f"    project: {_quoted(answers.project)}   # of drop numbers in its one-to-one chats"
    if known.has_verify_token:
        yield f"    verify_token: ${{{variable(f'verify-{name}')}:-}}"
        yield from ([f"    numbers: [{_quoted(answers.account)}]"] if answers.account else [])
    yield "    send:"
    yield f"      url: {_quoted(answers.send_url) if answers.send_url else '   # empty: nothing can be answered'}"
    yield f"      token: ${{{variable(f'send-{name}')}:-}}"


def _flavour(config: Config) -> str:
    """Of the store that is read; empty where none is, or it can't be."""
    from wamon.bridge.store import Store
    from wamon.errors import WamonError

    try:
        return Store(config.bridge.path, config.bridge.flavour).flavour().name if config.bridge.path else ""
    except WamonError:
        return ""


def _write(target: Path, sections: Mapping[str, str], answers: Answers) -> tuple[Sections, Mapping[str, str]]:
    """What became of the sections, and the secrets that were made, by their files' names."""
    from wamon.config import load as configs
    from wamon.config.credentials import secrets_beside
    from wamon.config.growth import grown
    from wamon.host.files import replacing

    text, added = grown(target.read_text("utf-8"), sections)
    owner = target.stat()
    with replacing(target) as temporary:
        temporary.write_text(text, "utf-8")
        configs.load(temporary, os.environ)
        made = _write_secrets(secrets_beside(target), answers, owner)
        _give(temporary, owner)
        temporary.chmod(owner.st_mode & 0o7777)
    return Sections(added, tuple(name for name in sections if name not in added)), made


def _write_secrets(folder: Path, answers: Answers, owner: os.stat_result) -> Mapping[str, str]:
    """Write each that isn't there; empty what is still to be told. Those that were made here, by their names."""
    from wamon.providers.registration import REGISTRATIONS

    if not folder.exists():
        folder.mkdir(mode=0o700)
        _give(folder, owner)
    made = {}
    for name in _made_here(answers.provider, REGISTRATIONS[answers.provider]):
        text = secrets.token_urlsafe(_SECRET_BYTES)
        if _write_secret(folder / name, text, owner):
            made[name] = text
    for name, text in answers.told.items():
        _write_secret(folder / name, text, owner)
    return made


def _write_secret(file: Path, text: str, owner: os.stat_result) -> bool:
    """Whether it wasn't there yet."""
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        return False
    with os.fdopen(handle, "w", encoding="utf-8") as opened:
        opened.write(f"{text}\n" if text else "")
    _give(file, owner)
    return True


def _give(file: Path, owner: os.stat_result) -> None:
    """Let it be the owner's of the config: root may write for wamon's user."""
    if os.geteuid() == 0:
        os.chown(file, owner.st_uid, owner.st_gid)


def _answer(target: Path, answers: Answers, config: Config, sections: Sections, made: Mapping[str, str]) -> Bot:
    from wamon.config.credentials import secrets_beside
    from wamon.providers.registration import REGISTRATIONS
    from wamon.views.init import Bot

    hook, known = config.hooks[0], REGISTRATIONS[answers.provider]
    base = answers.public_url or ("https://HOST" if known.is_public else config.web.listen.url)
    address = f"{base.rstrip('/')}/hooks/{hook.name}{known.suffix}"
    folder = secrets_beside(target)
    words = {"address": address, "secret": folder / f"hook-{hook.name}", "verify": folder / f"verify-{hook.name}"}
    files = tuple(_secrets(folder, answers, known, made))
    return Bot(
        path=str(target),
        bridge=str(config.bridge.path) if config.bridge.path else None,
        hook=hook.name,
        provider=answers.provider,
        source=hook.source,
        title=known.title,
        address=address,
        added=sections.added,
        kept=sections.kept,
        secrets=files,
        todo=(*_missing(files), *_todo(config, base)),
        enter=tuple(step.format(**words) for step in known.steps),
        nginx=_nginx(base, config) if base.startswith("https:") else "",
        next=tuple(_next(target, hook.name)),
    )


def _secrets(folder: Path, answers: Answers, known: Registration, made: Mapping[str, str]) -> Iterator[Secret]:
    from wamon.config.credentials import variable
    from wamon.views.init import Secret

    for name, what in (_made_here(answers.provider, known) | _told_by_provider(answers.provider, known)).items():
        there = "told" if answers.told.get(name) else "kept"
        state = "made" if name in made else there if (folder / name).stat().st_size else "missing"
        yield Secret(str(folder / name), variable(name), what, state)


def _missing(files: Iterable[Secret]) -> Iterator[str]:
    for secret in files:
        if secret.state == "missing":
            yield f"Put the {secret.what} into {secret.file}: `cat > {secret.file}`, paste, Enter, Ctrl-D."


def _todo(config: Config, base: str) -> Iterator[str]:
    """What is lacking before somebody can be answered."""
    from wamon.app.page_once import is_there

    hook, talk = config.hooks[0], config.conversations
    if hook.send.url is None:
        yield "Set hooks[].send.url: without it nothing can be answered. `wamon help webhooks` has each provider's."
    if not talk.enabled:
        yield "Set conversations.enabled: true, which stands in the config as false."
    if talk.choose_nobody:
        yield "Name your own number in conversations.users: so far nobody is answered."
    if base.startswith("https:") and base != config.web.public_url:
        yield "Say how this machine is reached from outside (HOST): web.hosts and web.public_url."
    if not is_there():
        yield "Install what `wamon web` needs, in the checkout: pipx install --force '.[web]'"


def _nginx(base: str, config: Config) -> str:
    """What docs/webhooks.md shows, with this installation's names."""
    from wamon.host.shipped import shipped

    page = shipped("docs", "docs").joinpath("webhooks.md").read_text("utf-8")
    (block,) = re.findall(r"^```nginx\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    host = urlsplit(base).netloc
    return str(block).rstrip().replace("wamon.example.com", host).replace("127.0.0.1:8006", str(config.web.listen))


def _next(target: Path, hook: str) -> Iterator[str]:
    from wamon.config import load as configs

    found = configs.find(None, os.environ)
    is_found = found is not None and found.resolve() == target.resolve()
    wamon = "wamon" if is_found else f"wamon --config {target}"
    for command in ("config check", "run", "web", f"hooks test {hook}", "conversations list"):
        yield f"{wamon} {command}"


def _folder(target: Path) -> str:
    from wamon.config.credentials import secrets_beside

    return f"{secrets_beside(target).name}/ beside this file"


def _part(place: int, values: Mapping[str, str]) -> str:
    from importlib.resources import files

    part = (files("wamon.cli") / "init_bot.yaml").read_text("utf-8").split("---\n")[place]
    return re.sub(r"@([A-Z]+)@", lambda found: values[found[1]], part)


def _quoted(text: str) -> str:
    """Text as YAML reads it back: nothing in it is filled from the environment."""
    return jsonlib.dumps(re.sub(r"\$(?=[${])", "$$", text), ensure_ascii=False)
