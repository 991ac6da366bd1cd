"""Every screen: no axe violation, no sideways scroll, light on the wire, nothing from elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("blueprints.equipment", reason="the example these tests use has been deleted")
pytest.importorskip("blueprints.trips", reason="the pages of trips have been deleted")
pytestmark = pytest.mark.browser

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]

SCREENS = {
    "home": "/",
    "account": "/auth/account",
    "sessions": "/auth/sessions",
    "items": "/tools/equipment/item/",
    "nothing found": "/tools/equipment/item/?q=zzzzzz",
    "new item": "/tools/equipment/item/new",
    "overdue": "/tools/equipment/loan/overdue",
    "months": "/tools/equipment/loan/months",
    "trips": "/trips/",
    "pipeline": "/trips/pipeline",
    "routes": "/trips/routes",
    "manual": "/docs/",
    "cycle": "/docs/cycle",
    "components": "/docs/components",
    "missing": "/nothing/here",
}
STRANGERS = {"sign in": "/auth/login", "used link": "/auth/setup?token=used"}


def axe(page) -> list[str]:
    """The violations, each with the places it is at."""
    import axe_playwright_python

    source = next(Path(axe_playwright_python.__file__).parent.rglob("axe.min.js"))
    page.evaluate(source.read_text(encoding="utf-8"))
    found = page.evaluate("tags => axe.run(document, {runOnly: tags})", TAGS)
    return [
        f"{v['id']}: {[node['target'] for node in v['nodes']][:3]}" for v in found["violations"]
    ]


def fits(page) -> bool:
    return page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


@pytest.fixture
def filled(new_page):
    """Pages of a workspace that has the example; signed in as Alice."""

    def open_page(**options):
        page = new_page(**options)
        page.goto("/tools/equipment/item/")
        if page.locator("text=Load the example").count():
            page.click("text=Load the example")
            page.wait_for_load_state()
        return page

    return open_page


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", ["wide", "phone"])
def test_no_screen_has_an_accessibility_fault(filled, size, dark):
    page = filled(size=size, dark=dark)
    faults = {}
    for name, path in SCREENS.items():
        page.goto(path)
        faults[name] = axe(page)
        assert page.locator("h1").count() == 1, name
        assert fits(page), name
    page.goto("/tools/equipment/item/")
    page.click("table a >> nth=0")
    trip = page.locator("footer a").get_attribute("href")
    faults["record"] = axe(page)
    page.goto(trip)
    faults["trip"] = axe(page)
    assert fits(page)
    page.goto("/tools/equipment/item/new")
    page.click("text=Save item")
    page.wait_for_selector(".errors")
    faults["form with errors"] = axe(page)
    assert not {name: found for name, found in faults.items() if found}


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", ["wide", "phone"])
def test_what_strangers_see_has_no_accessibility_fault(new_page, size, dark):
    page = new_page(who=None, size=size, dark=dark)
    for name, path in STRANGERS.items():
        page.goto(path)
        assert not axe(page), name
        assert fits(page), name


@pytest.mark.parametrize("width", [320, 390, 768, 1280, 1920])
def test_no_page_scrolls_sideways(filled, width):
    page = filled()
    page.set_viewport_size({"width": width, "height": 800})
    for name, path in SCREENS.items():
        page.goto(path)
        assert fits(page), f"{name} at {width}"


def test_the_first_visit_is_light_and_asks_nobody_else(new_page, site):
    page = new_page()
    page.goto("/tools/equipment/item/")
    sizes = []
    page.context.clear_cookies()
    fresh = new_page()
    client = fresh.context.new_cdp_session(fresh)
    client.send("Network.enable")
    client.send("Network.setCacheDisabled", {"cacheDisabled": True})
    hosts = set()
    client.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    client.on(
        "Network.requestWillBeSent", lambda event: hosts.add(event["request"]["url"].split("/")[2])
    )
    fresh.goto("/tools/equipment/item/", wait_until="networkidle")
    html = fresh.content()
    assert len(sizes) <= 5
    assert sum(sizes) <= 60_000, sizes
    assert hosts <= {site.url.removeprefix("http://")}, hosts
    assert len(html.encode()) <= 35_000


def test_a_page_says_error_focuses_the_summary_and_keeps_what_was_typed(filled):
    page = filled()
    page.goto("/tools/equipment/item/new")
    page.fill("[name=name]", "Half a bicycle")
    page.click("text=Save item")
    page.wait_for_selector(".errors")
    assert page.title().startswith("Error: ")
    assert page.evaluate("document.activeElement.className").startswith("errors")
    assert page.input_value("[name=name]") == "Half a bicycle"
    page.click(".errors a >> nth=0")
    assert page.evaluate("document.activeElement.tagName") in ("INPUT", "SELECT", "TEXTAREA")


def test_no_page_breaks_its_own_content_security_policy(filled):
    page = filled()
    said = []
    page.on(
        "console",
        lambda message: said.append(message.text) if message.type in ("error", "warning") else None,
    )
    page.on("pageerror", lambda error: said.append(str(error)))
    for name, path in SCREENS.items():
        if name != "missing":
            page.goto(path)
    assert said == []
