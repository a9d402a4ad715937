"""The page in a real browser: live, readable by everybody, and nothing in it that a name could make of it."""

from __future__ import annotations

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import HOSTILE, Open
from tests.support.bridges import LAWLEY, VeryGoodPlugins
from tests.support.clock import CLOCK
from tests.support.web import Site

DESK, PHONE = {"width": 1280, "height": 800}, {"width": 360, "height": 740}
PATHS = (
    "/",
    "/groups",
    "/group/1",
    "/drop/DR1752028",
    "/redo",
    "/dead",
    "/gaps",
    "/rates",
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


def test_a_drop_appears_without_a_reload_and_the_focus_stays(opened: Open, site: Site, bridge: VeryGoodPlugins) -> None:
    page = opened()
    search = page.get_by_role("searchbox")
    search.fill("DR17")
    bridge.post(LAWLEY, "DR1752046", at=CLOCK.now())
    site.office.scan()
    expect(page.locator("#posts").get_by_role("link", name="DR1752046")).to_be_visible()
    expect(search).to_be_focused()
    expect(search).to_have_value("DR17")


def test_a_page_says_that_it_is_not_live_and_comes_back(opened: Open, site: Site) -> None:
    page = opened()
    expect(page.locator("#posts")).to_contain_text("DR1752028")
    page.wait_for_function("document.querySelector('#offline').textContent === ''")
    page.context.set_offline(True)
    page.evaluate("source.close()")
    expect(page.locator("#offline")).to_contain_text("Not live since", timeout=20_000)
    page.context.set_offline(False)
    page.evaluate("source = null; open()")
    expect(page.locator("#offline")).to_be_empty()


def test_the_keyboard_alone_finds_a_drop(opened: Open) -> None:
    page = opened()
    page.keyboard.press("/")
    page.keyboard.type("1752034")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("DR1752034")
    expect(page.get_by_text("Posted", exact=True)).to_be_visible()


def test_without_scripts_every_page_is_there(opened: Open) -> None:
    page = opened("/", java_script_enabled=False)
    expect(page.get_by_role("heading", level=1)).to_have_text("All recorded.")
    assert page.locator("noscript meta[http-equiv=refresh]").count() == 1
    page.get_by_role("link", name="Lawley", exact=True).first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Lawley")
    page.get_by_role("link", name="Groups", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Groups")


def test_names_full_of_markup_are_text(opened: Open) -> None:
    page = opened()
    expect(page.locator("#groups")).to_contain_text(HOSTILE.replace("\u202e", ""))
    for path in ("/groups", "/group/3", "/find?q=%3Cscript%3Ealert(3)%3C/script%3E"):
        page.goto(page.url.split("/", 3)[0] + "//" + page.url.split("/")[2] + path)
        assert page.locator("img[src=x]").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_pages_are_accessible_and_scroll_one_way(opened: Open, size: dict[str, int], scheme: str) -> None:
    page = opened("/", viewport=size, color_scheme=scheme, bypass_csp=True)  # axe puts a script into the page
    for path in PATHS:
        page.goto(re.sub(r"(?<=\d)/.*", path, page.url))
        found = Axe().run(page)
        assert found.violations_count == 0, f"{path}: {found.generate_report()}"
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"], path


def test_a_first_visit_loads_little(opened: Open) -> None:
    sizes: list[int] = []
    page: Page = opened("/login")
    page.on("requestfinished", lambda request: sizes.append(request.sizes()["responseBodySize"]))
    page.goto(page.url.replace("/login", "/"), wait_until="load")
    expect(page.locator("#posts")).to_contain_text("DR1752028")
    assert sum(sizes) < 60_000


def test_print_shows_the_answer_and_no_search(opened: Open) -> None:
    page = opened()
    page.emulate_media(media="print")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page.locator("#groups")).to_be_visible()
    expect(page.locator("header form")).to_be_hidden()
    expect(page.locator("#pause")).to_be_hidden()
