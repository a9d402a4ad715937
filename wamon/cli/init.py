"""`wamon init`: a config from what is there."""

from __future__ import annotations

import json as jsonlib
import os
import re
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wamon.cli.options import BridgeOption, ConfigOption, JsonOption, complete_project, said, starting

if TYPE_CHECKING:
    from collections.abc import Callable

    from wamon.bridge.store import Store
    from wamon.cli import init_bot
    from wamon.clock import Clock
    from wamon.views.init import Group, Init

USUAL_PLACES = (
    "/opt/whatsapp-bridge/store/messages.db",
    "store/messages.db",
    "~/.wacli/wacli.db",
    "storages/chatstorage.db",
)
"""Where the bridges that wamon knows keep their stores."""

_CONTROL = frozenset({"Cc", "Cs", "Cn", "Co", "Zl", "Zp"})
_LONGEST_NAME = 200


def _of_bot(name: str, metavar: str, about: str, complete: Callable[..., list[str]] | None = None) -> object:
    return typer.Option(name, metavar=metavar, help=f"With --bot, {about}", autocompletion=complete)


def complete_provider(incomplete: str) -> list[str]:
    """The providers that begin so, for the shell."""
    from wamon.providers.registration import REGISTRATIONS

    return starting(incomplete, REGISTRATIONS)


def add_to(app: typer.Typer) -> None:
    app.command()(init)


def init(
    ctx: typer.Context,
    bridge: BridgeOption = None,
    output: Annotated[
        Path | None, typer.Option("--output", metavar="FILE", help="Where to write; else config/wamon.yaml.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a config that is there.")] = False,
    bot: Annotated[
        bool, typer.Option("--bot", help="Also have people who write be answered: hooks, who, how.")
    ] = False,
    provider: Annotated[
        str | None,
        _of_bot("--provider", "NAME", "who delivers, such as wati, meta or gowa; Tab lists all.", complete_provider),
    ] = None,
    account: Annotated[
        str | None, _of_bot("--account", "NAME", "Meta's phone number ID, WATI's host, or an instance's name.")
    ] = None,
    send_url: Annotated[str | None, _of_bot("--send", "URL", "where answers go, if not as usual there.")] = None,
    project: Annotated[
        str | None, _of_bot("--project", "NAME", "whose drop numbers in one-to-one chats are.", complete_project)
    ] = None,
    public_url: Annotated[
        str | None, _of_bot("--public-url", "URL", "how this machine is reached from outside.")
    ] = None,
    user: Annotated[str | None, _of_bot("--user", "NUMBER", "your own number: the first who is answered.")] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Write a config from what is there: the bridge's store, and its groups.

    Without --bridge it looks in the usual places of the bridges that wamon knows. Groups in which a drop number was
    posted are enabled. --config says where to write just as --output does.

    With --bot it also adds a hook and conversations, to the config that is there or to a new one, which needs no
    bridge. What was not said is asked on a terminal. It makes the secrets, and says what to enter at the provider.

    \b
    wamon init
    wamon init --bridge /opt/whatsapp-bridge/store/messages.db
    wamon init --bridge store/messages.db --output /etc/wamon/wamon.yaml
    wamon init --bot --provider wati --user 27820000001
    """
    from wamon.cli import init_bot
    from wamon.errors import UsageError
    from wamon.render import say
    from wamon.views.document import as_json

    options = said(ctx, config, json)
    given = init_bot.Given(provider, account, send_url, project, public_url, user)
    if given.anything and not bot:
        raise UsageError("These options say how a bot is set up.", hint="Add --bot.")
    target = output or options.config_path or _usual_target(bot=bot)
    monitor: Init | None = None
    grown: init_bot.Grown | None = None
    is_new = force or not target.exists()
    if bot and not is_new:
        grown = init_bot.grow(target, given)
    else:
        _require_free(target, force=force)
        monitor = _monitor(target, bridge, options.clock, bot=bot)
        grown = _grown_or_gone(target, given) if bot else None
    if options.json:
        say(as_json(grown.answer if grown else monitor))
        return
    if monitor:
        _show(monitor, bot=bot)
    elif is_new:
        say(f"Wrote {target}, which reads no bridge's store; --bridge FILE would name one.")
    if grown:
        init_bot.show(grown)


def _grown_or_gone(target: Path, given: init_bot.Given) -> init_bot.Grown:
    """Grow what was written just now; it goes again where that fails, or somebody answers no further."""
    from wamon.cli import init_bot

    try:
        return init_bot.grow(target, given)
    except BaseException:
        target.unlink(missing_ok=True)
        raise


def _usual_target(*, bot: bool) -> Path:
    """A config that wamon would take is grown; without --bot a new one is written here."""
    from wamon.config import load as configs

    return (configs.find(None, os.environ) if bot else None) or Path("config/wamon.yaml")


def _monitor(target: Path, bridge: Path | None, clock: Clock, *, bot: bool) -> Init | None:
    """Write the config of what reads the bridge's store; None: there is none, and a bot needs none."""
    from wamon.bridge.store import Store
    from wamon.views.init import Init

    path = bridge or _usual_store()
    if path is None:
        _write_without_store(target, bot=bot)
        return None
    store = Store(path.absolute())
    groups = _groups(store)
    zone, why = _zone(store)
    kept = _ledger_of_before(store, clock)
    _write(target, _text(target, store, groups, f"{zone}      # {why}; for days, reports and people's eyes", kept))
    return Init(
        str(target), str(store.path), store.flavour().name, zone, why, tuple(groups), str(kept) if kept else None
    )


def _write_without_store(target: Path, *, bot: bool) -> None:
    from wamon.cli.init_bot import first_config
    from wamon.config.zone import host_zone
    from wamon.errors import UsageError

    if not bot:
        raise UsageError(
            f"No bridge's store was found: neither {', nor '.join(_usual_places())} is there.",
            hint="Name it with --bridge FILE. Where hooks bring all messages, `wamon init --bot` needs none.",
        )
    _write(target, first_config(target, _state(target, None), str(host_zone(os.environ))))


def _require_free(target: Path, *, force: bool) -> None:
    from wamon.errors import UsageError

    if os.path.lexists(target) and not force:
        raise UsageError(
            f"{target} is there already.", hint="Pass --force to replace it, or --output to write another."
        )


def _usual_places() -> list[str]:
    return [place for place in (os.environ.get("WAMON_BRIDGE_PATH"), *USUAL_PLACES) if place]


def _usual_store() -> Path | None:
    for place in _usual_places():
        path = Path(os.path.expanduser(place))  # noqa: PTH111 - Path.expanduser raises where there is no home
        if path.is_file():
            return path
    return None


def _groups(store: Store) -> list[Group]:
    """The store's group chats, those with the most drops first."""
    from wamon.views.init import Group

    named = {chat.jid: chat.name for chat in store.chats()}
    traffic = {jid: count for jid, (count, _) in store.traffic().chats.items()}
    jids = [jid for jid in {*named, *traffic} if _is_group(jid)]
    drops = _drops(store, jids)
    groups = [
        Group(jid, _name(named.get(jid, ""), jid), traffic.get(jid, 0), drops[jid], enabled=bool(drops[jid]))
        for jid in jids
    ]
    return sorted(groups, key=lambda group: (-group.drops, -group.messages, group.name, group.jid))


def _is_group(jid: str) -> bool:
    return re.fullmatch(r"[0-9-]+@g\.us", jid) is not None


def _name(name: str, jid: str) -> str:
    """The store's name as a config takes it: one line of text, not too long."""
    plain = "".join(" " if unicodedata.category(char) in _CONTROL else char for char in name)
    return " ".join(plain.split())[:_LONGEST_NAME] or jid


def _drops(store: Store, jids: list[str]) -> dict[str, int]:
    """How many messages of each chat have a drop number."""
    from wamon.config.schema import PATTERN
    from wamon.drops.reading import Rules
    from wamon.render import progress

    rules, drops, read = Rules(PATTERN), dict.fromkeys(jids, 0), 0
    with progress("Reading", store.rows()) as advance:
        for messages, rows in store.pages({jid.encode(): jid for jid in jids}):
            for message in messages:
                drops[message.chat_jid] += bool(rules.read(message).numbers)
            read += rows
            advance(read)
    return drops


def _zone(store: Store) -> tuple[str, str]:
    """The zone to propose, and why: the one in which the store's times were written, else the host's."""
    from wamon.config.zone import host_zone, zone_of

    host = host_zone(os.environ)
    times = store.offsets()
    if found := zone_of(times, host):
        return str(found), f"the store's times have its offset, {max(times)[0].astimezone(found).isoformat()[-6:]}"
    return str(host), "this host's zone, as the store's times tell of none"


def _ledger_of_before(store: Store, clock: Clock) -> Path | None:
    """The state directory of scans without a config, where one of them read this store."""
    from wamon.capture.state_file import StateFile
    from wamon.config import load as configs

    state_dir = configs.defaults(os.environ).state.dir
    sources = StateFile(state_dir, clock).look().sources
    return state_dir if str(store.path.resolve()) in sources else None


def _text(target: Path, store: Store, groups: list[Group], zone: str, kept: Path | None) -> str:
    from importlib.resources import files

    from wamon.config.schema import PATTERN

    values = {
        "NAME": _name_of_source(store, kept),
        "PATH": _quoted(str(store.path)),
        "FLAVOUR": store.flavour().name,
        "STATE": _state(target, kept),
        "PATTERN": PATTERN,
        "ZONE": zone,
        "GROUPS": "".join(map(_lines, groups)) or " []",
    }
    template = (files("wamon.cli") / "init.yaml").read_text("utf-8")
    return re.sub(r"@([A-Z]+)@", lambda found: values[found[1]], template)


def _name_of_source(store: Store, kept: Path | None) -> str:
    if kept:
        return f"{_quoted(str(store.path.resolve()))}  # the source's name in the database, as its first scan gave it"
    return "main                # the source's name in the database; bridges that share a database need distinct names"


def _state(target: Path, kept: Path | None) -> str:
    """`../state` beside a folder `config`; elsewhere the default, which no project's folder has to hold.

    Where a scan without a config has made a ledger, its folder.
    """
    if kept:
        return f"state:\n  dir: {_quoted(str(kept))}   # state.json, lock and ledger of the scans before this config"
    if target.absolute().parent.name == "config":
        return "state:\n  dir: ../state             # state.json, lock, and (not as root) the embedded PostgreSQL"
    return (
        "# state: {dir: …}          # left out: $XDG_STATE_HOME/wamon or ~/.local/state/wamon; as root /var/lib/wamon"
    )


def _lines(group: Group) -> str:
    return (
        f"\n  - name: {_quoted(group.name)}   # {_messages(group)}, {group.drops:,} with a drop number"
        f'\n    jid: "{group.jid}"'
        f'\n    description: ""'
        f"\n    enabled: {'true' if group.enabled else 'false'}"
        f"\n    validate: false"
    )


def _messages(group: Group) -> str:
    return f"{group.messages:,} message{'' if group.messages == 1 else 's'}"


def _quoted(text: str) -> str:
    """Text as YAML reads it back: no `${…}` of a group's name is filled from the environment."""
    return jsonlib.dumps(re.sub(r"\$(?=[${])", "$$", text), ensure_ascii=False)


def _write(target: Path, text: str) -> None:
    """Write the config whole or not at all, and only one that loads again."""
    from wamon.config import load as configs
    from wamon.errors import UsageError
    from wamon.host.files import replacing

    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with replacing(target, mode=0o666) as temporary:
            temporary.write_text(text, "utf-8")
            configs.load(temporary, {})
    except OSError as error:
        raise UsageError(f"{target} can't be written: {error.strerror}.", hint="Name another with --output.") from None


def _show(answer: Init, *, bot: bool) -> None:
    from wamon.render import say, table

    rows = [
        (group.name, group.jid, group.messages, group.drops, "yes" if group.enabled else "no")
        for group in answer.groups
    ]
    columns = ("Group", "JID", "Messages", "With a drop", "Enabled")
    table(columns, rows, right=columns[2:4])
    say(f"Wrote {answer.path} from the store {answer.bridge} ({answer.flavour}).")
    say(f"The timezone in it is {answer.timezone}: {answer.timezone_because}.")
    if answer.ledger:
        say(f"It keeps the ledger that scans of this store have made already, in {answer.ledger}.")
    say("" if bot else _next(answer))


def _next(answer: Init) -> str:
    config = "" if answer.path == "config/wamon.yaml" else f"--config {answer.path} "
    if any(group.enabled for group in answer.groups):
        return f"Look through it, then run: wamon {config}scan"
    return f"No group has a drop number so far: enable those to watch, then run: wamon {config}scan"
