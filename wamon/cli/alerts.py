"""`wamon alerts`: whom people are told by, of what, and what is firing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from wamon.cli.options import ConfigOption, JsonOption, said

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from wamon.alerts.channels import Channel
    from wamon.alerts.model import Book
    from wamon.alerts.notifier import Teller
    from wamon.config.alerts import Alerts

commands = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


def add_to(app: typer.Typer) -> None:
    app.add_typer(
        commands,
        name="alerts",
        help="""Show what people are told of, and try the channels.

        \b
        wamon alerts list
        wamon alerts test
        """,
    )


@commands.command("list")
def list_(ctx: typer.Context, config: ConfigOption = None, json: JsonOption = False) -> None:
    """List the rules with their thresholds, the channels, what is firing and what waits to be sent.

    \b
    wamon alerts list
    wamon alerts list --json
    """
    from wamon.alerts.state_file import AlertsFile
    from wamon.render import as_json

    options = said(ctx, config, json)
    settings = options.config()
    book = AlertsFile(settings.state.dir).read()
    answer = {
        "channels": _channels(settings.alerts, book),
        "rules": _rules(settings.alerts),
        "firing": _firing(book),
        "waiting": _waiting(settings.alerts, book),
    }
    if options.json:
        as_json(answer)
    else:
        _show(answer, settings.timezone)


def _channels(settings: Alerts, book: Book) -> list[dict[str, Any]]:
    from wamon.alerts.channels import channels

    outages = book.outages
    return [
        {
            "name": channel.name,
            "host": channel.host,
            "works": channel.name not in outages,
            "failing_since": outages[channel.name].since if channel.name in outages else None,
            "next_try_at": outages[channel.name].next_at if channel.name in outages else None,
            "why": outages[channel.name].why if channel.name in outages else None,
        }
        for channel in channels(settings)
    ]


def _rules(settings: Alerts) -> list[dict[str, Any]]:
    from datetime import timedelta

    from wamon.alerts.rules import RULES
    from wamon.config.fields import written

    told = []
    for rule in RULES:
        thresholds = getattr(settings.rules, rule.name)
        most = getattr(thresholds, "more_than", None)
        told.append(
            {
                "name": rule.name,
                "title": rule.title,
                "enabled": thresholds.enabled,
                "more_than": written(most) if isinstance(most, timedelta) else None if most is None else str(most),
                "hold": written(thresholds.hold),
                "repeat": written(thresholds.repeat),
            }
        )
    return told


def _firing(book: Book) -> list[dict[str, Any]]:
    return [
        {
            "rule": rule,
            "since": min(fault.since for fault in firing.faults.values()),
            "told_at": firing.told_at,
            "groups": sorted({fault.group for fault in firing.faults.values() if fault.group}),
            "sentences": [fault.sentence for fault in firing.faults.values()],
        }
        for rule, firing in book.firing.items()
    ]


def _waiting(settings: Alerts, book: Book) -> list[dict[str, Any]]:
    return [
        {
            "id": one.alert.id,
            "kind": one.alert.kind,
            "rule": one.alert.rule,
            "at": one.alert.at,
            "channels": [name for name in settings.channels.named if name not in one.sent],
        }
        for one in book.waiting
    ]


def _show(answer: dict[str, Any], zone: ZoneInfo) -> None:
    from wamon.render import local, say, table

    rows = [(r["name"], r["title"], r["more_than"] or "", r["hold"], r["repeat"]) for r in answer["rules"]]
    states = ["on" if rule["enabled"] else "off" for rule in answer["rules"]]
    table(
        ("Rule", "Tells", "More than", "Hold", "Repeat", "State"), [(*r, s) for r, s in zip(rows, states, strict=True)]
    )
    if not answer["channels"]:
        say("No channel is configured, so nobody is told: see alerts.channels in config/wamon.yaml.")
    for channel in answer["channels"]:
        trouble = f"fails since {local(channel['failing_since'], zone)}: {channel['why']}"
        say(f"{channel['name']} by {channel['host']}: {'works' if channel['works'] else trouble}")
    for fault in answer["firing"]:
        told = f"told {local(fault['told_at'], zone)}" if fault["told_at"] else "not told yet"
        say(f"{fault['rule']}, since {local(fault['since'], zone)}, {told}: {' '.join(fault['sentences'])}")
    if not answer["firing"]:
        say("Nothing is firing.")
    if waiting := len(answer["waiting"]):
        say(f"{waiting:,} alerts wait to be sent." if waiting > 1 else "1 alert waits to be sent.")


@commands.command("test")
def try_(ctx: typer.Context, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Send a test by every channel, and say what came of it. Ends with 1 where one failed, with 78 without a channel.

    \b
    wamon alerts test
    wamon alerts test --json
    """
    from wamon.alerts.channels import channels
    from wamon.alerts.notifier import teller
    from wamon.errors import ConfigError
    from wamon.render import as_json, say

    options = said(ctx, config, json)
    settings = options.config()
    found = channels(settings.alerts)
    if not found:
        raise ConfigError("No channel is configured.", hint="Set alerts.channels: config/wamon.yaml explains them.")
    tried = [_tried(channel, teller(settings)) for channel in found]
    if options.json:
        as_json({"channels": tried})
    for one in [] if options.json else tried:
        say(f"{one['name']} by {one['host']}: {'sent.' if one['sent'] else one['why']}")
    raise typer.Exit(0 if all(one["sent"] for one in tried) else 1)


def _tried(channel: Channel, teller: Teller) -> dict[str, Any]:
    from wamon.alerts.channels import deliver
    from wamon.errors import Retryable

    told = {"name": channel.name, "host": channel.host}
    try:
        deliver(channel, teller.test())
    except Retryable as error:
        return {**told, "sent": False, "why": error.paragraph()}
    return {**told, "sent": True, "why": None}
