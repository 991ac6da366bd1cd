"""The pages of fields that are more than a box to type into: boxes to tick, lengths of time, numbers."""

from __future__ import annotations

import datetime as dt
import re
from html import unescape

import pytest

from tests.tools.conftest import LIST, declared, fields_of

TAGS = ["Wood", "Oak, dark", "Glass"]


@pytest.fixture
def desks(made):
    """An empty table of desks."""
    made([], (
        declared("Number", "auto-number", options={"prefix": "D-", "digits": 3}),
        declared("Name", "text"), declared("Work", "duration"),
        declared("Tags", "multi-choice", options={"choices": TAGS, "tones": {"Wood": "ok"}}),
    ))  # fmt: skip


@pytest.fixture
def desk(alice, desks):
    """A desk with everything."""
    sent = {"name": "Desk", "work": "90m", "tags": ["", "Glass", '"Oak, dark"']}
    assert alice.send(f"{LIST}new", **sent).status_code == 303


def test_what_was_sent_is_stored_and_shown(alice, desk, stored):
    found = stored(1)
    assert (found["number"], found["tags"]) == (1, ("Oak, dark", "Glass"))
    assert found["work"] == dt.timedelta(minutes=90)
    for url in (LIST, f"{LIST}1", f"{LIST}1/history"):
        page = alice.get(url).text
        assert "D-001" in page and "1:30:00" in page and "Oak, dark, Glass" in page, url


def test_a_form_sent_as_it_came_changes_nothing(alice, desk, stored):
    page = alice.get(f"{LIST}1/edit").text
    assert re.search(r"<fieldset class=\"field\">\s*<legend>Tags <span", page)
    assert "(optional)" not in page[page.index(">Number<") :].partition("</label>")[0]
    assert "Number" not in alice.get(f"{LIST}new").text, "there is none to show yet"
    sent = fields_of(page)
    assert sent["tags"] == ["", '"Oak, dark"', "Glass"]
    before = stored(1)
    assert "Nothing to save" in alice.get(alice.send(f"{LIST}1/edit", **sent).location).text
    assert stored(1) == before


def test_boxes_that_are_unticked_make_it_blank_and_undo_ticks_them_again(alice, desk, stored):
    sent = fields_of(alice.get(f"{LIST}1/edit").text)
    alice.send(f"{LIST}1/edit", **{**sent, "tags": [""]})
    assert stored(1)["tags"] is None
    page = alice.get(f"{LIST}1").text
    assert "<b>Tags</b> <del>Oak, dark, Glass</del>" in page
    alice.send(re.search(r'class="toast">.*?action="([^"]+)"', page, re.S)[1])
    assert stored(1)["tags"] == ("Oak, dark", "Glass")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"tags": ["", "Wood", "<Steel>"]}, "Tags must be “Wood”, “Oak, dark” or “Glass”, or several of them"),
        ({"work": "1:30"}, "Work can mean several things; write 1:30:00 or 0:01:30"),
        ({"number": "D-009"}, "Number is given by the app; leave it as it is"),
    ],
    ids=str,
)  # fmt: skip
def test_what_is_refused_is_kept_in_the_form_with_what_works(alice, desk, stored, values, words):
    before, sent = stored(1), fields_of(alice.get(f"{LIST}1/edit").text)
    answer = alice.send(f"{LIST}1/edit", **{**sent, **values})
    assert answer.status_code == 422 and unescape(answer.text).count(words) == 2
    assert fields_of(answer.text) == {**sent, **values}
    link = re.search(r'href="#(f-[\w-]+)"', answer.text)[1]
    assert f'id="{link}"' in answer.text
    assert stored(1) == before


def test_two_people_who_tick_different_boxes_choose(alice, bob, desk, stored):
    of_alice, of_bob = (fields_of(one.get(f"{LIST}1/edit").text) for one in (alice, bob))
    alice.send(f"{LIST}1/edit", **{**of_alice, "tags": ["", "Wood"], "name": "Table"})
    answer = bob.send(f"{LIST}1/edit", **{**of_bob, "tags": ["", "Wood", "Glass"]})
    assert answer.status_code == 409
    sent = fields_of(answer.text)
    assert (sent["tags"], sent["name"]) == ("Wood, Glass", "Table")
    assert bob.send(f"{LIST}1/edit", **sent).status_code == 303
    assert (stored(1)["tags"], stored(1)["name"]) == (("Wood", "Glass"), "Table")


def test_a_list_is_filtered_by_one_of_several_and_by_a_number_as_it_is_shown(alice, desk):
    alice.send(f"{LIST}new", name="Lamp", tags=["", "Glass"])
    page = alice.get(f"{LIST}?add-field=tags").text
    assert '<option value="contains" selected>contains</option>' in page
    sent = {"add-field": "tags", "add-lookup": "contains", "add-value": '"Oak, dark"'}
    page = alice.get(alice.get(LIST, query_string=sent).location).text
    assert "1 of 2" in page and "Tags contains Oak, dark" in page
    assert "1 of 2" in alice.get(f"{LIST}?number=D-002").text
    assert "1 of 2" in alice.get(f"{LIST}?work__gte=1:00:00").text
    assert "2 of 2" in alice.get(f"{LIST}?tags__in=Wood&tags__in=Glass").text
