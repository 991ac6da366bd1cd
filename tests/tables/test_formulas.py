"""Formulas: worked out by the database, and in every list as if they were stored."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from app.database import writing
from app.errors import Invalid
from app.extensions import db
from app.models import Definition
from app.sheets.exporting import as_csv, as_json
from app.sheets.merging import merge
from app.tables import catalog, changing, history, listing, records
from app.tables.table import Table, check
from tests.expressions.conftest import FIELDS, NOW
from tests.expressions.test_laws import RECORDS, REFUSED, grow, result
from tests.tables.conftest import declared
from tests.tables.test_links import link, make
from tests.tables.test_links_across import change, rollup

BEFORE_NOON = dt.datetime(2026, 3, 29, 9, tzinfo=dt.UTC)


def formula(name, expression, **rest):
    return declared(name, "formula", options={"expression": expression}, **rest)


PLAIN = (
    declared("name", "text", required=True), declared("quantity", "integer"),
    declared("price", "money"), declared("due", "date"),
)  # fmt: skip
WORKED_OUT = (
    formula("total", "quantity * price"),
    formula("each", "total / quantity"),
    formula("left", "due - today"),
    formula("late", "due < today"),
    formula("grade", '"large" if twice > 10 else name'),
    formula("twice", "total * 2"),
)


@pytest.fixture(autouse=True)
def day(monkeypatch):
    """It is a day in March; a function makes it another."""

    def set(moment):
        monkeypatch.setattr("app.clock.utcnow", lambda: moment)

    set(BEFORE_NOON)
    return set


@pytest.fixture
def made(people):
    """A function: fields → a table of Bob's with them."""

    def make(*fields, **rest):
        table = Table(0, 0, "shop", "sale", "Sales", fields, owner_id=people["bob"].id, **rest)
        with writing():
            catalog.create(table, "Shop")
        catalog.forget()
        return catalog.tables()["shop", "sale"]

    return make


@pytest.fixture
def sales(made, people):
    """A table with formulas and a few records."""
    live = made(*PLAIN, *WORKED_OUT)
    for values in (
        {"name": "ink", "quantity": 2, "price": Decimal("2.50"), "due": dt.date(2026, 3, 28)},
        {"name": "pen", "quantity": 3, "price": Decimal("9.99"), "due": dt.date(2026, 3, 30)},
        {"name": "gum", "quantity": 0, "price": Decimal("1.00")},
    ):
        records.create(people["bob"], live, values)
    return live


def found(actor, live, **args):
    given = {name: [text] for name, text in args.items()}
    return listing.page(actor, live, listing.read(live, given))


def column(page, name):
    place = 1 + [one.name for one in page.query.fields].index(name)
    return [row[place] for row in page.rows]


# As if they were stored ------------------------------------------------------------------------


def assert_list_agrees(actor: Any, live: Any, values: list[Any]) -> None:
    """Shown, sorted both ways, paged by key, and filtered, the formula `x` of the records is these."""
    field = live.table.by_name["x"]
    shown = column(found(actor, live, fields="x", sort="id"), "x")
    assert shown == values
    ids = {i + 1: value for i, value in enumerate(shown)}
    filled = [id for id, value in ids.items() if value is not None]
    blank = [id for id, value in ids.items() if value is None]
    for sign, down in (("", False), ("-", True)):
        # sorting is stable, so that equals stay in the order of their ids
        order = sorted(filled, key=lambda id: field.type.rank(ids[id]), reverse=down)
        assert walked(actor, live, f"{sign}x") == [*order, *blank]
    for value in set(shown):
        text = field.type.text(value, field)
        same = [id for id, other in ids.items() if other == value]
        page = found(actor, live, sort="id", x=text)
        assert [row[0] for row in page.rows] == same
        assert page.found == len(same)


def walked(actor: Any, live: Any, sort: str, shown: str = "name") -> list[int]:
    """The ids of all records, two a page, from page to page by key."""
    ids: list[int] = []
    page = "1"
    while page:
        one = found(actor, live, fields=shown, sort=sort, per_page="2", page=page)
        ids, page = [*ids, *(row[0] for row in one.rows)], one.next
        assert len(ids) <= one.total
    return ids


@pytest.mark.parametrize("kind", range(4), ids=["numbers", "texts", "dates", "conditions"])
def test_a_list_has_sorts_filters_and_pages_a_formula_as_python_would(
    app, made, people, monkeypatch, kind
):
    app.config["ROUNDTRIP_TIMEZONE"] = "Europe/Berlin"
    live = made(*FIELDS.values())

    @settings(max_examples=12)
    @given(grown=grow(2)[kind], rows=st.lists(RECORDS, min_size=1, max_size=5))
    def holds(grown: Any, rows: list[dict[str, Any]]) -> None:
        assume("me.roles" not in grown.text)
        try:
            fields = (*live.table.fields, formula("x", grown.text))
            grown_live = catalog.Live(replace(live.table, fields=fields), live.sql.name)
            grown_live.field("x")
        except Invalid as error:
            assert REFUSED.search(str(error)), error
            assume(False)
        with writing(), history.acting(people["bob"]):
            db.session.execute(sa.delete(live.sql))
            numbered = [{"id": i + 1, **dict.fromkeys(FIELDS), **one} for i, one in enumerate(rows)]
            db.session.execute(sa.insert(live.sql), numbered)
            history.note(live.table.id, "import", {"rows": len(rows)})
        values = [result(grown, row) for row in rows]
        assert_list_agrees(people["bob"], grown_live, values)

    assert NOW["today"] == BEFORE_NOON.date()
    holds()


def test_formulas_build_on_one_another_in_whatever_order_they_stand(sales, people):
    page = found(people["bob"], sales)
    assert column(page, "total") == [Decimal("5.00"), Decimal("29.97"), Decimal("0.00")]
    assert column(page, "twice") == [Decimal("10.00"), Decimal("59.94"), Decimal("0.00")]
    assert column(page, "grade") == ["ink", "large", "gum"]


def test_what_is_divided_by_nothing_and_what_has_a_blank_part_is_blank(sales, people):
    page = found(people["bob"], sales)
    assert column(page, "each") == [Decimal("2.50"), Decimal("9.99"), None]
    assert column(page, "left") == [-1, 1, None]
    assert column(page, "late") == [True, False, None]


def test_a_record_has_its_formulas_and_after_a_change_the_new_ones(sales, people):
    assert records.get(people["bob"], sales, 1).total == Decimal("5.00")
    saved = records.update(people["bob"], sales, 1, {"quantity": 4}, 1)
    assert (saved.total, saved.grade) == (Decimal("10.00"), "large")


def test_nobody_writes_a_formula_and_history_says_nothing_of_it(sales, people):
    with pytest.raises(Invalid, match="Total cannot be written here"):
        records.update(people["bob"], sales, 1, {"total": Decimal(1)}, 1)
    records.update(people["bob"], sales, 1, {"quantity": 4}, 1)
    written = {one.name for one in PLAIN} | {"_record"}
    records.delete(people["bob"], sales, 1, None)
    assert records.restore(people["bob"], sales, 1).total == Decimal("10.00")
    assert {n for one in history.of_record(people["bob"], sales, 1) for n in one.data} <= written


def test_the_day_is_that_of_the_request_also_in_statements_that_are_kept(sales, people, day):
    def late():
        return (
            column(found(people["bob"], sales), "late"),
            found(people["bob"], sales, late="true", sort="-left").found,
            records.get(people["bob"], sales, 2).late,
        )

    assert late() == ([True, False, None], 1, False)
    day(BEFORE_NOON + dt.timedelta(2))
    db.session.expire_all()
    assert late() == ([True, True, None], 2, True)


def test_formulas_cost_no_query(made, people):
    live = made(*PLAIN, *(formula(f"f{i}", f"quantity * price + {i}") for i in range(10)))
    bare = catalog.Live(replace(live.table, fields=live.table.written), live.sql.name)
    records.create(people["bob"], live, {"name": "ink", "quantity": 2})
    ran: list[str] = []
    sa.event.listen(db.engine, "before_cursor_execute", lambda *args: ran.append(args[2]))

    def queries(one):
        ran.clear()
        found(people["bob"], one, sort="name", q="ink")
        db.session.expunge_all()
        records.get(people["bob"], one, 1)
        return len(ran)

    for one in (live, bare):  # counts are kept
        queries(one)
    assert queries(live) == queries(bare) > 0


def test_a_record_may_be_called_by_a_formula(made, people):
    live = made(*PLAIN, formula("called", 'name + "!"'), title="called")
    assert records.create(people["bob"], live, {"name": "ink"}).called == "ink!"
    assert check(replace(live.table, title="")).title == "name"


# In and out ------------------------------------------------------------------------------------


def test_a_formula_is_exported_and_an_import_leaves_its_column_out(sales, people, tmp_path):
    query = listing.read(sales, {"fields": ["name,quantity,price,total,grade"]})
    file = tmp_path / "sales.csv"
    file.write_bytes(b"".join(as_csv(people["bob"], sales, query)))
    assert file.read_text(encoding="utf-8").splitlines()[1] == "ink,2,2.50,5.00,ink"
    changed = file.read_text(encoding="utf-8").replace("ink,2,2.50,5.00", "ink,4,2.50,7.77")
    file.write_text(changed, encoding="utf-8")
    counts = merge(people["bob"], sales, file, keys=["name"])
    assert (counts.same, counts.update, counts.reject) == (2, 1, 0)
    assert records.get(people["bob"], sales, 1).total == Decimal("10.00")


def test_json_has_a_formula_as_its_schema_says(sales, people):
    rows = json.loads(b"".join(as_json(people["bob"], sales, listing.read(sales, {}))))
    assert (rows[0]["total"], rows[0]["late"], rows[2]["left"]) == ("5.00", True, None)
    schemas = {one.name: one.type.schema(one) for one in sales.table.fields}
    assert schemas["total"]["type"] == ["string", "null"] and schemas["total"]["readOnly"]
    assert schemas["late"]["type"] == ["boolean", "null"]
    assert "readOnly" not in schemas["price"]


# What cannot be --------------------------------------------------------------------------------

TEN = "+".join(["{0}"] * 10)
WRONG = (
    ({"x": "quantty * 2"}, "x", r"did you mean quantity\? \(character 1\)"),
    ({"x": ""}, "x", "An expression is needed"),
    ({"x": "price * price"}, "x", "one has to be a number"),
    ({"x": "me.name"}, "x", "There is no field “me.name”"),
    ({"x": "2 * name.first"}, "x", r"links to one record: .*; “name” is none \(character 5\)"),
    ({"x": "x + 1"}, "x", "X is worked out of itself, round in a circle"),
    ({"x": "y + 1", "y": "x + 1"}, "x", "X is worked out of itself, round in a circle"),
    ({"x": "(" * 400 + "1" + ")" * 400}, "x", "nested too deep"),
    ({"x": "+".join(["price"] * 100)}, "x", "nested too deep"),
    ({"x": TEN.format("y"), "y": TEN.format("z"), "z": TEN.format("price")}, "x", "too many other formulas"),
)  # fmt: skip


def test_a_formula_that_cannot_be_is_refused_with_its_field_and_the_cure(made):
    for texts, name, words in WRONG:
        with pytest.raises(Invalid, match=words) as caught:
            made(*PLAIN, *(formula(one, text) for one, text in texts.items()))
        assert [place.partition("__")[0] for place, _ in caught.value.errors] == [name]


@pytest.mark.parametrize("rest", [{"required": True}, {"unique": True}, {"default": "1"}])
def test_a_formula_has_no_rules_of_what_is_written(rest):
    with pytest.raises(Invalid, match="X is worked out"):
        check(Table(0, 0, "shop", "sale", "Sales", (*PLAIN, formula("x", "quantity", **rest))))


def test_what_a_declaration_keeps_of_a_formula_is_the_expression_alone(sales):
    document = sales.table.document()
    kept = {one["name"]: (one["type"], one["options"]) for one in document["fields"]}
    assert kept["total"] == ("formula", {"expression": "quantity * price"})
    again = sales.table.read(json.loads(json.dumps(document)))
    assert catalog.Live(again, sales.sql.name).table == sales.table


def test_the_deepest_formulas_that_are_taken_are_listed_sorted_and_filtered(made, people):
    fields, taken, live = [*PLAIN, formula("f0", "round(quantity / 3)")], 0, made(*PLAIN)
    while True:
        fields.append(formula(f"f{taken + 1}", f"round(f{taken} / 3)"))
        deeper = catalog.Live(replace(live.table, fields=tuple(fields)), live.sql.name)
        try:
            deeper.field(f"f{taken + 1}")
        except Invalid:
            break
        taken += 1
    assert taken
    for quantity in (10**9, 10**8, 10**7):
        records.create(people["bob"], live, {"name": "ink", "quantity": quantity})
    last = f"f{taken}"
    assert walked(people["bob"], deeper, f"-{last},f0") == [1, 2, 3]
    page = found(
        people["bob"], deeper, **{f"{last}__gt": "0", f"{last}__lt": str(10**14)}, sort=last
    )
    assert [row[0] for row in page.rows] == [3, 2, 1]


def test_a_formula_that_cannot_be_read_any_more_takes_nothing_else_with_it(sales, people):
    with writing():
        stored = db.session.get(Definition, sales.table.id)
        document = json.loads(json.dumps(stored.document))
        document["fields"][4]["options"] = {"expression": "nothing_there * 2"}
        stored.document = document
    catalog.forget()
    live = catalog.tables()["shop", "sale"]
    page = found(people["bob"], live, sort="total")
    assert column(page, "name") == ["ink", "pen", "gum"]
    assert column(page, "total") == [None, None, None]
    field = live.table.by_name["total"]
    assert field.type.cell(None, field) == "cannot be worked out"


def test_another_label_changes_nothing_and_a_field_that_is_used_keeps_its_column(sales, people):
    def changed(**rest):
        fields = [
            replace(one, **rest) if one.name == "price" else one for one in sales.table.fields
        ]
        return replace(sales.table, fields=tuple(one for one in fields if one.label))

    for wanted in (changed(name="cost"), changed(label="")):
        for use in (changing.examine, lambda *args: changing.apply(*args, sales.table.version)):
            with pytest.raises(
                Invalid, match="Total cannot be worked out. There is no field “price”"
            ):
                use(people["bob"], sales, wanted)
    assert [one.kind for one in changing.compare(sales.table, changed(label="Cost"))] == ["relabel"]
    changing.apply(people["bob"], sales, changed(label="Cost"), sales.table.version)
    live = catalog.tables()["shop", "sale"]
    assert column(found(people["bob"], live), "total")[0] == Decimal("5.00")


def test_a_formula_of_a_table_in_use_is_added_changed_and_dropped(sales, people):
    def changed(*fields):
        live = catalog.tables()["shop", "sale"]
        kept = [one for one in live.table.written if one.name not in [it.name for it in fields]]
        new = replace(live.table, fields=(*kept, *fields))
        changing.apply(people["bob"], live, new, live.table.version)
        catalog.forget()
        return catalog.tables()["shop", "sale"]

    assert column(found(people["bob"], changed(formula("total", "quantity + 1"))), "total")[0] == 3
    live = changed(formula("total", 'name + "!"'))
    assert column(found(people["bob"], live), "total")[0] == "ink!"
    with pytest.raises(Invalid, match="add a field, then drop this one"):
        changed(declared("total", "text"))
    with pytest.raises(Invalid, match="add a field, then drop this one"):
        changed(formula("quantity", "2"))
    assert "total" not in changed().columns


# Of other tables -------------------------------------------------------------------------------


@pytest.fixture
def shop(people):
    """Customers with a discount, and orders whose net amount it makes less."""
    customers = make(people["bob"], "customers", declared("name", "text"), declared("discount", "decimal"))  # fmt: skip
    orders = make(
        people["bob"], "orders", declared("amount", "money"), link(customers, "clear"),
        declared("by", "person"),
        formula("net", "round(amount * (1 - coalesce(customer.discount, 0) / 100), 2)"),
        formula("said", 'customer.name + " by " + by.name'),
    )  # fmt: skip
    records.create(people["bob"], customers, {"name": "Acme", "discount": Decimal("12.50")})
    for customer, amount in ((1, "10.00"), (None, "9.00"), (1, "12.00")):
        values = {"customer": customer, "amount": Decimal(amount), "by": people["bob"].id}
        records.create(people["bob"], orders, values)
    return customers, orders


def test_a_formula_reads_the_linked_record_as_it_is_now(shop, people):
    customers, orders = shop
    assert column(found(people["bob"], orders, sort="id"), "net") == [
        Decimal("8.75"), Decimal("9.00"), Decimal("10.50"),
    ]  # fmt: skip
    assert records.get(people["bob"], orders, 1).said == "Acme by Bob Brown"
    assert walked(people["bob"], orders, "-net", "amount") == [3, 2, 1]
    assert found(people["bob"], orders, net__lt="9").found == 1
    records.update(people["bob"], customers, 1, {"discount": Decimal(50)}, 1)
    page = found(people["bob"], orders, net__lt="9", sort="net")
    assert (column(page, "net"), page.found) == ([Decimal("5.00"), Decimal("6.00")], 2)


def test_formulas_and_what_comes_out_over_linked_records_build_on_one_another(shop, people):
    customers, orders = shop
    customers = change(
        customers, rollup("all_net", orders, "sum", "net"), formula("good", "all_net >= 19.25")
    )
    share = formula("share", "100 * net / customer.all_net")
    orders = change(orders, share, formula("vip", "customer.good"))
    page = found(people["bob"], orders, sort="id", vip="true", fields="share")
    assert column(page, "share") == [Decimal("45.454545"), Decimal("54.545455")]
    with pytest.raises(Invalid, match="round in a circle"):
        change(orders, formula("net", "amount - customer.all_net"))
    assert "net" in catalog.tables()["shop", "orders"].columns


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("amount * customer.dscount", r"“dscount” is none \(character 10\)"),
        ("customer", "This gives a link; take a field of it, as in customer.name"),
        ("customer.name.first", "A link is followed once"),
        ("custmer.name", "There is no field “custmer.name”"),
    ],
)
def test_what_a_linked_record_does_not_have_is_refused(shop, text, words):
    with pytest.raises(Invalid, match=f"X cannot be worked out.*{words}") as caught:
        change(shop[1], formula("x", text))
    assert [place for place, _ in caught.value.errors] == ["x__expression"]


def test_a_field_that_formulas_of_another_table_use_stays(shop):
    customers = shop[0].declared
    document = customers.document()
    document["fields"][1]["name"] = "rebate"
    with pytest.raises(Invalid, match="Net cannot be worked out.*“discount” is none"), writing():
        catalog.declare(customers.id, customers.version, customers.read(document), customers.access)
