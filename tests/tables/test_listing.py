"""Lists: the same rows whether paged by number or by key, and every filter, in both databases."""

from __future__ import annotations

import datetime as dt
import threading
from decimal import Decimal

import pytest
import sqlalchemy as sa

from app.database import writing
from app.errors import BadAddress
from app.extensions import db
from app.tables import catalog, history, listing, records
from app.tables.table import Table
from tests.tables.conftest import declared
from tests.tables.test_links import link, make
from tests.tables.test_links_across import change, rollup

NAMES = ["ant", "Bee", "cat", None, "Dog", "eel", None, "Äffin", "ß", "zoo", "ant", "cat%"]


@pytest.fixture
def rows(people, things):
    """Records with blanks and equal values, written in one go."""
    made = [
        {"id": i + 1, "name": name, "email": None, "count_": [3, None, 1][i % 3],
         "price": None if i % 4 == 0 else Decimal(i) / 4, "day": dt.date(2026, 1, 1 + i % 5)}
        for i, name in enumerate(NAMES)
    ]  # fmt: skip
    with writing(), history.acting(people["bob"]):
        db.session.execute(sa.insert(things.sql), made)
        history.note(things.table.id, "import", {"rows": len(made)})
    return things


def ids(page):
    return [row[0] for row in page.rows]


def walk(actor, live, args):
    """All pages forward by key, then back again."""
    forward, page = [], "1"
    while page:
        found = listing.page(actor, live, listing.read(live, {**args, "page": [page]}))
        forward.append(found)
        page = found.next
    back, page = [forward[-1]], forward[-1].prev
    while page:
        found = listing.page(actor, live, listing.read(live, {**args, "page": [page]}))
        back.insert(0, found)
        page = found.prev
    return forward, back


@pytest.mark.parametrize(
    "sort", ["", "name", "-name", "count_,-name", "-price", "day,count_", "-id", "-created_at"]
)
def test_pages_by_key_are_those_by_number_forward_and_back(people, rows, sort):
    args = {"sort": [sort], "per_page": ["5"]}
    numbered = [
        ids(listing.page(people["bob"], rows, listing.read(rows, {**args, "page": [str(n)]})))
        for n in (1, 2, 3)
    ]
    forward, back = walk(people["bob"], rows, args)
    assert [ids(page) for page in forward] == [ids(page) for page in back] == numbered
    assert [page.first for page in forward] == [page.first for page in back] == [1, 6, 11]
    exported = list(listing.every(people["bob"], rows, listing.read(rows, args)))
    assert [row[0] for row in exported] == sum(numbered, [])


def test_blanks_come_last_whichever_way(people, rows):
    for sort in ("name", "-name"):
        page = listing.page(people["bob"], rows, listing.read(rows, {"sort": [sort]}))
        assert {row[1] for row in page.rows[-2:]} == {None}


@pytest.mark.parametrize(
    ("args", "wanted"),
    [
        ({"name": ["ant"]}, {1, 11}),
        ({"name__contains": ["%"]}, {12}),
        ({"name__contains": ["CAT"]}, {3, 12}),
        ({"name__isblank": ["true"]}, {4, 7}),
        ({"q": ["äff"]}, {8}),
        ({"q": ["a t"]}, {1, 3, 11, 12}),
        ({"price__gte": ["2.5"]}, {11, 12}),
        ({"day__lte": ["2026-01-01"], "count_": ["3"]}, {1}),
        ({"id__in": ["2", "3"]}, {2, 3}),
    ],
)  # fmt: skip
def test_filters_and_search_find_exactly_these(people, rows, args, wanted):
    page = listing.page(people["bob"], rows, listing.read(rows, args))
    assert set(ids(page)) == wanted
    assert (page.found, page.total) == (len(wanted), len(NAMES))


@pytest.mark.parametrize(
    "args",
    [
        {"colour": ["red"]}, {"name__near": ["x"]}, {"count_": ["many"]}, {"sort": ["colour"]},
        {"fields": ["colour"]}, {"page": ["0"]}, {"page": ["x"]}, {"page": ["after-x"]}, {"per_page": ["1000"]},
        {"q": ["a", "b"]}, {"page": ["after-" + "W" * 5000]}, {"name__": ["x"]}, {"__": ["x"]},
    ],
)  # fmt: skip
def test_what_an_address_cannot_mean_is_refused_in_words(people, rows, args):
    with pytest.raises(BadAddress) as refused:
        listing.page(people["bob"], rows, listing.read(rows, args))
    assert refused.value.detail or refused.value.errors


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({"q": ["a " + "b" * 201]}, "A search takes words of up to 200 characters"),
        ({"tags__in": [str(i) for i in range(101)]}, "takes up to 100 values here"),
        ({"count___in": [str(i) for i in range(101)]}, "takes up to 100 values here"),
        ({"name__contains": ["a" * 60_000]}, "1,000 characters"),
    ],
)
def test_more_than_a_statement_has_room_for_is_refused_in_words(people, rows, args, words):
    with pytest.raises(BadAddress, match=words):
        listing.read(rows, args)


def test_a_value_that_is_asked_for_very_often_is_looked_for_once(people, rows):
    args = {"tags__in": ["Open"] * 1_200, "count___in": ["3"] * 20_000, "q": ["b" * 200]}
    assert ids(listing.page(people["bob"], rows, listing.read(rows, args))) == []


BEYOND = {
    "id": [],
    "id__lt": list(range(1, 13)),
    "version__gt": [],
    "version__in": [],
    "n__lt": [1],
    "n": [],
}


@pytest.mark.parametrize("name", BEYOND)
def test_numbers_larger_than_any_that_is_stored_find_what_they_mean(people, rows, name):
    live = rows
    if name.startswith("n"):
        live = make(people["bob"], "nodes", declared("x", "text"), link(None, name="parent"))
        live = change(live, rollup("n", live, "count", by="parent"))
        records.create(people["bob"], live, {"x": "a"})
    found = listing.page(people["bob"], live, listing.read(live, {name: ["3000000000"]}))
    assert ids(found) == BEYOND[name]


def test_a_page_far_beyond_the_last_is_empty(people, rows):
    query = listing.read(rows, {"page": ["999999999"], "per_page": ["200"]})
    assert ids(listing.page(people["bob"], rows, query)) == []


def test_a_key_of_another_order_is_refused(people, rows):
    page = listing.page(
        people["bob"], rows, listing.read(rows, {"sort": ["name"], "per_page": ["5"]})
    )
    with pytest.raises(BadAddress):
        listing.page(
            people["bob"], rows, listing.read(rows, {"sort": ["count_,name"], "page": [page.next]})
        )


def test_counts_follow_every_change(people, rows):
    before = listing.page(people["bob"], rows, listing.read(rows, {}))
    records.delete(people["bob"], rows, 1, None)
    after = listing.page(people["bob"], rows, listing.read(rows, {}))
    assert (before.total, after.total) == (12, 11)


# SQLite lets one write after the other
@pytest.mark.parametrize("on_each_database", ["postgresql"], indirect=True)
def test_counts_follow_somebody_who_writes_first_and_is_done_last(app, people):
    live = make(people["bob"], "notes", declared("name", "text"))
    begun, go_on = threading.Event(), threading.Event()

    def slow():
        with app.app_context(), writing(), history.acting(people["bob"]):
            db.session.add(live.model(name="slow"))
            db.session.flush()
            begun.set()
            go_on.wait(20)

    thread = threading.Thread(target=slow)
    thread.start()
    begun.wait(20)
    records.create(people["bob"], live, {"name": "fast"})

    def counted():
        db.session.rollback()
        return listing.page(people["bob"], live, listing.read(live, {})).total

    assert counted() == 1
    go_on.set()
    thread.join()
    assert counted() == counted() == 2


def test_what_is_counted_today_is_counted_again_tomorrow(people, rows, monkeypatch):
    def found(day):
        monkeypatch.setattr("app.tables.listing.today", lambda: day)
        moment = dt.datetime.combine(day, dt.time(12), dt.UTC)
        monkeypatch.setattr("app.fields.date.utcnow", lambda: moment)
        query = listing.read(rows, {"day__today": ["true"]})
        return listing.page(people["bob"], rows, query).found

    assert found(dt.date(2026, 1, 1)) == 3
    assert found(dt.date(2027, 1, 1)) == 0


def test_what_was_counted_does_not_fill_the_memory(people, rows):
    for i in range(500):
        listing.page(people["bob"], rows, listing.read(rows, {"q": [f"word {i}"]}))
    assert len(rows.memo.get("counts", ())) <= listing.MOST_KEPT + 2


def test_a_table_of_a_thousand_texts_is_searched_and_too_much_is_refused(people):
    fields = tuple(declared(f"c_{i}", "text") for i in range(1_000))
    table = Table(0, 0, "wide", "wide", "Wide", fields, owner_id=people["bob"].id)
    with writing(), history.acting(people["bob"]):
        live = catalog.create(table, "Wide")
        db.session.execute(
            sa.insert(live.sql), [{"c_7": "an ant", "c_999": ""}, {"c_7": "", "c_999": "a bee"}]
        )
        history.note(live.table.id, "import", {})
    for q, wanted in (("an ANT", [1]), ("bee", [2]), ("a", [1, 2]), ("cow", [])):
        assert ids(listing.page(people["bob"], live, listing.read(live, {"q": [q]}))) == wanted
    every = [f"c_{i}" for i in range(1_000)]
    for args in ({"sort": [",".join(every)]}, {f"{name}__contains": ["a"] for name in every}):
        with pytest.raises(BadAddress, match="up to"):
            listing.read(live, args)
    twice = listing.read(live, {"sort": ["c_1,-c_1," * 500]})
    assert [(one.name, down) for one, down in twice.sort] == [("c_1", False)]


def test_texts_that_make_no_address_are_paged_by_number(people, things):
    with writing(), history.acting(people["bob"]):
        rows = [{"note": "x" * 3_000 + f"{i:02}"} for i in range(7)]
        db.session.execute(sa.insert(things.sql), rows)
        history.note(things.table.id, "import", {})
    args = {"sort": ["-note"], "per_page": ["3"]}
    first = listing.page(people["bob"], things, listing.read(things, args))
    second = listing.page(
        people["bob"], things, listing.read(things, {**args, "page": [first.next]})
    )
    assert (first.next, second.next, second.prev) == ("2", "3", "1")
    assert ids(first) + ids(second) == [7, 6, 5, 4, 3, 2]
