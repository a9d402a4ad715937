"""Which pages there are, and which of them are live."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from wamon.postgres.connection import transaction
from wamon.postgres.queries import Queries
from wamon.views import home
from wamon.views.actions import actions_page
from wamon.views.alerts_page import alerts_page
from wamon.views.conversations_page import conversation_page, conversations_page
from wamon.views.drop_page import drop_page
from wamon.views.find import person_page
from wamon.views.group_pages import group_page, groups_page
from wamon.views.hooks_page import hooks_page
from wamon.views.lists import dead_page, gaps_page, replies_page
from wamon.views.message_page import message_page
from wamon.views.rates import rates_page
from wamon.views.redo import redo_page
from wamon.views.report_page import Asked as Wished
from wamon.views.report_page import report_page
from wamon.views.watched import Wanted
from wamon.web.live import Topic
from wamon.web.pages import Asked, Page

if TYPE_CHECKING:
    from wamon.postgres.connection import Database
    from wamon.views.actions import ActionsPage
    from wamon.views.alerts_page import AlertsPage
    from wamon.views.conversations_page import ConversationPage, ConversationsPage
    from wamon.views.drop_page import DropPage
    from wamon.views.find import PersonPage
    from wamon.views.group_pages import GroupPage, GroupsPage
    from wamon.views.hooks_page import HooksPage
    from wamon.views.lists import DeadPage, GapsPage, RepliesPage
    from wamon.views.message_page import MessagePage
    from wamon.views.rates import RatesPage
    from wamon.views.redo import RedoPage
    from wamon.views.report_page import ReportPage
    from wamon.web.site import Site

_QUERIES = Queries("wamon.web", "pulse")
_STATEMENT_SECONDS = 3
_LARGEST_INTEGER = 2**31 - 1


def _pulse(db: Database) -> object:
    return _felt(db, "pulse")


def _pulse_of_hooks(db: Database) -> object:
    return _felt(db, "pulse_of_hooks")


def _felt(db: Database, pulse: str) -> object:
    with transaction(db, _STATEMENT_SECONDS):
        return _QUERIES.run(db, pulse).fetchone()


def _live_hooks(db: Database, site: Site, _: str) -> HooksPage:
    return hooks_page(db, site.configured_hooks, site.zone)


def _live_home(db: Database, site: Site, _: str) -> home.Home:
    return home.home(db, site.zone, site.configured_hooks, site.answered)


def _pulse_of_conversations(db: Database) -> object:
    return _felt(db, "pulse_of_conversations")


def _live_conversations(db: Database, site: Site, _: str) -> ConversationsPage:
    return conversations_page(db, site.zone, site.show, answers=site.answers)


def _live_conversation(db: Database, site: Site, uid: str) -> ConversationPage | None:
    return conversation_page(db, site.zone, uid, site.show, with_texts=True)


def _live_group(db: Database, site: Site, chat: str) -> GroupPage | None:
    return group_page(db, site.zone, int(chat))


def _home(db: Database, asked: Asked) -> home.Home:
    return _live_home(db, asked.site, "")


def _groups(db: Database, asked: Asked) -> GroupsPage:
    state, project, part = (asked.text(name) for name in ("state", "project", "q"))
    return groups_page(db, asked.site.zone, Wanted(state, project, part, _number(asked.text("after"))))


def _group(db: Database, asked: Asked) -> GroupPage | None:
    chat = _number(asked.path["chat"])
    return None if chat is None else group_page(db, asked.site.zone, chat)


def _drop(db: Database, asked: Asked) -> DropPage:
    number, table = asked.path["number"].upper(), asked.site.review_table
    answers = asked.site.answers
    return drop_page(db, asked.site.zone, number, table, with_texts=asked.is_operator, answers=answers)


def _message(db: Database, asked: Asked) -> MessagePage | None:
    site, message = asked.site, asked.path["id"]
    return message_page(db, site.zone, message, site.review_table, with_texts=asked.is_operator, answers=site.answers)


def _person(db: Database, asked: Asked) -> PersonPage | None:
    return person_page(db, asked.site.zone, asked.path["hash"], asked.text("after"))


def _redo(db: Database, asked: Asked) -> RedoPage:
    return redo_page(db, asked.site.zone, asked.site.review_table, asked.text("project"))


def _dead(db: Database, asked: Asked) -> DeadPage:
    return dead_page(db, asked.site.zone, asked.text("after"))


def _replies(db: Database, asked: Asked) -> RepliesPage:
    return replies_page(db, asked.site.zone, asked.text("after"))


def _gaps(db: Database, asked: Asked) -> GapsPage:
    return gaps_page(db, asked.site.zone, answers=asked.site.answers)


def _conversations(db: Database, asked: Asked) -> ConversationsPage:
    return _live_conversations(db, asked.site, "")


def _conversation(db: Database, asked: Asked) -> ConversationPage | None:
    site = asked.site
    return conversation_page(db, site.zone, asked.path["uid"].lower(), site.show, with_texts=asked.is_operator)


def _hooks(db: Database, asked: Asked) -> HooksPage:
    return hooks_page(db, asked.site.configured_hooks, asked.site.zone)


def _actions(db: Database, asked: Asked) -> ActionsPage:
    return actions_page(db, asked.site.zone)


def _alerts(db: Database, asked: Asked) -> AlertsPage:
    return alerts_page(db, asked.site.zone)


def _rates(db: Database, asked: Asked) -> RatesPage:
    return rates_page(db, asked.site.zone)


def _report(db: Database, asked: Asked) -> ReportPage | None:
    kind, day = (asked.path.get(name) or asked.text(name) for name in ("kind", "date"))
    return report_page(db, asked.site.zone, Wished(kind, day, asked.text("project")))


def _number(text: str | None) -> int | None:
    """A chat's number; None where it is none."""
    number = int(text) if text and text.isascii() and text.isdigit() and len(text) < 11 else None
    return number if number is not None and number <= _LARGEST_INTEGER else None


PAGES = (
    Page("/", "home.html", _home, topic="home", is_shared=True),
    Page("/groups", "groups.html", _groups, is_shared=True),
    Page("/group/{chat}", "group.html", _group, topic="group/{chat}"),
    Page("/drop/{number}", "drop.html", _drop),
    Page("/message/{id}", "message.html", _message),
    Page("/person/{hash}", "person.html", _person),
    Page("/redo", "redo.html", _redo),
    Page("/dead", "dead.html", _dead),
    Page("/replies", "replies.html", _replies),
    Page("/gaps", "gaps.html", _gaps),
    Page("/hooks", "hooks.html", _hooks, topic="hooks"),
    Page("/conversations", "conversations.html", _conversations, topic="conversations"),
    Page("/conversations/{uid}", "conversation.html", _conversation, topic="conversations/{uid}"),
    Page("/alerts", "alerts.html", _alerts),
    Page("/rates", "rates.html", _rates),
    Page("/reports", "reports.html", _report),
    Page("/reports/{kind}/{date}", "reports.html", _report),
    Page("/actions", "actions.html", _actions, for_operators=True),
)

TOPICS = (
    Topic(
        re.compile("home"),
        _pulse,
        _live_home,
        ("title", "verdict", "look", "tiles", "needs", "posts", "groups", "hours", "waiting", "deliveries", "sources"),
    ),
    Topic(re.compile("conversations"), _pulse_of_conversations, _live_conversations, ("conversations",)),
    Topic(re.compile("conversations/[0-9a-f-]{36}"), _pulse_of_conversations, _live_conversation, ("conversation",)),
    Topic(re.compile("hooks"), _pulse_of_hooks, _live_hooks, ("wrong", "hooks")),
    Topic(re.compile("group/[0-9]{1,9}"), _pulse, _live_group, ("group", "days", "posters")),
)
