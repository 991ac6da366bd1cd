"""Fields that link to several records: stored as pairs, versioned, kept in history, taken back."""

from __future__ import annotations

from dataclasses import replace

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from app.database import writing
from app.errors import Conflict, Invalid
from app.extensions import db
from app.fields import FORM, named
from app.sheets import exporting
from app.sheets.merging import merge
from app.tables import catalog, history, links, listing, records
from app.tables.changing import applying
from tests.tables.conftest import declared
from tests.tables.test_links import again_and_again, make, names


def tags_field(tags, on_delete="clear", **rest):
    return declared(
        "tags", "links", options={"table": tags.table.id, "on_delete": on_delete}, **rest
    )


@pytest.fixture
def bob(people):
    return people["bob"]


@pytest.fixture
def tags(bob):
    return make(bob, "tags", declared("name", "text"))


@pytest.fixture
def books(bob, tags):
    return make(bob, "books", declared("name", "code", unique=True), tags_field(tags))


def tag(bob, tags, *words):
    return [records.create(bob, tags, {"name": one}).id for one in words]


def stored(live, record_id):
    """The pairs as the database has them."""
    pairs = live.lists["tags"]
    query = sa.select(pairs.c.target).where(pairs.c.source == record_id)
    return tuple(sorted(db.session.scalars(query))) or None


LISTS = st.lists(st.none() | st.sets(st.integers(0, 3), min_size=1), min_size=1, max_size=6)


@given(steps=LISTS)
@again_and_again
def test_each_change_of_a_list_is_stored_counted_kept_in_history_and_undone(
    bob, tags, books, steps
):
    ids = tag(bob, tags, *"abcd")
    lists = [one and tuple(sorted(ids[place] for place in one)) for one in steps]
    record = records.create(bob, books, {"tags": lists[0]})
    id, version = record.id, 1
    for old, new in zip(lists, lists[1:], strict=False):
        record = records.update(bob, books, id, {"tags": new}, version)
        version += old != new
        assert (record.version, record.tags, stored(books, id)) == (version, new, new)
    changes = [one for one in history.of_record(bob, books, id) if one.action == "update"]
    for change in changes:
        old, new = (one and tuple(one) for one in change.data["tags"])
        assert records.get(bob, books, id).tags == new
        records.undo(bob, books, change.id)
        assert stored(books, id) == old
    change = records.delete(bob, books, id, None)
    assert stored(books, id) is None
    assert records.undo(bob, books, change).tags == lists[0] == stored(books, id)


def test_many_records_are_written_together_and_one_of_them_twice(bob, tags, books):
    a, b = tag(bob, tags, "a", "b")
    records.save_many(bob, books, [{"name": "1", "tags": (a,)}, {"name": "2"}])
    first, second = names(bob, books)[0]
    records.save_many(
        bob,
        books,
        [],
        [(first, {"tags": (b,)}), (second, {"tags": (a, b)}), (first, {"tags": None})],
    )
    assert (stored(books, first), stored(books, second)) == (None, (a, b))


def test_what_is_not_there_is_refused_in_words(bob, books):
    with pytest.raises(Invalid, match="Tags is #77 of Tags, which is not there"):
        records.create(bob, books, {"tags": (77,)})


def test_a_deleted_record_leaves_the_lists_that_have_it_and_comes_back_into_them(bob, tags, books):
    a, b = tag(bob, tags, "a", "b")
    book, other = (records.create(bob, books, {"tags": some}).id for some in ((a, b), (b,)))
    change = records.delete(bob, tags, a, None)
    assert (stored(books, book), stored(books, other)) == ((b,), (b,))
    assert history.of_record(bob, books, book)[0].data == {"tags": [[a, b], [b]]}
    assert records.get(bob, books, book).version == 2
    records.undo(bob, tags, change)
    assert stored(books, book) == (a, b)


def test_block_keeps_a_record_that_is_in_a_list(bob, tags):
    live = make(bob, "books", declared("name", "text"), tags_field(tags, "block"))
    [a] = tag(bob, tags, "a")
    records.create(bob, live, {"tags": (a,)})
    with pytest.raises(Conflict, match="1 of Books by Tags"):
        records.delete(bob, tags, a, None)


def test_lists_are_filtered_and_sorted(bob, tags, books):
    a, b = tag(bob, tags, "a", "b")
    both, one, none = (
        records.create(bob, books, {"tags": some}).id for some in ((a, b), (b,), None)
    )
    assert names(bob, books, tags__has=str(b))[0] == [both, one]
    assert names(bob, books, tags__has=f"{a}, {b}")[0] == [both]
    query = listing.read(books, {"tags__in": [str(a), ""]})
    assert [row[0] for row in listing.page(bob, books, query).rows] == [both, none]
    assert names(bob, books, tags__isblank="false")[0] == [both, one]
    assert names(bob, books, sort="-tags")[0] == [both, one, none]
    first, page = names(bob, books, sort="tags", per_page="1")
    assert first + names(bob, books, sort="tags", per_page="2", page=page.next)[0] == [
        none,
        one,
        both,
    ]


@given(chosen=st.sets(st.integers(0, 3), min_size=1))
@again_and_again
def test_what_a_form_shows_of_a_list_is_read_back_and_titles_are_taken(bob, tags, books, chosen):
    words = ["a", "a", "Dr. B, Jr.", "#3"]
    ids = tag(bob, tags, *words)
    field = links.seen(bob, books, books.table.by_name["tags"])
    value = tuple(sorted(ids[one] for one in chosen))
    assert field.type.parse(field.type.text(value, field, FORM), field, FORM) == value
    offered = dict(field.type.widget(field).offered)
    assert {*map(str, value)} <= offered.keys()
    boxes = field.type.posted(["", *map(str, value)])
    assert field.type.parse(boxes, field, FORM) == value
    with pytest.raises(Invalid, match="“Zed” is none"):
        field.type.parse(f"#{ids[0]}\nZed", field, FORM)


def test_a_list_is_exported_and_imports_again_without_a_change(bob, tags, books, tmp_path):
    ids = tag(bob, tags, "a", "Dr. B, Jr.", "a")
    for no, some in enumerate([ids, ids[1:2], None]):
        records.create(bob, books, {"name": f"x{no}", "tags": some and tuple(some)})
    query = listing.read(books, {})
    csv = tmp_path / "books.csv"
    csv.write_bytes(b"".join(exporting.as_csv(bob, books, query)))
    assert f"Dr. B, Jr. (#{ids[1]})" in csv.read_text("utf-8")
    for path in (csv, exporting.as_xlsx(bob, books, query, tmp_path / "books.xlsx")):
        counts = merge(bob, books, path)
        assert (counts.same, counts.create, counts.update, counts.reject) == (3, 0, 0, 0)
    assert b'"tags":[%d]' % ids[1] in b"".join(exporting.as_json(bob, books, query))


def test_one_link_does_not_become_several_but_its_rule_changes_at_once(bob, tags, books):
    several = books.table.by_name["tags"]
    one = replace(several, type=named("link")[0])
    with pytest.raises(Invalid, match="Tags cannot become the number of a record; add a field"):
        applying.apply(bob, books, replace(books.declared, fields=(one,)), 1)
    stricter = replace(several, options={**several.options, "on_delete": "block"})
    fields = (books.declared.fields[0], stricter)
    assert (
        applying.apply(bob, books, replace(books.declared, fields=fields), 1).fields[1] == stricter
    )


def test_a_list_may_be_added_to_a_table_and_dropped_and_a_table_of_lists_goes_for_good(bob, tags):
    live = make(bob, "books", declared("name", "text"))
    wanted = replace(live.declared, fields=(*live.declared.fields, tags_field(tags)))
    applying.apply(bob, live, wanted, 1)
    live, [a] = catalog.tables()["shop", "books"], tag(bob, tags, "a")
    records.create(bob, live, {"tags": (a,)})
    applying.apply(
        bob, live, replace(live.declared, fields=live.declared.fields[:1]), live.table.version
    )
    live = catalog.tables()["shop", "books"]
    applying.restore(bob, live, live.table.dropped[0].field.id)
    live = catalog.tables()["shop", "books"]
    assert records.get(bob, live, names(bob, live)[0][0]).tags == (a,)
    with writing():
        catalog.withdraw(live.table.id)
    records.delete(bob, tags, a, None)
    with writing():
        catalog.destroy(live.table.id)
    there = sa.inspect(db.session.connection()).get_table_names()
    assert not [one for one in there if one.startswith("links__")]


def test_many_records_are_asked_for_together_up_to_a_hundred(bob, tags, books):
    ids = tag(bob, tags, *"abc")
    both = records.create(bob, books, {"name": "Both", "tags": tuple(ids[:2])}).id
    records.create(bob, books, {"name": "One", "tags": (ids[0],)})
    assert names(bob, books, tags__has=f"{ids[1]}, {ids[0]}, {ids[1]}")[0] == [both]
    assert names(bob, books, tags__has=", ".join(map(str, ids)))[0] == []
    assert names(bob, books, tags__has=", ".join(map(str, range(1, 101))))[0] == []
    for lookup in ("has", "in"):
        with pytest.raises(Invalid, match="takes up to 100 values here"):
            names(bob, books, **{f"tags__{lookup}": ", ".join(map(str, range(1, 102)))})
