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
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
SIZES = {"wide": (1280, 800), "phone": (390, 844)}


_launched: list[Any] = []


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """One Chromium for the whole run, also where another folder has imported this fixture."""
    if _launched:
        yield _launched[0]
        return
    skip_unless(CHROMIUM, "Chromium is not installed")
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        _launched.append(browser)
        yield browser
        _launched.clear()
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


def axe(page: Any, only: list[str] = TAGS) -> list[str]:
    """The violations, each with the places it is at; `only` names tags, or rules."""
    import axe_playwright_python

    if not page.evaluate("'axe' in window"):
        source = next(Path(axe_playwright_python.__file__).parent.rglob("axe.min.js"))
        page.evaluate(source.read_text(encoding="utf-8"))
    found = page.evaluate(
        "only => axe.run(document, {runOnly: only, resultTypes: ['violations']})", only
    )
    return [
        f"{v['id']}: {[node['target'] for node in v['nodes']][:3]}" for v in found["violations"]
    ]


def both_schemes(page: Any, name: str) -> dict[str, list[str]]:
    """The violations of a screen, and those of its colours in the dark, which are all that differs there."""
    found = {name: axe(page)}
    page.emulate_media(color_scheme="dark")
    found[f"{name}, dark"] = axe(page, ["color-contrast"])
    page.emulate_media(color_scheme="light")
    return found


def fits(page: Any) -> bool:
    """Whether nothing has to be scrolled to sideways."""
    return page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
