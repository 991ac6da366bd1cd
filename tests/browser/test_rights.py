"""The grid of a role by keyboard alone and without a script."""

from __future__ import annotations

import pytest

pytest.importorskip("blueprints.people", reason="the pages of people have been deleted")
pytest.importorskip("blueprints.equipment", reason="the example these tests use has been deleted")
pytestmark = pytest.mark.browser


@pytest.mark.parametrize("size", ["wide", "phone"])
def test_a_role_is_ticked_and_saved_by_keyboard_alone_without_scripts(new_page, size):
    page = new_page(size=size, scripts=False)
    page.goto("/people/roles/new")
    page.focus("[name=name]")
    page.keyboard.type(f"Keys {size}")
    page.keyboard.press("Enter")
    page.wait_for_selector(f"h1:has-text('Keys {size}')")
    page.focus("[aria-label='Items: list']")
    for _ in range(3):
        page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Items: update"
    page.keyboard.press("Space")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=saved")
    ticked = page.eval_on_selector_all(
        "[name^=do-]:checked", "found => found.map(one => one.getAttribute('aria-label'))"
    )
    assert ticked == ["Items: list", "Items: update"]
    page.focus("[aria-label='Loans: preset']")
    page.select_option("[aria-label='Loans: preset']", "read")
    page.click("button:has-text('Save role')")
    page.wait_for_selector("text=saved")
    assert page.is_checked("[aria-label='Loans: history']")
