"""Who may do what: the services decide, and the pages show no button that would be refused."""

from __future__ import annotations

import re

import pytest

from tests.tools.conftest import LIST


def routes(app):
    """(method, address) of every route of the tables' pages."""
    words = {"<tool>": "orders", "<table>": "orders", "<any(csv, xlsx, json):kind>": "csv"}
    for rule in app.url_map.iter_rules():
        if rule.endpoint.startswith("tools."):
            url = rule.rule
            for word, value in words.items():
                url = url.replace(word, value)
            url = re.sub(r"<[^>]+>", "1", url)
            yield from ((method, url) for method in sorted(rule.methods & {"GET", "POST"}))


@pytest.mark.parametrize("who", ["client", "charlie"])
def test_strangers_and_the_disabled_are_sent_to_sign_in_on_every_route(app, request, orders, who):
    browser, tried = request.getfixturevalue(who), 0
    for method, url in routes(app):
        answer = browser.get(url) if method == "GET" else browser.send(url)
        assert answer.status_code in (303, 401), (method, url)
        assert "SO-2" not in answer.text
        tried += 1
    assert tried >= 13


def test_a_private_table_looks_to_others_as_one_that_is_not_there(app, bob, made, stored):
    made(2, access="private")
    for method, url in routes(app):
        answers = [
            bob.get(there) if method == "GET" else bob.send(there)
            for there in (url, url.replace("/tools/orders/orders", "/tools/orders/nothing"))
        ]
        assert answers[0].status_code == 404, (method, url)
        texts = [re.sub(r"Trip.*|.*ms so far.*|.*csrf.*", "", one.text) for one in answers]
        if "/nothing" in answers[1].request.path:
            assert texts[0] == texts[1], url
    assert stored(1) is not None


def test_who_may_read_sees_no_button_that_would_be_refused(bob, made, stored):
    made(2, access="read")
    page = bob.get(LIST).text
    assert "SO-20001" in page and "New order" not in page and "export.csv" in page
    record = bob.get(f"{LIST}1").text
    assert ">Edit<" not in record and ">Delete<" not in record and "History" in record
    assert bob.get(f"{LIST}new").status_code == 403
    assert bob.get(f"{LIST}1/edit").status_code == 403
    refused = bob.send(f"{LIST}1/delete")
    assert refused.status_code == 403 and "“delete”" in refused.text and "Orders" in refused.text
    assert stored(1) is not None


def test_who_may_edit_does_everything_with_records(bob, made, stored):
    made(2, access="edit")
    assert "New order" in bob.get(LIST).text
    assert bob.send(f"{LIST}new", order_no="SO-9").status_code == 303
    assert bob.send(f"{LIST}1/delete").status_code == 303
    assert bob.send(f"{LIST}1/restore").status_code == 303
    assert stored(1) and stored(3)


def test_nothing_is_posted_without_the_forms_token(app, alice, orders):
    for method, url in routes(app):
        if method == "POST":
            assert alice.post(url).status_code == 400, url


@pytest.mark.parametrize("url", ["/tools/nothing/", "/tools/orders/nothing/", "/tools/a/b/1"])
def test_what_is_not_there_is_not_found(alice, orders, url):
    assert alice.get(url).status_code == 404


def test_wrong_methods_are_refused_with_those_that_work(alice, orders):
    for url, method in ((f"{LIST}1/delete", "get"), (f"{LIST}1", "delete"), (LIST, "put")):
        answer = getattr(alice, method)(url, headers={"X-CSRFToken": alice.csrf()})
        assert answer.status_code == 405 and answer.headers["Allow"], url
