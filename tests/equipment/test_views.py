"""The pages: who may open them, what they say, and how they stand among those of the engine."""

from __future__ import annotations

import re

import pytest

from app.clock import day
from tests.equipment.conftest import ITEMS, LOANS, soon


def routes(app):
    """(method, address) of every route of this tool's own."""
    for rule in app.url_map.iter_rules():
        if rule.endpoint.startswith("equipment."):
            url = re.sub(r"<[^>]+>", "1", rule.rule)
            yield from ((method, url) for method in sorted(rule.methods & {"GET", "POST"}))


@pytest.fixture
def due(app):
    """A week from now, as it is typed."""
    with app.app_context():
        return soon()


def loan_of(due, **values):
    return {"borrower": "Ada Quist", "due_on": due.isoformat(), "note": "", **values}


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
    assert tried >= 8


@pytest.mark.parametrize("who", ["alice", "bob"])
def test_the_team_may_open_every_page(app, request, who, camera):
    browser = request.getfixturevalue(who)
    for method, url in routes(app):
        if method == "GET":
            page = browser.get(url, follow_redirects=True)
            assert page.status_code == 200, url
            assert len(re.findall(r"<h1>", page.text)) == 1, url
            assert re.search(r"<title>\S.* · Roundtrip</title>", page.text), url


def test_nothing_is_posted_without_the_forms_token(app, bob, camera):
    for method, url in routes(app):
        if method == "POST":
            assert bob.post(url).status_code == 400, url


def test_what_does_not_exist_is_not_found_on_every_route(app, bob, due):
    for method, url in routes(app):
        for missing in ("99", "2147483648", "9" * 30):
            there = url.replace("/1", f"/{missing}")
            if there != url:
                answer = bob.get(there) if method == "GET" else bob.send(there, **loan_of(due))
                assert answer.status_code == 404, (method, there)


# Among the pages of the engine -----------------------------------------------------------------


def test_the_tool_is_in_the_rail_once_and_marked_on_all_its_pages(bob, camera):
    for url in (ITEMS, LOANS, f"{ITEMS}1", f"{ITEMS}1/check-out", f"{LOANS}overdue"):
        rail = bob.get(url).text.partition("</nav>")[0]
        assert rail.count(">Equipment</span>") == 1
        assert '<a href="/tools/equipment/" aria-current="page">' in rail, url


def test_the_tool_begins_with_its_items_and_leads_to_its_own_pages(bob):
    page = bob.get("/tools/equipment/", follow_redirects=True).text
    assert "<h1>Items</h1>" in page
    for link in (LOANS, f"{LOANS}overdue", f"{LOANS}months", f"{ITEMS}new"):
        assert f'href="{link}"' in page, link


def test_the_page_of_an_item_says_where_it_is_and_what_can_be_done(bob, camera, due):
    page = bob.get(f"{ITEMS}{camera}").text
    assert ">In</span>" in page and f'href="{ITEMS}{camera}/check-out"' in page
    assert "Check in" not in page and "part of the example" not in page
    page = bob.get(bob.send(f"{ITEMS}{camera}/check-out", **loan_of(due)).location).text
    assert "With Ada Quist" in page and "Check in" in page and ">Check out<" not in page
    assert f'href="{LOANS}1"' in page and f'href="{LOANS}?item_id={camera}"' in page
    assert f'href="{ITEMS}{camera}"' in bob.get(f"{LOANS}1").text


def test_what_people_typed_is_never_markup(bob, camera, due):
    bob.send(f"{ITEMS}{camera}/check-out", **loan_of(due, borrower="<script>alert(1)</script>"))
    assert "<script>alert" not in bob.get(f"{ITEMS}{camera}").text


@pytest.mark.parametrize("url", [f"{ITEMS}1", f"{LOANS}overdue", ITEMS])
def test_the_number_of_queries_does_not_grow_with_the_rows(bob, many, trip_of, url):
    many(3)
    bob.get(f"{ITEMS}2")  # the first requests of a process read what it keeps of the tables
    few = trip_of(bob.get(url)).data["n_queries"]
    many_more(bob.application)
    trip_of(bob.get(url)).queries(few).no_n_plus_one()


def many_more(app):
    """A hundred items more, all of them overdue."""
    from app.database import writing
    from app.extensions import db, utcnow
    from app.permissions import SYSTEM
    from app.tables import history
    from blueprints.equipment.models import Item, Loan

    with app.app_context(), writing(), history.acting(SYSTEM):
        new = [Item(code=f"NEW-{number:05}", name="Ladder") for number in range(100)]
        db.session.add_all(new)
        db.session.flush()
        then = utcnow() - (soon(40) - soon(0))
        db.session.add_all(
            Loan(item_id=item.id, borrower="Ben", lent_at=then, due_on=soon(-2)) for item in new
        )


# Lending ---------------------------------------------------------------------------------------


def test_checking_out_and_in_is_done_at_once_and_can_be_undone(bob, camera, due):
    here, undo = f"{ITEMS}{camera}", re.compile(r'action="(/tools/equipment/loan/[^"]+/undo)"')

    page = bob.get(bob.send(f"{here}/check-out", **loan_of(due)).location).text
    assert f"Checked out to Ada Quist until {day(due)}" in page and "With Ada Quist" in page
    assert "Undone" in bob.get(bob.send(undo.search(page)[1]).location).text
    assert ">In</span>" in bob.get(here).text

    page = bob.get(bob.send(f"{here}/check-out", **loan_of(due)).location).text
    check_in, version = re.search(
        r'action="([^"]+/check-in)".*?name="version" value="(\d+)"', page
    ).groups()
    page = bob.get(bob.send(check_in, version=version).location).text
    assert "Checked in from Ada Quist" in page and ">In</span>" in page
    bob.send(undo.search(page)[1])
    assert "With Ada Quist" in bob.get(here).text


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"borrower": ""}, "Borrower must not be empty"),
        ({"borrower": "x" * 121}, "Borrower can have up to 120 characters; this has 121"),
        ({"borrower": "a\0b"}, "Borrower"),
        ({"due_on": "tomorrow"}, "Due must be a date"),
        ({"due_on": "2020-02-02"}, "Due must be from"),
        ({"note": "x" * 501}, "Note can have up to 500 characters; this has 501"),
    ],
)
def test_a_loan_with_an_error_is_not_begun_and_what_was_typed_is_kept(
    bob, camera, due, values, message
):
    answer = bob.send(f"{ITEMS}{camera}/check-out", **loan_of(due, **{"note": "Kept", **values}))
    assert answer.status_code == 422
    assert "<title>Error: Check out Camera" in answer.text and answer.text.count(message) >= 2
    assert 'value="Kept"' in answer.text or "note" in values
    assert "With " not in bob.get(f"{ITEMS}{camera}").text


def test_a_loan_without_a_due_day_is_due_in_two_weeks(bob, camera, due):
    bob.send(f"{ITEMS}{camera}/check-out", **loan_of(due, due_on=""))
    with bob.application.app_context():
        assert f"due {day(soon(14))}" in bob.get(f"{ITEMS}{camera}").text


def test_whoever_is_too_late_hears_who_has_it(alice, bob, camera, due):
    alice.send(f"{ITEMS}{camera}/check-out", **loan_of(due))
    for url in (f"{ITEMS}{camera}/check-out", f"{LOANS}new"):
        answer = bob.send(url, **loan_of(due, borrower="Bob", item_id=f"#{camera}"))
        assert answer.status_code == 409
        assert "CAM-001 is out. Ada Quist has had it since" in answer.text


def test_a_check_in_of_what_has_changed_since_is_refused(bob, camera, due):
    bob.send(f"{ITEMS}{camera}/check-out", **loan_of(due))
    for version in ({}, {"version": "x"}, {"version": "2"}):
        answer = bob.send(f"{LOANS}1/check-in", _headers={"Accept": "application/json"}, **version)
        assert (answer.status_code, answer.mimetype) == (409, "application/problem+json")
    assert "With Ada Quist" in bob.get(f"{ITEMS}{camera}").text


def test_an_item_that_has_loans_is_not_deleted_and_says_why(bob, camera, due):
    bob.send(f"{ITEMS}{camera}/check-out", **loan_of(due))
    answer = bob.send(f"{ITEMS}{camera}/delete", version="1")
    assert answer.status_code == 409 and "1 of Loans by Item" in answer.text
    assert "With Ada Quist" in bob.get(f"{ITEMS}{camera}").text


def test_overdue_lists_what_should_be_back_with_days(bob, many):
    assert "Nothing is overdue." in bob.get(f"{LOANS}overdue").text
    many(60)
    page = bob.get(f"{LOANS}overdue").text
    assert re.search(r"<h1>Overdue</h1>\s*<span class=\"muted\">[1-9]\d* loans", page)
    assert "ITEM-00" in page and "Ada" in page


def test_months_are_drawn_by_the_server_with_their_numbers_in_a_table(bob, many):
    assert "Nothing has been lent" in bob.get(f"{LOANS}months").text
    many(60)
    page = bob.get(f"{LOANS}months").text
    assert "20 in the last 12 months" in page
    assert "<svg" in page and "Show data" in page and "style=" not in page
