"""A written tool has pages and parts of pages of its own; all the others stay the engine's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import blueprints

DROP_INS = Path(__file__).parents[1] / "suites" / "drop_ins"
PARCELS, VISITORS = "/tools/parcels/parcel/", "/tools/visitors/visitor/"


@pytest.fixture
def more_settings() -> Iterator[dict[str, Any]]:
    before = list(blueprints.__path__)
    yield {"PLUGIN_DIRS": (DROP_INS,)}
    blueprints.__path__[:] = before  # apps of other tests must not find them


def test_a_literal_route_takes_the_place_of_one_page_and_no_other(bob):
    assert bob.get(PARCELS).text == "All shelves"
    made = bob.send(f"{PARCELS}new", name="Boots")
    assert made.status_code == 303 and made.location == f"{PARCELS}1"
    for url in ("1", "1/edit", "1/history", "history", "export.csv"):
        page = bob.get(f"{PARCELS}{url}")
        assert page.status_code == 200 and "Boots" in page.text, url
    assert bob.send(f"{PARCELS}1/delete", version="1").status_code == 303
    assert bob.send(f"{PARCELS}1/restore").status_code == 303


def test_a_template_of_the_tool_adds_to_the_page_of_a_record(bob):
    bob.send(f"{PARCELS}new", name="Boots")
    page = bob.get(f"{PARCELS}1").text
    assert "<p>Shelf 5, Parcels 1, yours to edit</p>" in page and "<h1>Boots</h1>" in page


def test_a_tool_without_templates_has_the_engines_pages_as_they_are(bob):
    bob.send(f"{VISITORS}new", name="Ada", seats="1")
    for url in (VISITORS, f"{VISITORS}1"):
        assert "Ada" in bob.get(url).text and "Shelf" not in bob.get(url).text
