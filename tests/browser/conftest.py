"""Debian's Chromium, one for the whole run; and a `wamon web` over a store that was scanned."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from typing import Any

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    Response,
    expect,
    sync_playwright,
)

from tests.support.bridges import LAWLEY, MOHADIN, PROJECTS, VeryGoodPlugins
from tests.support.clock import CLOCK
from tests.support.conversations import Talks
from tests.support.office import Office
from tests.support.published import published
from tests.support.web import Site, serving

expect.set_options(timeout=20_000)  # a page says within 12 s that it isn't live, and hosts are busy

CHROMIUM = shutil.which("chromium")
HOSTILE = '<img src=x onerror=alert(1)>"><script>alert(2)</script>\u202e'
NAMES = PROJECTS | {MOHADIN: HOSTILE.replace("\u202e", "") + "x" * 120}


@pytest.fixture(scope="module", autouse=True)
def _at_postgresqls_time() -> Iterator[None]:
    """Pages are of the moment that PostgreSQL tells, and browsers of the host's."""
    with CLOCK.as_hosts():
        yield


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One for all of a file. As long as it is open, playwright's event loop runs: no other test may meet that."""
    if CHROMIUM is None:
        pytest.skip("Chromium isn't installed here")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def bridge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VeryGoodPlugins]:
    with VeryGoodPlugins(tmp_path_factory.mktemp("bridge") / "messages.db", durable=False) as bridge:
        bridge.post(LAWLEY, "DR1752028", at=CLOCK.now())
        bridge.post(LAWLEY, "DR1752034", at=CLOCK.now())
        bridge.post(MOHADIN, "DR1752040", at=CLOCK.now())
        bridge.post(MOHADIN, f"DR17 {HOSTILE}", at=CLOCK.now())
        yield bridge


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, _reused_18: Any, bridge: VeryGoodPlugins) -> Iterator[Site]:
    groups = [{"name": name, "jid": jid} for jid, name in NAMES.items()]
    office = Office(tmp_path_factory.mktemp("web"), _reused_18.empty(), bridge.path, groups=groups)
    office.set(conversations={"enabled": True})
    published(office)
    waits(Talks(office.dsn))
    with serving(office) as site:
        yield site


CONVERSATION = "00000000-0000-0000-0000-000000000001"


def waits(talks: Talks) -> None:
    """Somebody waits, whose earlier burst was too old to answer."""
    talk = talks.conversation(talks.person(), talks.chat(), overdue=90, last=2, answered=1)
    talks.messages(talk, 1, 2, body="x" * 200)
    talks.turn(talk, 1, 1, 1, "stale")
    talks.transition(talk, "idle", "settling", "message")
    talks.run("UPDATE wamon.conversations SET uid = %(uid)s", uid=CONVERSATION)


Open = Callable[..., Page]


@pytest.fixture(scope="module")
def signed_in(browser: Browser, site: Site) -> Iterator[BrowserContext]:
    """Somebody who signed in, for all of a file: a browser takes longest over its first page for a new one."""
    with closing(browser.new_context()) as context:
        sign_in(context, site)
        yield context


def sign_in(context: BrowserContext, site: Site) -> None:
    (name, _, value), url = site.sign_in("operator")["Cookie"].partition("="), site.url
    context.add_cookies([{"name": name, "value": value, "url": url}])


@pytest.fixture
def opened(browser: Browser, signed_in: BrowserContext, site: Site) -> Iterator[Open]:
    """Open the page as somebody who signed in; one who `is_new`, or whose browser differs, has nothing in common with
    other tests. Whatever the browser complains of fails the test.
    """
    complaints: list[str] = []
    with ExitStack() as stack:

        def opened(path: str = "/", *, is_new: bool = False, **options: Any) -> Page:
            context = signed_in
            if is_new or options:
                context = stack.enter_context(closing(browser.new_context(**options)))
                sign_in(context, site)
            page = stack.enter_context(closing(context.new_page()))
            watch(page, site, complaints)
            page.goto(site.url + path)
            return page

        yield opened
    assert complaints == []


def watch(page: Page, site: Site, complaints: list[str]) -> None:
    def console(message: ConsoleMessage) -> None:
        if not message.text.startswith("Failed to load resource"):  # told below, and a page may say that there is none
            complaints.append(f"console: {message.text}")

    def answered(response: Response) -> None:
        if response.status >= 400 and response.request.resource_type != "document":
            complaints.append(f"{response.status}: {response.url}")

    def asked(request: Request) -> None:
        if not request.url.startswith(site.url):
            complaints.append(f"another host: {request.url}")

    page.on("console", console)
    page.on("request", asked)
    page.on("response", answered)
    page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
    page.on("dialog", lambda dialog: complaints.append(f"dialog: {dialog.message}"))
    page.set_default_timeout(15_000)
