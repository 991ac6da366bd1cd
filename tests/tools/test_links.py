"""The pages of tables that link to each other: what is shown in the place of a number, how it is typed,
and what links to a record."""

from __future__ import annotations

import re

import pytest

from app.database import writing
from app.extensions import db
from app.models import Person
from app.permissions import Actor
from app.tables import catalog, records
from app.tables.table import Table
from tests.tools.conftest import declared, fields_of, rows_of

CUSTOMERS, ORDERS = "/tools/shop/customers/", "/tools/shop/orders/"


class Shop:
    """Customers, which others may not see, and orders, which everybody may edit."""

    def __init__(self, app):
        self.app = app
        with app.app_context():
            alice = db.session.query(Person).filter_by(email="alice@example.com").one()
            self.actor = Actor.of(alice)
            customers = self.make("customers", declared("Name", "text"))
            options = {"table": customers.table.id, "on_delete": "clear"}
            self.make("orders", declared("No", "code"), declared("Customer", "link", options=options),
                      declared("Seller", "person"),
                      declared("Others", "links", options={"table": customers.table.id}), access="edit")  # fmt: skip

    def make(self, name, *fields, access="private"):
        label = name.capitalize()
        table = Table(0, 0, "shop", name, label, fields, access=access, owner_id=self.actor.id)
        with writing():
            return catalog.create(table, "Shop")

    def add(self, name, *many):
        with self.app.app_context():
            live = catalog.tables()["shop", name]
            records.save_many(self.actor, live, many)
            return sorted(db.session.scalars(live.sql.select().with_only_columns(live.sql.c.id)))

    def stored(self, record_id):
        with self.app.app_context():
            return records.get(self.actor, catalog.tables()["shop", "orders"], record_id)


@pytest.fixture
def shop(app):
    return Shop(app)


@pytest.fixture
def acme(shop):
    return shop.add("customers", {"name": "Acme <Ltd>"})[0]


def test_a_list_shows_titles_and_to_others_numbers(alice, bob, shop, acme):
    shop.add("orders", {"no": "1", "customer": acme}, {"no": "2"})
    for _ in range(2):  # cells are kept between pages
        [first, second] = rows_of(alice.get(ORDERS).text)
        assert "Acme &lt;Ltd&gt;" in first and "Acme" not in second
        [first, _] = rows_of(bob.get(ORDERS).text)
        assert f"#{acme}<" in first and "Acme" not in first


def test_a_list_of_links_asks_as_many_questions_however_long_it_is(alice, shop, acme, trip_of):
    counts = []
    for _ in range(2):
        shop.add("orders", *({"no": "1", "customer": acme, "seller": 1} for _ in range(20)))
        alice.get(ORDERS)
        counts.append(trip_of(alice.get(ORDERS)).data["n_queries"])
    assert counts[0] == counts[1]


def test_a_record_leads_to_what_it_links_to_and_back(alice, bob, shop, acme):
    [order] = shop.add("orders", {"no": "SO-1", "customer": acme})
    page = alice.get(f"{ORDERS}{order}").text
    assert f'<a href="{CUSTOMERS}{acme}">Acme &lt;Ltd&gt;</a>' in page
    assert f"{CUSTOMERS}{acme}" not in bob.get(f"{ORDERS}{order}").text
    back = alice.get(f"{CUSTOMERS}{acme}").text
    assert f'href="{ORDERS}{order}"' in back
    assert f'href="{ORDERS}?customer={acme}"' in back
    form = alice.get(f"{ORDERS}new?customer={acme}").text
    assert f'<option selected value="#{acme}">Acme &lt;Ltd&gt;</option>' in form


def test_all_that_links_to_a_record_is_found_page_by_page(alice, shop, acme):
    made = shop.add("orders", *({"no": str(no), "customer": acme} for no in range(45)))
    url, found, pages = f"{CUSTOMERS}{acme}", [], 0
    while url:
        page, pages = alice.get(url).text, pages + 1
        found += [int(one) for one in re.findall(rf'href="{ORDERS}(\d+)"', page)]
        following = re.search(r'href="([^"]*)">Next<', page)
        url = following and following[1]
    assert (found, pages) == (made, 3)


def test_an_address_that_presets_nonsense_is_refused(alice, shop):
    assert alice.get(f"{ORDERS}new?customer=x").status_code == 400


def test_a_form_posts_back_what_it_shows_and_takes_another(alice, shop, acme):
    bolt = shop.add("customers", {"name": "Bolt"})[-1]
    [order] = shop.add("orders", {"no": "1", "customer": acme})
    sent = fields_of(alice.get(f"{ORDERS}{order}/edit").text)
    assert alice.send(f"{ORDERS}{order}/edit", **sent).status_code == 303
    assert (shop.stored(order).customer, shop.stored(order).version) == (acme, 1)
    alice.send(f"{ORDERS}{order}/edit", **{**sent, "customer": "bolt"})
    assert shop.stored(order).customer == bolt


def test_where_there_are_many_a_title_is_typed_and_suggestions_come_from_an_address(
    alice, bob, shop
):
    ids = shop.add("customers", *({"name": f"Customer {no:03}"} for no in range(120)))
    page = alice.get(f"{ORDERS}new").text
    box = re.search(r'<input[^>]*name="customer"[^>]*>', page)[0]
    assert f'data-options="{CUSTOMERS}options"' in box and 'list="f-customer-options"' in box
    assert '<datalist id="f-customer-options">' in page
    found = alice.get(f"{CUSTOMERS}options?q=07+cust").json
    assert found[0] == f"Customer 007 (#{ids[7]})" and len(found) == 12
    assert bob.get(f"{CUSTOMERS}options").status_code == 404
    answer = alice.send(f"{ORDERS}new", no="1", customer="customer 007")
    order = int(answer.location.rpartition("/")[2])
    assert shop.stored(order).customer == ids[7]
    sent = fields_of(alice.get(f"{ORDERS}{order}/edit").text)
    assert sent["customer"] == f"Customer 007 (#{ids[7]})"


def test_a_title_that_is_none_is_refused_with_some_that_are(alice, shop, acme):
    answer = alice.send(f"{ORDERS}new", no="1", customer="Acne")
    assert answer.status_code == 422
    assert "Customer must be a record of Customers, such as Acme" in answer.text


def test_the_history_tells_titles(alice, bob, shop, acme):
    bolt = shop.add("customers", {"name": "Bolt"})[-1]
    [order] = shop.add("orders", {"no": "1", "customer": acme})
    alice.send(f"{ORDERS}{order}/edit", version="1", customer=f"#{bolt}")
    told = "<del>Acme &lt;Ltd&gt;</del>"
    assert told in alice.get(f"{ORDERS}{order}/history").text
    assert told in alice.get(f"{ORDERS}history").text
    assert "Acme" not in bob.get(f"{ORDERS}{order}/history").text


def test_a_filter_is_chosen_by_title_and_told_by_it(alice, shop, acme):
    shop.add("orders", {"no": "1", "customer": acme}, {"no": "2"})
    offered = alice.get(f"{ORDERS}?add-field=customer").text
    assert f'<option value="#{acme}">Acme &lt;Ltd&gt;</option>' in offered
    url = f"{ORDERS}?add-field=customer&add-lookup=exact&add-value=%23{acme}"
    answer = alice.get(url)
    assert answer.location.endswith(f"?customer={acme}")
    page = alice.get(answer.location).text
    assert "Customer is Acme &lt;Ltd&gt;" in page
    assert len([*rows_of(page)]) == 1


def test_a_deletion_that_clears_links_is_undone_with_them(alice, shop, acme):
    [order] = shop.add("orders", {"no": "1", "customer": acme})
    page = alice.send(f"{CUSTOMERS}{acme}/delete", version="1", _headers={})
    assert shop.stored(order).customer is None
    undo = re.search(r'action="([^"]*/undo)"', alice.get(page.location).text)[1]
    assert alice.send(undo).status_code == 303
    assert shop.stored(order).customer == acme


def test_two_who_save_see_titles_side_by_side(alice, shop, acme):
    bolt = shop.add("customers", {"name": "Bolt"})[-1]
    [order] = shop.add("orders", {"no": "1", "customer": acme})
    alice.send(f"{ORDERS}{order}/edit", version="1", customer=f"#{bolt}")
    answer = alice.send(
        f"{ORDERS}{order}/edit", version="1", customer=f"#{acme}", seller="Bob Brown"
    )
    assert answer.status_code == 409
    assert (
        "Bolt" in answer.text and "Acme &lt;Ltd&gt;" in answer.text and "Bob Brown" in answer.text
    )


def test_several_are_ticked_shown_led_to_and_found_from_the_other_side(alice, shop, acme):
    bolt = shop.add("customers", {"name": "Bolt"})[-1]
    page = alice.get(f"{ORDERS}new").text
    assert len(re.findall(r'type="checkbox"', page)) == 2
    answer = alice.send(f"{ORDERS}new", no="SO-1", others=["", str(acme), str(bolt)])
    order = int(answer.location.rpartition("/")[2])
    assert shop.stored(order).others == (acme, bolt)
    assert "Acme &lt;Ltd&gt;, Bolt" in alice.get(ORDERS).text
    page = alice.get(f"{ORDERS}{order}").text
    links = (
        f'<a href="{CUSTOMERS}{acme}">Acme &lt;Ltd&gt;</a>',
        f'<a href="{CUSTOMERS}{bolt}">Bolt</a>',
    )
    assert ", ".join(links) in page
    back = alice.get(f"{CUSTOMERS}{bolt}").text
    assert f'href="{ORDERS}{order}"' in back and f'href="{ORDERS}?others__has={bolt}"' in back
    alice.send(f"{ORDERS}{order}/edit", version="1", others="")
    assert (shop.stored(order).others, shop.stored(order).version) == (None, 2)


def test_where_there_are_many_several_titles_are_typed_one_a_line(alice, shop):
    ids = shop.add("customers", *({"name": f"Customer {no:03}"} for no in range(101)))
    answer = alice.send(f"{ORDERS}new", no="1", others="customer 007\r\nCustomer 100")
    order = int(answer.location.rpartition("/")[2])
    assert shop.stored(order).others == (ids[7], ids[100])
    sent = fields_of(alice.get(f"{ORDERS}{order}/edit").text)
    assert sent["others"] == f"Customer 007 (#{ids[7]})\nCustomer 100 (#{ids[100]})"
