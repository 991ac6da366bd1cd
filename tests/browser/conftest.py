"""A served workspace with the example in it, and Debian's Chromium to look at it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import PASSWORD
from tests.serving import serving, skip_unless

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
SIZES = {"wide": (1280, 800), "phone": (390, 844)}


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """One Chromium for the whole run."""
    skip_unless(CHROMIUM, "Chromium is not installed")
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def site(workspace: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The app, served by Waitress from a copy of the workspace."""
    folder = tmp_path_factory.mktemp("site") / "instance"
    shutil.copytree(workspace, folder)
    with serving(folder, {"ROUNDTRIP_SIGNIN_RATE": "off"}) as server:
        yield server


@pytest.fixture
def new_page(chromium: Any, site: Any) -> Iterator[Any]:
    """A function that opens a page as somebody, in a size, scheme, with or without scripts."""
    contexts = []

    def open_page(
        who: str | None = "alice", size: str = "wide", dark: bool = False, scripts: bool = True
    ) -> Any:
        width, height = SIZES[size]
        context = chromium.new_context(
            base_url=site.url,
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            java_script_enabled=scripts,
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)
        if who:
            sign_in(page, who)
        return page

    yield open_page
    for context in contexts:
        context.close()


def sign_in(page: Any, who: str) -> None:
    """By the form, as people do."""
    page.goto("/auth/login")
    page.fill("#email", f"{who}@example.com")
    page.fill("#password", PASSWORD)
    page.click("text=Sign in >> nth=-1")
    page.wait_for_url("**/")
