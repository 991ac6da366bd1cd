"""Fields of a linked record, and what comes out over the records that link to one, against plain Python."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.database import writing
from app.errors import Conflict, Invalid
from app.sheets import exporting
from app.tables import catalog, listing, records
from tests.tables.conftest import declared
from tests.tables.test_links import again_and_again, link, make


def lookup(name, by, field):
    return declared(name, "lookup", options={"link": by, "field": field})


def rollup(name, over, function, field="", by="customer"):
    options = {"table": over.table.id, "link": by, "function": function, "field": field}
    return declared(name, "rollup", options=options)


def change(live, *fields):
    """Give a table more fields that are worked out."""
    table = live.declared
    kept = [one for one in table.fields if one.name not in {new.name for new in fields}]
    document = {**table.document(), "fields": [one.document() for one in (*kept, *fields)]}
    with writing():
        catalog.declare(table.id, table.version, table.read(document), table.access)
    return catalog.tables()[table.tool, table.name]


@pytest.fixture
def bob(people):
    return people["bob"]


@pytest.fixture
def shop(bob):
    """Customers, and their orders, which show the customer's town and discount."""
    customers = make(bob, "customers", declared("name", "text"), declared("town", "text"),
                     declared("discount", "decimal"), declared("boss", "person"))  # fmt: skip
    orders = make(bob, "orders", declared("no", "code"), declared("total", "money"), declared("day", "date"),
                  declared("pieces", "integer"), link(customers, "clear"))  # fmt: skip
    orders = change(orders, *(lookup(one, "customer", one) for one in ("town", "discount", "boss")))
    totals = [rollup("orders_", orders, "count"), rollup("last", orders, "max", "day")]
    for one in ("sum", "average", "min", "max"):
        totals += [
            rollup(f"{one}_total", orders, one, "total"),
            rollup(f"{one}_pieces", orders, one, "pieces"),
        ]
    return change(customers, *totals), catalog.tables()["shop", "orders"]


def shown(bob, live, *names, **args):
    query = listing.read(live, {"fields": [",".join(names)], **{k: [v] for k, v in args.items()}})
    return [tuple(row[1:]) for row in listing.page(bob, live, query).rows]


ROWS = st.lists(st.tuples(
    st.integers(0, 2), st.none() | st.decimals(-10**12, 10**12, places=2), st.none() | st.integers(-9, 9),
    st.none() | st.dates(),
), max_size=7)  # fmt: skip


@given(rows=ROWS)
@again_and_again
def test_what_comes_out_over_the_linked_records_is_exact(bob, shop, rows):
    customers, orders = shop
    ids = [records.create(bob, customers, {"name": name}).id for name in "ABC"]
    records.save_many(bob, orders, [
        {"customer": ids[place], "total": total, "pieces": pieces, "day": day}
        for place, total, pieces, day in rows
    ])  # fmt: skip
    for place, id in enumerate(ids):
        found = records.get(bob, customers, id)
        mine = [row for row in rows if row[0] == place]
        assert found.orders_ == len(mine)
        assert found.last == max((row[3] for row in mine if row[3]), default=None)
        for name, column, step in (("total", 1, "0.0001"), ("pieces", 2, "0.01")):
            values = [row[column] for row in mine if row[column] is not None]
            average = Decimal(sum(values)) / len(values) if values else None
            rounded = average and average.quantize(Decimal(step), ROUND_HALF_UP)
            assert getattr(found, f"sum_{name}") == (sum(values) if values else None)
            assert getattr(found, f"min_{name}") == min(values, default=None)
            assert getattr(found, f"max_{name}") == max(values, default=None)
            assert getattr(found, f"average_{name}") == (rounded if values else None)


def test_a_field_of_the_linked_record_is_shown_filtered_and_sorted_by_as_what_it_is(bob, shop):
    customers, orders = shop
    ids = [
        records.create(bob, customers, {"name": name, "town": name, "discount": Decimal(no), "boss": bob.id}).id
        for no, name in enumerate(("delta", "Alpha", "charlie"))
    ]  # fmt: skip
    records.save_many(
        bob, orders, [{"no": str(i), "customer": ids[i % 3]} for i in range(6)] + [{"no": "6"}]
    )
    assert shown(bob, orders, "town", "discount", no="1") == [("Alpha", Decimal("1.00"))]
    assert shown(bob, orders, "no", town__contains="LPH") == [("1",), ("4",)]
    assert shown(bob, orders, "no", discount__gte="2") == [("2",), ("5",)]
    assert shown(bob, orders, "no", boss=str(bob.id), q="delta") == [("0",), ("3",)]
    for sort, towns in (("town", "Alpha Alpha charlie charlie delta delta"),
                        ("-town", "delta delta charlie charlie Alpha Alpha")):  # fmt: skip
        found, page = [], "1"
        while page:
            args = {"fields": ["town"], "sort": [sort], "per_page": ["2"], "page": [page]}
            got = listing.page(bob, orders, listing.read(orders, args))
            found, page = [*found, *(row[1] for row in got.rows)], got.next
        assert found == [*towns.split(), None]


def test_counts_of_a_list_follow_when_only_the_other_table_changes(bob, shop):
    customers, orders = shop
    acme = records.create(bob, customers, {"name": "Acme", "town": "Cork"})
    records.create(bob, orders, {"no": "1", "customer": acme.id})

    def found():
        return listing.page(bob, orders, listing.read(orders, {"town": ["Cork"]})).found

    assert found() == 1
    records.update(bob, customers, acme.id, {"town": "Lyon"}, None)
    assert found() == 0


def test_a_link_back_to_the_same_table_is_followed_as_often_as_it_is_asked_for(bob):
    live = make(bob, "staff", declared("name", "text"), link(None, name="boss"))
    live = change(live, lookup("above", "boss", "name"))
    live = change(
        live, lookup("highest", "boss", "above"), rollup("below", live, "count", by="boss")
    )
    ada = records.create(bob, live, {"name": "Ada"}).id
    ben = records.create(bob, live, {"name": "Ben", "boss": ada}).id
    records.create(bob, live, {"name": "Cem", "boss": ben})
    rows = shown(bob, live, "name", "above", "highest", "below")
    assert rows == [("Ada", None, None, 1), ("Ben", "Ada", None, 1), ("Cem", "Ben", "Ada", 0)]


def test_what_is_worked_out_is_not_written_and_not_in_history(bob, shop):
    customers, orders = shop
    with pytest.raises(Invalid, match="Town cannot be written"):
        records.create(bob, orders, {"town": "Cork"})
    made = records.create(bob, orders, {"no": "1"})
    change_id = records.delete(bob, orders, made.id, None)
    assert records.undo(bob, orders, change_id).no == "1"


def test_a_declaration_comes_back_as_it_was_made(bob, shop):
    for live in shop:
        assert live.table.document() == live.declared.document()
        assert live.table.read(live.table.document()) == live.declared


def test_what_is_exported_is_what_is_shown(bob, shop):
    customers, orders = shop
    acme = records.create(bob, customers, {"name": "Acme", "town": "Cork", "boss": bob.id}).id
    records.create(bob, orders, {"no": "1", "customer": acme, "total": Decimal("2.50")})
    query = listing.read(orders, {"fields": ["no,town,boss"]})
    assert (
        b"".join(exporting.as_csv(bob, orders, query)).splitlines()[1]
        == b"1,Cork,Bob Brown (#%d)" % bob.id
    )
    query = listing.read(customers, {"fields": ["average_total,orders_"]})
    assert b"".join(exporting.as_csv(bob, customers, query)).splitlines()[1] == b"2.5000,1"


def test_fields_that_would_be_worked_out_of_themselves_are_refused_and_all_stays(bob, shop):
    customers, orders = shop
    customers = change(customers, rollup("least", orders, "min", "total"))
    orders = change(orders, lookup("echo", "customer", "least"))
    customers = change(customers, rollup("again", orders, "min", "echo"))
    with pytest.raises(Invalid, match="round in a circle"):
        change(orders, lookup("echo", "customer", "again"))
    orders = catalog.tables()["shop", "orders"]
    acme = records.create(bob, customers, {"name": "Acme"}).id
    records.create(bob, orders, {"customer": acme, "total": Decimal("1.50")})
    assert records.get(bob, customers, acme).again == Decimal("1.50")


def test_a_field_that_others_read_stays(bob, shop):
    customers, orders = shop
    document = customers.declared.document()
    document["fields"] = [one for one in document["fields"] if one["name"] != "town"]
    with (
        pytest.raises(Invalid, match="Town needs a field of Customers: Name or .*; “town” is none"),
        writing(),
    ):
        table = customers.declared
        catalog.declare(table.id, table.version, table.read(document), table.access)
    with pytest.raises(Conflict, match="of Orders"), writing():
        catalog.withdraw(customers.table.id)


def test_a_field_whose_source_is_gone_says_so_and_the_rest_of_the_table_is_there(bob, shop):
    customers, orders = shop
    with writing():
        found = catalog.definition(customers.table.id)
        kept = [one for one in found.document["fields"] if one["name"] != "town"]
        found.document = {**found.document, "fields": kept}
        catalog.forget()
    orders = catalog.tables()["shop", "orders"]
    records.create(bob, orders, {"no": "1"})
    assert shown(bob, orders, "no", "town") == [("1", None)]
    assert "cannot be worked out" in orders.table.by_name["town"].type.cell(
        None, orders.table.by_name["town"]
    )


def chain(count, first, make):
    """Fields that read each other, one after the other, as `make` of a number and the one before says."""
    found = []
    for number in range(count):
        found.append(make(number, found[-1].name if found else first))
    return found


CHAINS = {
    "lookups": lambda live: lambda no, before: lookup(f"l{no}", "parent", before),
    "sums": lambda live: lambda no, before: rollup(f"l{no}", live, "sum", before, by="parent"),
    "averages": lambda live: (
        lambda no, before: rollup(f"l{no}", live, "average", before, by="parent")
    ),
    "mixed": lambda live: (
        lambda no, before: rollup(
            f"l{no}", live, "average" if no < 3 else "sum", before, by="parent"
        )
    ),
}


@pytest.mark.parametrize("kind", CHAINS)
def test_a_chain_of_fields_that_a_statement_has_no_room_for_is_refused_and_a_shorter_one_works(
    bob, kind
):
    live = make(bob, "nodes", declared("x", "money"), link(None, name="parent"))
    fields = chain(60, "x", CHAINS[kind](live))
    for count in range(1, 20):
        try:
            live = change(live, *fields[:count])
        except Invalid as error:
            assert "goes through too many other fields that are worked out" in str(error)
            break
        name = fields[count - 1].name
        shown(bob, live, name, sort=f"-{name}", **{f"{name}__gt": "1"})
    assert 3 < count < 15
    with pytest.raises(Invalid, match="goes through too many other fields"):
        change(live, *fields)


def test_a_table_that_has_such_a_chain_already_says_so_and_the_rest_of_it_is_there(bob):
    live = make(bob, "nodes", declared("x", "money"), link(None, name="parent"))
    fields = chain(200, "x", CHAINS["lookups"](live))
    with writing():
        found = catalog.definition(live.table.id)
        more = [one.document() for one in fields]
        found.document = {**found.document, "fields": [*found.document["fields"], *more]}
        found.version += 1
        catalog.forget()
    live = catalog.tables()["shop", "nodes"]
    records.create(bob, live, {"x": Decimal("1.50")})
    assert shown(bob, live, "x", "l3", "l100") == [(Decimal("1.50"), None, None)]
    last = live.table.by_name["l100"]
    assert "cannot be worked out" in last.type.cell(None, last)


def test_formulas_that_grow_by_building_on_each_other_across_a_link_are_refused(bob):
    live = make(bob, "nodes", declared("x", "integer"), link(None, name="parent"))
    twelve = [" + ".join([f"parent.{one}"] * 12) for one in ("x", "f0", "f1")]
    fields = [
        declared(f"f{no}", "formula", options={"expression": one}) for no, one in enumerate(twelve)
    ]
    live = change(live, *fields[:2])
    records.create(bob, live, {"x": 1})
    assert shown(bob, live, "f1") == [(None,)]
    with pytest.raises(Invalid, match="It builds on too many other formulas"):
        change(live, *fields)
    total = rollup("total", live, "average", "f1", by="parent")
    with pytest.raises(Invalid, match="goes through too many other fields"):
        change(live, total)


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (
            lambda orders: lookup("x", "no", "name"),
            "needs a field that links to one record: Boss; “no” is none",
        ),
        (
            lambda orders: rollup("x", orders, "sum", "no"),
            "cannot be the sum of No; what works is count",
        ),
        (
            lambda orders: rollup("x", orders, "count", by="no"),
            "needs a field of Orders that links to one record here: Customer; “no” is none",
        ),
    ],
    ids=["no link", "no sum", "no link here"],
)
def test_what_cannot_be_worked_out_is_refused_in_words(shop, wanted, words):
    customers, orders = shop
    with pytest.raises(Invalid, match=words):
        change(orders if "link;" in words else customers, wanted(orders))


def test_formulas_build_on_linked_records_and_what_comes_out_builds_on_formulas(bob):
    products = make(bob, "products", declared("name", "text"), declared("price", "money"))
    sales = make(bob, "sales", declared("name", "text"), declared("paid", "money"))
    lines = make(
        bob,
        "lines",
        declared("pieces", "integer"),
        link(products, name="product"),
        link(sales, name="sale"),
    )
    price = lookup("price", "product", "price")
    formula = declared("amount", "formula", options={"expression": "price * pieces"})
    lines = change(lines, price, formula)
    left = declared("left", "formula", options={"expression": "total - paid"})
    sales = change(sales, rollup("total", lines, "sum", "amount", by="sale"), left)
    pen = records.create(bob, products, {"name": "Pen", "price": Decimal("1.25")}).id
    sale = records.create(bob, sales, {"name": "S", "paid": Decimal("1.00")}).id
    records.save_many(bob, lines, [{"pieces": n, "product": pen, "sale": sale} for n in (2, 3)])
    found = records.get(bob, sales, sale)
    assert (found.total, found.left) == (Decimal("6.25"), Decimal("5.25"))
    circle = declared("amount", "formula", options={"expression": "owed * pieces"})
    with pytest.raises(Invalid, match="round in a circle"):
        change(lines, lookup("owed", "sale", "left"), circle)
