"""The main story in a real browser, once by mouse, once by keyboard with scripts off.

Sign in, lend an item, look at the trip of that request, and find in two clicks which hook blocked a
post without CSRF token.
"""

from __future__ import annotations

import pytest

pytest.importorskip("blueprints.equipment", reason="the example these tests use has been deleted")
pytest.importorskip("blueprints.trips", reason="the pages of trips have been deleted")
pytestmark = pytest.mark.browser


def load_example(page):
    page.goto("/tools/equipment/item/")
    if page.locator("text=Load the example").count():
        page.click("text=Load the example")
        page.wait_for_load_state()


def first_item_that_is_in(page) -> str:
    """Goes to the page of an item that can be lent; its address."""
    page.goto("/tools/equipment/item/")
    links = page.locator("tbody th a").all()
    for href in [link.get_attribute("href") for link in links]:
        page.goto(href)
        if page.locator("a:has-text('Check out')").count():
            return href
    raise AssertionError("every item is out")


def test_by_mouse(new_page):
    page = new_page("bob")
    load_example(page)
    first_item_that_is_in(page)
    page.click("a:has-text('Check out')")
    page.fill("[name=borrower]", "Bob Brown")
    page.click("button:has-text('Check out')")
    page.wait_for_selector("text=With Bob Brown")
    assert page.locator("text=Undo").count() == 1

    page.click("footer a:has-text('trip')")
    assert page.locator("h1").inner_text().startswith("Trip ")
    table = page.locator("table.trip").inner_text()
    for stage in ("Request middleware", "URL resolution", "View", "Model and database", "Response"):
        assert stage in table
    assert "hooks.csrf_token" in table

    page.click("text=Trips >> nth=0")
    page.click("tbody a[href*='/trips/'] >> nth=0")
    assert page.locator("table.trip").count() == 1


def test_a_post_without_token_is_found_with_its_hook_in_two_clicks(new_page):
    page = new_page("alice")
    load_example(page)
    first_item_that_is_in(page)
    page.click("a:has-text('Check out')")
    page.wait_for_selector("[name=borrower]")
    page.evaluate("document.querySelectorAll('input[name=csrf_token]').forEach(i => i.remove())")
    page.click("button:has-text('Check out')")
    page.wait_for_selector("text=nothing was saved")
    page.click("text=Trips >> nth=0")
    page.locator("tbody tr", has_text="POST").first.locator("a").first.click()
    page.wait_for_selector("table.trip")
    text = page.locator("main").inner_text()
    assert "Stopped by hooks.csrf_token" in text
    assert (
        page.locator("tr", has_text="hooks.csrf_token").first.locator("text=blocked").count() >= 1
    )


def focus_by_tab(page, wanted: str, limit: int = 80):
    """Press Tab until the focus is on what matches; fails if it never gets there."""
    for _ in range(limit):
        page.keyboard.press("Tab")
        if page.locator(":focus").count() and page.locator(f":focus:is({wanted})").count():
            return page.locator(":focus")
    raise AssertionError(f"the Tab key never reached {wanted}")


def test_by_keyboard_with_scripts_off(new_page):
    page = new_page(None, scripts=False)
    page.goto("/auth/login")
    focus_by_tab(page, "#email")
    page.keyboard.type("bob@example.com")
    focus_by_tab(page, "#password")
    page.keyboard.type("correct horse battery")
    page.keyboard.press("Enter")
    page.wait_for_selector("h1:has-text('Home')")

    focus_by_tab(page, "nav a[href='/tools/equipment/']")
    page.keyboard.press("Enter")
    page.wait_for_selector("h1:has-text('Items')")
    if page.locator("text=Load the example").count():
        focus_by_tab(page, "form[action$='/example'] button")
        page.keyboard.press("Enter")
        page.wait_for_selector("table.table")
    href = first_item_that_is_in(page)
    page.goto("/tools/equipment/item/")
    focus_by_tab(page, f"a[href='{href}']", 300)
    page.keyboard.press("Enter")
    focus_by_tab(page, f"a[href='{href}/check-out']")
    page.keyboard.press("Enter")
    focus_by_tab(page, "[name=borrower]")
    page.keyboard.press("Control+A")
    page.keyboard.type("Bob by keyboard")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=With Bob by keyboard")

    focus_by_tab(page, "footer a[href*='/trips/']", 200)
    page.keyboard.press("Enter")
    page.wait_for_selector("table.trip")
    assert "hooks.csrf_token" in page.locator("table.trip").inner_text()


def test_the_focus_is_always_visible(new_page):
    page = new_page("bob")
    page.goto("/")
    for _ in range(12):
        page.keyboard.press("Tab")
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline != "none"


def test_first_run_from_the_printed_link_to_the_example(chromium, tmp_path):
    from tests.serving import serving

    with serving(tmp_path / "instance") as server:
        context = chromium.new_context()
        page = context.new_page()
        page.goto(server.url)
        assert "Set-up is waiting" in page.content()
        page.goto(server.setup_link())
        page.fill("#name", "Ada")
        page.fill("#email", "ada@example.com")
        page.fill("#password", "several good words")
        page.click("text=Create workspace")
        page.wait_for_selector("h1:has-text('Home')")
        assert "Load the example" in page.content(), "the first run offers the example"
        page.goto(f"{server.url}/tools/equipment/item/")
        page.click("text=Load the example")
        page.wait_for_selector("tbody tr")
        context.close()
