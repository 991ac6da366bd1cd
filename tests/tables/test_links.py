"""Links between tables: found, shown, sorted by, checked, and what a deletion does to them."""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import reduce

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.database import writing
from app.errors import BadAddress, Conflict, Invalid, NotFound
from app.extensions import db
from app.fields import FORM, Field
from app.fields.base import UnreadText
from app.fields.link import RULES
from app.permissions import Actor
from app.sheets import exporting
from app.sheets.merging import merge
from app.tables import catalog, history, links, listing, records
from app.tables.changing import applying
from app.tables.live import Live
from app.tables.table import Table
from tests.tables.conftest import declared
from tests.tables.test_changing import changed, retyped

again_and_again = settings(
    max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)


def make(owner: Actor, name: str, *fields: Field, access: str = "private") -> Live:
    table = Table(0, 0, "shop", name, name.capitalize(), fields, access=access, owner_id=owner.id)
    with writing():
        catalog.create(table, "Shop")
    return catalog.tables()["shop", name]


def link(to: Live | None, on_delete: str = "block", name: str = "customer", **rest) -> Field:
    options = {"on_delete": on_delete, **({"table": to.table.id} if to else {})}
    return declared(name, "link", options=options, **rest)


@pytest.fixture
def bob(people):
    return people["bob"]


@pytest.fixture
def customers(bob):
    return make(bob, "customers", declared("name", "text"), declared("code", "code", unique=True))


def orders(bob, customers, on_delete="block", **rest):
    return make(bob, "orders", declared("no", "code"), link(customers, on_delete, **rest))


def customer(bob, customers, name, code=None):
    return records.create(bob, customers, {"name": name, "code": code}).id


def linked_to(live, record_id):
    column = live.sql.c.customer
    return db.session.scalar(sa.select(column).where(live.sql.c.id == record_id))


def names(bob, live, **args):
    page = listing.page(bob, live, listing.read(live, {one: [text] for one, text in args.items()}))
    return [row[0] for row in page.rows], page


# Finding ---------------------------------------------------------------------------------------


def test_a_text_finds_a_record_by_title_by_a_unique_field_and_by_number(bob, customers):
    acme, bolt = customer(bob, customers, "Acme", "A-1"), customer(bob, customers, "Bolt", "12")
    texts = ["acme", "A-1", "12", f"#{bolt}", f"Whatever (#{acme})", "Cord", "#999"]
    found = links.find(bob, customers, texts)
    assert [found[one] for one in texts] == [[acme], [acme], [bolt], [bolt], [acme], [], []]


def test_a_text_of_any_length_and_kind_is_looked_for(bob, customers):
    customer(bob, customers, "A" * 210)
    assert [*links.suggestions(bob, customers, "a" * 60_000).values()] == ["A" * 210]
    assert links.suggestions(bob, customers, "A\0") == {}
    field = links.seen(bob, orders(bob, customers), link(customers))
    with pytest.raises(Invalid, match="must be a record of Customers"):
        field.type.parse("b" * 60_000, field, FORM)


def test_several_records_of_one_title_are_named_and_so_are_those_that_come_near(bob, customers):
    first, second = customer(bob, customers, "Acme"), customer(bob, customers, "Acme")
    field = links.seen(bob, orders(bob, customers), link(customers))
    with pytest.raises(Invalid, match=rf"Acme \(#{first}\) or Acme \(#{second}\)"):
        field.type.parse("Acme", field, FORM)
    with pytest.raises(
        Invalid, match=r"must be a record of Customers, such as Acme .*“Acne” is none"
    ):
        field.type.parse("Acne", field, FORM)


def test_who_may_not_list_the_other_table_sees_numbers_and_finds_nothing_by_title(
    people, customers
):
    bob, stranger = people["bob"], people["charlie"]
    acme = customer(bob, customers, "Acme")
    field = links.seen(stranger, orders(bob, customers), link(customers), [acme])
    assert field.type.show(acme, field) == f"#{acme}"
    assert links.suggestions(stranger, customers) == {}
    assert links.find(stranger, customers, ["Acme", f"#{acme}"]) == {"Acme": [], f"#{acme}": []}
    assert field.type.parse(f"#{acme}", field, FORM) == acme  # what a record has already may stay
    with pytest.raises(Invalid) as refused:
        field.type.parse("Acme", field, FORM)
    assert "Customers" not in str(refused.value)


@given(
    titles=st.lists(
        st.sampled_from(["Ab", "aB", "Ç (#2)", "%_", "'x", "12", "(", "#3"]), max_size=6
    )
)
@again_and_again
def test_what_is_shown_of_a_link_is_read_back(bob, titles):
    name = f"t{reduce(lambda a, b: a * 9 + len(b), titles, 1)}x{len(catalog.tables())}"
    customers = make(bob, name, declared("name", "text"))
    made = [records.create(bob, customers, {"name": one}).id for one in titles]
    field = links.seen(bob, customers, link(None))
    for one in made:
        assert field.type.parse(field.type.text(one, field, FORM), field, FORM) == one
        assert field.type.parse(field.type.text(one, field), field) == one
    written = links.texts(bob, customers, link(None), [None, *made])
    found = links.find(bob, customers, written[1:])
    assert [found[one] for one in written[1:]] == [[one] for one in made]


# Writing ---------------------------------------------------------------------------------------


def test_a_link_to_what_is_not_there_is_refused_in_words_also_among_many(bob, customers):
    live = orders(bob, customers)
    with pytest.raises(Invalid) as refused:
        records.create(bob, live, {"customer": 77})
    words = "Customer is #77 of Customers, which is not there; choose another"
    assert refused.value.errors == [("customer", words)]
    acme = customer(bob, customers, "Acme")
    with pytest.raises(Invalid, match="#78"):
        records.save_many(bob, live, [{"customer": acme}, {"customer": 78}])
    assert names(bob, live)[0] == []


def test_the_database_itself_keeps_links_whole(bob, customers):
    live, acme = orders(bob, customers), customer(bob, customers, "Acme")
    records.create(bob, live, {"customer": acme})
    with pytest.raises(sa.exc.IntegrityError), writing() as session:
        session.execute(sa.delete(customers.sql))


def test_a_link_that_is_added_later_is_kept_whole_too_and_dropped_keeps_nothing(bob, customers):
    live = make(bob, "orders", declared("no", "code"))
    applying.apply(bob, live, with_fields(live, *live.table.fields, link(customers)), 1)
    live, acme = catalog.tables()["shop", "orders"], customer(bob, customers, "Acme")
    order = records.create(bob, live, {"no": "1", "customer": acme}).id
    with pytest.raises(sa.exc.IntegrityError), writing() as session:
        session.execute(sa.delete(customers.sql))
    applying.apply(bob, live, with_fields(live, live.table.by_name["no"]), live.table.version)
    records.delete(bob, customers, acme, None)
    assert records.get(bob, catalog.tables()["shop", "orders"], order).no == "1"


def with_fields(live, *fields):
    return replace(live.declared, fields=fields)


def test_a_record_may_link_to_another_of_its_table_and_to_itself(bob):
    live = make(bob, "staff", declared("name", "text"), link(None, name="boss"))
    ada = records.create(bob, live, {"name": "Ada"})
    ben = records.create(bob, live, {"name": "Ben", "boss": ada.id})
    records.update(bob, live, ada.id, {"boss": ada.id}, None)
    with pytest.raises(Conflict, match="1 of Staff by Boss"):
        records.delete(bob, live, ada.id, None)
    records.delete(bob, live, ben.id, None)
    change = records.delete(bob, live, ada.id, None)
    assert records.undo(bob, live, change).boss == ada.id


# Deleting --------------------------------------------------------------------------------------


def test_every_rule_has_words():
    assert set(RULES) == {"block", "clear", "delete"}


def test_block_says_how_many_records_of_which_table(bob, customers):
    live, acme = orders(bob, customers), customer(bob, customers, "Acme")
    for _ in range(3):
        records.create(bob, live, {"customer": acme})
    with pytest.raises(Conflict, match="3 of Orders by Customer"):
        records.delete(bob, customers, acme, None)
    assert records.get(bob, customers, acme).name == "Acme"


@pytest.mark.parametrize("rule", ["clear", "delete"])
def test_what_a_deletion_did_to_others_is_in_their_history_and_undone_with_it(bob, customers, rule):
    live, acme = orders(bob, customers, rule), customer(bob, customers, "Acme")
    order = records.create(bob, live, {"no": "1", "customer": acme}).id
    change = records.delete(bob, customers, acme, None)
    newest = history.of_record(bob, live, order)[0]
    assert (newest.action, newest.data["customer"]) == (
        {"clear": "update", "delete": "delete"}[rule], [acme, None],
    )  # fmt: skip
    if rule == "clear":
        assert records.get(bob, live, order).customer is None
    else:
        with pytest.raises(NotFound):
            records.get(bob, live, order)
    back = records.undo(bob, customers, change)
    assert (back.name, back.lost) == ("Acme", [])
    assert linked_to(live, order) == acme


def test_what_cannot_be_brought_back_is_named_and_the_rest_is(bob, customers):
    live, acme = orders(bob, customers, "clear"), customer(bob, customers, "Acme")
    bolt = customer(bob, customers, "Bolt")
    first, second, third = (records.create(bob, live, {"customer": acme}).id for _ in range(3))
    change = records.delete(bob, customers, acme, None)
    records.update(bob, live, first, {"customer": bolt}, None)
    records.delete(bob, live, second, None)
    back = records.undo(bob, customers, change)
    assert back.lost == [f"#{first} of Orders", f"#{second} of Orders"]
    assert (linked_to(live, first), linked_to(live, third)) == (bolt, acme)


def test_a_taken_value_of_what_was_deleted_with_a_record_leaves_the_rest_restored(bob, customers):
    live = make(bob, "orders", declared("no", "code", unique=True), link(customers, "delete"))
    acme = customer(bob, customers, "Acme")
    first, second = (records.create(bob, live, {"no": no, "customer": acme}).id for no in "12")
    change = records.delete(bob, customers, acme, None)
    records.create(bob, live, {"no": "1"})
    back = records.undo(bob, customers, change)
    assert back.lost == [f"#{first} of Orders"]
    assert linked_to(live, second) == acme


@pytest.mark.parametrize("then", ["gone", "renamed", "linking elsewhere"])
def test_a_record_comes_back_whatever_has_become_of_the_field_that_linked_to_it(
    bob, customers, then
):
    live, acme = orders(bob, customers, "clear"), customer(bob, customers, "Acme")
    order = records.create(bob, live, {"no": "1", "customer": acme}).id
    change = records.delete(bob, customers, acme, None)
    no, field = live.declared.fields
    kept = {
        "gone": (),
        "renamed": (replace(field, name="buyer"),),
        "linking elsewhere": (replace(field, options=link(None, "clear").options),),
    }[then]
    live = changed(bob, live, with_fields(live, no, *kept))
    back = records.undo(bob, catalog.tables()["shop", "customers"], change)
    assert (back.name, back.lost) == ("Acme", [] if then == "renamed" else [f"#{order} of Orders"])
    if then == "renamed":
        assert records.get(bob, live, order).buyer == acme


def test_a_field_that_comes_back_blank_is_named(bob, customers):
    status = declared("status", "choice", options={"choices": ["open", "done"]})
    live = make(bob, "orders", status, link(customers, "delete"))
    acme = customer(bob, customers, "Acme")
    order = records.create(bob, live, {"status": "open", "customer": acme}).id
    alone = records.create(bob, live, {"status": "open"}).id
    records.delete(bob, customers, acme, None)
    records.delete(bob, live, alone, None)
    live = changed(bob, live, retyped(live, "status", "choice", {"choices": ["new", "done"]}))
    back = records.restore(bob, live, alone)
    assert (back.status, back.lost) == (None, ["Status"])
    back = records.restore(bob, catalog.tables()["shop", "customers"], acme)
    assert back.lost == [f"Status of #{order} of Orders"]
    assert linked_to(live, order) == acme


def test_history_never_takes_the_number_of_a_record_for_one_of_another_table(bob, customers):
    towns = make(bob, "towns", declared("name", "text"))
    for name in ("Acme", "Bolt"):
        records.create(bob, towns, {"name": name})
    live, acme = orders(bob, customers, "clear"), customer(bob, customers, "Acme")
    order = records.create(bob, live, {"no": "1", "customer": acme}).id
    records.update(bob, live, order, {"customer": None}, None)
    change = history.of_record(bob, live, order)[0]
    records.delete(bob, live, records.create(bob, live, {"customer": acme}).id, None)
    live = changed(bob, live, retyped(live, "customer", "link", link(towns).options))
    [(_field, old, _new)] = history.values_of(live, change)
    assert isinstance(old, UnreadText) and old == str(acme)
    with pytest.raises(Conflict, match="does not fit it any more"):
        records.undo(bob, live, change.id)
    back = records.restore(bob, live, order + 1)
    assert (back.customer, back.lost) == (None, ["Customer"])


def test_digits_of_an_old_text_are_no_record(bob, customers):
    live, acme = make(bob, "orders", declared("customer", "text")), customer(bob, customers, "Acme")
    gone = records.create(bob, live, {"customer": str(acme)}).id
    records.delete(bob, live, gone, None)
    live = changed(bob, live, retyped(live, "customer", "link", link(customers).options))
    back = records.restore(bob, live, gone)
    assert (back.customer, back.lost) == (None, ["Customer"])


def test_a_record_comes_back_without_its_links_to_what_is_gone(bob, customers):
    several = declared("others", "links", options={"table": customers.table.id})
    live = make(bob, "orders", link(customers, "clear"), several)
    acme, bolt = customer(bob, customers, "Acme"), customer(bob, customers, "Bolt")
    order = records.create(bob, live, {"customer": acme, "others": (acme, bolt)}).id
    records.delete(bob, live, order, None)
    records.delete(bob, customers, acme, None)
    back = records.restore(bob, live, order)
    assert (back.customer, back.others) == (None, (bolt,))
    assert back.lost == [f"Customer #{acme}", f"Others #{acme}"]


@pytest.mark.parametrize("rule", ["block", "delete", "required"])
def test_a_record_that_cannot_be_without_what_is_gone_says_what_to_restore_first(
    bob, customers, rule
):
    required = rule == "required"
    live = orders(bob, customers, "clear" if required else rule, required=required)
    acme = customer(bob, customers, "Acme")
    order = records.create(bob, live, {"customer": acme}).id
    records.delete(bob, live, order, None)
    records.delete(bob, customers, acme, None)
    with pytest.raises(Conflict, match=f"#{acme} of Customers, which is deleted: restore that"):
        records.restore(bob, live, order)
    records.restore(bob, customers, acme)
    assert records.restore(bob, live, order).customer == acme


def test_records_that_would_delete_each_other_are_deleted_and_come_back(bob):
    live = make(bob, "nodes", declared("name", "text"), link(None, "delete"))
    a = records.create(bob, live, {"name": "a"}).id
    b = records.create(bob, live, {"name": "b", "customer": a}).id
    records.update(bob, live, a, {"customer": b}, None)
    change = records.delete(bob, live, a, None)
    assert names(bob, live)[0] == []
    records.undo(bob, live, change)
    assert (linked_to(live, a), linked_to(live, b)) == (b, a)


@pytest.fixture
def shallow():
    """Python goes no deeper than 400 calls, so that a chain need not be long to be too deep for it."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(400)
    yield
    sys.setrecursionlimit(limit)


def test_a_long_chain_is_deleted_and_comes_back_unless_it_is_too_long(bob, shallow, monkeypatch):
    live = make(bob, "nodes", declared("name", "text"), link(None, "delete", "parent"))
    with writing():
        chain = [{"name": f"{one}", "parent": one - 1 or None} for one in range(1, 401)]
        db.session.execute(live.sql.insert(), chain)
    change = records.delete(bob, live, 1, None)
    assert names(bob, live)[0] == []
    assert records.undo(bob, live, change).lost == []
    assert records.get(bob, live, 400).parent == 399
    monkeypatch.setattr(records, "MOST_LINKED", 3)
    with pytest.raises(Conflict, match="More than 3 records would be changed or deleted"):
        records.delete(bob, live, 396, None)
    records.delete(bob, live, 397, None)


def test_what_is_deleted_by_two_ways_is_deleted_once_and_comes_back_whole(bob, customers):
    rule = {"own": "delete", "also": "delete", "other": "clear"}
    fields = [link(None, one, name) for name, one in rule.items()]
    live = make(bob, "orders", link(customers, "delete"), *fields)
    acme = customer(bob, customers, "Acme")
    made = [
        {"customer": acme},
        {"customer": acme, "own": 1, "other": 1},
        {"customer": acme, "other": 1, "own": 2, "also": 1},
    ]
    for values in made:
        records.create(bob, live, values)
    change = records.delete(bob, customers, acme, None)
    assert names(bob, live)[0] == []
    assert records.undo(bob, customers, change).lost == []
    back = [records.get(bob, live, one) for one in (1, 2, 3)]
    assert [{name: getattr(one, name) for name in made[2]} for one in back] == [
        dict.fromkeys(made[2]) | values for values in made
    ]


def test_a_field_that_must_not_be_blank_is_not_cleared(bob, customers):
    live, acme = orders(bob, customers, "clear", required=True), customer(bob, customers, "Acme")
    records.create(bob, live, {"customer": acme})
    with pytest.raises(Conflict, match="1 of Orders"):
        records.delete(bob, customers, acme, None)


def test_a_table_that_others_link_to_is_not_withdrawn_and_the_fields_are_named(bob, customers):
    live = orders(bob, customers)
    with pytest.raises(Conflict, match="Customer of Orders"), writing():
        catalog.withdraw(customers.table.id)
    with writing():
        catalog.withdraw(live.table.id)
    with writing():
        catalog.withdraw(customers.table.id)
    with pytest.raises(Conflict, match="Customers, which is deleted"), writing():
        catalog.publish(live.table.id)


def test_a_deleted_table_does_not_keep_the_records_it_linked_to(bob, customers):
    live, acme = orders(bob, customers), customer(bob, customers, "Acme")
    order = records.create(bob, live, {"no": "1", "customer": acme}).id
    with writing():
        catalog.withdraw(live.table.id)
    records.delete(bob, customers, acme, None)
    with writing():
        catalog.publish(live.table.id)
    back = records.get(bob, catalog.tables()["shop", "orders"], order)
    assert (back.no, back.customer) == ("1", None)


def test_a_table_of_links_to_what_is_not_there_is_refused(bob, customers):
    with pytest.raises(Invalid, match="Customer links to a table that is not there"):
        make(bob, "orders", declared("customer", "link", options={"table": 999}))


# Lists -----------------------------------------------------------------------------------------


def test_a_list_is_sorted_by_title_blanks_last_and_paged_by_key_without_a_gap(bob, customers):
    live = orders(bob, customers)
    made = {one: customer(bob, customers, one) for one in ("delta", "Alpha", "charlie", "Bravo")}
    for one in ["delta", None, "Alpha", "charlie", "Alpha", "Bravo", None, "delta"]:
        records.create(bob, live, {"customer": made.get(one)})
    title = {number: name for name, number in made.items()}
    for sort, descending in (("customer", False), ("-customer", True)):
        ids, page = names(bob, live, sort=sort, per_page="3")
        while page.next:
            more, page = names(bob, live, sort=sort, per_page="3", page=page.next)
            ids += more
        shown = [title.get(linked_to(live, one)) for one in ids]
        filled = sorted((one for one in shown if one), key=str.lower, reverse=descending)
        assert shown == [*filled, None, None]
        assert len(set(ids)) == 8


def test_an_order_by_titles_takes_the_right_to_them(people, customers):
    bob = people["bob"]
    live = make(bob, "orders", declared("no", "code"), link(customers), access="read")
    assert names(people["charlie"], live)[0] == []
    with pytest.raises(BadAddress, match="Customer cannot be sorted by"):
        names(people["charlie"], live, sort="customer")


def test_links_are_filtered_by_number(bob, customers):
    live, acme, bolt = orders(bob, customers), *(customer(bob, customers, n) for n in ("A", "B"))
    a, b, c = (records.create(bob, live, {"customer": one}).id for one in (acme, bolt, None))
    assert names(bob, live, customer=str(acme))[0] == [a]
    assert names(bob, live, customer__not=str(acme))[0] == [b, c]
    assert names(bob, live, customer__in=str(bolt))[0] == [b]
    assert names(bob, live, customer__isblank="true")[0] == [c]


# Spreadsheets ----------------------------------------------------------------------------------


def test_an_export_imports_again_without_a_change_though_titles_are_the_same(
    bob, customers, tmp_path
):
    live = make(bob, "orders", declared("no", "code", unique=True), link(customers))
    twins = [customer(bob, customers, "=Acme, Inc.") for _ in range(2)]
    for no, one in enumerate([*twins, None]):
        records.create(bob, live, {"no": str(no), "customer": one})
    query = listing.read(live, {})
    csv = tmp_path / "orders.csv"
    csv.write_bytes(b"".join(exporting.as_csv(bob, live, query)))
    assert f"=Acme, Inc. (#{twins[0]})" in csv.read_text("utf-8")
    for path in (csv, exporting.as_xlsx(bob, live, query, tmp_path / "orders.xlsx")):
        counts = merge(bob, live, path)
        assert (counts.same, counts.create, counts.update, counts.reject) == (3, 0, 0, 0)


def test_an_import_takes_titles_and_lists_what_names_no_record(bob, customers, tmp_path):
    live = make(bob, "orders", declared("no", "code", unique=True), link(customers))
    acme = customer(bob, customers, "Acme", "A-1")
    path = tmp_path / "orders.csv"
    path.write_text("No,Customer\nx1,acme\nx2,A-1\nx3,Nobody\nx4,#999\nx5,\n", encoding="utf-8")
    counts = merge(bob, live, path)
    assert (counts.create, counts.reject) == (3, 2)
    assert [(one.line, one.value) for one in counts.problems.listed] == [(4, "Nobody"), (5, "#999")]
    assert [linked_to(live, one) for one in names(bob, live)[0]] == [acme, acme, None]


# People ----------------------------------------------------------------------------------------


def test_a_person_is_found_by_name_and_address_and_only_active_ones_are_offered(people):
    bob = people["bob"]
    live = make(bob, "tasks", declared("name", "text"), declared("who", "person"))
    field = links.seen(bob, live, live.table.by_name["who"])
    for text in ("Bob Brown", "bob@example.com", f"#{bob.id}"):
        assert field.type.parse(text, field, FORM) == bob.id
    offered = [words for _, words in field.type.widget(field).offered]
    assert offered == ["Alice Adams", "Bob Brown"]
    task = records.create(bob, live, {"name": "Sweep", "who": bob.id})
    assert links.seen(bob, live, field, [task.who]).type.show(task.who, field) == "Bob Brown"
