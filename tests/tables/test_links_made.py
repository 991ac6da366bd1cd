"""Columns of texts that become links, and links that become texts."""

from __future__ import annotations

import pytest

from app.errors import Invalid
from app.tables import history, links, records
from app.tables.changing import examine
from tests.tables.conftest import declared
from tests.tables.test_changing import changed, column, retyped
from tests.tables.test_links import customer, customers, link, make  # noqa: F401


@pytest.fixture
def bob(people):
    return people["bob"]


@pytest.fixture
def orders(bob, customers):  # noqa: F811
    """Orders whose customers are texts: a title, the same in capitals, a code, a number, nothing, and
    one that names nobody."""
    for name, code in (("Acme", "A-1"), ("Berlin", "B-2")):
        customer(bob, customers, name, code)
    live = make(bob, "orders", declared("no", "code"), declared("customer", "text"))
    for no, text in enumerate(("Berlin", "ACME", "B-2", "#1", None, "Nobody")):
        records.create(bob, live, {"no": str(no), "customer": text})
    return live


def linked(live, customers):  # noqa: F811
    return retyped(live, "customer", "link", link(customers, "block").options)


def test_a_text_becomes_a_link_to_the_record_that_it_names_and_the_rest_is_listed(
    bob, customers, orders  # noqa: F811
):  # fmt: skip
    [check] = examine(bob, orders, linked(orders, customers)).checks
    assert check.counts == {"total": 6, "converted": 4, "blank": 1, "misfits": 1}
    assert [(one.old, one.new) for one in check.samples["converted"]] == [
        ("Berlin", "Berlin (#2)"), ("ACME", "Acme (#1)"), ("B-2", "Berlin (#2)"), ("#1", "Acme (#1)"),
    ]  # fmt: skip
    [misfit] = check.samples["misfits"]
    assert misfit.old == "Nobody"
    assert "must be a record of Customers, such as Acme (#1)" in misfit.new
    with pytest.raises(Invalid, match="does not fit"):
        changed(bob, orders, linked(orders, customers))
    live = changed(bob, orders, linked(orders, customers), {"customer": "clear"})
    assert column(live, "customer") == [2, 1, 2, 1, None, None]


def test_a_title_that_two_records_have_is_a_misfit_that_names_both(bob, customers, orders):  # noqa: F811
    customer(bob, customers, "Berlin", "B-3")
    [check] = examine(bob, orders, linked(orders, customers)).checks
    assert check.counts["misfits"] == 2
    assert "write Berlin (#2) or Berlin (#3)" in check.samples["misfits"][0].new


def test_a_link_becomes_the_title_of_its_record_and_a_link_again(bob, customers, orders):  # noqa: F811
    live = changed(bob, orders, linked(orders, customers), {"customer": "clear"})
    live = changed(bob, live, retyped(live, "customer", "text"))
    assert column(live, "customer") == ["Berlin", "Acme", "Berlin", "Acme", None, None]
    live = changed(bob, live, linked(live, customers))
    assert column(live, "customer") == [2, 1, 2, 1, None, None]


def test_history_shows_texts_of_before_as_they_were(bob, customers, orders):  # noqa: F811
    live = changed(bob, orders, linked(orders, customers), {"customer": "clear"})
    entries = [history.values_of(live, history.of_record(bob, live, one)[-1]) for one in (2, 6)]
    seen = links.seen_changes(bob, live, entries)
    shown = {str(field.type.cell(new, field)) for change in seen for field, _, new in change}
    assert {"ACME", "Nobody"} < shown


def test_a_link_to_another_table_goes_by_the_titles_of_that(bob, customers, orders):  # noqa: F811
    live = changed(bob, orders, linked(orders, customers), {"customer": "clear"})
    towns = make(bob, "towns", declared("name", "text"))
    for name in ("Hamburg", "Acme", "Berlin"):
        records.create(bob, towns, {"name": name})
    live = changed(bob, live, linked(live, towns))
    assert column(live, "customer") == [3, 2, 3, 2, None, None]
