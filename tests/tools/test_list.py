"""The list of a table: all of its state in the address, pages by key, filters in words."""

from __future__ import annotations

import csv
import io
import json
import re
from html import unescape

import pytest

from app.database import writing
from app.tables import catalog
from tests.tools.conftest import LIST, declared, keys, order, rows_of


def links(page, rel):
    found = re.findall(r'href="([^"]+)" rel="(prev|next)"', page)
    return next((unescape(url) for url, name in found if name == rel), None)


def test_a_tool_with_one_table_leads_to_it_and_one_with_two_lists_them(alice, made):
    made()
    assert alice.get("/tools/orders/").location == LIST
    made(name="returns", label="Returns")
    page = alice.get("/tools/orders/").text
    assert f'href="{LIST}"' in page and 'href="/tools/orders/returns/"' in page
    assert 'aria-label="Tables"' in alice.get(LIST).text


def test_the_rail_and_the_home_page_list_the_tools_one_may_open(alice, bob, made):
    made(access="private")
    assert '<a href="/tools/orders/"' in alice.get("/").text
    assert 'href="/tools/orders/" aria-current="page"' in alice.get(LIST).text
    assert "/tools/orders/" not in bob.get("/").text


# Empty -----------------------------------------------------------------------------------------


def test_an_empty_table_offers_to_add_the_first_record_to_those_who_may(alice, bob, made):
    made(access="read")
    assert "No orders yet. Add the first one" in alice.get(LIST).text
    assert 'href="/studio/import"' not in alice.get(LIST).text  # that would make another table
    assert f'href="{LIST}new"' in alice.get(LIST).text
    page = bob.get(LIST).text
    assert "No orders yet." in page and f"{LIST}new" not in page


def test_nothing_found_says_the_filter_in_words_and_offers_to_clear_it(alice, orders):
    page = alice.get(f"{LIST}?q=<zebra>&status=Open").text
    assert "No order is found where “&lt;zebra&gt;” occurs and Status is Open." in page
    assert f'<a class="btn" href="{LIST}">Clear filters</a>' in page and "0 of 3" in page


# State in the address --------------------------------------------------------------------------


def test_search_filter_and_sort_come_from_the_address_and_the_count_is_in_words(alice, made):
    made(120)
    page = alice.get(f"{LIST}?q=kira&status=Shipped&sort=-total").text
    assert re.search(r">\d+ of 120<", page)
    assert "Status is Shipped" in page and 'value="kira"' in page
    assert 'aria-sort="descending"' in page and page.count("aria-sort") == 1
    totals = [float(one.replace(",", "")) for one in re.findall(r"€([\d,.]+)</td>", page)]
    assert totals == sorted(totals, reverse=True) and len(totals) > 5
    assert all("Kira" in row and "Shipped" in row for row in rows_of(page))


def test_every_link_and_form_of_the_list_keeps_the_rest_of_the_state(alice, made):
    made(120)
    page = alice.get(
        f"{LIST}?q=kira&status__in=Open&status__in=Shipped&sort=-total&per_page=5"
    ).text
    kept = "q=kira&amp;status__in=Open&amp;status__in=Shipped"
    assert f'href="?{kept}&amp;sort=total&amp;per_page=5"' in page  # the heading of Total
    assert f'href="{LIST}?{kept}&amp;sort=-total&amp;per_page=5&amp;page=after-' in page
    assert f'href="{LIST}?q=kira&amp;sort=-total&amp;per_page=5" aria-label="Remove' in page
    assert f'href="{LIST}export.csv?{kept}&amp;sort=-total"' in page
    for form in re.findall(r'<form[^>]*method="get".*?</form>', page, re.S)[1:]:
        assert form.count('name="status__in"') == 2 and 'name="q"' in form


def test_pages_are_linked_by_key_forward_and_back_and_can_be_jumped_to(alice, made):
    made(120)
    seen, url = [], f"{LIST}?sort=-order_no"
    while url:
        page = alice.get(url).text
        seen += keys(page)
        url = links(page, "next")
    assert seen == [f"SO-{20_000 + i}" for i in range(120, 0, -1)]
    assert "101–120 of 120" in page
    back = alice.get(links(page, "prev")).text
    assert "51–100 of 120" in back and keys(back)[0] == "SO-20070"
    assert "51–100 of 120" in alice.get(f"{LIST}?page=2").text
    assert 'name="page" value="2"' in alice.get(f"{LIST}?page=2").text


def test_columns_are_those_of_the_address_in_its_order(alice, orders):
    page = alice.get(f"{LIST}?fields=city,order_no").text
    heads = re.findall(r'role="columnheader".*?<a [^>]*>([^<]+)', page)
    assert heads == ["City", "Order"]
    assert '"City"' not in alice.get(f"{LIST}?fields=order_no&fields=email").text
    assert 'value="city" checked' in page and 'value="email">' in page


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ("nope=1", "nope"), ("status__near=1", "near"), ("total__gt=much", "Total"), ("sort=nope", "nope"),
        ("fields=nope", "nope"), ("page=0", "page"), ("page=99", "ends"), ("per_page=500", "per_page"),
        ("page=after-x", "page=1"), ("add-field=nope", "nope"), ("q=a&q=b", "q"),
    ],
)  # fmt: skip
def test_an_address_that_asks_for_what_there_is_not_says_so_and_leads_back(
    alice, orders, query, word
):
    answer = alice.get(f"{LIST}?{query}")
    assert answer.status_code == 400
    assert word in answer.text and f'href="{LIST}"' in answer.text
    problem = alice.get(f"{LIST}export.json?{query.replace('add-field=', '')}")
    if "page" not in query and "add" not in query:
        assert problem.status_code == 400 and problem.mimetype == "application/problem+json"


# Filters ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("total__gte=1000.50", "Total is at least €1,000.50"),
        ("ordered=2026-01-05", "Ordered is 5 Jan 2026"),
        ("ordered__year=2026", "Ordered is in the year 2026"),
        ("ordered__today=false", "Ordered is not today"),
        ("note__isblank=true", "Note is blank"),
        ("note__isblank=false", "Note is not blank"),
        ("note=", "Note is blank"),
        ("status__in=Open&status__in=Shipped", "Status is one of Open, Shipped"),
        ("email__contains=@example", "Email contains @example"),
    ],
)
def test_a_filter_is_said_in_words_with_the_value_as_its_cell_shows_it(alice, orders, asked, words):
    page = alice.get(f"{LIST}?{asked}").text
    assert f'<li class="chip">{words}<a href="{LIST}"' in page


def test_a_filter_is_added_in_two_steps_without_scripts(alice, orders):
    first = alice.get(LIST).text
    assert 'name="add-field" value="total"' in first
    second = alice.get(f"{LIST}?status=Open&add-field=total").text
    assert '<details class="menu" open>' in second and '<option value="gte">is at least' in second
    assert '<input type="hidden" name="status" value="Open">' in second
    sent = {"status": "Open", "add-field": "total", "add-lookup": "gte", "add-value": "1.000,50"}
    answer = alice.get(LIST, query_string=sent)
    assert answer.status_code == 303
    assert answer.location == f"{LIST}?status=Open&total__gte=1000.50"


def test_the_menu_offers_choices_and_what_is_so_or_not_so(alice, orders):
    page = alice.get(f"{LIST}?add-field=status").text
    assert '<option value="Shipped">Shipped</option>' in page
    assert '<option value="isblank=false">is not blank</option>' in page
    sent = {"add-field": "note", "add-lookup": "isblank=false", "add-value": "left over"}
    assert alice.get(LIST, query_string=sent).location == f"{LIST}?note__isblank=false"


def test_one_more_value_of_is_one_of_comes_beside_the_others(alice, orders):
    sent = {"status__in": "Open", "add-field": "status", "add-lookup": "in", "add-value": "Packed"}
    answer = alice.get(LIST, query_string=sent)
    assert answer.location == f"{LIST}?status__in=Open&status__in=Packed"


def test_a_value_that_does_not_fit_is_an_error_in_the_menu_that_keeps_it(alice, orders):
    sent = {"add-field": "total", "add-lookup": "gt", "add-value": "<much>"}
    answer = alice.get(LIST, query_string=sent)
    assert answer.status_code == 422 and "<title>Error: Orders" in answer.text
    assert "Total must be an amount" in answer.text and 'value="&lt;much&gt;"' in answer.text


def test_a_field_may_be_called_as_the_words_of_the_menu_are(alice, made):
    fields = (declared("Add", "text"), declared("Lookup", "text"), declared("Value", "text"))
    made([{"add": "one", "lookup": "two", "value": "three"}], fields)
    assert "three" in alice.get(f"{LIST}?add=one&lookup=two&value=three").text
    assert alice.get(f"{LIST}?value=four").text.count("<tr role=row>") == 0


# Exports ---------------------------------------------------------------------------------------

VIEW = "?q=kira&status__in=Open&status__in=Shipped&sort=-total&fields=order_no,total,ordered"


def test_a_csv_is_exactly_the_view_with_labels_and_canonical_values(alice, made):
    made(120)
    answer = alice.get(f"{LIST}export.csv{VIEW}")
    assert answer.mimetype == "text/csv"
    assert re.search(
        r"attachment; filename=orders-\d{4}-\d\d-\d\d\.csv", answer.headers["Content-Disposition"]
    )
    head, *rows = csv.reader(io.StringIO(answer.text))
    assert head == ["Order", "Total", "Ordered"]
    assert [row[0] for row in rows] == keys(alice.get(f"{LIST}{VIEW}").text) and len(rows) > 10
    assert re.fullmatch(r"\d+\.25", rows[0][1]) and re.fullmatch(r"2026-\d\d-\d\d", rows[0][2])


def test_json_and_xlsx_have_the_same_rows(alice, made):
    made(120)
    wanted = keys(alice.get(f"{LIST}{VIEW}").text)
    found = json.loads(alice.get(f"{LIST}export.json{VIEW}").data)
    assert [one["order_no"] for one in found] == wanted
    assert list(found[0]) == ["id", "order_no", "total", "ordered"]
    from openpyxl import load_workbook

    book = load_workbook(io.BytesIO(alice.get(f"{LIST}export.xlsx{VIEW}").data))
    cells = [row[0].value for row in book.active.iter_rows()]
    assert cells == ["Order", *wanted]


@pytest.mark.parametrize("kind", ["csv", "xlsx", "json"])
def test_an_export_answers_head_without_reading_a_row(alice, trip_of, made, kind):
    made(10)
    alice.get(LIST)
    answer = alice.head(f"{LIST}export.{kind}")
    assert answer.status_code == 200 and not answer.data
    assert "orders-" in answer.headers["Content-Disposition"]
    assert trip_of(answer).data["n_queries"] <= 2


def test_there_are_no_other_formats(alice, orders):
    assert alice.get(f"{LIST}export.pdf").status_code == 404
    assert alice.post(f"{LIST}export.csv").status_code in (400, 405)


# Cost ------------------------------------------------------------------------------------------


def test_the_number_of_queries_does_not_grow_with_the_rows_or_the_tables(app, alice, made, trip_of):
    made(3)
    alice.get(LIST)
    few = trip_of(alice.get(LIST)).data["n_queries"]
    made(200, name="more", label="More")
    alice.get("/tools/orders/more/")
    trip_of(alice.get("/tools/orders/more/")).queries(few).no_n_plus_one()
    on_postgresql = (
        "postgresql" in app.config["SQLALCHEMY_DATABASE_URI"]
    )  # which is asked who else is writing
    assert few == 4 + on_postgresql  # the session, the tables, the newest change, the rows


def test_a_list_of_fifty_rows_by_ten_columns_is_at_most_35_kb(alice, made):
    made(200)
    page = alice.get(f"{LIST}?status__in=Open&status__in=Shipped&sort=-total")
    assert len(list(rows_of(page.text))) == 50
    assert page.text.count('role="columnheader"') == 10
    assert len(page.data) <= 35_000


# Hostile ---------------------------------------------------------------------------------------

HOSTILE = [
    "<script>alert(1)</script>", "{{ 7 * 7 }}{% raw %}", '"><img src=x onerror=alert(1)>', "שלום \u202eabc",
    "' OR 1=1 --", "%(x)s {0} $1", "x" * 10_000, "a\nb\n\n<b>",
]  # fmt: skip


def test_hostile_values_are_shown_as_text_and_long_ones_are_cut(alice, made):
    fields = (declared("Name", "long-text"), declared("Note", "long-text"))
    made([{"name": text, "note": text} for text in HOSTILE], fields)
    page = alice.get(LIST)
    assert "<script>alert" not in page.text and "<img" not in page.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page.text and "{{ 7 * 7 }}" in page.text
    assert len(page.data) < 20_000 and "x" * 200 + "…" in page.text
    for i, text in enumerate(HOSTILE, 1):
        record = alice.get(f"{LIST}{i}")
        assert record.status_code == 200
        assert text in unescape(record.text), "on its page a value is there in full"
        assert "<script>alert" not in record.text and "<img" not in record.text


def test_hostile_labels_are_shown_as_text(alice, made):
    made(
        [{"a": "1", "b": "2"}], (declared(HOSTILE[0], "text", name="a"), declared(HOSTILE[2], "text", name="b")),
        label='<img src=x onerror="alert(2)">',
    )  # fmt: skip
    for url in (LIST, f"{LIST}1", f"{LIST}new", f"{LIST}history", f"{LIST}?add-field=a", "/"):
        page = alice.get(url).text
        assert "<script>alert" not in page and "<img" not in page, url


def test_a_record_whose_first_field_is_blank_can_be_opened_all_the_same(alice, made):
    made([{**order(1), "order_no": None}])
    assert f'<a href="{LIST}1">#1</a>' in alice.get(LIST).text
    assert "<h1>" in alice.get(f"{LIST}1").text


def test_a_row_has_one_link_which_leads_to_its_record(alice, made):
    made([order(1)], (declared("Email", "email"), declared("City", "text")))
    row = next(rows_of(alice.get(LIST).text))
    assert re.findall("<a [^>]*>", row) == [f'<a href="{LIST}1">']
    assert "mailto:customer1@example.com" in alice.get(f"{LIST}1").text


@pytest.mark.parametrize("kind", ["csv", "xlsx", "json"])
def test_an_export_says_so_when_another_process_deletes_the_table_meanwhile(
    app, bob, made, monkeypatch, kind
):
    made(3)
    real = catalog.get

    def get(*asked):
        live = real(*asked)
        with app.app_context(), writing():
            catalog.withdraw(live.table.id)
        return live

    monkeypatch.setattr(catalog, "get", get)
    answer = bob.get(f"{LIST}export.{kind}")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
