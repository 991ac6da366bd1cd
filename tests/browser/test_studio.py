"""The studio and jobs in a browser: from a file to a tool, with scripts or without; no fault, no sideways scroll."""

from __future__ import annotations

import pytest

from tests.browser.conftest import SIZES, both_schemes, fits
from tests.studio.conftest import PEOPLE

pytestmark = pytest.mark.browser
WIDE = b"a" + b"".join(b",column %d" % i for i in range(1, 30)) + b"\n" + b"1" + b",2" * 29 + b"\n"
MESSY = (
    b"Code,Born\n"
    + b"".join(b"00%d,0%d/05/2024\n" % (i, i) for i in range(1, 9))
    + b"9,01/02/2024,more\n"
)


@pytest.fixture
def choose(tmp_path):
    """Chooses a file and uploads it."""

    def send(page, content, name="people.csv"):
        file = tmp_path / name
        file.write_bytes(content)
        page.goto("/studio/import")
        page.set_input_files("#file", str(file))
        page.click("text=Upload")
        page.wait_for_url("**/studio/import/*")

    return send


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without"])
def test_from_a_file_to_a_tool_in_five_clicks(new_page, choose, scripts):
    page = new_page(who="bob", scripts=scripts)
    choose(page, PEOPLE, f"staff {scripts}.csv")  # Studio, the file, Upload
    page.click("text=Import 3 rows")
    page.wait_for_url("**/jobs/*")
    page.click("text=Open Staff", timeout=20_000)  # the page asks again by itself
    page.wait_for_url("**/tools/*/*/")
    assert "Grace" in page.inner_text("main")


def test_no_screen_has_an_accessibility_fault(new_page, choose):
    page = new_page()
    faults = {}

    def look(name):
        for size, (width, height) in SIZES.items():
            page.set_viewport_size({"width": width, "height": height})
            faults.update(both_schemes(page, f"{name}, {size}"))
        assert page.locator("h1").count() == 1, name
        for width in (320, 390, 768, 1920):
            page.set_viewport_size({"width": width, "height": 800})
            assert fits(page), (name, width)

    page.goto("/studio/")
    look("studio")
    page.goto("/studio/import")
    page.click("text=Upload")
    page.wait_for_selector(".errors")
    look("no file")
    choose(page, WIDE, "wide.csv")
    look("many columns")
    choose(page, MESSY, "messy.csv")
    page.click("summary >> text=Change how it is read")
    look("questions and problems")
    page.click("text=/^Import 9 rows/")
    page.wait_for_selector("text=Retry", timeout=20_000)
    look("failed")
    choose(page, PEOPLE, "club.csv")
    page.select_option("#type-1", "integer")
    page.click("text=Import 3 rows")
    page.wait_for_selector(".errors")
    look("refused")
    page.check("#rows-1")
    page.select_option("#type-1", "text")
    page.click("text=Import 3 rows")
    page.click("text=Settings", timeout=20_000)
    page.wait_for_selector("text=Apply changes")
    look("settings")
    page.click("[name=down] >> nth=0")
    page.wait_for_selector("text=The fields stand in another order")
    look("moved")
    page.goto("/jobs/")
    look("jobs")
    page.goto("/studio/")
    page.click("text=Settings >> nth=0")
    page.click("text=/^Delete .*…/")
    look("delete")
    page.click("button:has-text('Delete')")
    page.wait_for_selector(".errors")
    look("delete refused")
    assert not {name: found for name, found in faults.items() if found}


def test_no_page_breaks_its_own_content_security_policy(new_page, choose):
    page = new_page()
    said = []
    page.on(
        "console", lambda one: said.append(one.text) if one.type in ("error", "warning") else None
    )
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto("/studio/")
    choose(page, PEOPLE, "policy.csv")
    page.click("text=Import 3 rows")
    page.click("text=Settings", timeout=20_000)
    page.goto("/jobs/")
    assert said == []
