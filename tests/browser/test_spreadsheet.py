"""The main job in a real browser: a spreadsheet becomes a tool, and people work with it.

Once by mouse, once by keyboard with scripts off; on real data, with the worker that the server starts.
"""

from __future__ import annotations

import csv
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import PASSWORD
from tests.serving import CHECKOUT, serving

pytest.importorskip("blueprints.studio", reason="the studio has been deleted")
pytestmark = pytest.mark.browser

NORTHWIND = CHECKOUT.parent / "shared" / "data" / "northwind"
MOST_CLICKS = 6
MOST_SECONDS = 60


@dataclass(frozen=True)
class Sheet:
    """A file, and what is looked for, added and changed in the tool that it becomes."""

    file: str
    thing: str
    search: str
    field: str  # the filter: the field's name, its lookup, a value, all three as the list says them
    lookup: str
    value: str
    chip: str
    fits: Callable[[dict[str, str]], bool]
    added: dict[str, str]
    named: str
    edited: tuple[str, str, str]  # a field's name, its value before and after

    @property
    def label(self) -> str:
        """What the tool is called."""
        return f"{self.thing}s".capitalize()


SHEETS = [
    Sheet(
        "customers.csv", "customer", "sales",
        "country", "contains", "Germany", "Country contains Germany",
        lambda row: row["Country"] == "Germany",
        {"customer_id": "ROUND", "company_name": "Round Trips", "city": "Bremen"}, "Round Trips",
        ("city", "Bremen", "Kiel"),
    ),
    Sheet(
        "orders.csv", "order", "london",
        "freight", "gt", "100", "Freight is more than 100",
        lambda row: float(row["Freight"]) > 100,
        {"order_id": "20001", "freight": "12.5", "ship_name": "Round Trips"}, "Round Trips",
        ("freight", "12.5", "99.95"),
    ),
]  # fmt: skip
by_sheet = pytest.mark.parametrize("sheet", SHEETS, ids=lambda one: one.file)


@pytest.fixture(scope="module")
def northwind() -> Path:
    """Real data, which the repository does not hold."""
    if not NORTHWIND.is_dir():
        pytest.skip(f"there is no real data in {NORTHWIND}")
    return NORTHWIND


@pytest.fixture
def site(instance: Path) -> Iterator[Any]:
    """A workspace in which nothing was imported yet, served with its worker."""
    with serving(instance, {"ROUNDTRIP_SIGNIN_RATE": "off"}) as server:
        yield server


def counted(path: Path, sheet: Sheet) -> tuple[int, int, int]:
    """How many rows a file has, how many the search finds, how many the filter leaves of those."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    found = [row for row in rows if any(sheet.search in cell.lower() for cell in row.values())]
    return len(rows), len(found), len([row for row in found if sheet.fits(row)])


def assert_shows(page: Any, sheet: Sheet, count: str, rows: int) -> None:
    """The list says how many there are, and has their rows."""
    page.wait_for_selector(f".title:has(h1:text-is('{sheet.label}')):has-text('{count}')")
    assert page.locator("tbody tr").count() == min(rows, 50)


def assert_value(page: Any, field: str, value: str) -> None:
    """The form of the record has this value; the page is left as it was."""
    answer = page.request.get(f"{page.url.split('?')[0]}/edit")
    assert f'name="{field}" type="text" value="{value}"' in answer.text()


def take_over_file_windows(page: Any) -> None:
    """From here on no window of the browser opens; so that it is in force when one is asked for."""
    page.on("filechooser", lambda _: None)


class Mouse:
    """Clicks, and counts them."""

    def __init__(self, page: Any) -> None:
        self.page, self.clicks = page, 0

    def click(self, selector: str) -> None:
        """Click on the first that matches."""
        self.clicks += 1
        self.page.locator(selector).first.click()

    def choose(self, selector: str, file: Path) -> None:
        """Choose a file: a click here, and one more in the window that the browser opens."""
        with self.page.expect_file_chooser() as opened:
            self.click(selector)
        opened.value.set_files(file)
        self.clicks += 1


@by_sheet
def test_a_spreadsheet_becomes_a_tool_in_six_clicks_and_is_worked_with(new_page, northwind, sheet):
    rows, found, left = counted(northwind / sheet.file, sheet)
    page = new_page("bob")
    take_over_file_windows(page)
    mouse = Mouse(page)

    began = time.monotonic()
    mouse.click("main a:has-text('Import a spreadsheet')")
    mouse.choose("#file", northwind / sheet.file)
    mouse.click("button:has-text('Upload')")
    mouse.click(f"button:has-text('Import {rows} rows')")
    mouse.click(f"a:has-text('Open {sheet.label}')")
    assert_shows(page, sheet, f"{rows} records", rows)
    seconds = time.monotonic() - began
    print(  # noqa: T201
        f"{sheet.file}: {mouse.clicks} clicks, {seconds:.1f} s from the home page to the list"
    )
    assert mouse.clicks <= MOST_CLICKS
    assert seconds < MOST_SECONDS

    page.fill("input[type=search]", sheet.search)
    mouse.click("button[aria-label=Search]")
    assert_shows(page, sheet, f"{found} of {rows}", found)
    mouse.click("summary:has-text('Add filter')")
    mouse.click(f".menu button[value={sheet.field}]")
    page.select_option("#add-lookup", sheet.lookup)
    page.fill("#add-value", sheet.value)
    mouse.click("button:has-text('Apply')")
    page.wait_for_selector(f".chip:has-text('{sheet.chip}')")
    assert_shows(page, sheet, f"{left} of {rows}", left)
    mouse.click(".chip a")
    assert_shows(page, sheet, f"{found} of {rows}", found)

    mouse.click(f"a:has-text('New {sheet.thing}')")
    for name, value in sheet.added.items():
        page.fill(f"[name={name}]", value)
    mouse.click(f"button:has-text('Save {sheet.thing}')")
    page.wait_for_selector(f"h1:text-is('{sheet.named}')")
    field, before, after = sheet.edited
    mouse.click("a:text-is('Edit')")
    page.fill(f"[name={field}]", after)
    mouse.click(f"button:has-text('Save {sheet.thing}')")
    page.wait_for_selector(f".toast:has-text('{sheet.thing.capitalize()} saved')")
    assert_value(page, field, after)
    history = page.locator("section", has_text="History").inner_text()
    assert history.index("Changed") < history.index("Added"), "the newest is first"
    assert after in history and before in history

    mouse.click(".toast button:has-text('Undo')")
    page.wait_for_selector(".toast:has-text('Undone')")
    assert_value(page, field, before)


class Keyboard:
    """Presses keys, and goes nowhere without them."""

    def __init__(self, page: Any) -> None:
        self.page = page

    def reach(self, selector: str, limit: int = 150) -> None:
        """Press Tab until the focus is on what matches."""
        for _ in range(limit):
            self.page.keyboard.press("Tab")
            if self.page.locator(f":focus:is({selector})").count():
                return
        raise AssertionError(f"the Tab key never reached {selector}")

    def press(self, selector: str) -> None:
        """Reach a link or button, and press it."""
        self.reach(selector)
        self.page.keyboard.press("Enter")

    def type(self, selector: str, text: str) -> None:
        """Reach an input, and type in the place of what it has."""
        self.reach(selector)
        self.page.keyboard.press("Control+A")
        self.page.keyboard.type(text)

    def pick(self, value: str) -> None:
        """Move down in the select that has the focus until it has this value."""
        for _ in range(20):
            if self.page.locator(":focus").input_value() == value:
                return
            self.page.keyboard.press("ArrowDown")
        raise AssertionError(f"no arrow key leads to {value}")


@by_sheet
def test_the_same_can_be_done_by_keyboard_with_scripts_off(new_page, northwind, sheet):
    rows, found, left = counted(northwind / sheet.file, sheet)
    page = new_page(None, scripts=False)
    take_over_file_windows(page)
    keys = Keyboard(page)
    page.goto("/auth/login")
    keys.type("#email", "bob@example.com")
    keys.type("#password", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_selector("h1:has-text('Home')")

    began = time.monotonic()
    keys.press("main a[href$='/studio/import']")
    page.wait_for_selector("h1:has-text('Import a spreadsheet')")
    keys.reach("#file")
    with page.expect_file_chooser() as opened:
        page.keyboard.press("Enter")
    opened.value.set_files(northwind / sheet.file)
    keys.press("main form .btn.primary")
    page.wait_for_selector(f"h1:has-text('Import {sheet.file}')")
    keys.press(".form-foot .primary")
    page.wait_for_selector(f"a:has-text('Open {sheet.label}')")  # the page asks again by itself
    keys.press("main a.primary")
    assert_shows(page, sheet, f"{rows} records", rows)
    seconds = time.monotonic() - began
    print(  # noqa: T201
        f"{sheet.file}: {seconds:.1f} s from the home page to the list by keyboard, scripts off"
    )
    assert seconds < MOST_SECONDS

    keys.type("input[type=search]", sheet.search)
    page.keyboard.press("Enter")
    assert_shows(page, sheet, f"{found} of {rows}", found)
    keys.press(".toolbar summary")
    keys.press(f".menu button[value={sheet.field}]")
    page.wait_for_selector("#add-value:focus")
    page.keyboard.type(sheet.value)
    page.keyboard.press("Shift+Tab")
    keys.pick(sheet.lookup)
    keys.press(".menu .primary")
    page.wait_for_selector(f".chip:has-text('{sheet.chip}')")
    assert_shows(page, sheet, f"{left} of {rows}", left)

    keys.press(".actions a.primary")
    page.wait_for_selector(f"h1:text-is('New {sheet.thing}')")
    for name, value in sheet.added.items():
        keys.type(f"[name={name}]", value)
    page.keyboard.press("Enter")
    page.wait_for_selector(f"h1:text-is('{sheet.named}')")
    field, before, after = sheet.edited
    keys.press(".actions a.primary")
    page.wait_for_selector(f"h1:text-is('Edit {sheet.named}')")
    keys.type(f"[name={field}]", after)
    page.keyboard.press("Enter")
    page.wait_for_selector(f".toast:has-text('{sheet.thing.capitalize()} saved')")
    assert_value(page, field, after)

    keys.press("section a[href$='/history']")
    page.wait_for_selector(f"h1:text-is('History of {sheet.named}')")
    assert [row.split()[0] for row in page.locator("td.wrap").all_inner_texts()] == [
        "Changed",
        "Added",
    ]
    keys.press("tr form .btn")
    page.wait_for_selector(".toast:has-text('Undone')")
    assert_value(page, field, before)
