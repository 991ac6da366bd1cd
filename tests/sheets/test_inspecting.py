"""What is found out about a sheet: header, names, types, questions, problems."""

from __future__ import annotations

import json
import keyword
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import Invalid
from app.fields.names import reserved
from app.sheets import Plan, field_name, gathering, inspect, open_book, read_rows
from app.sheets.names import labels, names
from tests.core import laws  # noqa: F401  sets the profile of hypothesis


def types(path, sheet=None):
    found = inspect(path, sheet).sheet(sheet)
    return {one.name: one.document()["type"] for one in found.columns}


# Real files ------------------------------------------------------------------------------------

NORTHWIND = {
    "categories": {"category_id": "integer", "category_name": "text"},
    "customers": {"customer_id": "text", "postal_code": "text", "phone": "phone"},
    "employees": {"birth_date": "date", "hire_date": "date", "notes": "long-text"},
    "order_details": {"unit_price": "decimal", "quantity": "integer", "discount": "decimal"},
    "orders": {"order_date": "date", "freight": "decimal", "ship_postal_code": "text"},
    "products": {"product_id": "integer", "unit_price": "decimal", "discontinued": "yes-no"},
    "shippers": {"shipper_id": "integer", "phone": "phone"},
    "suppliers": {"supplier_id": "integer", "postal_code": "text", "home_page": "text"},
}


@pytest.mark.parametrize("name", NORTHWIND)
def test_northwind_has_the_types_that_it_means_as_csv_and_as_a_workbook(data, name):
    sheet = name.replace("_", " ").title()
    text = types(data / "northwind" / f"{name}.csv")
    book = types(data / "northwind" / "northwind.xlsx", sheet)
    assert NORTHWIND[name].items() <= text.items()
    assert NORTHWIND[name].items() <= book.items()


@pytest.mark.parametrize("name", NORTHWIND)
def test_northwind_has_the_same_values_as_csv_and_as_a_workbook(data, name):
    def values(path, sheet=None):
        with open_book(path) as book:
            plan = inspect(book, sheet).plan(sheet)
            return [row.values for row in read_rows(book, plan)]

    sheet = name.replace("_", " ").title()
    text = values(data / "northwind" / f"{name}.csv")
    assert text
    assert [tuple(one) for one in text] == [
        tuple(one) for one in values(data / "northwind" / "northwind.xlsx", sheet)
    ]


def test_no_problem_is_seen_where_there_is_none(data):
    for path in [
        *(data / "northwind").iterdir(),
        data / "planes.csv",
        data / "excel" / "datasets.xlsx",
    ]:
        for one in inspect(path).sheets:
            assert (one.problems.count, one.questions) == (0, [])


def test_planes_have_years_and_counts_as_numbers_and_na_as_blank(data):
    found = inspect(data / "planes.csv").sheet()
    kinds = {one.name: one.document() for one in found.columns}
    assert found.rows == 3_322
    assert {kinds[one]["type"] for one in ("year", "engines", "seats", "speed")} == {"integer"}
    assert kinds["speed"]["blanks"] == ["NA"]
    assert kinds["speed"]["blank_words"] == 3_299
    assert kinds["engine"]["suggestion"]["type"] == "choice"


def test_titles_above_a_table_are_no_header(data):
    for one in inspect(data / "excel" / "deaths.xlsx").sheets:
        assert one.header_row == 5
        assert [column.heading for column in one.columns][:2] == ["Name", "Profession"]


# Header ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("text, line, asked", [
    ("a,b\n1,2\n", 1, False),
    ("a,b\n", 1, False),
    ("Report\n\nName,Age\nAda,36\nAlan,41\n", 3, False),
    ("Name,,Age\nAda,x,36\nAlan,y,41\n", 1, True),
    ("Name,Name,Age\nAda,x,36\nAlan,y,41\n", 1, True),
    ("Name,2024,2025\nAda,1,36\nAlan,2,41\n", 1, True),
    ("1,2\n3,4\n", None, True),
    ("Name\nAda\n", 1, False),
])  # fmt: skip
def test_the_header_is_found_and_asked_about_where_in_doubt(written, text, line, asked):
    found = inspect(written(text)).sheet()
    assert found.header_row == line
    assert [one.setting for one in found.questions] == ["header_row"] * asked


def test_a_person_may_say_which_row_is_the_header(written):
    path = written("a,b\nc,d\n1,2\n")
    assert [one.name for one in inspect(path, header_row=2).sheet().columns] == ["c", "d"]
    assert [one.name for one in inspect(path, header_row=None).sheet().columns] == [
        "column_a",
        "column_b",
    ]
    with pytest.raises(Invalid, match="no row begins in line 9"):
        inspect(path, header_row=9)


def test_a_header_alone_makes_columns_of_text(written):
    found = inspect(written("Name,Age\n")).sheet()
    assert (found.rows, [one.document()["type"] for one in found.columns]) == (0, ["text"] * 2)


def test_headings_are_made_distinct_and_fit_on_one_line():
    given = ["Name", "name", "", "Two\nlines", "Name", ""]
    assert labels(given) == ["Name", "name 2", "Column C", "Two lines", "Name 3", "Column F"]


NAMED = {
    "Order Date": "order_date", "PostalCode": "postal_code", "id": "id_", "Größe": "grosse",
    "class": "class_", "Select": "select_", "2024": "column_2024", "中文": "column_", "dt": "dt_",
    "x" * 80: "x" * 39, "Created at": "created_at_", "a__b--c": "a_b_c", "Item #": "item_no",
    "'; DROP TABLE x; --": "drop_table_x", "<script>": "script", "%": "percent", "name": "name",
}  # fmt: skip


@pytest.mark.parametrize("heading", NAMED)
def test_a_name_is_snake_case_and_means_nothing_else(heading):
    assert field_name(heading) == NAMED[heading]


@given(st.lists(st.text(max_size=60), max_size=12))
def test_names_are_distinct_short_and_usable_everywhere(headings):
    found = names(labels(headings))
    assert len({one.casefold() for one in found}) == len(headings)
    for one in found:
        assert one.isascii()
        assert one.isidentifier()
        assert one == one.lower()
        assert len(one) <= 40
        assert "__" not in one
        assert one not in reserved()
        assert not keyword.iskeyword(one)


# Types -----------------------------------------------------------------------------------------


def test_types_are_settled_by_all_rows_and_not_by_a_sample(written, monkeypatch):
    monkeypatch.setattr(gathering, "DISTINCT", 50)
    lines = [f"{n},{n},{n / 4:.2f},01/{n % 12 + 1:02}/2024,x{n}" for n in range(2_000)]
    lines[1_500] = f"many,1.5,3.14159,31/12/2024,{'y' * 300}"
    found = inspect(written("a,b,c,d,e\n" + "\n".join(lines))).sheet()
    kinds = [one.document() for one in found.columns]
    assert [one["type"] for one in kinds] == ["text", "decimal", "decimal", "date", "long-text"]
    assert (kinds[2]["options"]["scale"], kinds[3]["notation"]) == (5, "DD/MM/YYYY")
    assert (found.problems.count, found.questions[0].setting) == (0, "type")
    assert found.columns[0].distinct is None


def test_a_day_that_can_be_two_is_asked_about_with_examples(written):
    [question] = inspect(written("when\n03/04/2026\n05/06/2026\n07/07/2026\n")).sheet().questions
    assert (question.setting, question.column) == ("notation", "when")
    assert [one.value["notation"] for one in question.options] == ["DD/MM/YYYY", "MM/DD/YYYY"]
    assert question.options[0].examples == ["03/04/2026 is 2026-04-03", "05/06/2026 is 2026-06-05"]


def test_a_few_misfits_are_named_and_the_column_stays_text(written):
    numbers = "\n".join(map(str, range(100)))
    found = inspect(written(f"n\n{numbers}\nunknown\n")).sheet()
    [question] = found.questions
    assert found.columns[0].document()["type"] == "text"
    assert question.text == "n: integer fits all but 1 of 101 values"
    assert question.options[1].value["type"] == "integer"


def test_what_cannot_be_stored_exactly_is_listed_with_its_place(written):
    found = inspect(written('Code,Note\n1,fine\n2,"bell\x07"\n3,"two\nlines"\n')).sheet()
    [problem] = found.problems.listed
    assert (problem.line, problem.column, problem.value) == (3, "Note", "bell\x07")
    assert "U+0007" in problem.reason
    assert [one.document()["type"] for one in found.columns] == ["integer", "long-text"]


def test_the_list_of_problems_has_an_end_and_their_number_is_exact(written):
    found = inspect(written("a\n" + "\x07\n" * 1_000)).sheet()
    assert (found.problems.count, len(found.problems.listed)) == (1_000, 200)


def test_money_and_percent_of_a_workbook_are_such(workbook):
    euro, share = "#,##0.00 [$€-407]", "0.0%"
    path = workbook(["Price", "Share"], *[((n / 4, euro), (n / 1000, share)) for n in range(9)])
    kinds = {one.name: one.document() for one in inspect(path).sheet().columns}
    assert kinds["price"]["type"] == "money"
    assert kinds["price"]["options"]["currency"] == "EUR"
    assert kinds["share"]["type"] == "percent"


def test_codes_keep_their_zeros(workbook):
    path = workbook(["Number"], *[[(n, "00000")] for n in range(9)])
    with open_book(path) as book:
        plan = inspect(book).plan()
        assert plan.columns[0].type == "code"
        assert [row.values[0] for row in read_rows(book, plan)][:2] == ["00000", "00001"]


# Plan ------------------------------------------------------------------------------------------


def test_a_plan_survives_json_and_can_be_changed(written):
    path = written("A,B,C\n1,x,2026-01-02\n2,y,2026-01-03\n")
    plan = Plan.of(json.loads(json.dumps(inspect(path).plan().document())))
    assert plan == inspect(path).plan()
    plan.columns[1].include = False
    plan.columns[0].type = "text"
    with open_book(path) as book:
        rows = [row.values for row in read_rows(book, plan)]
    assert [field.name for field in plan.fields()] == ["a", "c"]
    assert [(one[0], one[1].isoformat()) for one in rows] == [
        ("1", "2026-01-02"),
        ("2", "2026-01-03"),
    ]


def test_a_cell_that_is_refused_is_named_and_the_others_are_read(written):
    path = written("A,B\n1,x\nz,y\n 3 ,w,extra\n\n , \n4\n")
    with open_book(path) as book:
        plan = inspect(book).plan()
        plan.columns[0].type = "integer"
        rows = list(read_rows(book, plan))
    assert [(row.line, list(row.values)) for row in rows] == [
        (2, [1, "x"]), (3, [None, "y"]), (4, [3, "w"]), (7, [4, None]),
    ]  # fmt: skip
    assert [error[:3] for row in rows for error in row.errors] == [(3, "A", "z"), (4, "", "extra")]
    assert rows[1].texts == ["z", "y"]


def test_rows_are_read_alike_in_blocks_and_one_by_one(written):
    chance = random.Random(7)
    lines = [f"{n},{chance.random():.3f},2026-01-{n % 28 + 1:02},w{n % 3}" for n in range(1_500)]
    path = written("a,b,c,d\n" + "\n".join(lines))
    with open_book(path) as book:
        plan = inspect(book).plan()
        whole = [tuple(row.values) for row in read_rows(book, plan)]
        broken = written(
            "a,b,c,d\n" + "\n".join(f"{one}\n!,,,".replace("!", "bad") for one in lines), "b.csv"
        )
    with open_book(broken) as book:
        single = [tuple(row.values) for row in read_rows(book, plan) if not row.errors]
    assert whole == single
