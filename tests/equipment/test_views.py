"""The pages: who may open them, what they say, what they cost."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape

import pytest

from app.clock import day, today
from blueprints.equipment import services

LIST = "/tools/equipment/item/"


def routes(app):
    """(method, address) of every route of this tool."""
    for rule in app.url_map.iter_rules():
        if rule.endpoint.startswith("equipment."):
            url = re.sub(r"<[^>]+>", "1", rule.rule)
            yield from ((method, url) for method in sorted(rule.methods & {"GET", "POST"}))


def edited(version, **values):
    return {
        "code": "CAM-001", "name": "Camera", "kind": "", "maker": "", "model": "", "year": "",
        "note": "", "version": version, **values,
    }  # fmt: skip


def lent(**values):
    with_default = {"borrower": "Ada Quist", "due_on": None, "note": "", **values}
    return {name: value for name, value in with_default.items() if value is not None}


@pytest.fixture
def soon(app):
    with app.app_context():
        return today() + timedelta(days=7)


# Who may ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["client", "charlie"])
def test_strangers_and_the_disabled_are_sent_to_sign_in_on_every_route(app, request, who, camera):
    browser = request.getfixturevalue(who)
    tried = 0
    for method, url in routes(app):
        answer = browser.get(url) if method == "GET" else browser.send(url)
        assert answer.status_code == 303, (method, url)
        assert answer.location.startswith("/auth/login"), (method, url)
        tried += 1
    assert tried >= 14


@pytest.mark.parametrize("who", ["alice", "bob"])
def test_the_team_may_open_every_page(app, request, who, camera):
    browser = request.getfixturevalue(who)
    for method, url in routes(app):
        if method == "GET":
            assert browser.get(url).status_code == (302 if url.endswith("/equipment/") else 200), (
                url
            )


def test_nothing_is_posted_without_the_forms_token(app, bob, camera):
    for method, url in routes(app):
        if method == "POST":
            assert bob.post(url).status_code == 400, url


def test_the_tool_is_in_the_rail(bob):
    assert '<a href="/tools/equipment/item/" aria-current="page">' in bob.get(LIST).text


# The list --------------------------------------------------------------------------------------


def test_the_tool_begins_with_its_list(bob):
    assert bob.get("/tools/equipment/").location == LIST


def test_an_empty_list_offers_the_example_and_a_first_item(bob):
    page = bob.get(LIST).text
    assert "No equipment yet" in page
    assert 'action="/tools/equipment/example"' in page
    assert 'href="/tools/equipment/item/new"' in page


def test_a_search_that_finds_nothing_says_so_and_offers_to_clear_it(bob, camera):
    page = bob.get(LIST, query_string={"q": "<projector>"}).text
    assert "No item has “&lt;projector&gt;”" in page and "Clear the search" in page


def test_the_list_says_where_each_item_is(app, bob, many):
    many(60)
    page = bob.get(LIST).text
    for word in ("In</span>", "Overdue</span>", "Out, due "):
        assert word in page


def test_pages_are_linked_with_rel_and_keep_search_and_sort(bob, many):
    many(120)
    page = bob.get(f"{LIST}?q=drill&sort=-year&page=2").text
    links = dict(re.findall(r'href="([^"]+)" rel="(prev|next)"', page))
    urls = {rel: url.replace("&amp;", "&") for url, rel in links.items()}
    assert urls == {
        "prev": f"{LIST}?q=drill&sort=-year",
        "next": f"{LIST}?q=drill&page=3&sort=-year",
    }
    assert "51–100 of 120" in page


@pytest.mark.parametrize(
    "query",
    ["sort=colour", "sort=--code", "page=0", "page=x", "page=-1", "kind=Camera", "q=" + "x" * 201],
)
def test_an_address_the_list_does_not_understand_is_an_error_that_names_it(bob, query):
    answer = bob.get(f"{LIST}?{query}")
    assert answer.status_code == 400
    assert re.search("sorts by|page is|knows|searched", answer.text)


def test_a_page_past_the_end_is_not_found(bob, camera):
    assert bob.get(f"{LIST}?page=2").status_code == 404


def test_search_with_a_character_that_no_text_holds_finds_as_without_it(bob, camera):
    assert "CAM-001" in bob.get(f"{LIST}?q=cam%00").text


@pytest.mark.parametrize("url", [LIST, "/tools/equipment/loan/overdue"])
def test_the_number_of_queries_does_not_grow_with_the_rows(bob, many, trip_of, url):
    many(3)
    few = trip_of(bob.get(url)).data["n_queries"]
    many_more = 150
    with bob.application.app_context():
        from app.database import writing
        from blueprints.equipment.models import Item, Loan

        with writing() as session:
            session.query(Loan).delete()
            session.query(Item).delete()
    many(many_more)
    trip_of(bob.get(url)).queries(few).no_n_plus_one()
    assert few <= 3  # the session, the counts, the rows


def test_a_list_of_fifty_rows_is_at_most_35_kb(bob, many):
    many(200)
    page = bob.get(LIST)
    assert page.text.count("<tr") == 51
    assert len(page.data) <= 35_000


# One item --------------------------------------------------------------------------------------


def test_an_item_that_does_not_exist_is_not_found_on_every_route(app, bob):
    for method, url in routes(app):
        for missing in ("99", "2147483648", "9" * 30):
            there = url.replace("/1", f"/{missing}")
            if there != url:
                fields = {**edited(1), **lent(due_on="2099-01-01")}
                answer = bob.get(there) if method == "GET" else bob.send(there, **fields)
                wanted = (
                    422 if "check-out" in there and "undo" not in there and missing == "99" else 404
                )
                assert answer.status_code in (404, wanted), (method, there)


def test_a_new_item_is_there_and_the_page_says_so(bob):
    answer = bob.send(f"{LIST}new", **edited("", code=" CAM-007 ", name="Big\tcamera", year="2019"))
    assert answer.status_code == 303
    page = bob.get(answer.location).text
    assert "CAM-007 added" in page and "<h1>Big\tcamera</h1>" in page and "2019" in page


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"code": ""}, "Code must not be empty"),
        ({"code": "   "}, "Code must not be empty"),
        ({"name": ""}, "Name must not be empty"),
        ({"name": "x" * 121}, "Name must be 120 characters or fewer, not 121"),
        ({"note": "x" * 2001}, "Note must be 2,000 characters or fewer, not 2,001"),
        ({"year": "new"}, "Year must be a number like 2019"),
        ({"year": "12"}, "Year must be from 1800 to 2100"),
        ({"code": "CAM-001"}, "Another item has the code CAM-001: choose a different one"),
        ({"maker": "a\0b"}, "Maker has a character that cannot be stored"),
    ],
)
def test_a_form_with_an_error_keeps_what_was_typed_and_says_what_works(
    bob, camera, values, message
):
    answer = bob.send(
        f"{LIST}new", **edited("", **{"code": "NEW-1", "kind": "Kind typed", **values})
    )
    assert answer.status_code == 422
    assert "<title>Error: New item" in answer.text
    assert "1 thing to fix" in answer.text
    assert answer.text.count(message) >= 2  # in the summary and at the field
    assert 'value="Kind typed"' in answer.text


def test_what_people_typed_is_never_markup(bob):
    sent = edited("", code="<b>", name="<script>alert(1)</script>", note='"><img src=x>')
    page = bob.get(bob.send(f"{LIST}new", **sent).location).text
    assert "<script>alert" not in page and "<img" not in page and "<b>&lt;" not in page


def test_an_edit_is_saved(bob, camera):
    answer = bob.send(
        f"{LIST}{camera}/edit", **edited(1, name="Better camera", note="two\r\nlines")
    )
    assert answer.status_code == 303
    page = bob.get(f"{LIST}{camera}/edit").text
    assert 'value="Better camera"' in page and "two\nlines" in page and 'value="2"' in page


def test_a_stale_form_is_answered_with_both_values_and_can_be_sent_again(app, alice, bob, camera):
    url = f"{LIST}{camera}/edit"
    assert alice.send(url, **edited(1, name="Alice's name", note="Alice's note")).status_code == 303
    answer = bob.send(url, **edited(1, name="Bob's name", year="2020"))
    assert answer.status_code == 409
    assert "<title>Error: " in answer.text
    for value in ("Alice&#39;s name", "Alice&#39;s note", "Bob&#39;s name", "2020"):
        assert f'value="{value}"' in answer.text
    sent = fields_of(answer.text)
    assert sent["name"] == "Bob's name" and sent["version"] == "2"
    sent["note"] = "Alice's note"
    assert bob.send(url, **sent).status_code == 303
    assert saved(app, camera) == ("Bob's name", "Alice's note", 2020)


def test_of_two_edits_of_different_fields_the_conflict_proposes_to_keep_both(
    app, alice, bob, camera
):
    url = f"{LIST}{camera}/edit"
    of_alice, of_bob = (fields_of(browser.get(url).text) for browser in (alice, bob))
    alice.send(url, **{**of_alice, "note": "Alice's note"})
    answer = bob.send(url, **{**of_bob, "name": "Bob's name", "year": "2020"})
    assert answer.status_code == 409 and "not changed by you" in answer.text
    assert bob.send(url, **fields_of(answer.text)).status_code == 303
    assert saved(app, camera) == ("Bob's name", "Alice's note", 2020)


def test_a_conflict_sent_again_too_late_is_a_conflict_again(app, alice, bob, camera):
    url = f"{LIST}{camera}/edit"
    alice.send(url, **edited(1, name="First"))
    sent = fields_of(bob.send(url, **edited(1, name="Bob's name")).text)
    alice.send(url, **edited(2, name="Second"))
    answer = bob.send(url, **sent)
    assert answer.status_code == 409
    assert 'value="Second"' in answer.text and 'value="Bob&#39;s name"' in answer.text


def test_an_edit_with_an_error_still_knows_what_it_began_with(bob, camera):
    url = f"{LIST}{camera}/edit"
    before = fields_of(bob.get(url).text)
    answer = bob.send(url, **{**before, "name": "x" * 121})
    assert answer.status_code == 422
    after = fields_of(answer.text)
    assert {n: v for n, v in after.items() if n != "name"} == {
        n: v for n, v in before.items() if n != "name"
    }


def saved(app, item_id):
    with app.app_context():
        item = services.item(services.Actor(2, "Bob", ""), item_id)
        return item.name, item.note, item.year


def fields_of(page):
    """What a browser would send for the main form as it stands, without its token."""
    form = page[page.index("data-main") :].partition("</form>")[0]
    sent = {}
    for tag in re.findall(r"<input[^>]*>", form):
        attributes = dict(re.findall(r'(\w+)="([^"]*)"', tag))
        if attributes["type"] != "radio" or tag.endswith(" checked>"):
            sent[attributes["name"]] = unescape(attributes["value"])
    for name, text in re.findall(r'<textarea[^>]* name="(\w+)"[^>]*>([^<]*)</textarea>', form):
        sent[name] = unescape(text).removeprefix("\r\n")
    sent.pop("csrf_token")
    return sent


@pytest.mark.parametrize("version", ["", "0", "x", "-1", "9" * 40])
def test_a_form_whose_version_was_meddled_with_overwrites_nothing(bob, camera, version):
    answer = bob.send(f"{LIST}{camera}/edit", **edited(version, name="Other"))
    assert answer.status_code == 409


# Lending ---------------------------------------------------------------------------------------


def test_checking_out_and_in_is_done_at_once_and_can_be_undone(bob, camera, soon):
    here = f"{LIST}{camera}"
    undo = re.compile(r'action="([^"]+/undo-check-\w+)"')

    page = bob.get(bob.send(f"{here}/check-out", **lent(due_on=soon.isoformat())).location).text
    assert f"Checked out to Ada Quist until {day(soon)}" in page and "With Ada Quist" in page
    taken_back = bob.get(bob.send(undo.search(page)[1]).location).text
    assert "Undone" in taken_back and "Nobody has borrowed it yet" in taken_back

    bob.get(bob.send(f"{here}/check-out", **lent(due_on=soon.isoformat())).location)
    page = bob.get(bob.send(f"{here}/check-in").location).text
    assert "Checked in from Ada Quist" in page and "<h2>Check out</h2>" in page
    assert "With Ada Quist" in bob.get(bob.send(undo.search(page)[1]).location).text


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"borrower": ""}, "Borrower must not be empty"),
        ({"borrower": "x" * 121}, "Borrower must be 120 characters or fewer, not 121"),
        ({"due_on": ""}, "Due date must not be empty"),
        ({"due_on": "tomorrow"}, "Due date must be a day like 2026-12-24"),
        ({"due_on": "2020-02-02"}, "Due date must be from today to"),
        ({"note": "x" * 501}, "Note must be 500 characters or fewer, not 501"),
    ],
)
def test_a_loan_with_an_error_is_not_begun(bob, camera, soon, values, message):
    sent = {**lent(due_on=soon.isoformat()), **values}
    answer = bob.send(f"{LIST}{camera}/check-out", **sent)
    assert answer.status_code == 422
    assert "<title>Error: Camera" in answer.text and answer.text.count(message) >= 2
    assert "With " not in bob.get(f"{LIST}{camera}").text


def test_whoever_is_too_late_sees_who_has_it(alice, bob, camera, soon):
    alice.send(f"{LIST}{camera}/check-out", **lent(due_on=soon.isoformat()))
    answer = bob.send(f"{LIST}{camera}/check-out", **lent(borrower="Bob", due_on=soon.isoformat()))
    assert answer.status_code == 409
    assert "CAM-001 is out. Ada Quist has had it since" in answer.text
    assert "With Ada Quist" in answer.text  # the item as it is now


def test_a_program_hears_of_a_conflict_as_problem_json(bob, camera):
    answer = bob.send(f"{LIST}{camera}/check-in", _headers={"Accept": "application/json"})
    assert (answer.status_code, answer.mimetype) == (409, "application/problem+json")
    assert "CAM-001 is in" in answer.json["detail"]


def test_overdue_lists_what_should_be_back_with_days(bob, many):
    many(60)
    page = bob.get("/tools/equipment/loan/overdue").text
    assert re.search(r"<h1>Overdue</h1>\s*<span class=\"muted\">[1-9]\d* loans", page)
    assert "ITEM-00" in page and "Ada Quist" in page


def test_nothing_overdue_is_said_in_words(bob, camera):
    assert "Nothing is overdue." in bob.get("/tools/equipment/loan/overdue").text


def test_months_are_drawn_by_the_server_with_their_numbers_in_a_table(bob, many):
    many(60)
    page = bob.get("/tools/equipment/loan/months").text
    assert "20 in the last 12 months" in page
    assert "<svg" in page and "Show data" in page and "style=" not in page


def test_every_page_begins_with_its_heading_and_has_a_title(app, bob, many):
    many(5)
    for method, url in routes(app):
        page = bob.get(url, follow_redirects=True).text if method == "GET" else None
        if page:
            assert len(re.findall(r"<h1>", page)) == 1, url
            main = page[page.index("<main") :]
            assert main.index("<h1>") < min(
                (main.find(f"<h{n}") for n in "23" if f"<h{n}" in main), default=10**9
            )
            assert re.search(r"<title>\S.* · Roundtrip</title>", page), url
