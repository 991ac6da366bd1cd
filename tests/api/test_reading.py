"""Reading over the API: the same rows as on the page, however they are asked for."""

from __future__ import annotations

import io
import json
from decimal import Decimal
from urllib.parse import urlencode
from zipfile import ZipFile

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.database import writing
from app.tables import catalog
from tests.api.conftest import API, problem
from tests.tools.conftest import LIST, STATES, declared, keys, order, order_fields

WORDS = {
    "isblank": "true", "year": "2026", "month": "2026-01", "week": "2026-W01", "today": "true",
}  # fmt: skip


def lookups():
    """Each lookup of each type that orders have, with a value of the second one."""
    for field in order_fields():
        value = field.type.text(order(2)[field.name], field) or "Ring"
        for lookup in field.type.lookups:
            yield field.name, lookup, WORDS.get(lookup, value)


@pytest.fixture
def dozen(made):
    """Twelve orders."""
    made(12)


def numbers(answer):
    assert answer.status_code == 200, answer.text
    return [one["order_no"] for one in answer.json["items"]]


# As on the page --------------------------------------------------------------------------------


def test_every_lookup_finds_what_the_page_finds(script, alice, dozen):
    good = 0
    for name, lookup, text in lookups():
        query = urlencode({f"{name}__{lookup}": text, "sort": "-total,order_no"})
        page, answer = alice.get(f"{LIST}?{query}"), script.get(f"{API}?{query}")
        assert page.status_code == answer.status_code, query
        if page.status_code == 200:
            assert numbers(answer) == keys(page.text), query
            good += 1
    assert good > 50


@pytest.mark.parametrize(
    "query",
    [
        "q=kira", "q=eriksen+1", "q=SO-2000", "q=%25", "q=_", "sort=-ordered", "sort=status,-id",
        "status=Open&status=Packed", "status__in=Open&status__in=Packed", "city=Cork&sort=-quantity",
    ],
)  # fmt: skip
def test_search_filters_and_order_are_those_of_the_page(script, alice, dozen, query):
    page, answer = alice.get(f"{LIST}?{query}"), script.get(f"{API}?{query}")
    assert page.status_code == answer.status_code
    if page.status_code == 200:
        assert numbers(answer) == keys(page.text)


def test_d3_wildcards_of_a_search_are_letters(script, orders):
    script.post(API, {"order_no": "P%1", "customer": "50% off"})
    for text in ("%", "50%", "0% o"):
        assert numbers(script.get(f"{API}?{urlencode({'q': text})}")) == ["P%1"]
    assert numbers(script.get(f"{API}?customer__contains=_")) == []


def test_a_record_has_its_fields_by_name_exact_and_in_iso(script, orders):
    record = script.get(f"{API}2").json
    assert list(record)[0] == "id" and list(record)[-1] == "version"
    assert record["total"] == "74.25" and record["ordered"] == "2026-01-03"
    assert record["created_at"].endswith("Z") and record["version"] == 1
    assert record == next(one for one in script.get(API).json["items"] if one["id"] == 2)


def test_fields_are_those_that_were_asked_for(script, orders):
    assert script.get(f"{API}?fields=total,id&limit=1").json["items"] == [
        {"id": 1, "total": "37.25"}
    ]
    assert script.get(f"{API}?fields=city,version&limit=1").json["items"] == [
        {"id": 1, "city": "Berlin", "version": 1}
    ]


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("colour=red", "colour"), ("city__near=x", "near"), ("sort=colour", "colour"),
        ("fields=colour", "colour"), ("quantity=many", "Quantity"), ("limit=0", "limit"),
        ("limit=1001", "limit"), ("limit=x", "limit"), ("page=x", "page"), ("page=after-x", ""),
        ("count=yes", "count"), ("format=pdf", "format"), ("expand=city", "links to no record"),
        ("group=colour", "colour"), ("sum=city", "City"), ("q=a&q=b", "q"), ("sort=id&sort=city", "sort"),
        ("q=%00", ""), ("city=%00", ""), ("total__gt=NaN", "Total"), ("id=99999999999999999999999", ""),
    ],
)  # fmt: skip
def test_d15_what_an_address_cannot_mean_is_refused_and_named(script, orders, query, named):
    answer = script.get(f"{API}?{query}")
    if answer.status_code == 200:
        assert query.startswith(("id=", "city=")) and numbers(answer) == []
        return
    assert named in problem(answer, 400)["detail"]


# Stretches -------------------------------------------------------------------------------------


def walk(script, query):
    """All stretches of a list."""
    found, url = [], f"{API}?{query}"
    while url:
        page = script.get(url).json
        found, url = [*found, *page["items"]], page["next"]
    return found


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    sort=st.lists(
        st.sampled_from(["city", "-total", "note", "-status", "ordered", "-id", "quantity"]),
        max_size=3,
        unique_by=lambda one: one.strip("-"),
    ),
    limit=st.integers(1, 9),
    city=st.sampled_from(["", "Cork", "Lyon"]),
)
def test_stretches_miss_none_and_double_none(script, dozen, sort, limit, city):
    asked = {"sort": ",".join(sort), **({"city": city} if city else {})}
    whole = script.get(f"{API}?{urlencode({**asked, 'limit': 1000})}").json
    assert whole["next"] is None
    assert walk(script, urlencode({**asked, "limit": limit})) == whole["items"]


def test_what_is_written_between_two_stretches_moves_nothing(script, dozen):
    first = script.get(f"{API}?limit=5&sort=id").json
    script.ask("DELETE", f"{API}2?version=1")
    script.post(API, {"order_no": "NEW"})
    rest = walk(script, first["next"].partition("?")[2])
    assert [one["id"] for one in rest] == [6, 7, 8, 9, 10, 11, 12, 13]


def test_a_key_of_another_list_is_refused(script, made):
    made(5)
    made(5, name="more", label="More", fields=(declared("Text", "text"),))
    following = script.get(f"{API}?limit=2&sort=city").json["next"]
    key = following.partition("page=")[2]
    problem(script.get(f"{API}?limit=2&sort=total&page={key}"), 400)
    problem(script.get(f"/api/v1/orders/more/?limit=2&sort=text&page={key}x"), 400)


def test_a_key_is_of_one_table_and_one_order(script, made):
    made(5)
    made(5, name="more", label="More")
    page = script.get(f"{API}?limit=2&sort=city").json["next"].partition("page=")[2]
    assert script.get(f"{API}?limit=2&sort=city&page={page}").status_code == 200
    for other in ("sort=customer", "sort=-city", "sort=city,total"):
        told = problem(script.get(f"{API}?limit=2&{other}&page={page}"), 400)
        assert told["errors"][0]["field"] == "page"
    problem(script.get(f"/api/v1/orders/more/?limit=2&sort=city&page={page}"), 400)


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ("group=status&sort=total", "sort"), ("group=status&limit=3", "limit"), ("sum=total&count=true", "count"),
        ("group=status&fields=city", "fields"), ("group=status&format=csv", "format"),
        ("format=csv&limit=3", "limit"), ("format=ndjson&page=2", "page"), ("format=xlsx&count=true", "count"),
    ],
)  # fmt: skip
def test_a_word_that_would_change_nothing_is_refused(script, dozen, query, word):
    assert [one["field"] for one in problem(script.get(f"{API}?{query}"), 400)["errors"]] == [word]


@pytest.mark.parametrize(
    ("method", "place", "word", "taken"),
    [
        ("GET", "1?fields=city", "fields", "expand"), ("GET", "1/history?limit=2", "limit", "before"),
        ("GET", "changes?page=2", "page", "after, limit"), ("GET", "schema?x=1", "x", "no words"),
        ("POST", "?force=true", "force", "no words"), ("POST", "batch?force=true", "force", "no words"),
        ("PATCH", "1?version=1", "version", "force"), ("HEAD", "1?bogus=1", "", ""),
    ],
)  # fmt: skip
def test_nothing_that_an_address_says_is_ignored(script, dozen, method, place, word, taken):
    answer = script.ask(method, f"{API}{place}", {"city": "Rome"} if method != "GET" else None)
    if method == "HEAD":
        assert answer.status_code == 400
        return
    told = problem(answer, 400)
    assert told["errors"][0]["field"] == word and f"takes {taken}" in told["detail"]


@pytest.mark.parametrize("word", ["fields", "sort", "group", "sum", "expand"])
def test_what_is_unknown_is_said_of_the_word_that_names_it(script, dozen, word):
    told = problem(script.get(f"{API}?{word}=bogus"), 400)
    assert [one["field"] for one in told["errors"]] == [word] and "bogus" in told["detail"]


def test_several_values_are_asked_for_one_each_time(script, dozen):
    told = problem(script.get(f"{API}?status__in=Open,Shipped"), 400)
    assert "status__in is repeated" in told["detail"]


def test_the_count_is_there_when_it_was_asked_for(script, dozen):
    assert script.get(f"{API}?limit=2").json["count"] is None
    assert script.get(f"{API}?limit=2&count=true").json["count"] == 12
    assert script.get(f"{API}?city=Cork&count=true").json["count"] == 4


# Groups ----------------------------------------------------------------------------------------


def test_groups_and_totals_are_exact(script, dozen):
    found = script.get(f"{API}?group=status&sum=total,quantity&min=total&max=total").json["items"]
    assert [one["count"] for one in found] == [3, 3, 3, 3]
    for one in found:
        mine = [order(i) for i in range(1, 13) if order(i)["status"] == one["status"]]
        assert Decimal(one["sum"]["total"]) == sum(it["total"] for it in mine)
        assert one["sum"]["quantity"] == sum(it["quantity"] for it in mine)
        assert one["min"]["total"] == str(min(it["total"] for it in mine))
        assert one["max"]["total"] == str(max(it["total"] for it in mine))


def test_ten_dimes_are_one(script, orders):
    for i in range(10):
        script.post(API, {"order_no": f"D{i}", "city": "Dime", "total": "0.10"})
    answer = script.get(f"{API}?city=Dime&sum=total&average=total")
    assert answer.json["items"] == [
        {"count": 10, "sum": {"total": "1.00"}, "average": {"total": "0.1000"}}
    ]


# Unchanged -------------------------------------------------------------------------------------


def test_a_list_that_has_not_changed_is_not_read_again(app, door, script, dozen, trip_of):
    first = script.get(API)
    if door == "written":  # its blueprint may write in ways of its own
        assert "ETag" not in first.headers
        return
    tag = first.headers["ETag"]
    again = script.get(API, If_None_Match=tag)
    assert again.status_code == 304 and again.data == b""
    ran = [one["statement"] for one in trip_of(again).data["queries"]]
    assert not [one for one in ran if "orders__orders" in one]
    script.ask("PATCH", f"{API}1", {"city": "Rome", "version": 1})
    assert script.get(API, If_None_Match=tag).status_code == 200
    assert script.get(f"{API}?limit=2", If_None_Match=tag).status_code == 200


@pytest.mark.parametrize("door", ["written"])
def test_a_list_of_a_model_is_read_each_time_as_its_blueprint_may_write_in_ways_of_its_own(
    app, script, orders
):
    assert "ETag" not in script.get(API).headers
    with app.app_context(), writing() as session:
        table = catalog.tables()["orders", "orders"].sql
        session.connection().execute(sa.update(table).values(city="Rome"))
    assert script.get(f"{API}?limit=1").json["items"][0]["city"] == "Rome"


def test_a_record_is_read_whatever_one_has_of_it(script, orders):
    answer = script.get(f"{API}1")
    assert answer.headers["ETag"] == '"1"'
    assert script.get(f"{API}1", If_None_Match='"1"').status_code == 200


# Files -----------------------------------------------------------------------------------------


def test_a_list_is_a_file_by_parameter_or_by_header(script, dozen):
    lines = script.get(f"{API}?format=ndjson&city=Cork").text.splitlines()
    assert [json.loads(one)["city"] for one in lines] == ["Cork"] * 4
    same = script.get(f"{API}?city=Cork", Accept="application/x-ndjson")
    assert same.text.splitlines() == lines and same.mimetype == "application/x-ndjson"
    csv = script.get(f"{API}?format=csv&fields=order_no,total")
    assert csv.text.splitlines()[:2] == ["Order,Total", "SO-20001,37.25"]
    assert len(csv.text.splitlines()) == 13, "a file is the whole list"
    assert "attachment" in csv.headers["Content-Disposition"]
    with ZipFile(io.BytesIO(script.get(f"{API}?format=xlsx").data)) as book:
        assert "xl/workbook.xml" in book.namelist()
    assert script.get(API, Accept="*/*").mimetype == "application/json"


def test_reading_alone_gives_no_export_where_that_is_not_granted(program, cork_without_export):
    assert program("bob", "read").get(API).status_code == 200
    problem(program("bob", "read").get(f"{API}?format=csv"), 403)
    assert program("bob", "read").ask("HEAD", f"{API}?format=csv").status_code == 403


@pytest.mark.parametrize("kind", ["csv", "xlsx", "ndjson"])
def test_a_file_of_nothing_is_a_file(script, orders, kind):
    answer = script.get(f"{API}?format={kind}&order_no=nothing")
    assert answer.status_code == 200
    assert kind != "ndjson" or answer.data == b""


@pytest.fixture
def cork_without_export(app, made, people):
    """Bob may list and read, and not export."""
    from app import roles
    from app.people import set_roles
    from app.permissions import SYSTEM, Grant
    from app.tables import catalog

    made(3, access="private")
    with app.app_context():
        table = catalog.tables()["orders", "orders"].table.id
        given = Grant("", frozenset({"list", "read"}), tool="orders", table=table)
        role = roles.create(SYSTEM, "Look", granted=[given])
        set_roles(people["bob"].id, [role.id], SYSTEM)


# Linked records --------------------------------------------------------------------------------


@pytest.fixture
def private_orders(app, made, people):
    """Notes that link to orders, which are Alice's alone."""
    from app.tables import catalog

    made(3, access="private")
    with app.app_context():
        table = catalog.tables()["orders", "orders"].table.id
    links = declared("Order", "link", name="order", options={"table": table})
    made([], fields=(declared("Text", "text"), links), name="notes", label="Notes")


def test_linked_records_come_along_where_one_may_see_them(program, private_orders):
    alice, url = program("alice"), "/api/v1/orders/notes/"
    assert alice.post(url, {"text": "x", "order": 2}).status_code == 201
    assert alice.get(url).json["items"][0]["order"] == 2
    there = alice.get(f"{url}?expand=order").json["items"][0]["order"]
    assert there["id"] == 2 and there["order_no"] == "SO-20002"
    assert alice.get(f"{url}1?expand=order").json["order"] == there
    for query in ("", "1"):
        told = program("bob", "read").get(f"{url}{query}?expand=order").json
        told = told["items"][0] if not query else told
        assert told["order"] == {"id": 2}


def test_what_there_is_is_named_with_what_one_may_do(program, orders):
    told = {one["table"]: one for one in program("bob", "read").get("/api/v1/").json}
    assert told["orders"]["url"] == API and told["orders"]["actions"] == [
        "list", "read", "export", "history",
    ]  # fmt: skip
    assert STATES
