"""Tables that are drawn: what is typed is never lost, and becomes the table that was meant."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.extensions import db
from app.fields import TYPES, named
from app.models import Definition
from app.tables import catalog
from app.tables.table import Table, check
from blueprints.studio import drawing
from tests.core.laws import FIELDS, NAMES
from tests.studio.conftest import definitions, form_in, only_job

BOOKS = "/studio/books/books/"
TITLE, PRICE = {"label": "Title", "required": "1"}, {"label": "Price", "type": "money"}
STEPS = ["add", "remove", "up", "down", "preview"]


def drawn(*rows, **more):
    """The form as a browser sends it; each row has what was put into its inputs."""
    form = {"label": "Books", "access": "private", "row": []}
    for place, row in enumerate(rows, 1):
        id = row.get("id", f"n{place}")
        form["row"].append(id)
        form |= {f"type-{id}": "text", f"list-{id}": "1", f"search-{id}": "1"}
        form |= {f"{name}-{id}": text for name, text in row.items() if name != "id"}
    return form | more


def labels(answer):
    form = form_in(answer)
    return [form[f"label-{id}"][0] for id in form["row"]]


@pytest.fixture
def books(bob):
    """A drawn table of Bob's with a title and a price, and two records."""
    assert bob.send("/studio/new", **drawn(TITLE, PRICE)).status_code == 303
    for title, price in (("Emma", "12.50"), ("Persuasion", "")):
        answer = bob.send("/tools/books/books/new", title=title, price=price)
        assert answer.status_code == 303


# A new table -----------------------------------------------------------------------------------


def test_an_empty_sheet_has_rows_to_fill_in(bob):
    assert labels(bob.get("/studio/new")) == [""] * 5


def test_a_drawn_table_is_there_and_says_what_comes_next(bob, table):
    answer = bob.send("/studio/new", **drawn(TITLE, PRICE, {"label": ""}))
    assert (answer.status_code, answer.location) == (303, "/tools/books/books/")
    page = bob.get(answer.location).text
    assert "Books is there" in page
    assert 'href="/tools/books/books/new"' in page
    assert f'href="{BOOKS}"' in page
    made = table("books")
    assert [(one.name, one.type.name, one.required) for one in made.fields] == [
        ("title", "text", True),
        ("price", "money", False),
    ]
    assert (made.title, made.list_display) == ("title", ("title", "price"))


def filled_in(word):
    """Whether a field of it needs nothing else, and is typed by people."""
    kind = named(word)[0]
    return kind.alone and kind.writable and not kind.given


ALONE = [word for word in sorted(drawing.known()) if filled_in(word)]


def test_every_type_can_be_drawn_and_filled_in(bob, table):
    words = ALONE
    choices = {f"set-n{place}-choices": "Open\r\nDone" for place in range(1, len(words) + 1)}
    rows = [{"label": f"A {word}", "type": word} for word in words]
    assert bob.send("/studio/new", **drawn(*rows, **choices)).status_code == 303
    made = table("books").fields
    assert len(made) == len(words)
    texts = {one.name: one.type.example_of(one) for one in made}
    assert bob.send("/tools/books/books/new", **texts).status_code == 303


def test_the_sheet_asks_for_every_setting_of_each_type(bob):
    kinds = dict(enumerate(TYPES.values(), 1))
    rows = [{"label": one.name, "type": one.name} for one in kinds.values()]
    sent = form_in(bob.send("/studio/new", **drawn(*rows, preview="1")))
    assert {name for name in sent if name.startswith("set-")} == {
        f"set-n{place}-{one.name}" for place, kind in kinds.items() for one in kind.settings
    }


def test_a_link_is_drawn_by_the_name_of_a_table_and_what_it_shows_of_it_by_that_of_a_field(
    alice, bob, books, table
):
    alice.send("/studio/new", **drawn(TITLE, label="Secrets"))
    link, shown = {"label": "Book", "type": "link"}, {"label": "Price of it", "type": "lookup"}
    books_id, said = str(table("books").id), {"set-n1-on_delete": "block"}
    page = bob.send("/studio/new", **drawn(link, preview="1", **said)).text
    assert f'<option value="{books_id}">Books</option>' in page
    assert "Secrets" not in page
    said |= {"set-n1-table": books_id, "set-n2-link": "book", "set-n2-field": "price"}
    sent = drawn(link, shown, label="Loans", **said)
    assert bob.send("/studio/new", **sent).status_code == 303
    assert bob.send("/tools/loans/loans/new", book="Emma").status_code == 303
    assert "€12.50" in bob.get("/tools/loans/loans/").text


def test_what_a_lookup_shows_may_be_typed_by_the_names_that_people_see(bob, books, table):
    books_id = str(table("books").id)
    link, shown = {"label": "The Book", "type": "link"}, {"label": "Price of it", "type": "lookup"}
    said = {"set-n1-table": books_id, "set-n1-on_delete": "block"}
    said |= {"set-n2-link": "the book", "set-n2-field": "Price"}
    assert bob.send("/studio/new", **drawn(link, shown, label="Loans", **said)).status_code == 303
    options = table("loans").by_name["price_of_it"].options
    assert (options["link"], options["field"]) == ("the_book", "price")
    wrong = drawn(link, shown, label="More", **said | {"set-n2-link": "Reader"})
    answer = bob.send("/studio/new", **wrong)
    assert answer.status_code == 422
    assert "needs a field that links to one record: The Book; “Reader” is none" in answer.text


def test_nobody_draws_a_link_to_a_table_that_is_not_open_to_them(alice, bob, app):
    alice.send("/studio/new", **drawn(TITLE, label="Secrets"))
    with app.app_context():
        secret = catalog.tables()["secrets", "secrets"].table.id
    said = {"set-n1-table": str(secret), "set-n1-on_delete": "block"}
    sent = drawn({"label": "Secret", "type": "link"}, **said)
    assert bob.send("/studio/new", **sent).status_code == 404


ROWS = st.lists(
    st.fixed_dictionaries(
        {"label": st.sampled_from(["", "Name", "name", "Prix €", "x" * 120, "<b>"])},
        optional={
            "type": st.sampled_from(sorted(drawing.known())),
            "required": st.just("1"),
            "unique": st.just("1"),
            "default": st.sampled_from(["", "1", "soon"]),
            "help": st.sampled_from(["", "A & B"]),
        },
    ),
    max_size=4,
)


@given(rows=ROWS, step=st.sampled_from([*STEPS, "create"]), at=st.integers(0, 4))
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_nothing_that_was_typed_is_lost_whatever_is_pressed(bob, rows, step, at):
    sent = drawn(*rows, label="", access="read")
    value = f"n{min(at, len(rows))}" if step != "add" else "added"
    answer = bob.send("/studio/new", **sent, **({step: value} if step != "create" else {}))
    assert answer.status_code == (422 if step == "create" else 200)
    back = form_in(answer)
    gone = value if step == "remove" else ""
    for name, text in sent.items():
        if name != "row" and not (gone and name.endswith(f"-{gone}")):
            assert back[name] == [" ".join(text.split())]
    added = {"added"} if step == "add" else set()
    assert set(back.get("row", [])) == {*sent["row"]} - {gone} | added


def test_rows_move_and_go(bob):
    for button, order in (
        ({"up": "n2"}, "B A C"),
        ({"down": "n1"}, "B A C"),
        ({"up": "n1"}, "A B C"),
        ({"down": "n3"}, "A B C"),
        ({"remove": "n2"}, "A C"),
        ({"place-n3": "1", "preview": "1"}, "C A B"),
    ):
        sent = drawn({"label": "A"}, {"label": "B"}, {"label": "C"}, **button)
        assert labels(bob.send("/studio/new", **sent)) == order.split(), button


def test_what_was_typed_for_another_type_comes_back_with_it(bob):
    sent = drawn({"label": "Genre", "type": "text"}, preview="1", **{"set-n1-choices": "A\r\nB"})
    page = form_in(bob.send("/studio/new", **sent))
    page["type-n1"] = "choice"
    again = form_in(bob.send("/studio/new", **page, preview="1"))
    assert again["set-n1-choices"] == ["A\nB"]


def test_the_preview_shows_the_list_and_the_form(bob):
    sent = drawn(TITLE, {"label": "Genre", "type": "choice"}, **{"set-n2-choices": "Novel"})
    page = bob.send("/studio/new", **sent, preview="1").text
    preview = page[page.index('id="preview"') :]
    assert "Novel" in preview
    assert re.search(r"<fieldset[^>]* disabled", preview)
    assert 'name="preview-title"' in preview


WRONG = [
    ([], {}, "A table needs at least one field", "add"),
    ([{"label": " "}], {}, "A table needs at least one field", "label-n1"),
    ([TITLE], {"label": " "}, "Name must not be empty", "label"),
    ([TITLE], {"label": "x" * 101}, "up to 100 characters", "label"),
    ([TITLE], {"access": "all"}, "Choose who may use it", "access"),
    ([TITLE], {"tool": "elsewhere"}, "Choose a tool in which you have a table", "tool"),
    ([{"label": "", "type": "date"}], {}, "A field needs a name", "label-n1"),
    ([{"label": "x" * 101}], {}, "up to 100 characters", "label-n1"),
    ([{"label": "A", "help": "x" * 301}], {}, "up to 300 characters", "help-n1"),
    ([TITLE, {"label": "TITLE"}], {}, "Two fields are called “Title”", "label-n2"),
    ([{"label": "Ä"}, {"label": "a\u0308"}], {}, "Two fields are called “Ä”", "label-n2"),
    ([{"label": "Genre", "type": "choice"}], {}, "Choices must not be empty", "set-n1-choices"),
    (
        [{"label": "A", "type": "decimal"}],
        {"set-n1-scale": "99"},
        "Decimals must be 14 or less",
        "set-n1-scale",
    ),
    (
        [{"label": "Born", "type": "date", "default": "soon"}],
        {},
        "The default of Born must be a date",
        "default-n1",
    ),
]


def test_what_is_wrong_is_said_where_it_is(app, bob):
    for rows, more, message, place in WRONG:
        answer = bob.send("/studio/new", **drawn(*rows, **more))
        assert (answer.status_code, message in answer.text) == (422, True), message
        assert f'href="#{place}"' in answer.text, message
        assert f'id="{place}"' in answer.text, message
    assert not definitions(app)


def test_any_words_can_name_a_table_and_a_field(bob):
    for label in ("Select", "id", "Studio", "日本", "1st & last", "Order"):
        answer = bob.send("/studio/new", **drawn({"label": label}, label=label))
        assert answer.status_code == 303, label
        assert bob.get(answer.location).status_code == 200, label


def test_a_table_has_room_for_300_fields_and_says_so_of_more(bob, table):
    many = [{"label": f"Field {place}"} for place in range(301)]
    answer = bob.send("/studio/new", **drawn(*many))
    assert answer.status_code == 422
    assert "up to 300 fields; this has 301" in answer.text
    assert len(form_in(answer)["row"]) == 301
    assert bob.send("/studio/new", **drawn(*many[:300])).status_code == 303
    assert len(table("books").fields) == 300


def test_a_table_goes_into_a_tool_that_one_has(alice, bob, books, table):
    sent = drawn({"label": "Name"}, label="Authors", tool="books")
    assert 'value="books"' in bob.get("/studio/new").text
    answer = bob.send("/studio/new", **sent)
    assert answer.location == "/tools/books/authors/"
    assert table("books", "authors").owner_id == table("books").owner_id
    again = bob.send("/studio/new", **sent)
    assert (again.status_code, "has a table “Authors” already" in again.text) == (422, True)
    assert "There is a tool “Books” already" in bob.send("/studio/new", **drawn(TITLE)).text


def test_nobody_draws_into_the_tools_of_others(alice, bob):
    alice.send("/studio/new", **drawn(TITLE, access="edit"))
    assert 'name="tool"' not in bob.get("/studio/new").text
    answer = bob.send("/studio/new", **drawn(TITLE, label="Mine", tool="books"))
    assert (answer.status_code, "Choose a tool" in answer.text) == (422, True)


# A table that is there -------------------------------------------------------------------------


def pressed(browser, button=None, place=BOOKS, **changes):
    """The designer of a table, with changes, sent by a button."""
    form = form_in(browser.get(place)) | changes
    return browser.send(place, **form, **(button or {}))


def ids(table):
    return {one.name: one.id for one in table.fields}


def test_sending_what_is_there_changes_nothing(bob, books, table):
    before = table("books")
    assert pressed(bob).status_code == 303
    assert table("books") == before


@pytest.mark.parametrize("field", FIELDS, ids=NAMES)
@pytest.mark.parametrize("default", ["", "example"])
def test_a_table_is_drawn_as_it_is(field, default):
    text = field.type.example_of(field) if default else ""
    was = check(Table(1, 1, "things", "things", "Things", (replace(field, default=text),)))
    assert drawing.declared(drawing.of_table(was), was) == (was, [])


def test_labels_rules_and_new_fields_are_changed_at_once(bob, books, table):
    id = ids(table("books"))
    new = {"row": [*id.values(), "a1"], "label-a1": "Read", "type-a1": "yes-no"}
    new |= {f"place-{id['price']}": "1"}
    answer = pressed(bob, **new, **{f"label-{id['title']}": "Name", f"help-{id['price']}": "Net"})
    assert (answer.status_code, answer.location) == (303, BOOKS)
    now = table("books")
    assert [(one.name, one.label) for one in now.fields] == [
        ("price", "Price"),
        ("title", "Name"),
        ("read", "Read"),
    ]
    assert now.by_name["price"].help == "Net"
    assert now.list_display == ("price", "title")


def test_the_order_of_lists_what_is_searched_and_who_types_a_field_are_said_in_the_browser(
    bob, books, table
):
    id = ids(table("books"))
    new = {"row": [*id.values(), "a1"], "label-a1": "Shelf", "list-a1": "1", "search-a1": "1"}
    unsearched = {f"search-{id['title']}": []}
    readonly = {f"readonly-{id['price']}": "1"}
    asked = {**new, **unsearched, **readonly, "sort": f"-{id['price']}"}
    said = pressed(bob, {"preview": "1"}, **asked).text
    assert "Lists are sorted by Price, from the last to the first." in said
    assert "A search looks into Shelf." in said
    assert "Nobody types Price." in said
    assert pressed(bob, **asked).status_code == 303
    now = table("books")
    assert (now.ordering, now.search_fields, now.readonly_fields) == (
        ("-price",),
        ("shelf",),
        ("price",),
    )
    shown = bob.get("/tools/books/books/").text
    assert shown.index("Emma") < shown.index("Persuasion")
    assert "Emma" not in bob.get("/tools/books/books/?q=Emma").text.partition("<tbody")[2]
    assert 'name="price"' not in bob.get("/tools/books/books/new").text
    assert pressed(bob).status_code == 303
    assert table("books") == now


def test_a_field_that_is_removed_is_no_longer_searched_or_sorted_by(bob, books, table):
    id = ids(table("books"))
    changes = {"sort": id["price"], f"readonly-{id['price']}": "1"}
    assert pressed(bob, **changes).status_code == 303
    bob.send(BOOKS, **form_in(pressed(bob, row=[id["title"]])))
    now = table("books")
    assert (now.ordering, now.readonly_fields) == ((), ())
    assert bob.get("/tools/books/books/").status_code == 200


def test_a_required_field_can_be_typed_or_has_a_default(bob, books, table):
    id = ids(table("books"))["title"]
    answer = pressed(bob, **{f"readonly-{id}": "1"})
    assert (answer.status_code, "somebody must be able to type it" in answer.text) == (422, True)


def test_what_will_happen_is_said_before_it_does(bob, books, table):
    id = ids(table("books"))
    before = table("books")
    answer = pressed(bob, {"preview": "1"}, label="Novels", row=[id["title"]])
    page = answer.text[answer.text.index('id="preview"') :]
    assert "What will happen" in page
    assert "is called “Novels”" in page
    assert "“Price” goes out of sight" in page
    assert table("books") == before


def test_what_takes_values_is_shown_before_it_is_applied(bob, books, table):
    id = ids(table("books"))
    first = pressed(bob, row=[id["title"]])
    assert (first.status_code, len(table("books").fields)) == (200, 2)
    assert form_in(first)["seen"]
    assert bob.send(BOOKS, **form_in(first)).status_code == 303
    assert [one.name for one in table("books").fields] == ["title"]


def test_a_page_that_has_saved_nothing_says_so_and_begins_at_what_will_happen(bob, books, table):
    page = pressed(bob, row=[ids(table("books"))["title"]]).text
    assert "Nothing is saved yet" in page
    assert 'href="#preview"' in page
    assert re.search(r'<section[^>]* id="preview"[^>]* autofocus>', page)
    assert "Nothing is saved yet" not in bob.get(BOOKS).text


def test_a_removed_field_is_listed_and_comes_back(bob, books, table, stored):
    before = stored("books")
    id = ids(table("books"))
    bob.send(BOOKS, **form_in(pressed(bob, row=[id["title"]])))
    page = bob.get(BOOKS).text
    assert "Removed fields" in page
    undo = re.search(rf'action="({BOOKS}fields/\w+/restore)"', page)[1]
    assert bob.send(undo).location == BOOKS
    assert [row[:2] for row in stored("books")] == [row[:2] for row in before]
    assert bob.send(undo).status_code == 404


def test_a_conversion_is_counted_asked_about_and_done_by_a_job(
    app, bob, books, table, stored, work
):
    title = ids(table("books"))["title"]
    change = {f"type-{title}": "integer", f"required-{title}": []}
    answer = pressed(bob, {"review": "1"}, **change)
    assert answer.status_code == 200
    assert "<b>2</b> not fitting" in answer.text
    assert "Make 2 values blank" in answer.text
    form = form_in(answer)
    assert form["fit-title"] == ["block"]
    stopped = bob.send(BOOKS, **form)
    assert stopped.status_code == 422
    assert "2 records with a value that does not fit" in stopped.text
    again = form_in(stopped) | {"fit-title": "clear"}
    done = bob.send(BOOKS, **again)
    assert (done.status_code, done.location) == (303, f"/jobs/{only_job(app).id}")
    work()
    told = bob.get(done.location).text
    assert "Open Books" in told
    assert "“Title”: 2 not fitting; they are blank now." in told
    assert table("books").by_name["title"].type.name == "integer"
    assert [row[0] for row in stored("books")] == [None, None]


@pytest.mark.parametrize("word", ["choice", "multi-choice"])
def test_a_choice_that_is_typed_over_is_called_so_in_every_record(bob, table, stored, work, word):
    status = {"label": "Status", "type": word}
    said = {"set-n1-choices": "Open\nDone"}
    assert bob.send("/studio/new", **drawn(status, **said)).status_code == 303
    for chosen in ("Open", "Done"):
        assert bob.send("/tools/books/books/new", status=chosen).status_code == 303
    id = ids(table("books"))["status"]
    asked = {f"set-{id}-choices": "Waiting\nDone"}
    first = pressed(bob, **asked)
    assert "“Open” is called “Waiting”" in first.text
    assert bob.send(BOOKS, **form_in(first)).status_code == 303
    work()
    assert "renamed" not in table("books").by_name["status"].options
    assert "Waiting" in bob.get("/tools/books/books/1").text
    assert "Done" in bob.get("/tools/books/books/2").text


def test_words_that_become_choices_are_proposed(bob, books, table):
    title = ids(table("books"))["title"]
    answer = pressed(bob, {"review": "1"}, **{f"type-{title}": "choice"})
    form = form_in(answer)
    assert form[f"set-{title}-choices"] == ["Emma\nPersuasion"]
    assert "<b>2</b> as they are" in answer.text
    assert bob.send(BOOKS, **form).status_code == 303


def test_a_field_that_must_not_be_empty_asks_what_becomes_of_blank_ones(
    bob, books, table, stored, work
):
    price = ids(table("books"))["price"]
    form = form_in(pressed(bob, **{f"required-{price}": "1", f"default-{price}": "9"}))
    assert "fill" in bob.send(BOOKS, **form, review="1").text
    assert bob.send(BOOKS, **form | {"fit-price": "fill"}).status_code == 303
    work()
    assert [str(row[1]) for row in stored("books")] == ["12.50", "9.00"]


def test_values_that_repeat_stand_in_the_way_of_unique(bob, books, table):
    bob.send("/tools/books/books/new", title="Emma")
    title = ids(table("books"))["title"]
    form = form_in(pressed(bob, **{f"unique-{title}": "1"}))
    answer = bob.send(BOOKS, **form)
    assert answer.status_code == 422
    assert "2 records with a value that another has too" in answer.text
    assert not table("books").by_name["title"].unique


def test_what_is_wrong_with_a_change_is_said_and_nothing_is_lost(bob, books, table):
    price = ids(table("books"))["price"]
    answer = pressed(bob, **{f"label-{price}": "title", f"default-{price}": "much"})
    assert answer.status_code == 422
    assert "Two fields are called “Title”" in answer.text
    assert "The default of title must be an amount" in answer.text
    assert form_in(answer)[f"default-{price}"] == ["much"]


def test_of_two_designers_the_second_sees_the_conflict_and_loses_nothing(alice, bob, books, table):
    begun = form_in(alice.get(BOOKS))
    new = {"row": [*begun["row"], "a1"], "label-a1": "Read", "type-a1": "yes-no"}
    assert pressed(bob, label="Bob's books", **new).status_code == 303
    answer = alice.send(BOOKS, **begun | {"label": "Alice's books"})
    assert answer.status_code == 409
    assert "The table “Bob&#39;s books” is called “Alice&#39;s books”" in answer.text
    assert labels(answer) == ["Title", "Price", "Read"]
    assert table("books").label == "Bob's books"
    assert alice.send(BOOKS, **form_in(answer)).status_code == 303
    now = table("books")
    assert (now.label, len(now.fields)) == ("Alice's books", 3)


def test_who_loses_the_right_in_the_middle_is_told(app, alice, bob, books):
    alice.send(BOOKS, **form_in(alice.get(BOOKS)) | {"access": "edit"})
    begun = form_in(bob.get(BOOKS))
    with app.app_context():
        db.session.execute(sa.update(Definition).values(owner_id=None))
        db.session.commit()
    answer = bob.send(BOOKS, **begun | {"label": "Mine"})
    assert answer.status_code == 403
    assert "right “design”" in answer.text


def test_versions_are_listed_and_any_two_compared(bob, books, table):
    page = bob.get(f"{BOOKS}versions").text
    assert "Nobody has changed this table" in page
    pressed(bob, label="Novels")
    pressed(bob, label="Poems")
    page = bob.get(f"{BOOKS}versions").text
    assert "is called “Poems”" in page
    assert "is called “Novels”" in bob.get(f"{BOOKS}versions?old=2&new=1").text
    assert bob.get(f"{BOOKS}versions?old=9&new=x").status_code == 200


def test_others_do_not_see_the_designer(alice, books, bob):
    alice.send("/studio/new", **drawn(TITLE, label="Closed"))
    for path in ("", "versions"):
        assert bob.get(f"/studio/closed/closed/{path}").status_code == 404
    assert bob.send("/studio/closed/closed/fields/x/restore").status_code == 404


def test_the_studio_and_home_lead_to_an_empty_sheet(bob):
    for page in ("/studio/", "/"):
        assert 'href="/studio/new"' in bob.get(page).text


def test_a_formula_is_drawn_and_what_is_wrong_with_it_is_said_at_its_text(bob, books, table):
    new = {
        "row": [*form_in(bob.get(BOOKS))["row"], "a1"],
        "label-a1": "Twice",
        "type-a1": "formula",
    }
    answer = pressed(bob, **new, **{"set-a1-expression": "prize * 2"})
    assert answer.status_code == 422
    assert "There is no field “prize”; did you mean price?" in answer.text
    assert 'href="#set-a1-expression"' in answer.text
    assert form_in(answer)["set-a1-expression"] == ["prize * 2"]
    assert (
        pressed(bob, **new, **{"set-a1-expression": "price * 2", "list-a1": "1"}).status_code == 303
    )
    assert "€25.00" in bob.get("/tools/books/books/").text
    assert [row.settings for row in drawing.of_table(table("books")).rows][2] == {
        "expression": "price * 2"
    }
    price = ids(table("books"))["price"]
    answer = pressed(bob, **{f"type-{price}": "text"})
    assert "Twice cannot be worked out" in answer.text


def test_the_preview_has_the_inputs_of_the_form_for_a_new_record(bob):
    rows = [
        {"label": one.replace("-", " "), "type": one} for one in ("formula", "auto-number", "date")
    ]
    said = {"set-n1-expression": "1 + 1", "set-n2-pattern": "INV-1"}
    fixed = {"label": "Fixed", "readonly": "1"}
    page = bob.send("/studio/new", **drawn(*rows, fixed, preview="1", **said)).text
    shown = page[page.index('id="preview"') :]
    assert re.findall(r'name="preview-(\w+)"', shown) == ["date"]


def test_a_new_link_unfolds_its_options_until_a_table_is_chosen(bob, books, table):
    def unfolded(**said):
        page = bob.send("/studio/new", **drawn({"label": "Book", "type": "link"}, **said)).text
        return '<details class="data" open>' in page

    assert unfolded(preview="1")
    assert not unfolded(preview="1", **{"set-n1-table": str(table("books").id)})


AMISS = [
    ({"label": "X", "type": "formula"}, {"set-zz-expression": "prize * 2"}),
    ({"label": "F formula", "type": "formula"}, {"set-zz-expression": ""}),
    ({"label": "Label", "type": "formula", "required": "1"}, {"set-zz-expression": "1 + 1"}),
    ({"label": "Of it", "type": "lookup"}, {"set-zz-link": "none", "set-zz-field": "none"}),
    ({"label": "Many", "type": "links", "unique": "1"}, {"set-zz-on_delete": "clear"}),
    ({"label": "Pages", "type": "decimal", "help": "x" * 301}, {"set-zz-scale": "99"}),
    ({"label": "Read", "required": "1", "readonly": "1"}, {}),
    ({"label": "Y" * 101, "type": "date", "default": "soon"}, {}),
    ({"label": "Fixed", "type": "other"}, {}),
]


def amiss(page):
    """Where the links in the summary of a page lead, and what is wrong with each of these places."""
    summary = page[page.index('class="errors"') :].partition("</ul>")[0]
    assert "<li>" in summary
    for id in re.findall(r'href="#([^"]+)"', summary):
        before, _, after = page.partition(f' id="{id}"')
        assert after, f"there is no {id}"
        tag = before[before.rindex("<") :] + after.partition(">")[0]
        assert 'aria-invalid="true"' in tag, tag
        row = before[before.rindex("<li ") :]
        assert "<details" not in row or '<details class="data" open>' in row, id
        yield id


@pytest.mark.parametrize(("row", "said"), AMISS, ids=[row["label"][:9] for row, _ in AMISS])
def test_what_is_wrong_with_a_field_is_linked_marked_and_unfolded(bob, books, row, said):
    row = {**row, "id": "zz"}
    new = bob.send("/studio/new", **drawn(TITLE, row, label="New", **said))
    assert new.status_code == 422
    assert list(amiss(new.text))
    sent = drawn(row, **said) | {"row": [*form_in(bob.get(BOOKS))["row"], "zz"]}
    changed = pressed(bob, **sent)
    assert list(amiss(changed.text)) == list(amiss(new.text))


def test_a_field_that_becomes_a_formula_is_asked_for_it(bob, books, table):
    price = ids(table("books"))["price"]
    answer = pressed(bob, **{f"type-{price}": "formula"})
    assert list(amiss(answer.text)) == [f"set-{price}-expression"]
