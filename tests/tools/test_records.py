"""The pages of a record: forms and their errors, saving, undoing, conflicts, history."""

from __future__ import annotations

import re
from html import unescape

import pytest

from tests.tools.conftest import LIST, declared, fields_of, keys, order_fields

NEW = {"order_no": "SO-1", "customer": "Ada", "total": "12.50"}


def undo_of(page):
    """The address of the button in the toast."""
    return re.search(r'class="toast">.*?action="([^"]+)"', page, re.S)[1]


# Forms -----------------------------------------------------------------------------------------


def test_a_new_record_is_there_and_the_page_says_so(alice, orders, stored):
    answer = alice.send(f"{LIST}new", **NEW, ordered="24 Dec 2026", status="Open")
    assert answer.status_code == 303 and answer.location == f"{LIST}4"
    page = alice.get(answer.location).text
    assert "Order added" in page and "<h1>SO-1</h1>" in page and "24 Dec 2026" in page
    assert stored(4)["ordered"].isoformat() == "2026-12-24"
    assert alice.send(undo_of(page)).location == LIST
    assert stored(4) is None


def test_save_and_add_another_leads_to_the_next_empty_form(alice, orders):
    answer = alice.send(f"{LIST}new", **NEW, **{"and-then": "new"})
    assert answer.location == f"{LIST}new"
    page = alice.get(answer.location).text
    assert "Order added" in page and 'value="SO-1"' not in page


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"order_no": " "}, "Order must not be empty"),
        ({"email": "mona.dietz"}, "Email must be an address of mail like ada@example.com"),
        ({"total": "much"}, "Total must be an amount like 12.50"),
        ({"total": "$5"}, "“$” is another currency"),
        ({"status": "Lost"}, "Status must be “Open”"),
        ({"ordered": "03/04/2026"}, "can mean several things"),
        ({"order_no": "SO-20001"}, "Order SO-20001 is taken"),
        ({"customer": "a\0b"}, "Customer "),
    ],
)
def test_a_form_with_an_error_keeps_what_was_typed_and_says_what_works(
    alice, orders, stored, values, words
):
    answer = alice.send(f"{LIST}new", **{**NEW, "city": "Porto & <co>", **values})
    assert answer.status_code == 422
    assert "<title>Error: New order" in answer.text and "1 thing to fix" in answer.text
    assert unescape(answer.text).count(words) >= 2, "on top and at the field"
    assert 'value="Porto &amp; &lt;co&gt;"' in answer.text
    name = next(iter(values))
    assert f'href="#f-{name}"' in answer.text and f'id="f-{name}"' in answer.text
    assert stored(4) is None


def test_fields_may_have_any_name_that_a_field_can_have(alice, made, stored):
    labels = ["Main", "Data", "Meta", "Errors", "Validate", "Say", "Process"]
    made([], tuple(declared(one, "text") for one in labels))
    sent = {one.lower().replace(" ", "_"): one for one in labels}
    answer = alice.post(f"{LIST}new", data={**sent, "csrf_token": alice.csrf()})
    assert answer.status_code == 303
    assert {name: stored(1)[name] for name in sent} == sent
    page = alice.get(f"{LIST}1/edit").text
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids))


def test_an_edit_is_saved_with_a_way_back(alice, orders, stored):
    sent = fields_of(alice.get(f"{LIST}1/edit").text)
    answer = alice.send(f"{LIST}1/edit", **{**sent, "city": "Paris", "note": "two\r\nlines"})
    assert answer.status_code == 303
    page = alice.get(answer.location).text
    assert "Order saved" in page and stored(1)["note"] == "two\nlines"
    assert alice.send(undo_of(page)).location == f"{LIST}1"
    assert (stored(1)["city"], stored(1)["note"]) == ("Berlin", None)


def test_a_form_sent_as_it_came_changes_nothing_and_says_so(alice, orders, stored):
    before = stored(2)
    answer = alice.send(f"{LIST}2/edit", **fields_of(alice.get(f"{LIST}2/edit").text))
    assert "Nothing to save" in alice.get(answer.location).text
    assert stored(2) == before


def test_an_edit_with_an_error_still_knows_what_it_began_with(alice, orders):
    before = fields_of(alice.get(f"{LIST}1/edit").text)
    answer = alice.send(f"{LIST}1/edit", **{**before, "total": "much"})
    assert answer.status_code == 422
    assert fields_of(answer.text) == {**before, "total": "much"}


# Conflicts -------------------------------------------------------------------------------------


@pytest.fixture
def conflict(alice, bob, orders):
    """Both have opened the form; Alice has saved city and product, then Bob saves city and customer."""
    of_alice, of_bob = (fields_of(one.get(f"{LIST}1/edit").text) for one in (alice, bob))
    alice.send(f"{LIST}1/edit", **{**of_alice, "city": "Rome", "product": "Lamp"})
    return bob.send(f"{LIST}1/edit", **{**of_bob, "city": "Oslo", "customer": "Ada"})


def test_a_conflict_shows_both_values_of_each_field_that_differs(conflict, stored):
    assert conflict.status_code == 409
    assert "<title>Error: somebody has saved SO-20001 in between" in conflict.text
    assert re.findall("<legend>(.*?)</legend>", conflict.text) == ["Customer", "City", "Product"]
    for value in ("Rome", "Oslo", "Lamp", "Oak desk 160", "Ada", "Bruno Eriksen 1"):
        assert f'value="{value}"' in conflict.text
    assert stored(1)["city"] == "Rome"


def test_a_conflict_proposes_what_each_has_changed_and_can_be_sent_again(bob, conflict, stored):
    sent = fields_of(conflict.text)
    assert (sent["city"], sent["product"], sent["customer"]) == ("Oslo", "Lamp", "Ada")
    answer = bob.send(f"{LIST}1/edit", **{**sent, "city": "Rome"})
    assert answer.status_code == 303
    found = stored(1)
    assert (found["city"], found["product"], found["customer"]) == ("Rome", "Lamp", "Ada")
    assert found["email"] == "customer1@example.com" and found["version"] == 3


def test_a_conflict_sent_again_too_late_is_a_conflict_again(alice, bob, conflict, stored):
    of_alice = fields_of(alice.get(f"{LIST}1/edit").text)
    alice.send(f"{LIST}1/edit", **{**of_alice, "city": "Paris"})
    answer = bob.send(f"{LIST}1/edit", **fields_of(conflict.text))
    assert answer.status_code == 409
    assert 'value="Paris"' in answer.text and 'value="Oslo"' in answer.text
    assert stored(1)["city"] == "Paris"


@pytest.mark.parametrize("version", ["", "0", "x", "-1", "9" * 40])
def test_a_form_whose_version_was_meddled_with_overwrites_nothing(alice, orders, stored, version):
    sent = {**fields_of(alice.get(f"{LIST}1/edit").text), "city": "Rome", "version": version}
    assert alice.send(f"{LIST}1/edit", **sent).status_code == 409
    assert stored(1)["city"] == "Berlin"


# Deleting --------------------------------------------------------------------------------------


def test_deleting_is_done_at_once_and_can_be_undone(alice, orders, stored):
    answer = alice.send(f"{LIST}1/delete", version="1")
    assert answer.location == LIST and stored(1) is None
    page = alice.get(LIST).text
    assert "Order deleted" in page
    assert alice.send(undo_of(page)).location == f"{LIST}1"
    assert stored(1)["order_no"] == "SO-20001"


def test_a_record_that_somebody_has_saved_since_is_not_deleted(alice, bob, orders, stored):
    sent = fields_of(alice.get(f"{LIST}1/edit").text)
    alice.send(f"{LIST}1/edit", **{**sent, "city": "Rome"})
    answer = bob.send(f"{LIST}1/delete", version="1")
    assert answer.status_code == 409 and f'href="{LIST}1"' in answer.text
    assert stored(1)["city"] == "Rome"


def test_the_address_of_a_deleted_record_offers_to_restore_it_to_those_who_may(
    alice, bob, made, stored
):
    made(2, access="read")
    alice.send(f"{LIST}1/delete", version="1")
    page = alice.get(f"{LIST}1")
    assert page.status_code == 404 and f'action="{LIST}1/restore"' in page.text
    assert alice.get(f"{LIST}1/history").status_code == 200
    page = bob.get(f"{LIST}1")
    assert page.status_code == 404 and "/restore" not in page.text
    assert alice.send(f"{LIST}1/restore").location == f"{LIST}1"
    assert stored(1)["version"] == 2
    assert "Order restored" in alice.get(f"{LIST}1").text
    again = alice.send(f"{LIST}1/restore")
    assert again.status_code == 409 and "nothing to restore" in again.text


@pytest.mark.parametrize("number", ["99", "0", "2147483648", "9" * 30])
def test_a_record_that_never_was_is_not_found_on_every_route(alice, orders, number):
    for end in ("", "/edit", "/history"):
        answer = alice.get(f"{LIST}{number}{end}")
        assert answer.status_code == 404, end
        assert "deleted" not in answer.text
    for end in ("/edit", "/delete", "/restore", "/history/1/undo"):
        answer = alice.send(f"{LIST}{number}{end}", version="1")
        assert answer.status_code == 404, end
        assert "/restore" not in answer.text


# History ---------------------------------------------------------------------------------------


def changed(browser, **values):
    """Save these values of the first order as a person would."""
    sent = fields_of(browser.get(f"{LIST}1/edit").text)
    assert browser.send(f"{LIST}1/edit", **{**sent, **values}).status_code == 303


def test_history_says_who_when_what_and_the_old_and_the_new_value(alice, bob, orders):
    changed(bob, city="Rome", note="")
    changed(alice, city="", status="Shipped")
    for url in (f"{LIST}1", f"{LIST}1/history", f"{LIST}history"):
        page = alice.get(url).text
        assert "Bob Brown" in page and "Alice Adams" in page, url
        assert "<b>City</b> <del>Berlin</del>" in page, url
        assert re.search(r"<b>City</b> <del>Rome</del>.*?empty", page, re.S), url
    assert "Imported" in page and "orders.csv" in page and "SO-20001" in page
    assert "Put back" not in page, "the history of a table leads to the records"


def test_a_change_is_put_back_from_the_history_while_nothing_came_after(alice, orders, stored):
    changed(alice, city="Rome")
    changed(alice, quantity="9")
    changed(alice, city="Oslo")
    alice.get(LIST)  # with the toast, which has a button too
    page = alice.get(f"{LIST}1/history").text
    found = re.findall(r'action="([^"]+/undo)"', page)
    assert len(found) == 2, "the newest of the city, and the quantity"
    assert alice.send(found[1]).status_code == 303
    assert (stored(1)["quantity"], stored(1)["city"]) == (2, "Oslo")
    first = re.sub(r"/history/(\d+)/", lambda newest: f"/history/{int(newest[1]) - 2}/", found[0])
    refused = alice.send(first)
    assert refused.status_code == 409 and "City has been changed since" in refused.text


def test_a_change_of_another_record_is_not_undone_under_this_address(alice, orders, stored):
    changed(alice, city="Rome")
    assert alice.send(f"{LIST}2/history/2/undo").status_code == 404
    assert stored(1)["city"] == "Rome"


def test_long_histories_come_a_page_at_a_time(alice, orders, trip_of):
    for i in range(55):
        changed(alice, quantity=str(i + 10))
    page = alice.get(f"{LIST}history").text
    older = re.search(r'href="(\?before=\d+)"', page)[1]
    assert page.count("<del>") == 50
    rest = alice.get(f"{LIST}history{older}").text
    assert rest.count("<del>") == 5 and "before=" not in rest
    assert alice.get(f"{LIST}1/history{older}").status_code == 200
    assert alice.get(f"{LIST}history?before=x").status_code == 400
    trip_of(alice.get(f"{LIST}history")).no_n_plus_one()


def test_a_very_long_text_is_shown_by_its_beginning_in_history_and_in_full_on_the_page(alice, made):
    made([{"note": "x"}], (declared("Note", "long-text"),))
    text = "y" * 20_000
    sent = fields_of(alice.get(f"{LIST}1/edit").text)
    alice.send(f"{LIST}1/edit", **{**sent, "note": text})
    assert text in alice.get(f"{LIST}1").text
    page = alice.get(f"{LIST}1/history").text
    assert text not in page and "(20,000 characters)" in page


# Formulas --------------------------------------------------------------------------------------


@pytest.fixture
def formulas(made):
    """The orders with what one piece costs, and whether it is dear."""
    fields = (
        *order_fields(),
        declared("Each", "formula", options={"expression": "total / quantity"}),
        declared("Dear", "formula", options={"expression": "each > 20"}),
    )
    made(3, fields)


def test_a_formula_is_listed_and_filtered_by_and_is_on_the_page_of_its_record(alice, formulas):
    assert 'data-label="Each">€18.63</td>' in alice.get(f"{LIST}?fields=order_no,each").text
    sent = {"add-field": "each", "add-lookup": "gte", "add-value": "20"}
    found = alice.get(LIST, query_string=sent, follow_redirects=True).text
    assert "Each is at least €20.00" in found and keys(found) == ["SO-20002", "SO-20003"]
    assert '<dt>Each</dt><dd class="kept">€18.63</dd>' in alice.get(f"{LIST}1").text


def test_a_form_shows_a_formula_and_takes_none(alice, formulas, stored):
    page = alice.get(f"{LIST}1/edit").text
    assert "<dt>Dear</dt>" in page and 'name="dear"' not in page
    sent = {**fields_of(page), "quantity": "1", "each": "7"}
    assert alice.send(f"{LIST}1/edit", **sent).status_code == 303
    assert stored(1)["quantity"] == 1
    assert "Each" not in alice.get(f"{LIST}1/history").text
    assert 'name="each"' not in alice.get(f"{LIST}new").text
