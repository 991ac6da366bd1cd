"""The designer in a browser: a table is drawn by mouse, and by keyboard with scripts off; no fault."""

from __future__ import annotations

import pytest

from tests.browser.test_screens import WIDTHS, axe, fits

pytestmark = pytest.mark.browser


def labels(page):
    return [one.input_value() for one in page.locator("#rows [name^=label-]").all()]


def fill(page, *fields):
    """Puts names and types into the first rows, as far as they are there."""
    for place, (label, word) in enumerate(fields):
        page.locator("#rows [name^=label-]").nth(place).fill(label)
        page.locator("#rows [name^=type-]").nth(place).select_option(word)


def test_a_table_is_drawn_by_mouse(new_page):
    page = new_page("bob")
    page.goto("/studio/")
    page.click("a:has-text('Draw a table')")
    page.fill("#label", "Boats")
    fill(page, ("Length", "decimal"), ("Boat", "text"), ("Rig", "choice"))
    page.fill("textarea[name$=-choices]", "Sloop\nKetch")
    page.wait_for_selector("#preview td:has-text('Sloop')")
    assert page.locator("#preview th").all_inner_texts() == ["Length", "Boat", "Rig"]

    handle, first = page.locator("#rows [draggable]").nth(1), page.locator("#rows > li").first
    page.evaluate("scrollTo(0, 0)")
    handle.hover()
    page.mouse.down()
    place = first.bounding_box()
    page.mouse.move(place["x"] + 40, place["y"] + place["height"] + 4, steps=4)
    page.mouse.move(place["x"] + 40, place["y"] + 4, steps=8)
    page.mouse.up()
    page.wait_for_selector("#preview th:first-child:has-text('Boat')")
    assert labels(page)[:3] == ["Boat", "Length", "Rig"]
    page.locator("[name=up]").nth(2).click()
    page.wait_for_selector("#preview th:nth-child(2):has-text('Rig')")
    assert page.evaluate("document.activeElement.name") == "up"
    page.click("text=Add a field")
    page.wait_for_selector("#rows > li:nth-child(6)")
    page.keyboard.type("Built")
    page.locator("[name=remove]").nth(4).click()
    page.wait_for_selector("#preview th:has-text('Built')")
    assert labels(page) == ["Boat", "Rig", "Length", "", "Built"]

    page.click(".primary")
    page.wait_for_selector("h1:has-text('Boats')")
    page.click("a:has-text('New boat')")
    page.fill("[name=boat]", "Dawn")
    page.select_option("[name=rig]", "Ketch")
    page.click("button:has-text('Save boat') >> nth=0")
    page.wait_for_selector("h1:has-text('Dawn')")


def reach(page, wanted, limit=200):
    """Press Tab until the focus is on what matches."""
    for _ in range(limit):
        if page.locator(f":focus:is({wanted})").count():
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"the Tab key never reached {wanted}")


def test_a_table_is_drawn_by_keyboard_with_scripts_off(new_page):
    page = new_page("bob", scripts=False)
    page.goto("/studio/new")
    reach(page, "#label")
    page.keyboard.type("Ships")
    reach(page, "#rows > li:nth-child(1) [name^=label-]")
    page.keyboard.type("Tons")
    reach(page, "#rows > li:nth-child(1) [name^=type-]")
    page.keyboard.type("Integer")
    reach(page, "#rows > li:nth-child(2) [name^=label-]")
    page.keyboard.type("Ship")
    reach(page, "#rows > li:nth-child(2) [name=up]")
    page.keyboard.press("Enter")
    page.wait_for_url("**/studio/new#label-*")
    assert labels(page) == ["Ship", "Tons", "", "", ""]
    assert page.evaluate("document.activeElement.value") == "Ship"
    reach(page, "#add")
    page.keyboard.press("Enter")
    page.wait_for_selector("#rows > li:nth-child(6)")
    page.keyboard.type("Built")
    reach(page, "button[name=preview]")
    page.keyboard.press("Enter")
    page.wait_for_selector("#preview th:has-text('Built')")
    reach(page, "#label")
    page.keyboard.press("Enter")
    page.wait_for_selector("h1:has-text('Ships')")
    assert page.locator("a:has-text('New ship')").count() == 1


def screens(page, name):
    """The designer in its states; the name of each, when it is there."""
    page.goto("/studio/new")
    yield "an empty sheet"
    page.fill("#label", name)
    fill(page, ("Name", "text"), ("Price", "money"), ("Sort", "choice"))
    page.click(".primary")
    page.wait_for_selector(".errors")
    yield "errors"
    page.fill("textarea[name$=-choices]", "A\nB")
    for summary in page.locator("#rows summary").all():
        summary.click()
    page.click("button:has-text('Preview')")
    page.wait_for_selector("#preview td:has-text('A')")
    yield "everything open"
    page.click(".primary")
    page.wait_for_selector(f"h1:has-text('{name}')")
    yield "an empty table"
    list_page = page.url
    for text in ("Blue", "12"):
        page.goto(f"{list_page}new")
        page.fill("[name=name]", text)
        page.click(".primary")
        page.wait_for_selector(f"h1:has-text('{text}')")
    page.goto(list_page.replace("/tools/", "/studio/"))
    page.locator("[name^=type-]").first.select_option("integer")
    page.locator("[name=remove]").nth(1).click()
    page.wait_for_selector("text=goes out of sight")
    page.click("button:has-text('Review')")
    page.wait_for_selector("text=Make 1 value blank")
    yield "what will happen"
    page.click(".primary")
    page.wait_for_selector(".errors")
    yield "stopped"
    page.check("[name=fit-name][value=keep]")
    page.click(".primary")
    page.wait_for_selector(".status:has-text('Done')", timeout=20_000)
    yield "the job"
    page.click("a:has-text('Settings')")
    page.wait_for_selector("text=Removed fields")
    yield "removed fields"
    page.click("text=Earlier versions")
    page.wait_for_selector("text=What differs")
    yield "versions"


@pytest.mark.parametrize("size", ["wide", "phone"])
def test_no_state_of_the_designer_has_an_accessibility_fault(new_page, size):
    page = new_page(size=size)
    said, faults = [], {}
    page.on("pageerror", lambda error: said.append(str(error)))
    for name in screens(page, f"Sails {size}"):
        assert page.locator("h1").count() == 1, name
        faults[name] = axe(page)
        page.emulate_media(color_scheme="dark")  # what differs in the dark is the colours
        faults[f"{name}, dark"] = axe(page, ["color-contrast"])
        page.emulate_media(color_scheme="light")
        width = page.viewport_size["width"]
        for other in [one for one in WIDTHS if (one < 760) == (width < 760)]:
            page.set_viewport_size({"width": other, "height": 800})
            assert fits(page), f"{name} at {other}"
        page.set_viewport_size({"width": width, "height": 800})
    assert said == []
    assert not {name: found for name, found in faults.items() if found}


@pytest.mark.parametrize("size", ["wide", "phone"])
def test_a_label_without_spaces_makes_no_page_too_wide(new_page, size):
    page = new_page("bob", size)
    page.goto("/studio/new")
    page.fill("#label", f"Words {size}")
    fill(page, ("Word", "text"), ("x" * 100, "text"))
    page.locator(".form-foot .primary").click()
    page.wait_for_selector("h1:has-text('Words')")
    there = page.url
    page.goto(f"{there}new")
    assert fits(page), "form"
    page.fill("[name=word]", "One")
    page.locator("form[data-main] .primary").click()
    page.wait_for_selector("h1:has-text('One')")
    for address in (page.url, there, there.replace("/tools/", "/studio/")):
        page.goto(address)
        assert fits(page), address


def test_inputs_side_by_side_are_level_and_what_will_happen_is_seen_with_scripts_off(new_page):
    page = new_page("bob", "phone", scripts=False)
    page.goto("/studio/new")
    page.fill("#label", "Rafts")
    fill(page, ("Raft", "text"), ("Logs", "integer"))
    page.locator(".form-foot .primary").click()
    page.wait_for_selector("h1:has-text('Rafts')")
    page.goto("/studio/rafts/rafts/")
    page.locator("[name=remove]").nth(1).click()
    page.locator(".form-foot .primary").click()
    page.wait_for_selector("text=Nothing is saved yet")
    place = page.locator("#preview h2").first.bounding_box()
    assert 0 <= place["y"] < 400
    page.set_viewport_size({"width": 1280, "height": 800})
    page.goto("/studio/new")
    name, tool = (page.locator(one).bounding_box() for one in ("#label", "#tool"))
    assert name["y"] == tool["y"]
