"""Step two: what was found, what a person changes of it, and the table that comes of it."""

from __future__ import annotations

import re
import threading
from datetime import date
from decimal import Decimal
from html import unescape

import pytest

from tests.conftest import sign_in
from tests.studio.conftest import PEOPLE, definitions, only_job

NORTHWIND = {
    "categories.csv": ("categories", 8), "customers.csv": ("customers", 93), "employees.csv": ("employees", 9),
    "order_details.csv": ("order_details", 2155), "orders.csv": ("orders", 830),
    "products.csv": ("products", 77), "shippers.csv": ("shippers", 3), "suppliers.csv": ("suppliers", 29),
}  # fmt: skip
DAYS = b"Who,Day\nAda,03/04/2024\nGrace,05/06/2024\nAlan,07/08/2024\n"


def words(text):
    return " ".join(unescape(re.sub("<[^>]+>", " ", text)).split())


# As proposed -----------------------------------------------------------------------------------


@pytest.mark.parametrize("file", NORTHWIND)
def test_every_northwind_file_can_be_sent_as_proposed(northwind, bob, made, stored, file):
    page = made(bob, (northwind / file).read_bytes(), file)
    tool, rows = NORTHWIND[file]
    assert f"<b>{rows:,}</b> rows stored" in page.text
    assert f'href="/tools/{tool}/{tool}/"' in page.text
    assert len(stored(tool)) == rows


def test_types_are_what_the_values_are(northwind, bob, made, table):
    made(bob, (northwind / "orders.csv").read_bytes(), "orders.csv")
    kinds = {one.label: one.type.name for one in table("orders").fields}
    assert kinds["OrderID"] == "integer"
    assert kinds["OrderDate"] == "date"
    assert kinds["Freight"] == "decimal"
    assert kinds["ShipName"] == "text"


def test_the_page_says_what_was_found_and_why(bob, upload):
    text = words(bob.get(upload(bob).location).text)
    assert "Rows 3" in text
    assert "UTF-8, comma, header in row 1" in text
    assert "because 3 values begin with 0" in text
    assert "Import 3 rows" in text


def test_leading_zeros_stay_and_blanks_are_blank(bob, made, stored):
    made(bob)
    assert stored("crew")[0] == ("007", "Ada", date(1815, 12, 10), True)
    assert stored("crew")[2] == ("009", "Alan", None, None)


def test_it_takes_five_clicks_and_the_file(bob, upload, work):
    """Studio, choose the file, Upload, Import, Open: every form is sent as it came."""
    assert '<a href="/studio/"' in bob.get("/").text
    page = bob.get(upload(bob).location)
    form = page.text[page.text.index("data-main") :]
    sent = dict(re.findall(r'<input[^>]* name="([^"]+)"[^>]* value="([^"]*)"', form))
    started = bob.send(
        re.search(r'action="(/studio/import/[^"]+)" novalidate data-main', page.text)[1], **sent
    )
    work()
    assert "Open Crew" in bob.get(started.location).text


def test_a_second_one_of_that_name_gets_a_number(bob, made, table):
    made(bob)
    made(bob)
    assert table("crew_2", "crew_2").label == "Crew 2"


def test_the_same_form_sent_twice_makes_one_job(bob, upload):
    place = upload(bob).location
    assert bob.send(place).location == bob.send(place).location


# Who may ---------------------------------------------------------------------------------------


def test_a_new_table_is_seen_by_its_maker_and_administrators_only(app, alice, bob, made):
    from tests.conftest import sign_in

    with app.app_context():
        from app import people

        people.add("dora@example.com", "Dora Diaz", password="several good words")
    made(bob)
    dora = sign_in(app, "dora")
    assert bob.get("/studio/crew/crew/").status_code == 200
    assert alice.get("/studio/crew/crew/").status_code == 200
    assert dora.get("/studio/crew/crew/").status_code == 404
    assert dora.get("/tools/crew/crew/").status_code == 404
    assert "Crew" not in dora.get("/studio/").text.replace("<b>Crew", "")
    assert alice.get("/tools/crew/crew/").status_code == 200


def test_an_open_one_is_seen_by_all_and_designed_by_none_of_them(app, alice, bob, made, table):
    made(alice, access="read")
    assert table("crew").access == "read"
    assert bob.get("/tools/crew/crew/").status_code == 200
    assert bob.get("/studio/crew/crew/").status_code == 403


# Overriding ------------------------------------------------------------------------------------


def test_labels_types_and_columns_are_a_persons_choice(bob, made, table, stored):
    said = {f"label-{i}": name for i, name in enumerate(["No", "Full name", "Birthday", "Paid up"])}
    said |= {f"include-{i}": "1" for i in (0, 1, 3)}
    made(
        bob,
        file="x.csv",
        **said,
        **{"type-3": "text", "title": "1", "key": "0"},
        **{"name": "Club members"},
    )
    club = table("club_members")
    assert [(one.label, one.name, one.type.name) for one in club.fields] == [
        ("No", "no", "text"), ("Full name", "full_name", "text"), ("Paid up", "paid_up", "text"),
    ]  # fmt: skip
    assert club.title == "full_name"
    assert club.by_name["no"].unique
    assert stored("club_members")[0] == ("007", "Ada", "yes")


@pytest.mark.parametrize(
    ("word", "value"), [("integer", 7), ("decimal", Decimal("7.00")), ("choice", "007"), ("text", "007")]
)  # fmt: skip
def test_a_column_takes_any_type_that_its_values_can_be(bob, made, stored, word, value):
    made(bob, **{"type-0": word})
    assert stored("crew")[0][0] == value


def test_a_type_that_refuses_cells_is_shown_before_anything_runs(app, bob, upload):
    place = upload(bob).location
    answer = bob.send(place, **{"type-1": "integer", "label-1": "Who", "include-1": "1"})
    assert answer.status_code == 422
    text = words(answer.text)
    assert "3 rows cannot be stored as they are read" in text
    assert "Row 2, Who: “Ada” must be a whole number" in text
    assert 'value="Who"' in answer.text
    assert answer.text.count("num bad") == 3
    assert only_job(app) is None


def test_or_such_rows_are_left_out_and_listed(bob, made, stored):
    page = made(bob, **{"type-1": "integer", "rows": "skip"}, content=PEOPLE + b"010,42,,\n")
    assert "<b>1</b> row stored" in page.text
    assert "<b>3</b> rows left out" in page.text
    assert "Ada" in page.text
    assert stored("crew") == [("010", 42, None, None)]


def test_a_choice_that_was_suggested_can_be_taken(bob, made, upload, table):
    rows = b"State,Note\n" + b"open,a b c\nclosed,d e f\n" * 10
    page = bob.get(upload(bob, rows).location)
    assert "Could be a choice" in words(page.text)
    made(bob, rows, "states.csv", **{"type-0": "choice"})
    assert table("states").fields[0].options["choices"] == ["closed", "open"]


def test_names_are_checked(app, bob, upload):
    place = upload(bob).location
    said = {"name": " ", "label-0": "Name", "include-0": "1", "label-2": "", "include-2": "1"}
    answer = bob.send(place, **said, access="everybody")
    assert answer.status_code == 422
    for message in (
        "Name must not be empty",
        "Two columns are called “Name”",
        "Column 3 needs a name",
    ):
        assert message in answer.text
    nothing = {f"label-{i}": "x" for i in range(4)}
    assert "Import at least one column" in bob.send(place, **nothing).text
    assert only_job(app) is None


# Questions -------------------------------------------------------------------------------------


def test_a_date_that_can_mean_two_days_is_a_question(bob, upload, made, stored):
    page = words(bob.get(upload(bob, DAYS).location).text)
    assert "can mean several things" in page
    assert "03/04/2024 is 2024-04-03" in page
    made(bob, DAYS, "days.csv")
    made(bob, DAYS, "turned.csv", **{"q-0": "1"})
    assert {stored("days")[0][1], stored("turned")[0][1]} == {date(2024, 4, 3), date(2024, 3, 4)}


def test_an_encoding_can_be_answered_and_the_file_is_looked_at_again(bob, upload, made, stored):
    rows = "Name,City\nJosé,Köln\nZoë,Łódź\n".encode("cp1250", "replace")
    place = upload(bob, rows, "cities.csv").location
    page = bob.get(place)
    assert "bytes are not UTF-8" in page.text
    options = re.findall(r'name="q-0" value="(\d)"[^>]*><span>(\S+)', page.text)
    other = next(number for number, label in options if label.lower() == "cp1250")
    again = bob.send(place, **{"q-0": other})
    assert (again.status_code, again.location) == (303, f"{place}?encoding=cp1250")
    page = bob.get(again.location)
    assert "Łódź" in page.text
    started = bob.send(place, encoding="cp1250")
    assert started.location.startswith("/jobs/")


def test_how_a_file_is_read_can_be_changed(bob, upload):
    place = upload(bob, b"a;b\n1,5;2\n3,5;4\n").location
    page = bob.get(place, query_string={"delimiter": ",", "header": "none"})
    assert "comma, no header" in words(page.text)
    assert 'name="delimiter" value=","' in page.text
    page = bob.get(f"{place}?header=2")
    assert "header in row 2" in words(page.text)


@pytest.mark.parametrize(
    "query", ["header=99", "header=x", "encoding=rot13", "delimiter=xx", "sheet=none"]
)
def test_a_reading_that_cannot_be_is_refused_in_words_and_the_form_stays(bob, upload, query):
    answer = bob.get(f"{upload(bob).location}?{query}")
    assert answer.status_code == 422
    assert "Import 3 rows" in answer.text


def test_problems_are_counted_and_listed(bob, upload):
    page = words(bob.get(upload(bob, PEOPLE + b"010,Eve,,,more\n").location).text)
    assert "1 problem" in page
    assert "Row 5: “more” the row has 5 cells, and there are 4 columns" in page


def test_known_problems_stop_the_import_with_a_list_and_a_way_back(app, bob, made):
    page = made(bob, PEOPLE + b"010,Eve,,,more\n")
    assert "One row cannot be stored as it is, so nothing was imported" in page.text
    assert "there are 4 columns" in page.text
    back = re.search(r'href="(/studio/import/[0-9a-f]{32})"', page.text)[1]
    assert bob.get(back).status_code == 200
    assert definitions(app) == []


# Workbooks -------------------------------------------------------------------------------------


def test_a_sheet_of_a_workbook_can_be_chosen(northwind, bob, upload, work, stored):
    place = upload(bob, (northwind / "northwind.xlsx").read_bytes(), "northwind.xlsx").location
    page = bob.get(place)
    names = re.findall(
        r"<option[^>]*>([^<]+)</option>", page.text.split('id="sheet"')[1].split("</select>")[0]
    )
    sheet = next(one for one in names if one.lower() == "customers")
    page = bob.get(place, query_string={"sheet": sheet})
    assert f'name="sheet" value="{sheet}"' in page.text
    started = bob.send(place, sheet=sheet)
    work()
    assert "Open Customers" in bob.get(started.location).text
    assert stored("customers")[0][0] == "ALFKI"


# Hostile ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "heading",
    [
        "<script>alert(1)</script>",
        "\u202eevil\u2066",
        "x" * 10_000,
        "id",
        "'; DROP TABLE person; --",
        "{{ 7*7 }}",
    ],
)
def test_a_hostile_heading_is_a_label_like_any_other(bob, made, table, heading):
    page = made(bob, f'"{heading}",Other\na,b\nc,d\n'.encode(), "t.csv")
    assert "<script>alert" not in page.text
    assert "Open T" in page.text
    field = table("t").fields[0]
    assert len(field.label) <= 100
    assert re.fullmatch("[a-z][a-z0-9_]*", field.name)
    settings = bob.get("/studio/t/t/").text
    assert "\u202e" not in settings
    assert "<script>alert" not in settings


def test_headings_that_are_blank_or_come_twice_get_names_of_their_own(bob, made, table):
    made(bob, b"Name,,Name\na,b,c\nd,e,f\n", "t.csv", header="1")
    assert [one.label for one in table("t").fields] == ["Name", "Column B", "Name 2"]


def test_what_a_form_cannot_hold_changes_nothing(bob, upload):
    place = upload(bob).location
    said = {"q-0": "99", "title": "-1", "key": "x" * 99, "type-0": "nonsense", "rows": "?"}
    assert bob.send(place, **said).location.startswith("/jobs/")


def test_the_same_form_sent_four_times_at_once_makes_one_job(app, bob, upload):
    place = upload(bob).location
    clients, begin, found = [sign_in(app, "bob") for _ in range(4)], threading.Barrier(4), []

    def send(browser):
        begin.wait()
        found.append(browser.send(place).location)

    threads = [threading.Thread(target=send, args=(one,)) for one in clients]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(found) == 4 and len(set(found)) == 1


def test_only_those_who_may_see_a_job_get_a_link_to_it(alice, bob, made):
    made(alice, access="read")
    history = "/tools/crew/crew/history"
    assert 'href="/jobs/1"' in alice.get(history).text
    assert 'href="/jobs/1"' not in bob.get(history).text


def test_only_the_person_whose_upload_it_is_gets_a_link_to_it(alice, bob, upload):
    place = upload(bob).location
    job = bob.send(place).location
    bob.send(f"{job}/cancel")
    assert f'href="{place}"' in bob.get(job).text
    assert place not in alice.get(job).text
