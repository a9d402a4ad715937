"""The page in a real browser: live, readable by everybody, and nothing in it that a name could make of it."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

import pytest
from axe_playwright_python.base import AXE_SCRIPT, AxeResults
from playwright.sync_api import Browser, Locator, Page, ViewportSize, expect

from tests.browser.conftest import CONVERSATION, HOSTILE, Open
from tests.support.bridges import LAWLEY, VeryGoodPlugins
from tests.support.clock import CLOCK
from tests.support.office import Daemon, Office, eventually
from tests.support.web import Site

DESK, PHONE = ViewportSize(width=1280, height=800), ViewportSize(width=360, height=740)
NUMBERS = count()
HALF, A4 = ViewportSize(width=640, height=400), ViewportSize(width=794, height=1123)
PATHS = (
    "/",
    "/groups",
    "/group/1",
    "/drop/DR1752028",
    "/redo",
    "/dead",
    "/replies",
    "/act/replies-off?key=main",
    "/gaps",
    "/rates",
    "/conversations",
    f"/conversations/{CONVERSATION}",
    "/alerts",
    "/reports",
    "/find?q=nothing",
    "/login",
)


def test_a_link_signs_in_and_its_code_leaves_the_address(browser: Browser, site: Site) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{site.url}/login#{site.link()}")
    assert "#" not in page.url
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("All recorded.")
    expect(page).to_have_title("All recorded. · wamon")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    context.close()


@pytest.fixture
def posted(site: Site, bridge: VeryGoodPlugins) -> Callable[[], str]:
    """Post the next drop and have it recorded; its number."""

    def posted() -> str:
        number = f"DR18{next(NUMBERS):05}"
        bridge.post(LAWLEY, number, at=CLOCK.now())
        site.office.scan()
        return number

    return posted


def post(page: Page, number: str) -> Locator:
    return page.locator("#posts").get_by_role("link", name=number)


def test_a_drop_appears_without_a_reload_and_the_focus_stays(opened: Open, posted: Callable[[], str]) -> None:
    page = opened()
    search = page.get_by_role("searchbox")
    search.fill("DR17")
    expect(post(page, posted())).to_be_visible()
    expect(search).to_be_focused()
    expect(search).to_have_value("DR17")


def test_who_was_asleep_gets_what_came_meanwhile_once(opened: Open, posted: Callable[[], str]) -> None:
    page = opened(is_new=True)
    expect(post(page, posted())).to_be_visible()
    page.context.set_offline(True)
    page.evaluate("source.close()")
    meanwhile = posted()
    expect(page.locator("#offline")).to_contain_text("Not live since")
    page.context.set_offline(False)
    page.evaluate("source = null; open()")
    expect(post(page, meanwhile)).to_have_count(1)
    expect(page.locator("#offline")).to_be_empty()
    require_each_once(page)


def test_a_page_says_that_postgresql_hangs_and_comes_back(opened: Open, site: Site, posted: Callable[[], str]) -> None:
    page = opened()
    expect(post(page, posted())).to_be_visible()
    with hanging(site.office):
        expect(page.locator("#live")).to_contain_text("Not live. PostgreSQL hasn't answered since")
        expect(page.locator("#live")).to_contain_text("Below: as of")
        expect(page.locator("#posts")).to_contain_text("DR1752028")
        assert site.get("/health").status == 200
        assert page.request.get(page.url).status == 503
    expect(page.locator("#live")).to_be_empty()
    require_each_once(page)


def require_each_once(page: Page) -> None:
    numbers = page.locator("#posts li a").all_text_contents()
    assert len(numbers) == len({*numbers})


@contextmanager
def hanging(office: Office) -> Iterator[None]:
    """For as long as the block runs, PostgreSQL takes connections and answers nobody."""
    own = office.query("SELECT pid FROM pg_stat_activity WHERE datname = current_database()")
    server = int(Path(f"/proc/{own[0]}/stat").read_text().rpartition(")")[2].split()[1])
    stopped: list[int] = []
    try:
        for pid in (server, *own):
            with suppress(ProcessLookupError):  # such as the one that was asked for the pids
                os.kill(pid, signal.SIGSTOP)
                stopped.append(pid)
        yield
    finally:
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)


@pytest.fixture
def daemon(site: Site) -> Iterator[Daemon]:
    """A `wamon run` whose signs of life the page knows."""
    with site.office.running() as daemon:
        known = "SELECT 1 FROM wamon.source_status WHERE by = 'run' AND state <> 'stopped'"
        eventually("it publishes", lambda: site.office.query(known), said=daemon.said)
        yield daemon
    site.office.query("DELETE FROM wamon.leases")
    site.office.query("UPDATE wamon.source_status SET by = 'scan', state = 'ok', published_at = now()")


def test_a_daemon_that_is_killed_is_late_and_then_down(opened: Open, site: Site, daemon: Daemon) -> None:
    """By the age of its last sign, which is set here instead of waited for."""
    page = opened()
    heading, badge = page.get_by_role("heading", level=1), page.locator("#groups .badge")
    expect(heading).to_have_text("All recorded.")
    daemon.process.kill()
    daemon.process.wait()
    older = "UPDATE wamon.source_status SET published_at = now() - make_interval(secs => %s)"
    site.office.query(older, 60)
    expect(heading).to_contain_text("main is late")
    expect(page.locator(".verdict")).to_have_class("verdict warn")
    site.office.query(older, 200)
    expect(heading).to_contain_text("Nothing is heard of main")
    expect(page).to_have_title(re.compile("Nothing is heard of main"))
    expect(page.locator(".verdict")).to_have_class("verdict bad")
    expect(badge).to_have_text(["unknown"] * badge.count())


def test_a_seventh_tab_opens_since_a_hidden_one_gives_its_connection_back(opened: Open) -> None:
    """A browser has six connections to a host: five tabs' are held here by the one that is hidden."""
    page = opened(is_new=True)
    page.clock.install()
    with page.expect_request(re.compile("/live")) as live:
        page.reload()
    page.evaluate(
        "address => Promise.all((window.others = Array.from({ length: 5 }, () => new EventSource(address)))"
        ".map(source => new Promise(opened => source.onopen = opened)))",
        live.value.url,
    )
    page.evaluate("Object.defineProperty(document, 'hidden', { value: true })")
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    with page.expect_event("requestfailed", lambda request: "/live" in request.url):
        page.clock.run_for(11_000)
    seventh = page.context.new_page()
    seventh.goto(page.url)
    expect(seventh.get_by_role("heading", level=1)).to_have_text("All recorded.")


def test_the_keyboard_alone_finds_a_drop(opened: Open) -> None:
    page = opened()
    page.keyboard.press("/")
    page.keyboard.type("1752034")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("DR1752034")
    expect(page.get_by_text("Posted", exact=True)).to_be_visible()


def test_without_scripts_pages_search_and_actions_are_there(opened: Open) -> None:
    page = opened("/", java_script_enabled=False)
    heading = page.get_by_role("heading", level=1)
    expect(heading).to_have_text("All recorded.")
    assert page.locator("noscript meta[http-equiv=refresh]").count() == 1
    page.get_by_role("link", name="Lawley", exact=True).first.click()
    expect(heading).to_contain_text("Lawley")
    page.get_by_role("link", name="Groups", exact=True).click()
    expect(heading).to_have_text("Groups")
    page.get_by_role("searchbox").fill("1752034")
    page.get_by_role("button", name="Find").click()
    expect(heading).to_have_text("DR1752034")
    page.get_by_role("link", name="wamon").first.click()
    page.locator("#needs").get_by_role("link", name="Done").click()
    page.get_by_role("button", name="Done").click()
    expect(page.locator("#needs").get_by_role("link", name="Done")).to_have_count(0)


def test_names_full_of_markup_are_text(opened: Open) -> None:
    page = opened()
    expect(page.locator("#groups")).to_contain_text(HOSTILE.replace("\u202e", ""))
    for path in ("/groups", "/group/3", "/find?q=%3Cscript%3Ealert(3)%3C/script%3E"):
        page.goto(page.url.split("/", 3)[0] + "//" + page.url.split("/")[2] + path)
        assert page.locator("img[src=x]").count() == 0


def test_pages_are_accessible_and_scroll_one_way(opened: Open) -> None:
    """On a desk, on half of one, as at 200 %, and on a phone; colours are the same at every width."""
    page = opened("/", viewport=DESK, bypass_csp=True)  # axe comes as a script of the page
    page.context.add_init_script(AXE_SCRIPT)
    for path in PATHS:
        page.set_viewport_size(DESK)
        page.goto(re.sub(r"(?<=\d)/.*", path, page.url))
        require_accessible(page, path)
        page.emulate_media(color_scheme="dark")
        require_accessible(page, f"{path} dark", runOnly=["color-contrast"])
        page.emulate_media(color_scheme="light")
        require_no_scrolling_sideways(page, HALF, path)
        require_no_scrolling_sideways(page, PHONE, path)
        require_accessible(page, f"{path} on a phone", rules={"color-contrast": {"enabled": False}})


def require_accessible(page: Page, what: str, **options: object) -> None:
    """The violations alone are fetched: the rest of axe's answer takes longer than finding it."""
    found = AxeResults(page.evaluate("options => axe.run(options).then(({ violations }) => ({ violations }))", options))
    assert found.violations_count == 0, f"{what}: {found.generate_report()}"


def require_no_scrolling_sideways(page: Page, size: ViewportSize, what: str) -> None:
    page.set_viewport_size(size)
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"], f"{what} at {size['width']}"


@pytest.fixture
def many_groups(site: Site) -> Iterator[None]:
    """Ten thousand more groups, half of them silent."""
    site.office.query(
        "INSERT INTO wamon.groups (source, jid, project, tail, start, start_passed) "
        "SELECT 'main', n || '@many', 'Project ' || n, 'main', '', true FROM generate_series(1, 10000) AS n"
    )
    site.office.query(
        "INSERT INTO wamon.group_status (chat, rank, state, day, new, why, sentence) "
        "SELECT chat, 1 + chat % 2 * 2, CASE chat % 2 WHEN 0 THEN 'warn' ELSE 'ok' END, current_date, 3, "
        "CASE chat % 2 WHEN 0 THEN 'silent' ELSE '' END, '' FROM wamon.groups WHERE jid LIKE '%@many'".replace(
            "%", "%%"
        )
    )
    yield
    site.office.query(
        "DELETE FROM wamon.group_status AS s USING wamon.groups AS g WHERE g.chat = s.chat AND g.jid LIKE '%%@many'"
    )
    site.office.query("DELETE FROM wamon.groups WHERE jid LIKE '%%@many'")


def test_a_first_visit_loads_little_with_ten_thousand_groups(opened: Open, many_groups: None) -> None:
    sizes: list[int] = []
    page: Page = opened("/login", is_new=True)
    page.on("requestfinished", lambda request: sizes.append(request.sizes()["responseBodySize"]))
    page.goto(page.url.replace("/login", "/"), wait_until="load")
    expect(page.locator("#groups tbody tr")).to_have_count(12)
    expect(page.locator("#groups")).to_contain_text(re.compile("5,00. need a look"))
    assert sum(sizes) < 60_000


def test_print_shows_the_answer_and_no_search(opened: Open) -> None:
    page = opened()
    page.set_viewport_size(A4)
    page.emulate_media(media="print")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page.locator("header form")).to_be_hidden()
    expect(page.locator("#pause")).to_be_hidden()
    for part in ("#verdict", "#tiles", "#groups"):
        box = page.locator(part).bounding_box()
        assert box, part
        assert box["y"] + box["height"] <= A4["height"], f"{part} isn't on the first page"
