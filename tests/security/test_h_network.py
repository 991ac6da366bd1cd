"""H4: what a browser asks for, keeps and forgets, as Chromium sees it."""

from __future__ import annotations

import pytest

from tests.browser.conftest import chromium, new_page, site  # noqa: F401  fixtures

pytest.importorskip("blueprints.equipment", reason="the pages of the example are asked")

PATHS = [
    "/",
    "/auth/account",
    "/auth/sessions",
    "/tools/equipment/item/",
    "/trips/",
    "/docs/",
    "/nothing",
]


def test_h4_no_other_host_is_asked_for_anything(new_page, site):  # noqa: F811
    page, asked = new_page(who=None), []
    page.on("request", lambda request: asked.append(request.url))
    page.goto("/auth/login")
    page.fill("#email", "bob@example.com")
    page.fill("#password", "correct horse battery")
    page.click("text=Sign in >> nth=-1")
    page.wait_for_url("**/")
    for path in PATHS:
        page.goto(path)
    assert len(asked) > len(PATHS)
    assert [url for url in asked if not url.startswith((site.url, "data:"))] == []


def test_h4_nothing_is_kept_in_the_browser_but_cookies_no_script_can_read(new_page):  # noqa: F811
    page = new_page("bob")
    for path in PATHS:
        page.goto(path)
        kept = page.evaluate(
            "[document.cookie, JSON.stringify(localStorage), JSON.stringify(sessionStorage)]"
        )
        assert kept == ["", "{}", "{}"], path
    assert all(cookie["httpOnly"] for cookie in page.context.cookies())


def test_h4_after_signing_out_the_back_button_shows_nothing(new_page):  # noqa: F811
    page = new_page("bob")
    page.goto("/auth/account")
    page.click("text=Sign out >> visible=true")
    page.wait_for_url("**/auth/login")
    page.go_back()
    page.wait_for_load_state()
    assert "Bob Brown" not in page.content()
    assert "/auth/login" in page.url
