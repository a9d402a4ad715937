"""docs/json.md, from the views: `python -m tests.support.json_page` writes it anew."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from wamon.views import (
    actions,
    alerts,
    alerts_page,
    allow,
    config,
    conversations,
    conversations_page,
    db,
    dead,
    demo,
    doctor,
    drop_page,
    drops,
    export,
    failpoints,
    find,
    gaps,
    group_pages,
    groups,
    home,
    hooks,
    hooks_page,
    hygiene,
    init,
    lists,
    message_page,
    near_misses,
    rates,
    redo,
    replay,
    replies,
    report,
    report_page,
    restart,
    scan,
    service,
    state,
    status,
    trace,
    verify,
    web,
)

PAGE = Path(__file__).parents[2] / "docs/json.md"

VIEWS: Mapping[str, tuple[type, ...]] = {
    "scan": (scan.Scan,),
    "replay": (replay.Replay,),
    "state show": (state.Positions,),
    "state rewind": (state.Rewind,),
    "state adopt": (state.Adopted,),
    "state adopt-store": (state.StoreAdopted,),
    "verify": (verify.Verify,),
    "status": (status.Status,),
    "doctor": (doctor.Doctor,),
    "groups": (groups.Groups,),
    "init": (init.Init, init.Bot),
    "dead list": (dead.Letters,),
    "dead show": (dead.ShownLetter,),
    "dead retry": (dead.Retried,),
    "dead discard": (dead.Discarded,),
    "hooks replay": (hooks.ReplayedEvents,),
    "gaps": (gaps.Gaps,),
    "trace": (trace.Trace,),
    "drops list": (drops.Drops,),
    "drops show": (drops.Story,),
    "drops near": (near_misses.NearMisses,),
    "drops allow import": (allow.Imported,),
    "drops allow list": (allow.Lists,),
    "drops allow missing": (allow.Missing,),
    "drops allow strangers": (allow.Strangers,),
    "drops allow export": (allow.Numbers, allow.Exported),
    "drops allow clear": (allow.Cleared,),
    "drops export": (export.Exported,),
    "report daily": (report.Report,),
    "report weekly": (report.Report,),
    "config check": (config.Checked,),
    "config show": (config.Effective,),
    "alerts list": (alerts.Alerts,),
    "alerts test": (alerts.Trials,),
    "hooks list": (hooks.Hooks,),
    "hooks test": (hooks.Tested,),
    "conversations list": (conversations.Conversations,),
    "conversations show": (conversations.Person,),
    "conversations orphans": (conversations.Orphans,),
    "conversations rescue": (conversations.Rescued,),
    "replies list": (replies.Replies,),
    "replies off": (replies.Switch,),
    "replies on": (replies.Switch,),
    "replies discard": (replies.Discarded,),
    "replies resend": (replies.Resent,),
    "db url": (db.Url,),
    "db migrate": (db.Migrated,),
    "db dump": (db.Dump,),
    "db restore": (db.Restored,),
    "db stop": (db.Stopped,),
    "db list": (db.Clusters,),
    "db prune": (db.Pruned,),
    "service install": (service.Installation,),
    "service show": (service.Units,),
    "service uninstall": (service.Uninstalled,),
    "restart": (restart.Restart,),
    "hygiene": (hygiene.Hygiene,),
    "demo": (demo.Demo,),
    "web link": (web.Link,),
    "failpoints": (failpoints.Failpoints,),
}
"""Each command that answers, and the view that it prints; of those with several, the one that was asked for."""

PAGES: Mapping[str, tuple[type, ...]] = {
    "/home.json": (home.Home,),
    "/groups.json": (group_pages.GroupsPage,),
    "/group/CHAT.json": (group_pages.GroupPage,),
    "/drop/NUMBER.json": (drop_page.DropPage,),
    "/message/ID.json": (message_page.MessagePage,),
    "/person/HASH.json": (find.PersonPage,),
    "/redo.json": (redo.RedoPage,),
    "/dead.json": (lists.DeadPage,),
    "/replies.json": (lists.RepliesPage,),
    "/gaps.json": (lists.GapsPage,),
    "/hooks.json": (hooks_page.HooksPage,),
    "/conversations.json": (conversations_page.ConversationsPage,),
    "/conversations/UID.json": (conversations_page.ConversationPage,),
    "/alerts.json": (alerts_page.AlertsPage,),
    "/rates.json": (rates.RatesPage,),
    "/reports.json": (report_page.ReportPage,),
    "/actions.json": (actions.ActionsPage,),
}
"""Each page of `wamon web` whose data can be had as JSON, and its view."""

_WORDS = {str: "text", int: "whole number", float: "number", bool: "yes/no", datetime: "time", Any: "anything"}


def page() -> str:
    """docs/json.md as it must be. What stands before its first section is written by hand."""
    head, _, _ = PAGE.read_text("utf-8").partition("\n## ")
    titled = {**{f"wamon {command}": views for command, views in VIEWS.items()}, **PAGES}
    return head + "".join(f"\n## `{title}`\n\n{_section(views)}" for title, views in titled.items())


def _section(views: tuple[type, ...]) -> str:
    return "\n".join(_note(view) + _table(view) for view in views)


def _note(view: type) -> str:
    """What a view's docstring tells beside its first line."""
    _, _, note = (inspect.getdoc(view) or "").partition("\n\n")
    return f"{note}\n\n" if note else ""


def _table(view: type) -> str:
    rows = [f"| `{path}` | {kind} | {meaning} |" for path, kind, meaning in described(view)]
    return "\n".join(["| field | type | meaning |", "|---|---|---|", *rows]) + "\n"


def described(view: type, path: str = "") -> Iterator[tuple[str, str, str]]:
    """Each field of a view and of the views in it: its path, its type in words, and its help."""
    hints = get_type_hints(view, include_extras=True)
    for field in fields(view):
        yield from _described(f"{path}{field.name}", hints[field.name], "")


def _described(path: str, hint: Any, meaning: str) -> Iterator[tuple[str, str, str]]:
    if get_origin(hint) is Annotated:
        yield from _described(path, get_args(hint)[0], get_args(hint)[1])
    elif get_origin(hint) is tuple:
        yield from _described(f"{path}[]", get_args(hint)[0], meaning)
    elif get_origin(hint) is Mapping:
        yield from _described(f"{path}.*", get_args(hint)[1], meaning)
    elif is_dataclass(hint):
        yield from described(hint, f"{path}.")  # type: ignore[arg-type]
    elif NoneType in get_args(hint):
        (kind,) = (one for one in get_args(hint) if one is not NoneType)
        if is_dataclass(kind):
            yield from described(kind, f"{path}.")  # type: ignore[arg-type]
            return
        yield path, f"{_WORDS[kind]} or null", meaning
    else:
        yield path, _WORDS[hint], meaning


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
